//! The lists, as files: whole, or from the byte on where a line was cut. They are public, as UT1's own are, so no box has to say which one it is.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use actix_web::http::header::{self, HttpDate};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;

use crate::Hub;
use crate::lists::Served;

/// Bytes that are read at a time: what a connection holds in memory.
const PIECE_BYTES: u64 = 128 * 1024;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/lists/{name}", web::get().to(serve)).route("/lists/{name}", web::head().to(serve));
}

async fn serve(request: HttpRequest, name: web::Path<String>, hub: web::Data<Hub>) -> HttpResponse {
    let opened = web::block(move || hub.lists.as_ref().map_or(Ok(None), |shelf| shelf.open(&name)));
    let served = match opened.await {
        Ok(Ok(Some(served))) => served,
        Ok(Ok(None)) => return HttpResponse::NotFound().finish(),
        Ok(Err(_)) | Err(_) => return HttpResponse::ServiceUnavailable().finish(),
    };
    answer(&request, served)
}

fn answer(request: &HttpRequest, served: Served) -> HttpResponse {
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
    let begin = begin.unwrap_or(0);
    response.no_chunking(bytes - begin).streaming(stream::try_unfold((file, begin, bytes), read_piece))
}

/// The first byte of a range that goes to the end: boxes ask for no other. Whoever does gets the whole.
fn read_begin(range: &str) -> Option<u64> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// Reads on, on a thread that may wait for the disk.
async fn read_piece((mut file, at, end): (File, u64, u64)) -> io::Result<Option<(Bytes, (File, u64, u64))>> {
    if at >= end {
        return Ok(None);
    }
    let piece = web::block(move || -> io::Result<(Vec<u8>, File)> {
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
    Ok(Some((Bytes::from(bytes), (file, at, end))))
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
        let check = async |fields: &[(&str, &str)], status: u16, from: usize| {
            let request =
                fields.iter().fold(TestRequest::get(), |request, field| request.insert_header(*field));
            let response = answer(&request.to_http_request(), shelf.open("list").unwrap().unwrap());
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
}
