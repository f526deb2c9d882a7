//! What is left of a key in this process's memory once nobody needs it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use portal::{NewReading, Reader, ReadingRoom as _};
use zeroize::Zeroizing;

use super::readings::{new, within};
use super::*;

/// A key, from its end to its beginning: so it stands nowhere in this program.
const BACKWARDS: &str = "JFEJ9KS63UZPQZ30603ZQU5CJHZQ4YKS25GY8VXEQ8W76YCGUM9XK25K841-YEK-TERCES-EGA";
/// The part of it that is looked for: what no other key has.
const PART: usize = 20;
/// Bytes that are looked at at once, and the most of a region: this process has no larger one but what it maps of files.
const CHUNK: usize = 1 << 20;
const REGION_MAX: u64 = 1 << 30;

/// Whether the key, in letters of any case, stands anywhere in what this process may write.
fn is_in_memory() -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    let regions = maps.lines().filter(|line| line.contains(" rw"));
    regions.filter_map(|line| line.split_once(' ')?.0.split_once('-')).any(|(start, end)| {
        let [start, end] = [start, end].map(|place| u64::from_str_radix(place, 16).unwrap());
        end - start <= REGION_MAX && is_in_region(&memory, start, end)
    })
}

fn is_in_region(memory: &File, mut start: u64, end: u64) -> bool {
    let mut chunk = Zeroizing::new(vec![0; CHUNK]);
    while start < end {
        // The kernel gives no more of some of its own.
        let Ok(count @ 1..) = memory.read_at(&mut chunk, start) else { return false };
        let bytes = &chunk[..count.min(usize::try_from(end - start).unwrap())];
        if is_in(bytes) {
            return true;
        }
        // The key may lie across two chunks.
        let step = if bytes.len() > BACKWARDS.len() { bytes.len() - BACKWARDS.len() } else { bytes.len() };
        start += u64::try_from(step).unwrap();
    }
    false
}

fn is_in(bytes: &[u8]) -> bool {
    let needle = &BACKWARDS.as_bytes()[..PART];
    let first = needle[PART - 1];
    bytes.windows(PART).any(|window| {
        window[0].eq_ignore_ascii_case(&first)
            && window.iter().rev().zip(needle).all(|(one, other)| one.eq_ignore_ascii_case(other))
    })
}

fn key() -> Zeroizing<String> {
    let mut key = Zeroizing::new(String::with_capacity(BACKWARDS.len()));
    key.extend(BACKWARDS.chars().rev());
    key
}

#[test]
fn nothing_is_left_of_the_text_of_a_key() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let reader: Reader<'_> = within(&head, 'a');
    assert!(!is_in_memory());
    let typed = key();
    assert!(is_in_memory(), "it would be found");
    drop(typed);
    assert!(!is_in_memory(), "what is dropped is wiped");
    let id = it.office.open_reading(DESK_PC.into(), reader, &NewReading { key: key(), ..new(60) }).unwrap();
    assert!(!is_in_memory(), "the reading needs the key, and not its text");
    it.office.look(DESK_PC.into(), reader, id, &Selection::default(), 0).unwrap();
    it.office.unlock_reading(reader, id, &key()).unwrap();
    assert_eq!(it.office.unlock_reading(reader, id, &key()[..70]), Err(Trouble::Key));
    it.office.close_reading(DESK_PC.into(), &head, id).unwrap();
    assert!(!is_in_memory());
}
