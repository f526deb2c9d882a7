//! A list of UT1's full size, made from the part of it that is at hand.
//!
//! The published list has 4.6 million names in `adult`; the files for tests lack them. The names made here
//! keep the top-level domains, the numbers of labels and the lengths of the names that are there, and join
//! the beginning of one label to the end of another: an index of them is as large as one of real names.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use blocklist::DomainLine;
use flate2::read::GzDecoder;

use crate::random::Random;

/// Names in the whole published list.
pub const FULL_NAMES: usize = 4_600_000;
/// Of the made names, one in this many goes to `malware` and to `phishing` instead of `adult`.
const MALWARE_SHARE: usize = 17;
/// Real names stand in the list, made ones come from this seed: every run has the same list.
const SEED: u64 = 0x5052_4541_5500_0001;
/// Syllables for machines without the published list.
const SYLLABLES: [&str; 24] = [
    "ba", "bel", "ca", "cam", "da", "do", "fi", "ga", "hot", "in", "jo", "ka", "la", "lo", "ma", "ne", "pi",
    "ra", "sa", "ti", "tube", "vi", "web", "zo",
];

/// Where the published list is on a developer's machine, beside the repository.
#[must_use]
pub fn published_list() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ut1/blacklists.tar.gz")
}

/// Writes a UT1 directory of `count` different names into `folder`, which is made, and returns the names.
///
/// The list of an earlier run goes first: its made names would be taken for published ones.
///
/// # Errors
/// When the published list is damaged or has more names than `count`, or the folder cannot be written.
pub fn write_list(folder: &Path, count: usize) -> anyhow::Result<Vec<String>> {
    let root = folder.join(blocklist::ROOT_FOLDER);
    match fs::remove_dir_all(&root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).context("the old list"),
        Ok(()) | Err(_) => fs::create_dir_all(&root)?,
    }
    let mut names = unpack(&published_list(), &root)?;
    if names.is_empty() {
        names = syllable_names(10_000);
        write_lines(&root.join("gambling/domains"), names.iter())?;
    }
    ensure!(names.len() <= count, "the published list alone has {} names", names.len());
    let made = make_names(&names, count - names.len(), SEED);
    let (mut adult, mut malware) = (Vec::new(), Vec::new());
    for (number, name) in made.iter().enumerate() {
        if number % MALWARE_SHARE == 0 { malware.push(name) } else { adult.push(name) }
    }
    write_lines(&root.join("adult/domains"), adult.into_iter())?;
    write_lines(&root.join("malware/domains"), malware.iter().copied())?;
    write_lines(&root.join("phishing/domains"), malware.into_iter())?;
    names.extend(made);
    Ok(names)
}

/// Makes `count` names like `models`, none of them among these, all different.
#[must_use]
pub fn make_names(models: &[String], count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut seen: HashSet<String> = models.iter().cloned().collect();
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let (Some(shape), Some(other)) = (random.choose(models), random.choose(models)) else { break };
        let name = join(shape, other, &mut random);
        if seen.insert(name.clone()) {
            made.push(name);
        }
    }
    made
}

/// The names asked of a filter: a share of them in no list, nor under a listed name; half of the others are
/// listed themselves, half lie under a listed name.
#[must_use]
pub fn make_queries(listed: &[String], count: usize, missing_percent: usize, seed: u64) -> Vec<String> {
    let missing = count * missing_percent / 100;
    let known: HashSet<&str> = listed.iter().map(String::as_str).collect();
    let mut random = Random::new(seed);
    let mut queries =
        make_names(listed.get(..listed.len().min(500_000)).unwrap_or(listed), missing * 2, seed);
    let parents = |name: &str| name.match_indices('.').map(|(dot, _)| dot + 1).collect::<Vec<_>>();
    let is_covered = |name: &str| {
        known.contains(name)
            || parents(name)
                .iter()
                .any(|&start| name.get(start..).is_some_and(|parent| known.contains(parent)))
    };
    queries.retain(|name| !is_covered(name));
    queries.truncate(missing);
    while queries.len() < count {
        let Some(name) = random.choose(listed) else { break };
        queries.push(if random.below(2) == 0 { name.clone() } else { format!("www.{name}") });
    }
    random.shuffle(&mut queries);
    queries
}

/// `shape` with a first label that begins like its own and ends like that of `other`.
fn join(shape: &str, other: &str, random: &mut Random) -> String {
    let (label, rest) = shape.split_once('.').unwrap_or((shape, "example"));
    let (tail, _) = other.split_once('.').unwrap_or((other, ""));
    let head = label.get(..=random.below(label.len())).unwrap_or(label);
    let tail = tail.get(random.below(tail.len())..).unwrap_or(tail);
    let joined: String = head.chars().chain(tail.chars()).take(model::LABEL_BYTES_MAX).collect();
    format!("{}.{rest}", joined.trim_matches('-'))
}

fn syllable_names(count: usize) -> Vec<String> {
    let mut random = Random::new(SEED);
    let mut names = HashSet::new();
    while names.len() < count {
        let syllables = 2 + random.below(4);
        let label: String = (0..syllables).filter_map(|_| random.choose(&SYLLABLES)).copied().collect();
        let top = random.choose(&["com", "com", "com", "net", "org", "fr", "info", "xyz"]).unwrap_or(&"com");
        names.insert(format!("{label}.{top}"));
    }
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names
}

/// Unpacks the published list and returns its names, each once; nothing where there is none.
fn unpack(archive: &Path, root: &Path) -> anyhow::Result<Vec<String>> {
    let Ok(file) = File::open(archive) else { return Ok(Vec::new()) };
    let folder = root.parent().context("the list's folder")?;
    tar::Archive::new(GzDecoder::new(file)).unpack(folder).context("unpacking the published list")?;
    let mut names = HashSet::new();
    for category in fs::read_dir(root)? {
        let mut content = String::new();
        if let Ok(mut domains) = File::open(category?.path().join("domains")) {
            domains.read_to_string(&mut content)?;
        }
        names.extend(content.lines().filter_map(|line| name_of(line.trim())));
    }
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    Random::new(SEED).shuffle(&mut names);
    Ok(names)
}

/// The name that a line covers, in its usual spelling; none of an address or a rejected line.
fn name_of(line: &str) -> Option<String> {
    match DomainLine::parse(line) {
        Ok(DomainLine::Name(name)) => Some(name.as_str().to_owned()),
        Ok(DomainLine::Address(_)) | Err(_) => None,
    }
}

fn write_lines<'n>(path: &Path, lines: impl Iterator<Item = &'n String>) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut file = BufWriter::new(File::create(path)?);
    for line in lines {
        writeln!(file, "{line}")?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_names_are_valid_different_and_the_same_in_every_run() {
        let models = syllable_names(1_000);
        let made = make_names(&models, 20_000, 1);
        assert_eq!(made, make_names(&models, 20_000, 1));
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), 20_000);
        assert!(made.iter().all(|name| name_of(name).as_ref() == Some(name) && !models.contains(name)));
    }

    #[test]
    fn every_run_leaves_the_same_list() {
        /// Some more than the published list has.
        const NAMES: usize = 400_000;
        let folder = tempfile::tempdir().unwrap();
        let first = write_list(folder.path(), NAMES).unwrap();
        assert_eq!(first.len(), NAMES);
        assert!(first == write_list(folder.path(), NAMES).unwrap());
        let mut written = HashSet::new();
        for category in fs::read_dir(folder.path().join(blocklist::ROOT_FOLDER)).unwrap() {
            let lines = fs::read_to_string(category.unwrap().path().join("domains")).unwrap_or_default();
            written.extend(lines.lines().filter_map(|line| name_of(line.trim())));
        }
        assert!(written == first.into_iter().collect());
        assert!(write_list(folder.path(), 1).is_err());
    }

    #[test]
    fn queries_have_the_share_of_misses() {
        let listed = syllable_names(1_000);
        let queries = make_queries(&listed, 1_000, 84, 2);
        let is_listed = |query: &String| {
            let name = query.strip_prefix("www.").unwrap_or(query);
            listed.iter().any(|listed| listed == name)
        };
        assert_eq!(queries.iter().filter(|query| is_listed(query)).count(), 160);
    }
}
