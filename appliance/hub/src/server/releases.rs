//! Files of releases of the boxes' system: for each box of the commune's, a piece at a time, from the byte on where its line was cut.
//!
//! Invariant: what is handed out is what was added under this hash; whether it is a release to be believed, its signature says, and not the hub.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use replication::Refusal;
use replication::limits::PIECE_BYTES_MAX;

use super::api::refuse;
use super::caller;
use super::files::broken;
use super::turns::{self, Turns};
use crate::Hub;
use crate::blobs::Place;
use crate::enrolling::tell;
use crate::register::BoxState;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/api/v1/releases/{version}/{name}", web::get().to(serve));
}

/// A piece of a file, and where it is in it.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) from: u64,
    pub(super) total: u64,
}

async fn serve(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    hub: web::Data<Hub>,
    turns: web::Data<Turns>,
) -> HttpResponse {
    let (version, name) = path.into_inner();
    let read = move |hub: &Hub, _: &BoxState, range: (u64, u64)| read_piece(hub, (&version, &name), range);
    hand_out(&request, (hub, turns), Refusal::NoRelease, read).await
}

/// Answers a box, in its turn, with the piece that begins at the byte that `Range` names: at most a mebibyte of it, however much was asked for (RFC 9110
/// section 15.3.7). `missing` is the answer where nothing is read.
pub(super) async fn hand_out(
    request: &HttpRequest,
    (hub, turns): (web::Data<Hub>, web::Data<Turns>),
    missing: Refusal,
    read: impl FnOnce(&Hub, &BoxState, (u64, u64)) -> Result<Option<Piece>, Refusal> + Send + 'static,
) -> HttpResponse {
    let range = request.headers().get(header::RANGE).and_then(|field| field.to_str().ok());
    let Some(range) = range.and_then(read_range) else { return refuse(Refusal::Malformed) };
    let shown = caller::shown(request);
    let of = web::Data::clone(&hub);
    let found = match web::block(move || caller::find(&of, shown)).await {
        Ok(Ok(found)) => found,
        Ok(Err(refusal)) => return refuse(refusal),
        Err(_) => return refuse(Refusal::Broken),
    };
    let under_way = match turns::let_in(&turns, found.id) {
        Ok(under_way) => under_way,
        Err(refusal) => return refuse(refusal),
    };
    let turn = match turns.take().await {
        Ok(turn) => turn,
        Err(refusal) => return refuse(refusal),
    };
    let read = web::block(move || {
        let _held = (under_way, turn);
        read(&hub, &found, range)
    });
    match read.await {
        Ok(Ok(Some(piece))) => answer(piece),
        Ok(Ok(None)) => refuse(missing),
        Ok(Err(refusal)) => refuse(refusal),
        Err(_) => refuse(Refusal::Broken),
    }
}

fn answer(Piece { bytes, from, total }: Piece) -> HttpResponse {
    if bytes.is_empty() {
        return HttpResponse::RangeNotSatisfiable()
            .insert_header((header::CONTENT_RANGE, format!("bytes */{total}")))
            .finish();
    }
    let last = from.saturating_add(bytes.len() as u64).saturating_sub(1);
    HttpResponse::PartialContent()
        .insert_header((header::CONTENT_RANGE, format!("bytes {from}-{last}/{total}")))
        .content_type("application/octet-stream")
        .body(bytes)
}

/// The piece from that byte on: empty behind the end of the file, `None` where the hub has no such file.
fn read_piece(hub: &Hub, (version, name): (&str, &str), range: (u64, u64)) -> Result<Option<Piece>, Refusal> {
    let known = hub.register.release_file(version, name).map_err(tell)?;
    let Some((hash, total)) = known else { return Ok(None) };
    // One that is noted and gone: somebody withdraws it at this moment, or the hub's files were lost.
    cut(hub, Place::release(hash), total, range)
}

/// The piece of a file of so many bytes: empty behind its end, `None` where the hub's files do not have it.
pub(super) fn cut(
    hub: &Hub,
    place: Place,
    total: u64,
    (from, length): (u64, u64),
) -> Result<Option<Piece>, Refusal> {
    let length = total.saturating_sub(from).min(length);
    if length == 0 {
        return Ok(Some(Piece { bytes: Vec::new(), from, total }));
    }
    let bytes = hub.blobs.read_part(place, from, length).map_err(broken)?;
    Ok(bytes.map(|bytes| Piece { bytes, from, total }))
}

/// The first byte of a range, and how many of it are given at most: to its end, or to the end of the file.
fn read_range(range: &str) -> Option<(u64, u64)> {
    // A sign is none of it.
    let number =
        |digits: &str| digits.parse::<u64>().ok().filter(|_| digits.bytes().all(|it| it.is_ascii_digit()));
    let (from, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from = number(from)?;
    let length = match last {
        "" => PIECE_BYTES_MAX,
        last => number(last)?.checked_sub(from)?.saturating_add(1),
    };
    Some((from, length.min(PIECE_BYTES_MAX)))
}

#[cfg(test)]
mod tests {
    use archive::Hash;

    use super::*;
    use crate::fixture::{self, EARLY};
    use crate::register::releases::suite::release;

    #[test]
    fn a_piece_begins_where_it_is_asked_for_and_has_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let known = release("1.4.0");
        hub.register.add_release(&known, EARLY).unwrap();
        let (name, text) = ("SHA256SUMS", "1.4.0 SHA256SUMS");
        let read = |version: &str, name: &str, from: u64| {
            read_piece(&hub, (version, name), (from, PIECE_BYTES_MAX)).unwrap()
        };
        assert!(read("1.4.0", name, 0).is_none(), "it is noted, and gone");
        let place = Place::release(Hash::of(text.as_bytes()));
        hub.blobs.append(place, 0, text.len() as u64, text.as_bytes()).unwrap();
        let piece = read("1.4.0", name, 6).unwrap();
        assert_eq!((piece.bytes.as_slice(), piece.from, piece.total), (&b"SHA256SUMS"[..], 6, 16));
        let two = read_piece(&hub, ("1.4.0", name), (6, 2)).unwrap().unwrap();
        assert_eq!((two.bytes.as_slice(), two.total), (&b"SH"[..], 16));
        assert!(read("1.4.0", name, 16).unwrap().bytes.is_empty());
        assert!(read("1.4.0", name, u64::MAX).unwrap().bytes.is_empty());
        assert!(read("1.4.1", name, 0).is_none() && read("1.4.0", "../SHA256SUMS", 0).is_none());
    }

    #[test]
    fn a_range_has_a_beginning_and_no_more_than_a_piece() {
        let check =
            |range: &str, expected: Option<(u64, u64)>| assert_eq!(read_range(range), expected, "{range}");
        check("bytes=0-", Some((0, PIECE_BYTES_MAX)));
        check("bytes=17-17", Some((17, 1)));
        check("bytes=0-99999999", Some((0, PIECE_BYTES_MAX)));
        for none in [
            "",
            "bytes=-5",
            "bytes=2-1",
            "bytes=9-3",
            "bytes=1-,5-",
            "bytes=+1-",
            "bytes=1-+2",
            "lines=0-",
            "bytes=-",
        ] {
            check(none, None);
        }
        check("bytes=99999999999999999999-", None);
    }
}
