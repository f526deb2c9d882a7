//! What a start costs, by the files that are opened for it: not more with much in the folder than with little.

use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::{Clock, Instant};
use cache::{BROWSER_CODINGS, Exchange, Kept, Key, Stored, VARIANTS_MAX, Validity, Vary, judge};
use http::{HeaderMap, Method, StatusCode, header};
use model::{ClockQuality, Mac, Timestamp};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

use super::disk::Disk;
use super::entry::Entry;
use super::stock::OBJECT_BYTES_MIN;
use super::*;

/// When all of it takes place.
const NOW: Timestamp = Timestamp::from_unix_ms(1_795_942_800_000);

struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant { at: NOW, quality: ClockQuality::Synchronised }
    }
}

fn key(number: usize) -> Key {
    Key::new("ent.test", &format!("/document/{number}")).unwrap()
}

fn stored() -> Stored {
    let mut response = HeaderMap::new();
    response.insert("cache-control", "public, max-age=600".parse().unwrap());
    let (method, request) = (Method::GET, HeaderMap::new());
    let exchange = Exchange {
        method: &method,
        request: &request,
        status: StatusCode::OK,
        response: &response,
        requested: NOW,
        received: NOW,
    };
    judge(&exchange, &[]).unwrap()
}

/// Keeps so many documents in the folder, as an earlier run has.
fn fill(folder: &Path, count: usize) {
    let disk = Disk::open(folder).unwrap();
    let stored = stored();
    for number in 0..count {
        let (key, body) = (key(number), 1);
        let name = Depot::name(&key);
        disk.create(name, body, Some(5)).unwrap();
        disk.write(name, &key, &[Kept { stored: stored.clone(), body, length: 5 }]).unwrap();
    }
}

/// Files and folders that are opened below `folder` until the first thing is found there, as the kernel tells it (inotify(7)).
async fn count_opens(folder: &Path) -> usize {
    let watching = inotify::init(CreateFlags::NONBLOCK).unwrap();
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for place in folders.filter(|path| path.is_dir()).chain([folder.to_owned()]) {
        inotify::add_watch(&watching, &place, WatchFlags::OPEN).unwrap();
    }
    let settings = DepotSettings { folder: folder.to_owned(), bytes_max: 256 << 30, descriptors_max: 1_024 };
    let depot = Arc::new(Depot::open(&settings, Arc::new(Still)).unwrap());
    let entry = depot.find(&key(0)).await.unwrap();
    assert_eq!(entry.objects().len(), 1);
    let mut room = [MaybeUninit::uninit(); 1 << 16];
    let mut events = Reader::new(&watching, &mut room);
    let mut opens = 0;
    while events.next().is_ok() {
        opens += 1;
    }
    opens
}

#[tokio::test]
async fn the_first_answer_costs_the_same_whatever_there_is_beside_it() {
    let (few, many) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(few.path(), 1);
    fill(many.path(), 5_000);
    let (few, many) = (count_opens(few.path()).await, count_opens(many.path()).await);
    assert_eq!(few, many);
    // The folder of the ledgers twice (as the kernel counts it), the record and the body.
    assert!((2..10).contains(&many), "{many}");
}

/// Records and bodies below a folder.
fn count_files(folder: &Path) -> usize {
    let is_ours = |path: &Path| path.extension().is_some_and(|it| it == "record" || it == "body");
    let count = |path: PathBuf| if path.is_dir() { count_files(&path) } else { is_ours(&path).into() };
    std::fs::read_dir(folder).unwrap().map(|entry| count(entry.unwrap().path())).sum()
}

/// A disk has so many inodes: what is small counts as 64 KiB, and what is too much leaves by number, though its bytes are few.
#[tokio::test(start_paused = true)]
async fn small_things_are_bounded_in_number() {
    const SHARE: usize = 50;
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 4 * SHARE);
    // A record and a body each.
    assert_eq!(count_files(folder.path()), 8 * SHARE);
    let bytes_max = OBJECT_BYTES_MIN * u64::try_from(SHARE).unwrap();
    let settings = DepotSettings { folder: folder.path().to_owned(), bytes_max, descriptors_max: 1_024 };
    let depot = Arc::new(Depot::open(&settings, Arc::new(Still)).unwrap());
    let walk = depot.begin_walk();
    let mut looks = 0;
    while count_files(folder.path()) > 2 * SHARE {
        looks += 1;
        assert!(looks < 100_000, "{} files are left", count_files(folder.path()));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    walk.abort();
    assert!(count_files(folder.path()) > SHARE, "what there is room for stays");
}

#[test]
fn what_is_changed_while_it_is_asked_for_stays_invalid() {
    let body = Body::whole(1, tempfile::tempfile().unwrap(), 5, true);
    let asked = Object { stored: Arc::new(stored()), body };
    let entry = Entry::new(1, key(0), vec![asked.clone()]);
    for validity in [Validity::Doubted, Validity::Withdrawn] {
        entry.update_all(|stored| stored.at_best(validity));
        let told = entry.update(&asked, stored()).unwrap();
        assert_eq!(told.stored.validity, validity);
    }
    // Asked after the change.
    let known = entry.objects().pop().unwrap();
    assert_eq!(entry.update(&known, stored()).unwrap().stored.validity, Validity::Standing);
}

/// Somebody says in `Accept-Encoding` what nobody else does, again and again.
#[test]
fn what_most_browsers_say_is_not_pushed_out_by_what_one_says() {
    let entry = Entry::new(1, key(0), vec![]);
    let add = |number: usize, codings: &str| {
        let file = tempfile::tempfile().unwrap();
        let fields = vec![(header::ACCEPT_ENCODING, Some(codings.replace(' ', "").into_bytes()))];
        let stored = Arc::new(Stored { vary: Vary { fields }, ..stored() });
        let body = Body::arriving(u64::try_from(number).unwrap(), file, Some(5), true);
        entry.add(Object { stored, body }, Succession::AtOnce)
    };
    assert!(add(0, "identity").is_empty() && add(1, BROWSER_CODINGS).is_empty());
    let mut gone = Vec::new();
    for number in 2..4 * VARIANTS_MAX {
        gone.extend(add(number, &format!("x{number}")).iter().map(|object| object.body.number()));
    }
    let expected: Vec<u64> = (0..).filter(|number| *number != 1).take(gone.len()).collect();
    assert_eq!((gone.len(), gone), (3 * VARIANTS_MAX, expected));
    assert!(entry.has(1) && entry.objects().len() == VARIANTS_MAX);
}

/// Adds a variant for this device, by what a browser says in `Accept-Language`: its body, and the numbers of those that leave.
fn add_variant(entry: &Entry, number: u64, language: &str, device: Mac) -> (Arc<Body>, Vec<u64>) {
    let fields = vec![(header::ACCEPT_LANGUAGE, Some(language.as_bytes().to_vec()))];
    let stored = Arc::new(Stored { vary: Vary { fields }, ..stored() });
    let body = Body::arriving(number, tempfile::tempfile().unwrap(), Some(5), true);
    body.note_reader(device);
    let object = Object { stored, body: Arc::clone(&body) };
    let gone = entry.add(object, Succession::AtOnce);
    (body, gone.iter().map(|object| object.body.number()).collect())
}

/// Somebody says in `Accept-Language` what nobody else does, again and again.
#[test]
fn what_others_read_is_not_pushed_out_by_what_one_asks_for() {
    let [lina, malo, rude] = [1, 2, 3].map(|last| Mac::new([2, 0, 0, 0, 0, last]));
    let many = u64::try_from(VARIANTS_MAX).unwrap();
    let entry = Entry::new(1, key(0), vec![]);
    let (french, _) = add_variant(&entry, 0, "fr", lina);
    french.note_reader(lina);
    assert!(!french.is_shared());
    french.note_reader(malo);
    add_variant(&entry, 1, "de", malo);
    let fill = |numbers: std::ops::Range<u64>| {
        let added = numbers.map(|number| add_variant(&entry, number, &format!("x{number}"), rude).1);
        added.flatten().collect::<Vec<u64>>()
    };
    assert_eq!(fill(2..many), [0; 0]);
    // His own leave, one after the other.
    assert_eq!(fill(many..4 * many), (2..3 * many + 2).collect::<Vec<_>>());
    assert!(entry.has(0) && entry.has(1));
    // And for one of the class one of his, though another one is older.
    assert_eq!(add_variant(&entry, 100, "it", lina).1, [3 * many + 2]);
    assert!(entry.has(0) && entry.has(1) && entry.objects().len() == VARIANTS_MAX);
}

/// Of what is here from before the start nobody knows who has read it.
#[test]
fn one_alone_pushes_out_one_of_what_all_read() {
    let rude = Mac::new([2, 0, 0, 0, 0, 3]);
    let many = u64::try_from(VARIANTS_MAX).unwrap();
    let entry = Entry::new(1, key(0), vec![]);
    for number in 0..many {
        add_variant(&entry, number, &format!("x{number}"), rude).0.note_shared();
    }
    let added = (many..3 * many).map(|number| add_variant(&entry, number, &format!("x{number}"), rude).1);
    let gone: Vec<u64> = added.flatten().collect();
    assert_eq!(gone, [0].into_iter().chain(many..3 * many - 1).collect::<Vec<_>>());
}
