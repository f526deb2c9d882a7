//! A mirror for tests: one file or more, over real sockets, with the faults that servers and lines have.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{Limits, MirrorUrl};

/// Limits that no test waits for.
pub(crate) const HASTY: Limits = Limits {
    file_bytes_max: 1 << 20,
    unpacked_bytes_max: 4 << 20,
    silence: Duration::from_millis(2_000),
    pace: Duration::from_millis(1_500),
    pace_bytes: 10_000,
    answer: Duration::from_secs(20),
    tries: 4,
    pause: Duration::from_millis(1),
};

/// What is wrong with an answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// One byte now and then.
    Drip,
    /// Nothing at all.
    Silence,
    /// Another status, with a page.
    Status(u16),
    /// Leads to another place.
    Redirect(String),
    /// A page that explains something to people, as if it were the file.
    Page,
    /// A part that begins where nobody asked for.
    WrongPart,
    /// The file, without a word of its size.
    Unsized,
}

/// A file and what it is known by.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) body: Vec<u8>,
    pub(crate) etag: Option<&'static str>,
}

/// What the server does, changed by the test while it runs.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) files: BTreeMap<String, Served>,
    /// Faults of the next answers, in order, for files that are not the list of checksums.
    pub(crate) faults: Vec<Fault>,
    /// Faults of the next answers with the list of checksums.
    pub(crate) checksum_faults: Vec<Fault>,
    /// Heads of the requests that came.
    pub(crate) requests: Vec<String>,
}

/// The server; ends with the test.
pub(crate) struct Server {
    pub(crate) script: Arc<Mutex<Script>>,
    address: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let script = Arc::clone(&shared);
                // A client that hangs up is what some tests are about.
                thread::spawn(move || drop(answer(stream, &script)));
            }
        });
        Self { script, address }
    }

    pub(crate) fn url(&self) -> MirrorUrl {
        format!("http://{}/lists/", self.address).parse().unwrap()
    }

    /// Publishes a file, and the checksums of all.
    pub(crate) fn publish(&self, name: &str, body: &[u8], etag: Option<&'static str>) {
        let mut script = self.script.lock().unwrap();
        script.files.insert(name.to_owned(), Served { body: body.to_owned(), etag });
        let sums: String = script
            .files
            .iter()
            .filter(|(name, _)| *name != "MD5SUM.LST")
            .map(|(name, file)| format!("{:x}  {name}\n", md5::compute(&file.body)))
            .collect();
        script.files.insert("MD5SUM.LST".to_owned(), Served { body: sums.into_bytes(), etag: None });
    }

    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script.lock().unwrap().faults.extend(faults);
    }

    pub(crate) fn fail_checksums(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script.lock().unwrap().checksum_faults.extend(faults);
    }

    /// The requests since the last time, without the one for the checksums: path, `Range` and validators.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.script.lock().unwrap().requests);
        requests.into_iter().filter(|head| !head.contains("MD5SUM")).collect()
    }
}

fn answer(mut stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut head = String::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.push_str(&line);
        head.push('\n');
    }
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches("/lists/").to_owned();
    let (file, fault) = {
        let mut script = script.lock().unwrap();
        if path.ends_with(".differences") && !script.files.contains_key(&path) {
            // A mirror as UT1's, where nothing of this is.
            return stream.write_all(b"HTTP/1.1 404 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        }
        script.requests.push(head.clone());
        let faults = if path == "MD5SUM.LST" { &mut script.checksum_faults } else { &mut script.faults };
        let fault = (!faults.is_empty()).then(|| faults.remove(0));
        (script.files.get(&path).cloned(), fault)
    };
    let field = |name: &str| {
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let mut say = |status: u16, fields: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body))
    };
    match &fault {
        Some(Fault::Silence) => {
            thread::sleep(Duration::from_secs(6));
            return Ok(());
        }
        Some(Fault::Status(status)) => return say(*status, "Content-Length: 4\r\n", b"oops"),
        Some(Fault::Redirect(to)) => {
            return say(302, &format!("Location: {to}\r\nContent-Length: 0\r\n"), b"");
        }
        Some(Fault::Page) => return say(200, "Content-Length: 13\r\n", b"<html></html>"),
        Some(Fault::WrongPart) => {
            return say(206, "Content-Range: bytes 1-3/4\r\nContent-Length: 3\r\n", b"abc");
        }
        Some(Fault::Cut(_) | Fault::Drip | Fault::Unsized) | None => {}
    }
    let Some(Served { body, etag }) = file else { return say(404, "Content-Length: 0\r\n", b"") };
    let validator = etag.map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
    if etag.is_some() && field("If-None-Match").as_deref() == etag {
        return say(304, &validator, b"");
    }
    let first =
        field("Range").and_then(|range| range.strip_prefix("bytes=")?.trim_end_matches('-').parse().ok());
    let first = first.filter(|_| field("If-Range").as_deref() == etag);
    let rest = body.get(first.unwrap_or(0)..).unwrap_or_default();
    let (status, range) = match first {
        Some(first) => (206, format!("Content-Range: bytes {first}-{}/{}\r\n", body.len() - 1, body.len())),
        None => (200, String::new()),
    };
    let fields = format!("{validator}{range}Content-Length: {}\r\n", rest.len());
    match fault {
        Some(Fault::Cut(bytes)) => say(status, &fields, &rest[..bytes.min(rest.len())]),
        Some(Fault::Unsized) => say(status, &validator, rest),
        Some(Fault::Drip) => {
            say(status, &fields, b"")?;
            for byte in rest {
                stream.write_all(&[*byte])?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        _ => say(status, &fields, rest),
    }
}
