//! States of boxes: each box sends its own, encrypted to the hub; the one that takes its place gets it.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use replication::limits::SNAPSHOT_BYTES_MAX;
use replication::{Refusal, SnapshotState};

use super::api::{block, refuse};
use super::caller;
use super::files::{Piece, broken, look, receive};
use crate::Hub;
use crate::blobs::{Arrived, Kind, Place};
use crate::enrolling::tell;
use crate::register::StoredSnapshot;

/// States of a school that are kept: two weeks of them, had each day one.
const SNAPSHOTS_MAX: u32 = 14;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/api/v1/snapshots", web::get().to(tell_state))
        .route("/api/v1/snapshots/{hash}", web::head().to(tell_arrived))
        .route("/api/v1/snapshots/{hash}", web::method(Method::PATCH).to(append))
        .route("/api/v1/inheritance", web::get().to(hand_over));
}

async fn tell_state(request: HttpRequest, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    block(move || {
        let of = caller::find(&hub, shown)?;
        let last = hub.register.last_snapshot(of.id).map_err(tell)?;
        let last = last.map(|snapshot| snapshot.hash.to_string());
        Ok(SnapshotState { reader: hub.snapshot_key.reader().to_string(), last })
    })
    .await
}

async fn tell_arrived(request: HttpRequest, hash: web::Path<String>, hub: web::Data<Hub>) -> HttpResponse {
    look(&request, (Kind::State, hash.into_inner()), hub).await
}

async fn append(
    request: HttpRequest,
    payload: web::Payload,
    hash: web::Path<String>,
    hub: web::Data<Hub>,
) -> HttpResponse {
    receive(&request, payload, (Kind::State, &hash), hub, keep).await
}

fn keep(piece: &Piece, hub: &Hub) -> Result<Arrived, Refusal> {
    if piece.total > SNAPSHOT_BYTES_MAX {
        return Err(Refusal::TooMuch);
    }
    let arrived = piece.append(hub)?;
    let Arrived::Whole(bytes) = arrived else { return Ok(arrived) };
    let Place { of, hash, .. } = piece.place;
    let snapshot = StoredSnapshot { hash, bytes, at: (hub.clock)() };
    hub.register.add_snapshot(of, &snapshot).map_err(tell)?;
    for (of, hash) in hub.register.surplus_snapshots(of, SNAPSHOTS_MAX).map_err(tell)? {
        hub.blobs.remove(Place::state(of, hash)).map_err(broken)?;
        hub.register.forget_snapshot(of, hash).map_err(tell)?;
    }
    Ok(arrived)
}

/// Gives the state of the box before to the one that takes its place, decrypted: the line is the hub's and the box's alone.
async fn hand_over(request: HttpRequest, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    match web::block(move || open(&hub, shown)).await {
        Ok(Ok(archive)) => HttpResponse::Ok().content_type("application/octet-stream").body(archive),
        Ok(Err(refusal)) => refuse(refusal),
        Err(_) => refuse(Refusal::Broken),
    }
}

fn open(hub: &Hub, shown: Option<caller::Shown>) -> Result<Vec<u8>, Refusal> {
    let heir = caller::find(hub, shown)?;
    let (of, hash) = hub.register.inheritance(heir.id).map_err(tell)?.ok_or(Refusal::NoState)?;
    let sealed = hub.blobs.read(Place::state(of, hash), SNAPSHOT_BYTES_MAX).map_err(broken)?;
    let keys = std::slice::from_ref(&hub.snapshot_key);
    let opened = sealed.and_then(|sealed| archive::decrypt(&sealed, keys).ok().flatten());
    tracing::info!(
        school = heir.uai,
        of = of.0,
        to = heir.id.0,
        is_there = opened.is_some(),
        "a state is handed over"
    );
    opened.ok_or_else(|| {
        tracing::error!(school = heir.uai, %hash, "the state of a box is gone, damaged, or for another key of the hub's");
        Refusal::Broken
    })
}
