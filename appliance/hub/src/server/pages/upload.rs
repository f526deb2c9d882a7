//! Files for pupils, as people send them from the page: the form's fields come first, the file behind them.
//!
//! Invariant: nothing of a file is taken before it is known who sends it, that she may, and that the form is the page's own. Until then a request has so
//! many bytes and so much time, whatever it says of itself: a reader of forms keeps in memory what it looks for an end in.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use form_urlencoded::Serializer;
use futures_util::{Stream, StreamExt as _, stream};
use model::{FileName, LIBRARY_FILE_BYTES_MAX, PreparationTitle, Timestamp, Uai};
use multer::{Constraints, Field, Multipart, SizeLimit};
use portal::Language;
use portal::shared::{Jar, Visit};
use tokio::sync::mpsc;

use super::{Answer, Desk, FORM_BYTES_MAX, Place, respond};
use crate::Hub;
use crate::library::{LibraryError, Spool, hand_out, take_back};
use crate::office::{Signed, Trouble};
use crate::pages::library::library;
use crate::register::people::Duty;

/// Where the form is sent to.
pub(super) const PATH: &str = "/fichiers";
/// What a field with a file is called.
const FILE_FIELD: &str = "fichier";
/// Longest silence of whoever sends, and longest wait for all that stands before the file.
const SILENCE: Duration = Duration::from_secs(60);
/// What is read of a request before it is known who sends it: the fields, what stands around them, and what has come of the file meanwhile.
const UNKNOWN_BYTES_MAX: usize = FORM_BYTES_MAX + (1 << 20);
/// What is written at a time, on a thread that may wait for the disk.
const PIECE_BYTES: usize = 1 << 20;
/// Pieces of the request that wait to be read.
const WAITING_MAX: usize = 4;

/// What is said of a file: schools (`None`: all), its name, what pupils read, and until when.
type Told = (Vec<Option<Uai>>, FileName, PreparationTitle, Timestamp);

impl From<LibraryError> for Trouble {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Empty | LibraryError::TooLong | LibraryError::Gone => Self::File,
            LibraryError::TooMany => Self::TooMany,
            LibraryError::Register(error) => error.into(),
            LibraryError::NoRoom | LibraryError::Spool(_) | LibraryError::Keep(_) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "a file for pupils cannot be kept");
                Self::Unavailable
            }
        }
    }
}

/// What somebody wants schools to have.
struct Wanted {
    signed: Signed,
    schools: Vec<Option<Uai>>,
    name: FileName,
    title: PreparationTitle,
    until: Timestamp,
}

/// Receives a form with a file.
pub(super) async fn receive(
    request: &HttpRequest,
    payload: web::Payload,
    hub: web::Data<Hub>,
) -> HttpResponse {
    let field = |name: HeaderName| request.headers().get(name).and_then(|field| field.to_str().ok());
    let language = Language::negotiate(field(header::ACCEPT_LANGUAGE));
    let boundary = field(header::CONTENT_TYPE).and_then(|kind| multer::parse_boundary(kind).ok());
    let (Some(boundary), Some(from)) = (boundary, request.peer_addr()) else {
        return HttpResponse::BadRequest().finish();
    };
    let limit = LIBRARY_FILE_BYTES_MAX.saturating_add(FORM_BYTES_MAX as u64);
    let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(limit));
    let is_known = Arc::new(AtomicBool::new(false));
    let pieces = hold(pass_on(payload), Arc::clone(&is_known));
    let mut parts = Multipart::with_constraints(Box::pin(pieces), boundary, constraints);
    let begun = actix_web::rt::time::timeout(SILENCE, read_fields(&mut parts)).await;
    let Ok(Some((typed, part))) = begun else { return HttpResponse::BadRequest().finish() };
    let form = Serializer::new(String::new()).extend_pairs(&typed).finish();
    let visit = Visit::read(request, form.as_bytes(), from.ip().to_canonical(), language);
    let is_encrypted = visit.is_encrypted;
    let answer = take(hub, visit, part, &is_known).await;
    answer.map_or_else(
        || HttpResponse::ServiceUnavailable().finish(),
        |answer| respond(answer, language, is_encrypted),
    )
}

/// What was typed, and the file behind that; `None` where there is none, or too much before it.
async fn read_fields<'r>(parts: &mut Multipart<'r>) -> Option<(Vec<(String, String)>, Field<'r>)> {
    let (mut typed, mut left) = (Vec::new(), FORM_BYTES_MAX);
    loop {
        let mut part = parts.next_field().await.ok()??;
        let name = part.name().unwrap_or_default().to_owned();
        if name == FILE_FIELD {
            return Some((typed, part));
        }
        let value = read_value(&mut part, &mut left).await?;
        typed.push((name, value));
    }
}

/// Lets so much through before somebody is known, and all that follows afterwards.
fn hold(
    pieces: impl Stream<Item = io::Result<Bytes>> + Send,
    is_known: Arc<AtomicBool>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let mut bytes = 0_usize;
    pieces.map(move |piece| {
        let piece = piece?;
        bytes = bytes.saturating_add(piece.len());
        if bytes > UNKNOWN_BYTES_MAX && !is_known.load(Ordering::Relaxed) {
            return Err(io::Error::other("there is too much before the file"));
        }
        Ok(piece)
    })
}

/// What arrives, for whoever reads it on whatever thread: it waits where nobody does.
fn pass_on(mut payload: web::Payload) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(WAITING_MAX);
    drop(actix_web::rt::spawn(async move {
        loop {
            // Once nobody reads any more, whoever still sends is waited for no longer.
            let piece = tokio::select! {
                () = sender.closed() => None,
                piece = payload.next() => piece,
            };
            let Some(piece) = piece else { return };
            let piece = piece.map_err(|error| io::Error::other(error.to_string()));
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    }));
    stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    })
}

/// The text of a small field; `None` where the form has more of it than any.
async fn read_value(part: &mut Field<'_>, left: &mut usize) -> Option<String> {
    let mut value = Vec::new();
    while let Some(piece) = part.chunk().await.ok()? {
        *left = left.checked_sub(piece.len())?;
        value.extend_from_slice(&piece);
    }
    String::from_utf8(value).ok()
}

/// Takes the file in, once it is known who sends it; `None` where the hub cannot work.
async fn take(hub: web::Data<Hub>, visit: Visit, part: Field<'_>, is_known: &AtomicBool) -> Option<Answer> {
    let called = part.file_name().unwrap_or_default().to_owned();
    let (visit, of) = (web::Data::new(visit), web::Data::clone(&hub));
    let seen = web::Data::clone(&visit);
    let wanted = web::block(move || desk(&of, &seen).map(|desk| desk.begin_upload(&called))).await.ok()??;
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(answer) => return Some(answer),
    };
    is_known.store(true, Ordering::Relaxed);
    let spool = match read_file(&hub, part).await {
        Ok(spool) => spool,
        Err(trouble) => {
            let tell = move || {
                let desk = desk(&hub, &visit)?;
                Some(desk.or_tell(Err(trouble), Some((&wanted.signed, PATH))))
            };
            return web::block(tell).await.ok()?;
        }
    };
    web::block(move || desk(&hub, &visit).map(|desk| desk.end_upload(wanted, spool))).await.ok()?
}

fn desk<'a>(hub: &'a Hub, visit: &'a Visit) -> Option<Desk<'a>> {
    let office = hub.office.as_ref()?;
    let settings = &office.settings;
    let place = Place { commune: &settings.commune, timezone: &settings.timezone, language: visit.language };
    Some(Desk { hub, office, visit, place, now: (hub.clock)() })
}

async fn read_file(hub: &web::Data<Hub>, mut part: Field<'_>) -> Result<Spool, Trouble> {
    let incoming = hub.incoming.clone();
    let begun = web::block(move || incoming.begin()).await;
    let mut spool = begun.map_err(|_| Trouble::Unavailable)??;
    let mut waiting = Vec::new();
    loop {
        let piece = actix_web::rt::time::timeout(SILENCE, part.chunk()).await;
        // Cut, too slow, or longer than any.
        let piece = piece.map_err(|_| Trouble::File)?.map_err(|_| Trouble::File)?;
        let is_last = piece.is_none();
        waiting.extend_from_slice(&piece.unwrap_or_default());
        if !is_last && waiting.len() < PIECE_BYTES {
            continue;
        }
        let bytes = std::mem::take(&mut waiting);
        let taken = web::block(move || spool.take(&bytes).map(|()| spool)).await;
        spool = taken.map_err(|_| Trouble::Unavailable)??;
        if is_last {
            return Ok(spool);
        }
    }
}

impl Desk<'_> {
    pub(super) fn library(self, signed: &Signed) -> Result<Answer, Trouble> {
        let (files, sights) = (self.hub.register.library(self.now)?, self.sights()?);
        let may_act = signed.member.may(Duty::Policy);
        let bar = self.bar(signed, "/contenus");
        Ok(Answer::page(library(self.place, bar, &files, &sights, may_act)))
    }

    pub(super) fn remove_file(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let id: u64 = self.typed("fichier").parse().map_err(|_| Trouble::Field)?;
        let files = self.hub.register.library(self.now)?;
        let found = files.iter().find(|held| held.id == id).ok_or(Trouble::Unknown)?;
        let about = format!("{} {}", found.uai.as_deref().unwrap_or("*"), found.file.name);
        self.office.act(signed, "file-removed", &about, self.now)?;
        take_back((&*self.hub.register, &*self.hub.blobs), id, self.now)?;
        Ok(Answer::see(PATH))
    }

    /// Who sends a file, and what is to become of it; or the answer that is given instead.
    fn begin_upload(self, called: &str) -> Result<Wanted, Answer> {
        let signed = match self.find_signed() {
            Ok(Some(signed)) => signed,
            Ok(None) => return Err(Answer::see("/connexion")),
            Err(trouble) => return Err(self.or_tell(Err(trouble), None)),
        };
        // Each of these has a page of its own, to which every other one leads.
        if signed.owes_code || signed.member.has_first_secret || !signed.member.has_key {
            return Err(Answer::see("/"));
        }
        match self.read_upload(&signed, called) {
            Ok((schools, name, title, until)) => Ok(Wanted { signed, schools, name, title, until }),
            Err(trouble) => Err(self.or_tell(Err(trouble), Some((&signed, PATH)))),
        }
    }

    fn read_upload(self, signed: &Signed, called: &str) -> Result<Told, Trouble> {
        if !self.visit.is_own_form(Jar::Session) {
            return Err(Trouble::Field);
        }
        self.allow(signed, Duty::Policy)?;
        let mut schools = Vec::new();
        for uai in self.visit.fields("uai").filter(|uai| !uai.is_empty()) {
            let uai: Uai = uai.parse().map_err(|_| Trouble::Field)?;
            self.find_school(uai.as_str())?;
            schools.push(Some(uai));
        }
        if schools.is_empty() {
            schools.push(None);
        }
        let name = called.parse().map_err(|_| Trouble::FileName)?;
        let title = self.typed("titre").parse().map_err(|_| Trouble::Field)?;
        Ok((schools, name, title, self.end_of(self.typed("jour"))?))
    }

    /// All of the file is here.
    fn end_upload(self, wanted: Wanted, spool: Spool) -> Answer {
        let Wanted { signed, schools, name, title, until } = wanted;
        let kept = self.keep_upload(&signed, &schools, (name, title, until), spool);
        self.or_tell(kept, Some((&signed, PATH)))
    }

    fn keep_upload(
        self,
        signed: &Signed,
        schools: &[Option<Uai>],
        (name, title, until): (FileName, PreparationTitle, Timestamp),
        spool: Spool,
    ) -> Result<Answer, Trouble> {
        for uai in schools {
            let about = format!("{} {name}", uai.as_ref().map_or("*", Uai::as_str));
            self.office.act(signed, "file-added", &about, self.now)?;
        }
        let (register, blobs) = (&*self.hub.register, &*self.hub.blobs);
        let file = spool.finish(blobs, name, title, until)?;
        hand_out((register, blobs), schools, &file, (signed.member.name.as_str(), self.now))?;
        Ok(Answer::see(PATH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a request that sends these pieces, and what has been let through of it.
    async fn read(pieces: Vec<Vec<u8>>, is_known: bool) -> (Option<Vec<(String, String)>>, usize) {
        let let_through = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = Arc::clone(&let_through);
        let pieces = stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))));
        let pieces = hold(pieces, Arc::new(AtomicBool::new(is_known))).map(move |piece| {
            let length = piece.as_ref().map_or(0, Bytes::len);
            count.fetch_add(length, Ordering::Relaxed);
            piece
        });
        let mut parts = Multipart::new(Box::pin(pieces), "x");
        let found = read_fields(&mut parts).await.map(|(typed, _)| typed);
        (found, let_through.load(Ordering::Relaxed))
    }

    fn field(name: &str, value: &str) -> Vec<u8> {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes()
    }

    #[actix_web::test]
    async fn fields_are_read_up_to_the_file() {
        let file = field(FILE_FIELD, "a volcano");
        let form = [field("jeton", "abc"), field("titre", "Le volcan"), file, b"--x--\r\n".to_vec()].concat();
        let typed = read(vec![form], false).await.0.unwrap();
        let typed: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(typed, [("jeton", "abc"), ("titre", "Le volcan")]);
        let without = [field("jeton", "abc"), b"--x--\r\n".to_vec()].concat();
        assert_eq!(read(vec![without], false).await.0, None, "there is no file");
        let long = field("titre", &"a".repeat(FORM_BYTES_MAX + 1));
        assert_eq!(read(vec![long, field(FILE_FIELD, "a")], false).await.0, None, "more than a form has");
    }

    #[actix_web::test]
    async fn whoever_is_unknown_fills_no_memory() {
        const PIECES: usize = 64;
        let piece = vec![b'a'; 1 << 20];
        let head = b"--x\r\nX-Head: ".to_vec();
        // Before the first boundary, and in a head without an end.
        for begin in [vec![], head] {
            let pieces: Vec<Vec<u8>> =
                std::iter::once(begin).chain(std::iter::repeat_n(piece.clone(), PIECES)).collect();
            let (typed, let_through) = read(pieces, false).await;
            assert_eq!(typed, None);
            assert!(let_through <= UNKNOWN_BYTES_MAX, "{let_through}");
        }
        let pieces = stream::iter(std::iter::repeat_n(piece, PIECES).map(|piece| Ok(Bytes::from(piece))));
        let known = hold(pieces, Arc::new(AtomicBool::new(true)));
        let all: Vec<io::Result<Bytes>> = known.collect().await;
        assert!(all.len() == PIECES && all.iter().all(Result::is_ok), "a film is longer than that");
    }
}
