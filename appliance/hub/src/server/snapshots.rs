//! States of boxes: each box sends its own, encrypted to the hub; the one that takes its place gets it.
//!
//! Invariant: what is noted was a state of that box when it came, and what is handed over is those bytes still: whoever writes in the place where
//! they lie has nothing of his handed over.

use std::io;
use std::sync::{Mutex, PoisonError};

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use archive::{CryptError, Hash};
use replication::limits::SNAPSHOT_BYTES_MAX;
use replication::{Refusal, Snapshot, SnapshotError, SnapshotState};

use super::api::{block, refuse};
use super::caller;
use super::files::{Piece, broken, look, receive};
use super::turns::Turns;
use crate::Hub;
use crate::blobs::{Arrived, Kind, Place};
use crate::enrolling::tell;
use crate::register::StoredSnapshot;

/// Days whose first state is kept of a school, beside the newest one.
const DAYS_MAX: u32 = 14;
/// Held while a state is looked at: unpacked, it may be a hundred megabytes.
static LOOKED_AT: Mutex<()> = Mutex::new(());

/// What is no state of a box.
#[derive(Debug, thiserror::Error)]
enum Flaw {
    #[error("it cannot be read")]
    Disk(#[from] io::Error),
    #[error("it is gone")]
    Gone,
    #[error("it is not what the box has sent")]
    Changed,
    #[error(transparent)]
    Crypt(#[from] CryptError),
    #[error("it is for another key than this hub's")]
    Key,
    #[error(transparent)]
    Kind(#[from] SnapshotError),
    #[error("it is the state of box {box_id} of the school {uai}")]
    Foreign { uai: String, box_id: u64 },
}

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

async fn tell_arrived(
    request: HttpRequest,
    hash: web::Path<String>,
    hub: web::Data<Hub>,
    turns: web::Data<Turns>,
) -> HttpResponse {
    look(&request, (Kind::State, hash.into_inner()), (hub, &turns)).await
}

async fn append(
    request: HttpRequest,
    payload: web::Payload,
    hash: web::Path<String>,
    hub: web::Data<Hub>,
    turns: web::Data<Turns>,
) -> HttpResponse {
    receive(&request, payload, (Kind::State, &hash), (hub, &turns), keep).await
}

fn keep(piece: &Piece, hub: &Hub) -> Result<Arrived, Refusal> {
    if piece.total > SNAPSHOT_BYTES_MAX {
        return Err(Refusal::TooMuch);
    }
    let arrived = piece.append(hub)?;
    let Arrived::Whole(bytes) = arrived else { return Ok(arrived) };
    let Place { of, hash, .. } = piece.place;
    if !hub.register.has_snapshot(of, hash).map_err(tell)?
        && let Err(flaw) = read_state(hub, piece.place, &piece.school)
    {
        return Err(drop_flawed(hub, piece, flaw));
    }
    let snapshot = StoredSnapshot { hash, bytes, at: (hub.clock)() };
    hub.register.add_snapshot(of, &snapshot).map_err(tell)?;
    for (of, hash) in hub.register.surplus_snapshots(of, DAYS_MAX).map_err(tell)? {
        hub.blobs.remove(Place::state(of, hash)).map_err(broken)?;
        hub.register.forget_snapshot(of, hash).map_err(tell)?;
    }
    Ok(arrived)
}

/// Gives the state of the box before to the one that takes its place, decrypted: the line is the hub's and the box's alone.
async fn hand_over(request: HttpRequest, hub: web::Data<Hub>, turns: web::Data<Turns>) -> HttpResponse {
    let shown = caller::shown(&request);
    let turn = match turns.take().await {
        Ok(turn) => turn,
        Err(refusal) => return refuse(refusal),
    };
    let opened = web::block(move || {
        let _held = turn;
        open(&hub, shown)
    });
    match opened.await {
        Ok(Ok(archive)) => HttpResponse::Ok().content_type("application/octet-stream").body(archive),
        Ok(Err(refusal)) => refuse(refusal),
        Err(_) => refuse(Refusal::Broken),
    }
}

fn open(hub: &Hub, shown: Option<caller::Shown>) -> Result<Vec<u8>, Refusal> {
    let heir = caller::find(hub, shown)?;
    let (of, hash) = hub.register.inheritance(heir.id).map_err(tell)?.ok_or(Refusal::NoState)?;
    match read_state(hub, Place::state(of, hash), &heir.uai) {
        Ok(archive) => {
            tracing::info!(school = heir.uai, of = of.0, to = heir.id.0, "a state is handed over");
            Ok(archive)
        }
        Err(Flaw::Disk(error)) => Err(broken(error)),
        Err(flaw) => {
            tracing::error!(error = %flaw, school = heir.uai, of = of.0, %hash, "the state of a box cannot be handed over");
            Err(Refusal::Broken)
        }
    }
}

/// A state as it lies there, decrypted, where it is what the box has sent, and that box's own.
fn read_state(hub: &Hub, place: Place, school: &str) -> Result<Vec<u8>, Flaw> {
    // A panic in the middle has left nothing half done.
    let _one = LOOKED_AT.lock().unwrap_or_else(PoisonError::into_inner);
    let sealed = hub.blobs.read(place, SNAPSHOT_BYTES_MAX)?.ok_or(Flaw::Gone)?;
    if Hash::of(&sealed) != place.hash {
        return Err(Flaw::Changed);
    }
    let archive = archive::decrypt(&sealed, std::slice::from_ref(&hub.snapshot_key))?.ok_or(Flaw::Key)?;
    let about = Snapshot::read(&archive)?.about;
    if about.box_id != place.of.0 || about.uai != school {
        return Err(Flaw::Foreign { uai: about.uai, box_id: about.box_id });
    }
    Ok(archive)
}

/// Removes what a box has sent as its state, and is none.
fn drop_flawed(hub: &Hub, piece: &Piece, flaw: Flaw) -> Refusal {
    if let Flaw::Disk(error) = flaw {
        return broken(error);
    }
    tracing::warn!(error = %flaw, school = piece.school, id = piece.place.of.0, "what a box has sent as its state is not taken");
    match hub.blobs.remove(piece.place) {
        Ok(()) => Refusal::Malformed,
        Err(error) => broken(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use replication::{About, Catalogue};

    use super::*;
    use crate::fixture;
    use crate::register::BoxId;

    fn state_of(uai: &str, of: BoxId) -> Vec<u8> {
        let about = About { uai: uai.to_owned(), box_id: of.0, made_ms: 1, version: "0.1".to_owned() };
        let state = Snapshot {
            about,
            state: b"devices".to_vec(),
            configuration: None,
            authority: None,
            catalogue: Catalogue::default(),
        };
        state.write().unwrap()
    }

    fn send(hub: &Hub, of: BoxId, bytes: &[u8]) -> Result<Arrived, Refusal> {
        let (place, school) = (Place::state(of, Hash::of(bytes)), fixture::UAI.to_owned());
        let total = bytes.len() as u64;
        keep(&Piece { place, school, offset: 0, total, bytes: bytes.to_vec() }, hub)
    }

    #[test]
    fn only_a_state_of_the_box_itself_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, of) = fixture::open(folder.path());
        let sealed = |archive: &[u8]| archive::encrypt(archive, &[hub.snapshot_key.reader()]).unwrap();
        let own = state_of(fixture::UAI, of);
        let stranger = archive::Identity::generate();
        for none in [
            b"rubbish".to_vec(),
            sealed(b"rubbish"),
            archive::encrypt(&own, &[stranger.reader()]).unwrap(),
            sealed(&state_of(fixture::UAI, BoxId(of.0 + 1))),
            sealed(&state_of("0911234X", of)),
        ] {
            assert!(matches!(send(&hub, of, &none), Err(Refusal::Malformed)));
            let place = Place::state(of, Hash::of(&none));
            assert_eq!(hub.blobs.arrived(place).unwrap(), Arrived::Part(0), "it is gone");
            assert_eq!(hub.register.last_snapshot(of).unwrap(), None);
        }
        let bytes = sealed(&own);
        assert!(matches!(send(&hub, of, &bytes), Ok(Arrived::Whole(_))));
        assert!(matches!(send(&hub, of, &bytes), Ok(Arrived::Whole(_))), "it may be asked for again");
        assert_eq!(hub.register.last_snapshot(of).unwrap().unwrap().hash, Hash::of(&bytes));
        assert_eq!(read_state(&hub, Place::state(of, Hash::of(&bytes)), fixture::UAI).unwrap(), own);
    }

    #[test]
    fn what_somebody_puts_in_the_place_of_a_state_is_not_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, of) = fixture::open(folder.path());
        let sealed = |archive: &[u8]| archive::encrypt(archive, &[hub.snapshot_key.reader()]).unwrap();
        let own = state_of(fixture::UAI, of);
        let bytes = sealed(&own);
        send(&hub, of, &bytes).unwrap();
        let place = Place::state(of, Hash::of(&bytes));
        let path = folder.path().join("files").join(of.0.to_string()).join(place.name());
        // Whoever writes there knows the key to encrypt to as well.
        fs::write(&path, sealed(&own)).unwrap();
        assert!(matches!(read_state(&hub, place, fixture::UAI), Err(Flaw::Changed)));
        fs::remove_file(&path).unwrap();
        assert!(matches!(read_state(&hub, place, fixture::UAI), Err(Flaw::Gone)));
    }
}
