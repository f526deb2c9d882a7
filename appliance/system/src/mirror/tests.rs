//! A mirror and its faults, over real sockets.

use super::server::{Fault, HASTY, Server};
use super::*;

const NAME: &str = "adult.tar.gz";

/// Bytes that begin like an archive.
fn archive(number: u8) -> Vec<u8> {
    let mut body = vec![number; 300_000];
    body[..2].copy_from_slice(&GZIP_MAGIC);
    body
}

struct Bench {
    server: Server,
    shelf: Shelf,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path(), NAME);
        let server = Server::start();
        server.publish(NAME, &archive(1), Some("\"1\""));
        Self { server, shelf, folder }
    }

    fn fetch(&self) -> Result<Fetched, FetchError> {
        Mirror::new(self.server.url(), &[], HASTY).fetch(&self.shelf, &mut |_| {})
    }

    fn has(&self, number: u8) -> bool {
        std::fs::read(self.shelf.file()).is_ok_and(|bytes| bytes == archive(number))
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_file_comes_once_and_then_only_when_it_is_another() {
    let bench = Bench::new();
    assert_eq!(bench.fetch().unwrap(), Fetched::New);
    assert!(bench.has(1));
    assert_eq!(bench.files(), [NAME, "adult.tar.gz.origin"]);
    assert!(!bench.server.take_requests()[0].to_lowercase().contains("if-none-match"));
    assert_eq!(bench.fetch().unwrap(), Fetched::Unchanged);
    assert!(bench.server.take_requests()[0].to_lowercase().contains("if-none-match: \"1\""));
    bench.server.publish(NAME, &archive(2), Some("\"2\""));
    assert_eq!(bench.fetch().unwrap(), Fetched::New);
    assert!(bench.has(2));
}

#[test]
fn a_file_that_rots_on_the_disk_is_fetched_anew() {
    let bench = Bench::new();
    bench.fetch().unwrap();
    std::fs::write(bench.shelf.file(), archive(7)).unwrap();
    assert_eq!(bench.fetch().unwrap(), Fetched::New);
    assert!(bench.has(1));
}

#[test]
fn a_cut_transfer_goes_on_at_the_byte() {
    for cut in [1, 2, 65_535, 65_536, 299_999] {
        let bench = Bench::new();
        bench.server.fail([Fault::Cut(cut)]);
        assert_eq!(bench.fetch().unwrap(), Fetched::New, "{cut}");
        assert!(bench.has(1), "{cut}");
        let requests = bench.server.take_requests();
        assert_eq!(requests.len(), 2, "{cut}");
        assert!(requests[1].to_lowercase().contains(&format!("range: bytes={cut}-")), "{requests:?}");
    }
}

#[test]
fn what_arrived_before_a_failure_is_gone_on_with_the_next_time() {
    let bench = Bench::new();
    bench.server.fail([Fault::Cut(1_000), Fault::Status(503)]);
    assert!(matches!(bench.fetch(), Err(FetchError::Status(503))));
    bench.server.take_requests();
    assert_eq!(bench.fetch().unwrap(), Fetched::New);
    assert!(bench.has(1));
    assert!(bench.server.take_requests()[0].contains("bytes=1000-"));
}

#[test]
fn a_file_that_changes_between_two_parts_begins_anew() {
    let bench = Bench::new();
    bench.server.fail([Fault::Cut(1_000), Fault::Status(503)]);
    bench.fetch().unwrap_err();
    bench.server.publish(NAME, &archive(2), Some("\"2\""));
    assert_eq!(bench.fetch().unwrap(), Fetched::New);
    assert!(bench.has(2));
}

#[test]
fn without_a_strong_validator_a_transfer_begins_anew() {
    let bench = Bench::new();
    bench.server.publish(NAME, &archive(1), Some("W/\"1\""));
    bench.server.fail([Fault::Cut(1_000)]);
    assert!(matches!(bench.fetch(), Err(FetchError::Cut(_))));
    assert_eq!(bench.fetch().unwrap(), Fetched::New);
    assert!(bench.server.take_requests().iter().all(|head| !head.to_lowercase().contains("\nrange")));
}

#[test]
fn failures_have_names_and_leave_the_old_file() {
    let redirect = |to: &str| Fault::Redirect(to.to_owned());
    let around = || (0..10).map(|_| redirect("/lists/adult.tar.gz")).collect::<Vec<_>>();
    let check = |faults: Vec<Fault>, expected: &str| {
        let bench = Bench::new();
        bench.fetch().unwrap();
        bench.server.publish(NAME, &archive(2), Some("\"2\""));
        bench.server.fail(faults);
        let error = bench.fetch().unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(bench.has(1), "{expected}");
    };
    check(vec![Fault::Status(500)], "status 500");
    check(vec![Fault::Status(404)], "has no adult.tar.gz");
    check(vec![Fault::Status(416)], "another part");
    check(vec![Fault::WrongPart], "another part");
    check(vec![Fault::Page], "is no archive");
    check(vec![Fault::Silence], "does not answer");
    check(vec![Fault::Drip, Fault::Drip, Fault::Drip, Fault::Drip], "too slow");
    check(around(), "redirects lead nowhere");
    check(vec![redirect("ftp://127.0.0.1/adult.tar.gz")], "");
    check((1..9).map(Fault::Cut).collect(), "cut");
}

#[test]
fn a_mirror_with_tls_is_not_left_for_one_without() {
    let history = |uris: &[&str]| {
        let uris: Vec<Uri> = uris.iter().map(|uri| uri.parse().unwrap()).collect();
        falls_from_tls(&uris)
    };
    assert!(!history(&["http://a/", "https://a/", "https://b/"]));
    assert!(history(&["http://a/", "https://a/", "http://b/"]));
    assert!(history(&["https://a/", "http://a/"]));
    // With https in the configuration, the client itself asks for nothing else.
    let mirror = Mirror::new("https://lists.example/".parse().unwrap(), &[], HASTY);
    assert!(matches!(mirror.ask("http://127.0.0.1:1/x", None, None), Err(FetchError::Downgrade)));
}

#[test]
fn a_redirect_to_the_new_place_is_followed() {
    let bench = Bench::new();
    bench.server.fail([Fault::Redirect("/lists/adult.tar.gz".to_owned())]);
    assert_eq!(bench.fetch().unwrap(), Fetched::New);
}

#[test]
fn what_is_larger_than_any_list_is_refused() {
    let bench = Bench::new();
    let large = vec![GZIP_MAGIC[0]; 1_100_000];
    bench.server.publish(NAME, &large, Some("\"l\""));
    let error = bench.fetch().unwrap_err();
    assert!(matches!(error, FetchError::TooLarge(_)), "{error:?}");
    assert_eq!(bench.files(), Vec::<String>::new(), "nothing of it stays on the disk");
}

#[test]
fn a_wrong_checksum_is_refused_and_forgotten() {
    let bench = Bench::new();
    let set_sums = |text: &str| {
        let mut script = bench.server.script.lock().unwrap();
        let sums = server::Served { body: text.as_bytes().to_vec(), etag: None };
        script.files.insert(CHECKSUMS_NAME.to_owned(), sums);
    };
    set_sums("00112233445566778899aabbccddeeff  adult.tar.gz\n");
    assert!(matches!(bench.fetch(), Err(FetchError::Checksum { .. })));
    assert_eq!(bench.files(), Vec::<String>::new());
    set_sums("<html>nothing here</html>");
    assert!(matches!(bench.fetch(), Err(FetchError::NoChecksums)));
    // A mirror need not publish any.
    set_sums("00112233445566778899aabbccddeeff  games.tar.gz\n");
    assert_eq!(bench.fetch().unwrap(), Fetched::New);
}

#[test]
fn checksums_that_do_not_come_cost_no_second_transfer() {
    for (of_archive, of_checksums) in [
        (None, Fault::Status(503)),
        (None, Fault::Cut(10)),
        (None, Fault::Page),
        (Some(Fault::Unsized), Fault::Status(503)),
    ] {
        let bench = Bench::new();
        bench.server.fail(of_archive.clone());
        bench.server.fail_checksums([of_checksums.clone()]);
        bench.fetch().unwrap_err();
        assert_eq!(bench.server.take_requests().len(), 1, "{of_checksums:?}");
        assert_eq!(bench.fetch().unwrap(), Fetched::New, "{of_checksums:?}");
        assert!(bench.has(1), "{of_checksums:?}");
        assert_eq!(bench.server.take_requests(), Vec::<String>::new(), "{of_archive:?} {of_checksums:?}");
    }
}

#[test]
fn a_mirror_that_is_not_there_does_not_answer() {
    let bench = Bench::new();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mirror = Mirror::new(format!("http://{unused}/").parse().unwrap(), &[], HASTY);
    assert!(matches!(mirror.fetch(&bench.shelf, &mut |_| {}), Err(FetchError::Unreachable(_))));
}
