//! Files from the commune, as browsers ask for them.

use std::fs::File;
use std::io::Write as _;

use model::{LibraryFile, Subject};

use super::*;

/// A box that has one file for the device of 10.77.0.11, with these bytes.
struct Shelf {
    file: LibraryFile,
    bytes: Vec<u8>,
}

impl StatusSource for Shelf {
    fn status(&self) -> Status {
        samples::status()
    }

    fn identify(&self, client: IpAddr) -> Subject {
        Sample { is_open: true }.identify(client)
    }

    fn recall_refusals(&self, _: IpAddr) -> Vec<Refused> {
        vec![]
    }

    fn diagnosis(&self) -> crate::Diagnosis {
        samples::diagnosis()
    }

    fn support(&self) -> Option<String> {
        None
    }

    fn library(&self, client: IpAddr) -> Vec<LibraryFile> {
        if client.to_string() == "10.77.0.11" { vec![self.file.clone()] } else { vec![] }
    }

    fn open_file(&self, client: IpAddr, sum: &str) -> Option<(LibraryFile, File)> {
        let file = self.library(client).into_iter().find(|file| file.sha256 == sum)?;
        let mut source = std::env::temp_dir();
        source.push(format!("preau-library-{}-{}", std::process::id(), file.name));
        File::create(&source).unwrap().write_all(&self.bytes).unwrap();
        let opened = File::open(&source).unwrap();
        std::fs::remove_file(&source).unwrap();
        Some((file, opened))
    }
}

fn start_shelf(name: &str, bytes: &[u8]) -> (PortalHandle, SocketAddr, String) {
    let file = LibraryFile { bytes: bytes.len() as u64, ..samples::library_file(name) };
    let path = library_path(&file);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let own_hosts = vec![samples::host("preau.lan")];
    let settings = Settings { place: samples::place(), own_hosts, notices: Notices::default() };
    let shelf = Shelf { file, bytes: bytes.to_vec() };
    let sources = Sources { status: Arc::new(shelf), office: Arc::<clerk::Clerk>::default() };
    (spawn(settings, listener, sources, None).unwrap(), address, path)
}

fn ask(address: SocketAddr, method: &str, path: &str, fields: &str) -> String {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: preau.lan\r\nX-Forwarded-For: 10.77.0.11{fields}");
    exchange(address, &head)
}

#[test]
fn a_film_is_read_whole_in_parts_and_by_devices_of_the_school_alone() {
    // Ten pieces.
    let text = "volcano ".repeat(80 << 10);
    let (portal, address, path) = start_shelf("volcan.mp4", text.as_bytes());
    let whole = ask(address, "GET", &path, "");
    assert!(whole.starts_with("HTTP/1.1 200 ") && whole.ends_with(&format!("\r\n\r\n{text}")));
    for field in [
        "content-type: video/mp4\r\n",
        "accept-ranges: bytes\r\n",
        "x-content-type-options: nosniff\r\n",
        "content-security-policy: default-src 'none'; img-src 'self'; media-src 'self';",
        "content-disposition: inline; filename=\"volcan.mp4\"",
        &format!("content-length: {}\r\n", text.len()),
    ] {
        assert!(whole.contains(field), "{field}");
    }
    let part = ask(address, "GET", &path, "\r\nRange: bytes=655350-");
    assert!(part.starts_with("HTTP/1.1 206 "), "{part}");
    assert!(part.contains("content-range: bytes 655350-655359/655360\r\n"), "{part}");
    assert!(part.ends_with(text.get(655_350..).unwrap()), "{part}");
    let tag = format!("\"{}\"", "ab".repeat(32));
    let unchanged = ask(address, "GET", &path, &format!("\r\nIf-None-Match: {tag}"));
    assert!(unchanged.starts_with("HTTP/1.1 304 "), "{unchanged}");
    let other = ask(address, "GET", &path, "\r\nRange: bytes=0-3\r\nIf-Range: \"cd\"");
    assert!(other.starts_with("HTTP/1.1 200 "), "a part of another file is none of this one");
    let behind = ask(address, "GET", &path, "\r\nRange: bytes=655360-");
    assert!(behind.starts_with("HTTP/1.1 416 ") && behind.contains("bytes */655360"), "{behind}");
    let head = ask(address, "HEAD", &path, "");
    assert!(head.contains("content-length: 655360") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(ask(address, "GET", "/", "").contains(&path), "it is on the home page");

    let stranger = exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: preau.lan"));
    assert!(stranger.starts_with("HTTP/1.1 404 "), "{stranger}");
    let misled = exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: evil.example"));
    assert!(misled.starts_with("HTTP/1.1 421 "), "{misled}");
    for none in ["/ressources/", "/ressources/../../etc/passwd", &path.replace("ab", "cd")] {
        assert!(ask(address, "GET", none, "").starts_with("HTTP/1.1 404 "), "{none}");
    }
    portal.stop().unwrap();
}

#[test]
fn a_device_that_opens_files_without_end_holds_its_own_places() {
    // More than lies on the way while nobody takes it.
    let text = "volcano ".repeat(2 << 20);
    let (portal, address, path) = start_shelf("film.mp4", text.as_bytes());
    let open = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: preau.lan\r\nX-Forwarded-For: 10.77.0.11\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut begin = [0; 13];
        stream.read_exact(&mut begin).unwrap();
        (stream, begin)
    };
    let held: Vec<_> = (0..8).map(|_| open()).collect();
    assert!(held.iter().all(|(_, begin)| begin == b"HTTP/1.1 200 "));
    let more = ask(address, "GET", &path, "");
    assert!(more.starts_with("HTTP/1.1 503 ") && more.contains("retry-after: 5\r\n"), "{more}");
    drop(held);
    let mut again = ask(address, "HEAD", &path, "");
    for _ in 0..400 {
        if again.starts_with("HTTP/1.1 200 ") {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        again = ask(address, "HEAD", &path, "");
    }
    assert!(again.starts_with("HTTP/1.1 200 "), "places are given back: {again}");
    portal.stop().unwrap();
}

#[test]
fn what_could_act_is_saved_and_never_shown() {
    for name in ["page.html", "dessin.svg", "page.xhtml", "a.xml", "macro.docx"] {
        let (portal, address, path) = start_shelf(name, b"<script>alert(1)</script>");
        let answer = ask(address, "GET", &path, "");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        for field in [
            "content-disposition: attachment;",
            "content-security-policy: default-src 'none'; sandbox;",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(answer.contains(field), "{name}: {field}\n{answer}");
        }
        for kind in ["text/html", "svg", "xml;", "text/xml"] {
            assert!(!answer.contains(&format!("content-type: {kind}")), "{name}\n{answer}");
        }
        portal.stop().unwrap();
    }
}
