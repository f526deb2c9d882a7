//! Files, piece by piece, after draft-ietf-httpbis-resumable-upload: `HEAD` tells how much is there, `PATCH` appends.
//!
//! What arrives of a piece before the line is cut counts: a file goes on at the byte where it was cut. Nothing counts of a record of TLS
//! (16 KiB at most) that is cut, nor what is read together with the end.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::rt::task::JoinHandle;
use actix_web::{HttpRequest, HttpResponse, web};
use archive::Hash;
use futures_util::StreamExt as _;
use model::Timestamp;
use replication::limits::{FILE_BYTES_MAX, FILES_MAX, NAME_LENGTH_MAX, PIECE_BYTES_MAX};
use replication::{Kept, Refusal};
use serde::Deserialize;

use super::api::{block, refuse};
use super::caller;
use super::turns::{self, Turns, UnderWay};
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
/// How long a file stays at least whose time a box has shortened: somebody has a week to find out why. It may be a thief's word.
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
    /// Whether somebody in the school holds it: its time may become longer.
    #[serde(default)]
    held: bool,
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

async fn tell_arrived(
    request: HttpRequest,
    hash: web::Path<String>,
    hub: web::Data<Hub>,
    turns: web::Data<Turns>,
) -> HttpResponse {
    look(&request, (Kind::Sealed, hash.into_inner()), (hub, &turns)).await
}

/// Says how much of a file is there.
pub(super) async fn look(
    request: &HttpRequest,
    (kind, hash): (Kind, String),
    (hub, turns): (web::Data<Hub>, &web::Data<Turns>),
) -> HttpResponse {
    let shown = caller::shown(request);
    let turn = match turns.take().await {
        Ok(turn) => turn,
        Err(refusal) => return refuse(refusal),
    };
    let arrived = web::block(move || {
        let _held = turn;
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
    about: Result<web::Query<About>, actix_web::Error>,
    hub: web::Data<Hub>,
    turns: web::Data<Turns>,
) -> HttpResponse {
    let Ok(about) = about.map(web::Query::into_inner) else { return refuse(Refusal::Malformed) };
    let keep = move |piece: &Piece, hub: &Hub| keep(piece, about, hub);
    receive(&request, payload, (Kind::Sealed, &hash), (hub, &turns), keep).await
}

/// Receives a piece, and answers what came of it on a thread that may wait.
pub(super) async fn receive(
    request: &HttpRequest,
    payload: web::Payload,
    (kind, hash): (Kind, &str),
    (hub, turns): (web::Data<Hub>, &web::Data<Turns>),
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
    let found = match web::block(move || caller::find(&of, shown)).await {
        Ok(Ok(found)) => found,
        Ok(Err(refusal)) => return refuse(refusal),
        Err(_) => return refuse(Refusal::Broken),
    };
    let Ok(under_way) = turns::let_in(turns, found.id) else {
        pass_by(payload).await;
        return refuse(Refusal::TooOften);
    };
    let keep = move |bytes: Vec<u8>| {
        // Whoever was revoked meanwhile adds nothing.
        let of = caller::find(&hub, shown)?;
        let place = Place { of: of.id, kind, hash };
        keep(&Piece { place, school: of.uai, offset, total, bytes }, &hub)
    };
    match take_in(payload, (web::Data::clone(turns), under_way), keep).await {
        Ok(Ok(arrived)) => say(arrived),
        Ok(Err(refusal)) => refuse(refusal),
        Err(_) => refuse(Refusal::Broken),
    }
}

/// Reads a piece, and keeps what arrives of it. It is a task of its own: where a connection breaks without a word of TLS, whoever answers on it is
/// dropped in the middle, and a line that breaks more often than once a piece would never bring one.
fn take_in(
    payload: web::Payload,
    (turns, under_way): (web::Data<Turns>, UnderWay),
    keep: impl FnOnce(Vec<u8>) -> Result<Arrived, Refusal> + Send + 'static,
) -> JoinHandle<Result<Arrived, Refusal>> {
    actix_web::rt::spawn(async move {
        let (bytes, is_cut) = read_piece(payload).await;
        let turn = turns.take().await?;
        let kept = web::block(move || {
            let _held = (under_way, turn);
            keep(bytes)
        });
        match kept.await {
            // Nobody is left to hear it.
            Ok(Ok(_)) if is_cut => Err(Refusal::Malformed),
            Ok(kept) => kept,
            Err(_) => Err(Refusal::Broken),
        }
    })
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

/// Lets a piece go by that is not wanted now: whoever is cut off while it speaks does not hear why.
async fn pass_by(mut payload: web::Payload) {
    let mut left = PIECE_BYTES_MAX;
    while let Ok(Some(Ok(more))) = actix_web::rt::time::timeout(SILENCE, payload.next()).await {
        left = left.saturating_sub(more.len() as u64);
        if left == 0 {
            return;
        }
    }
}

/// A piece of a file, and whose it is.
pub(super) struct Piece {
    pub(super) place: Place,
    pub(super) school: String,
    pub(super) offset: u64,
    pub(super) total: u64,
    pub(super) bytes: Vec<u8>,
}

impl Piece {
    /// Puts it behind what has arrived.
    pub(super) fn append(&self, hub: &Hub) -> Result<Arrived, Refusal> {
        let Self { place, offset, total, bytes, .. } = self;
        hub.blobs.append(*place, *offset, *total, bytes).map_err(|error| match error {
            AppendError::Offset(_) => Refusal::WrongOffset,
            AppendError::Hash => Refusal::WrongHash,
            AppendError::TooMuch => Refusal::TooMuch,
            AppendError::Engine(error) => broken(error),
        })
    }
}

fn keep(piece: &Piece, About { name, until_ms, held }: About, hub: &Hub) -> Result<Arrived, Refusal> {
    let of = piece.place.of;
    if piece.total > FILE_BYTES_MAX || name.chars().count() > NAME_LENGTH_MAX {
        return Err(Refusal::TooMuch);
    }
    let now = (hub.clock)();
    let until = keep_until(until_ms, now).ok_or(Refusal::TooMuch)?;
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
        // However it is said: of a file that was known before, the school keeps it for a shorter time now, or somebody wants it gone.
        let soonest = Timestamp::from_unix_ms(now.unix_ms().saturating_add(SHORTENED_MS));
        let shortened = hub.register.add_file(of, &file, soonest).map_err(tell)?;
        // Few lines, however many files it is.
        if let Some(files) = shortened.filter(|files| files.is_power_of_two()) {
            tracing::warn!(
                school = piece.school,
                id = of.0,
                files,
                "a box has shortened the time of files: they go in a week at the soonest. Did nobody in the school want it, revoke the box"
            );
        }
        if held {
            hub.register.hold_file(of, file.hash, until).map_err(tell)?;
        }
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
    use actix_web::error::PayloadError;
    use actix_web::test::TestRequest;
    use actix_web::{FromRequest as _, dev};
    use bytes::Bytes;
    use futures_util::stream;
    use tokio::sync::oneshot;

    use super::*;
    use crate::fixture;
    use crate::register::BoxId;

    #[actix_web::test]
    async fn what_arrives_of_a_piece_counts_also_where_whoever_answers_is_gone() {
        let turns = web::Data::new(Turns::default());
        let pieces = [Ok(Bytes::from_static(b"what was ")), Err(PayloadError::Incomplete(None))];
        let mut sent: dev::Payload = dev::Payload::Stream { payload: Box::pin(stream::iter(pieces)) };
        let request = TestRequest::default().to_http_request();
        let payload = web::Payload::from_request(&request, &mut sent).await.unwrap();
        let under_way = turns::let_in(&turns, BoxId(1)).unwrap();
        let (sender, kept) = oneshot::channel();
        let keep = move |bytes: Vec<u8>| {
            sender.send(bytes).unwrap();
            Ok(Arrived::Part(9))
        };
        drop(take_in(payload, (web::Data::clone(&turns), under_way), keep));
        assert_eq!(kept.await.unwrap(), b"what was ");
    }

    #[test]
    fn a_file_that_is_there_stays_for_a_week_however_a_box_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, of) = fixture::open(folder.path());
        let now = fixture::EARLY.unix_ms();
        let day = 86_400_000;
        let text: &[u8] = b"what was sealed";
        let total = text.len() as u64;
        let say = |(offset, total, bytes): (u64, u64, &[u8]), until_ms: i64| {
            let place = Place::sealed(of, Hash::of(text));
            let school = fixture::UAI.to_owned();
            let piece = Piece { place, school, offset, total, bytes: bytes.to_vec() };
            keep(&piece, About { name: "x".to_owned(), until_ms, held: false }, &hub).unwrap();
            hub.register.files(of).unwrap()[0].until.unix_ms() - now
        };
        assert_eq!(say((0, total, text), now + 300 * day), 300 * day);
        let less = say((total, total, &b""[..]), now + 200 * day);
        assert_eq!(less, 200 * day, "the school keeps it for less time");
        // As the box asks, from the beginning with a byte, and with all of it.
        for piece in [(total, total, &b""[..]), (0, 9, &b"x"[..]), (0, total, text)] {
            assert_eq!(say(piece, now + 60_000), SHORTENED_MS, "{piece:?}");
        }
        let at = |ms: i64| hub.register.due_files(Timestamp::from_unix_ms(now + ms), 9).unwrap().len();
        assert_eq!((at(SHORTENED_MS - 1), at(SHORTENED_MS)), (0, 1));
        assert!(hub.register.revoke(of, fixture::EARLY).unwrap());
        assert_eq!((at(SHORTENED_MS), at(300 * day)), (0, 1), "it is as it was before the thief");
    }

    #[test]
    fn a_file_that_is_held_stays_for_longer_and_no_other_does() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, of) = fixture::open(folder.path());
        let (now, day) = (fixture::EARLY.unix_ms(), 86_400_000);
        let text: &[u8] = b"what was sealed";
        let total = text.len() as u64;
        let say = |until_ms: i64, held: bool| {
            let (place, school) = (Place::sealed(of, Hash::of(text)), fixture::UAI.to_owned());
            let piece = Piece { place, school, offset: 0, total, bytes: text.to_vec() };
            keep(&piece, About { name: "x".to_owned(), until_ms, held }, &hub).unwrap();
            hub.register.files(of).unwrap()[0].until.unix_ms() - now
        };
        assert_eq!(say(now + 20 * day, false), 20 * day);
        assert_eq!(say(now + 300 * day, false), 20 * day, "no box has more time by saying so");
        assert_eq!(say(now + 300 * day, true), 300 * day, "a hold does");
        assert_eq!(say(now + 200 * day, true), 200 * day, "of which nothing is left but this");
        assert_eq!(say(i64::MAX, true), KEPT_MS, "a year, and then it has to be said again");
        assert_eq!(say(now + 1, false), SHORTENED_MS, "it is lifted");
        assert!(hub.register.revoke(of, fixture::EARLY).unwrap());
        let at = |ms: i64| hub.register.due_files(Timestamp::from_unix_ms(now + ms), 9).unwrap().len();
        assert_eq!((at(SHORTENED_MS), at(KEPT_MS)), (0, 1), "by a thief, who had the box");
    }

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
