//! Files, piece by piece, after draft-ietf-httpbis-resumable-upload: `HEAD` tells how much is there, `PATCH` appends.
//!
//! What arrives of a piece before the line is cut counts: a file goes on at the byte where it was cut.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use archive::Hash;
use futures_util::StreamExt as _;
use model::Timestamp;
use replication::limits::{FILE_BYTES_MAX, FILES_MAX, NAME_LENGTH_MAX, PIECE_BYTES_MAX};
use replication::{Kept, Refusal};
use serde::Deserialize;

use super::api::{block, refuse};
use super::caller;
use crate::Hub;
use crate::blobs::{AppendError, Arrived, Kind, Place};
use crate::enrolling::tell;
use crate::register::StoredFile;

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// Longest wait for the next bytes of a piece.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest time that a hub keeps a file, whatever a box says: what is logged is kept for a year.
const KEPT_MS: i64 = 366 * 86_400_000;
/// How long a file stays at least whose time a box has shortened.
const SHORTENED_MS: i64 = 7 * 86_400_000;
/// Most bytes that a hub keeps of one box: twenty times a large school's year.
const BOX_BYTES_MAX: u64 = 64 << 30;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/api/v1/files", web::get().to(list))
        .route("/api/v1/files/{hash}", web::head().to(tell_arrived))
        .route("/api/v1/files/{hash}", web::method(Method::PATCH).to(append));
}

/// What is said of a file beside its bytes.
#[derive(Clone, Debug, Deserialize)]
struct About {
    /// What the box calls it.
    name: String,
    /// When it has to be gone, in milliseconds since 1970.
    until_ms: i64,
}

async fn list(request: HttpRequest, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    block(move || {
        let of = caller::find(&hub, shown)?;
        let files = hub.register.files(of.id).map_err(tell)?;
        Ok(Kept {
            files: files.iter().map(|file| file.hash.to_string()).collect(),
            until_ms: files.iter().map(|file| file.until.unix_ms()).collect(),
        })
    })
    .await
}

async fn tell_arrived(request: HttpRequest, hash: web::Path<String>, hub: web::Data<Hub>) -> HttpResponse {
    look(&request, (Kind::Sealed, hash.into_inner()), hub).await
}

/// Says how much of a file is there.
pub(super) async fn look(
    request: &HttpRequest,
    (kind, hash): (Kind, String),
    hub: web::Data<Hub>,
) -> HttpResponse {
    let shown = caller::shown(request);
    let arrived = web::block(move || {
        let (of, hash) = (caller::find(&hub, shown)?, hash.parse().map_err(|_| Refusal::Malformed)?);
        hub.blobs.arrived(Place { of: of.id, kind, hash }).map_err(broken)
    });
    match arrived.await {
        Ok(Ok(arrived)) => say(arrived),
        Ok(Err(refusal)) => refuse(refusal),
        Err(_) => refuse(Refusal::Broken),
    }
}

async fn append(
    request: HttpRequest,
    payload: web::Payload,
    hash: web::Path<String>,
    about: web::Query<About>,
    hub: web::Data<Hub>,
) -> HttpResponse {
    let about = about.into_inner();
    let keep = move |piece: &Piece, hub: &Hub| keep(piece, about, hub);
    receive(&request, payload, (Kind::Sealed, &hash), hub, keep).await
}

/// Receives a piece, and answers what came of it on a thread that may wait.
pub(super) async fn receive(
    request: &HttpRequest,
    payload: web::Payload,
    (kind, hash): (Kind, &str),
    hub: web::Data<Hub>,
    keep: impl FnOnce(&Piece, &Hub) -> Result<Arrived, Refusal> + Send + 'static,
) -> HttpResponse {
    let number = |name| find_number(request.headers(), name);
    let (Ok(hash), Some(offset), Some(total)) = (hash.parse::<Hash>(), number(&OFFSET), number(&LENGTH))
    else {
        return refuse(Refusal::Malformed);
    };
    let shown = caller::shown(request);
    // Nobody but a box of the commune's has a megabyte read into memory.
    let of = web::Data::clone(&hub);
    match web::block(move || caller::find(&of, shown)).await {
        Ok(Ok(_)) => {}
        Ok(Err(refusal)) => return refuse(refusal),
        Err(_) => return refuse(Refusal::Broken),
    }
    let (bytes, is_cut) = read_piece(payload).await;
    // Whoever was revoked meanwhile adds nothing.
    let kept = web::block(move || {
        let of = caller::find(&hub, shown)?;
        keep(&Piece { place: Place { of: of.id, kind, hash }, offset, total, bytes }, &hub)
    });
    match kept.await {
        // Nobody is left to hear it.
        Ok(Ok(_)) if is_cut => refuse(Refusal::Malformed),
        Ok(Ok(arrived)) => say(arrived),
        Ok(Err(refusal)) => refuse(refusal),
        Err(_) => refuse(Refusal::Broken),
    }
}

/// What arrives of a piece, and whether it was cut.
async fn read_piece(mut payload: web::Payload) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        match actix_web::rt::time::timeout(SILENCE, payload.next()).await {
            Ok(None) => return (bytes, false),
            Ok(Some(Ok(more))) if (bytes.len() + more.len()) as u64 <= PIECE_BYTES_MAX => bytes.extend(more),
            Ok(Some(_)) | Err(_) => return (bytes, true),
        }
    }
}

/// A piece of a file, and whose it is.
pub(super) struct Piece {
    pub(super) place: Place,
    pub(super) offset: u64,
    pub(super) total: u64,
    bytes: Vec<u8>,
}

impl Piece {
    /// Whether nothing is sent: the file is there, and something is said of it.
    fn is_asked_again(&self) -> bool {
        self.bytes.is_empty() && self.offset > 0 && self.offset == self.total
    }

    /// Puts it behind what has arrived.
    pub(super) fn append(&self, hub: &Hub) -> Result<Arrived, Refusal> {
        let Self { place, offset, total, bytes } = self;
        hub.blobs.append(*place, *offset, *total, bytes).map_err(|error| match error {
            AppendError::Offset(_) => Refusal::WrongOffset,
            AppendError::Hash => Refusal::WrongHash,
            AppendError::TooMuch => Refusal::TooMuch,
            AppendError::Engine(error) => broken(error),
        })
    }
}

fn keep(piece: &Piece, About { name, until_ms }: About, hub: &Hub) -> Result<Arrived, Refusal> {
    let of = piece.place.of;
    if piece.total > FILE_BYTES_MAX || name.chars().count() > NAME_LENGTH_MAX {
        return Err(Refusal::TooMuch);
    }
    let now = (hub.clock)();
    let mut until = keep_until(until_ms, now).ok_or(Refusal::TooMuch)?;
    if piece.is_asked_again() {
        // The school keeps it for a shorter time now. Somebody has a week to find out why: it may be a thief's word.
        until = until.max(Timestamp::from_unix_ms(now.unix_ms().saturating_add(SHORTENED_MS)));
    }
    if piece.offset == 0 {
        let files = hub.register.files(of).map_err(tell)?;
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        if files.len() >= FILES_MAX || bytes.saturating_add(piece.total) > BOX_BYTES_MAX {
            return Err(Refusal::TooMuch);
        }
    }
    let arrived = piece.append(hub)?;
    if let Arrived::Whole(bytes) = arrived {
        let file = StoredFile { hash: piece.place.hash, name, bytes, until };
        hub.register.add_file(of, &file).map_err(tell)?;
    }
    Ok(arrived)
}

/// When a file has to be gone: as the box says, but a year at most. `None`: its time is over, and it is not taken.
fn keep_until(said_ms: i64, now: Timestamp) -> Option<Timestamp> {
    let latest = now.unix_ms().saturating_add(KEPT_MS);
    (said_ms > now.unix_ms()).then(|| Timestamp::from_unix_ms(said_ms.min(latest)))
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
pub(super) fn broken(error: std::io::Error) -> Refusal {
    tracing::error!(%error, "the files of boxes cannot be read or written");
    Refusal::Broken
}

fn say(arrived: Arrived) -> HttpResponse {
    let (bytes, is_whole) = match arrived {
        Arrived::Part(bytes) => (bytes, "?0"),
        Arrived::Whole(bytes) => (bytes, "?1"),
    };
    HttpResponse::NoContent()
        .insert_header((OFFSET, bytes.to_string()))
        .insert_header((COMPLETE, is_whole))
        .finish()
}

/// The number in a field; `None` where there is none, or more than one.
fn find_number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_for_a_year_at_most() {
        let now = 1_795_392_000_000;
        let check = |said: i64, expected: Option<i64>| {
            let until = keep_until(said, Timestamp::from_unix_ms(now)).map(Timestamp::unix_ms);
            assert_eq!(until, expected, "{said}");
        };
        check(now + 1, Some(now + 1));
        check(now + KEPT_MS + 1, Some(now + KEPT_MS));
        check(i64::MAX, Some(now + KEPT_MS));
        check(now, None);
        check(365 * 86_400_000, None);
        check(i64::MIN, None);
    }
}
