//! The lists, as files: whole, or from the byte on where a line was cut. They are public, as UT1's own are, so no box has to say which one it is.
//!
//! Invariant: whoever reads them keeps nothing from boxes: one thread at a time reads for all, and who takes too long makes room.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::{self, HttpDate};
use actix_web::rt::task::JoinHandle;
use actix_web::rt::time::sleep;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use tokio::sync::Semaphore;

use crate::Hub;
use crate::lists::Served;
use crate::pace::network_of;

/// Bytes that are read at a time: what a connection holds in memory.
const PIECE_BYTES: u64 = 128 * 1024;
/// Files that are read at once, by all and from one network. A commune's schools may share an address; those that find no place come again.
const READERS_MAX: usize = 64;
const OF_NETWORK_MAX: usize = 8;
/// Longest way of a file: the slowest line brings the whole archive in less. A reader that reads nothing has no place after it.
const WHOLE_MAX: Duration = Duration::from_hours(2);
/// Threads that read for all of them: the others are the boxes'.
const THREADS: usize = 1;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/lists/{name}", web::get().to(serve)).route("/lists/{name}", web::head().to(serve));
}

/// Who reads the lists.
#[derive(Debug)]
pub(super) struct Readers {
    threads: Arc<Semaphore>,
    by_network: Mutex<BTreeMap<IpAddr, usize>>,
}

/// A place among those who read, up to its end.
struct Place {
    of: web::Data<Readers>,
    network: IpAddr,
}

/// A file on its way.
struct Way {
    file: File,
    at: u64,
    end: u64,
    readers: web::Data<Readers>,
    stay: Stay,
}

/// A place for some time; it is empty once that is over.
struct Stay {
    place: Arc<Mutex<Option<Place>>>,
    end: JoinHandle<()>,
}

impl Default for Readers {
    fn default() -> Self {
        Self { threads: Arc::new(Semaphore::new(THREADS)), by_network: Mutex::default() }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.end.abort();
        drop(self.place.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut readers = self.of.by_network.lock().unwrap_or_else(PoisonError::into_inner);
        let left = readers.get(&self.network).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            readers.remove(&self.network);
        } else {
            readers.insert(self.network, left);
        }
    }
}

/// Lets one more reader in, where there is room.
fn let_in(of: &web::Data<Readers>, address: IpAddr) -> Option<Place> {
    let network = network_of(address);
    let mut readers = of.by_network.lock().unwrap_or_else(PoisonError::into_inner);
    let (all, own) = (readers.values().sum::<usize>(), readers.get(&network).copied().unwrap_or(0));
    if all >= READERS_MAX || own >= OF_NETWORK_MAX {
        return None;
    }
    readers.insert(network, own.saturating_add(1));
    Some(Place { of: web::Data::clone(of), network })
}

async fn serve(
    request: HttpRequest,
    name: web::Path<String>,
    hub: web::Data<Hub>,
    readers: web::Data<Readers>,
) -> HttpResponse {
    let Some(place) = request.peer_addr().and_then(|from| let_in(&readers, from.ip())) else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let Ok(thread) = Arc::clone(&readers.threads).acquire_owned().await else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let opened = web::block(move || {
        let _thread = thread;
        hub.lists.as_ref().map_or(Ok(None), |shelf| shelf.open(&name))
    });
    let served = match opened.await {
        Ok(Ok(Some(served))) => served,
        Ok(Ok(None)) => return HttpResponse::NotFound().finish(),
        Ok(Err(_)) | Err(_) => return HttpResponse::ServiceUnavailable().finish(),
    };
    answer(&request, served, place)
}

fn answer(request: &HttpRequest, served: Served, place: Place) -> HttpResponse {
    let field =
        |name| request.headers().get(name).and_then(|field: &header::HeaderValue| field.to_str().ok());
    let Served { file, bytes, tag, modified } = served;
    let is_known =
        field(header::IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|it| it.trim() == tag));
    let begin = field(header::RANGE).and_then(read_begin);
    // A part of another file is none: then the whole of this one comes (RFC 9110 section 13.1.5).
    let begin = begin.filter(|_| field(header::IF_RANGE).is_none_or(|known| known == tag));
    let mut response = match begin {
        _ if is_known => HttpResponse::NotModified(),
        None => HttpResponse::Ok(),
        Some(begin) if begin < bytes => {
            let mut response = HttpResponse::PartialContent();
            response.insert_header((header::CONTENT_RANGE, format!("bytes {begin}-{}/{bytes}", bytes - 1)));
            response
        }
        Some(_) => {
            let mut response = HttpResponse::RangeNotSatisfiable();
            response.insert_header((header::CONTENT_RANGE, format!("bytes */{bytes}")));
            return response.finish();
        }
    };
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::LAST_MODIFIED, HttpDate::from(modified)))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .content_type("application/octet-stream");
    if is_known {
        return response.finish();
    }
    let at = begin.unwrap_or(0);
    let readers = web::Data::clone(&place.of);
    let way = Way { file, at, end: bytes, readers, stay: stay(place) };
    response.no_chunking(bytes - at).streaming(stream::try_unfold(way, read_piece))
}

/// The first byte of a range that goes to the end: boxes ask for no other. Whoever does gets the whole.
fn read_begin(range: &str) -> Option<u64> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// Takes the place back when its time is over, also from a reader that asks for nothing more.
fn stay(place: Place) -> Stay {
    let place = Arc::new(Mutex::new(Some(place)));
    let held = Arc::clone(&place);
    let end = actix_web::rt::spawn(async move {
        sleep(WHOLE_MAX).await;
        drop(held.lock().unwrap_or_else(PoisonError::into_inner).take());
    });
    Stay { place, end }
}

/// Reads on, on a thread that may wait for the disk.
async fn read_piece(way: Way) -> io::Result<Option<(Bytes, Way)>> {
    let Way { mut file, at, end, readers, stay } = way;
    if at >= end {
        return Ok(None);
    }
    if stay.place.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let thread = Arc::clone(&readers.threads).acquire_owned().await.map_err(io::Error::other)?;
    let piece = web::block(move || -> io::Result<(Vec<u8>, File)> {
        // It is free with the end of the work, also where the reader hangs up meanwhile.
        let _thread = thread;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        (&mut file).take(PIECE_BYTES.min(end - at)).read_to_end(&mut bytes)?;
        Ok((bytes, file))
    });
    let (bytes, file) = piece.await.map_err(io::Error::other)??;
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let at = at + bytes.len() as u64;
    Ok(Some((Bytes::from(bytes), Way { file, at, end, readers, stay })))
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::lists::ListShelf;

    #[actix_web::test]
    async fn a_file_comes_whole_or_from_a_byte_on() {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (0..300_000_u32).map(|at| at.to_be_bytes()[3]).collect();
        std::fs::write(folder.path().join("list"), &text).unwrap();
        let shelf = ListShelf::new(folder.path());
        let tag = shelf.open("list").unwrap().unwrap().tag;
        let readers = web::Data::new(Readers::default());
        let check = async |fields: &[(&str, &str)], status: u16, from: usize| {
            let request =
                fields.iter().fold(TestRequest::get(), |request, field| request.insert_header(*field));
            let response = answer(
                &request.to_http_request(),
                shelf.open("list").unwrap().unwrap(),
                let_in(&readers, "192.0.2.1".parse().unwrap()).unwrap(),
            );
            assert_eq!(response.status().as_u16(), status, "{fields:?}");
            let body = to_bytes(response.into_body()).await.unwrap();
            assert!(body == text[from..], "{fields:?}: {} bytes", body.len());
        };
        check(&[], 200, 0).await;
        check(&[("Range", "bytes=131073-")], 206, 131_073).await;
        check(&[("Range", "bytes=5-"), ("If-Range", &tag)], 206, 5).await;
        check(&[("Range", "bytes=5-"), ("If-Range", "\"another\"")], 200, 0).await;
        check(&[("Range", "bytes=0-5")], 200, 0).await;
        check(&[("Range", "bytes=300000-")], 416, text.len()).await;
        check(&[("If-None-Match", &format!("\"x\", {tag}"))], 304, text.len()).await;
        check(&[("If-None-Match", "\"another\"")], 200, 0).await;
    }

    #[test]
    fn readers_have_places_and_leave_them() {
        let readers = web::Data::new(Readers::default());
        let let_in = |network: u8, host: u8| let_in(&readers, [192, 0, network, host].into());
        let mut own: Vec<Place> = (0..OF_NETWORK_MAX).map(|_| let_in(0, 1).unwrap()).collect();
        assert!(let_in(0, 1).is_none() && let_in(0, 2).is_some(), "another one has places of its own");
        drop(own.pop());
        assert!(let_in(0, 1).is_some());
        drop(own);
        let all: Vec<Place> = (0..64).map(|network| let_in(network, 1).unwrap()).collect();
        assert_eq!(all.len(), READERS_MAX);
        assert!(let_in(99, 1).is_none(), "all places are taken");
        drop(all);
        assert!(readers.by_network.lock().unwrap().is_empty(), "who is gone is forgotten");
    }
}
