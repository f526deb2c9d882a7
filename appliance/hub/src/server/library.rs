//! Files for pupils: for the boxes of the schools that shall have them, a piece at a time, from the byte on where their line was cut.

use actix_web::{HttpRequest, HttpResponse, web};
use archive::Hash;
use replication::Refusal;

use super::api::refuse;
use super::releases::{Piece, cut, hand_out};
use super::turns::Turns;
use crate::Hub;
use crate::blobs::Place;
use crate::enrolling::tell;
use crate::register::BoxState;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/api/v1/library/{hash}", web::get().to(serve));
}

async fn serve(
    request: HttpRequest,
    hash: web::Path<String>,
    hub: web::Data<Hub>,
    turns: web::Data<Turns>,
) -> HttpResponse {
    let Ok(hash) = hash.parse::<Hash>() else { return refuse(Refusal::Malformed) };
    let read =
        move |hub: &Hub, found: &BoxState, range: (u64, u64)| read_piece(hub, (&found.uai, hash), range);
    hand_out(&request, (hub, turns), Refusal::NoFile, read).await
}

/// The piece from that byte on: empty behind the end of the file, `None` where this school shall have no such file.
fn read_piece(hub: &Hub, (uai, hash): (&str, Hash), range: (u64, u64)) -> Result<Option<Piece>, Refusal> {
    let Some(total) = hub.register.library_file(uai, hash, (hub.clock)()).map_err(tell)? else {
        return Ok(None);
    };
    cut(hub, Place::library(hash), total, range)
}

#[cfg(test)]
mod tests {
    use replication::School;

    use super::*;
    use crate::fixture::{self, EARLY, LATE};
    use crate::register::library::suite::file;

    #[test]
    fn a_school_reads_its_own_files_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (mut hub, _) = fixture::open(folder.path());
        let other = "0692345Z";
        let school = School { uai: other.to_owned(), name: "École".to_owned(), rooms: vec![] };
        hub.register.put_school(&school).unwrap();
        let film = file("a film", LATE);
        let hash: Hash = film.sha256.parse().unwrap();
        let uai = Some(fixture::UAI.parse().unwrap());
        hub.register.add_to_library(&[uai], &film, "M. Blanc", EARLY).unwrap();
        let read = |hub: &Hub, uai: &str, from: u64| read_piece(hub, (uai, hash), (from, 4)).unwrap();
        assert!(read(&hub, fixture::UAI, 0).is_none(), "it is noted, and gone");
        hub.blobs.append(Place::library(hash), 0, 6, b"a film").unwrap();
        let piece = read(&hub, fixture::UAI, 1).unwrap();
        assert_eq!((piece.bytes.as_slice(), piece.from, piece.total), (&b" fil"[..], 1, 6));
        assert!(read(&hub, fixture::UAI, 6).unwrap().bytes.is_empty());
        assert!(read(&hub, other, 0).is_none(), "another school's");
        hub.clock = || LATE;
        assert!(read(&hub, fixture::UAI, 0).is_none(), "its time is over");
    }
}
