//! What must hold for seals with parts: a search and an extract find in them what was sealed, as long as it is kept, and
//! nothing in the place of what is not.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Cursor;
use std::ops::ControlFlow;

use journal::simulation::Disk;
use journal::{Ended, Found, FoundPersonAct, Harvested, Hit, Query, Sequence, Tally};
use model::{
    AccessKind, ClockQuality, Closing, End, Host, PersonAct, PersonDeed, Purpose, Reason, Selection, Verdict,
    When,
};

use super::fixture::at;
use crate::apart::PartsWriter;
use crate::bundle::zip::ZipReader;
use crate::row::Row;
use crate::{
    BundleRemark, BundleReport, BundleTrust, Expiry, Extract, Fact, Field, Form, FoundAnywhere, Hash,
    Identity, Log, Packer, Pedigree, Promptness, Request, Retention, Seal, SealedFile, SigningKey, State,
    Table, Term, decrypt, encrypt, join_apart, part_name, query, search, verify_bundle,
};

/// Days of a hundred seconds, of so many accesses and an act each.
const DAYS: u64 = 3;
const ACCESSES: u64 = 4;

/// Sealed days, each kind of field apart.
struct School {
    key: SigningKey,
    reader: Identity,
    form: Form,
    log: Log,
    files: BTreeMap<String, Vec<u8>>,
}

fn access(sequence: u64, second: i64) -> Found {
    let closing = Closing {
        bytes_up: 517,
        bytes_down: 1_000 + sequence,
        duration_ms: 1_250,
        peer: Some("192.0.2.1:443".parse().unwrap()),
        end: End::Finish,
    };
    Found {
        sequence: Sequence::new(sequence),
        at: at(second),
        clock: ClockQuality::Synchronised,
        when: When::Shown(at(second)),
        device: format!("CM2-{:02}", sequence % 3),
        mac: Some("02:00:00:00:00:04".parse().unwrap()),
        room: Some("CM2".parse().unwrap()),
        profile: "elementaire".parse().unwrap(),
        lesson: None,
        person: None,
        kind: AccessKind::Tls,
        host: Some(Host::parse("fr.vikidia.org").unwrap()),
        destination: Some("192.0.2.1:443".parse().unwrap()),
        verdict: Verdict::Permit,
        reason: Reason::NotListed,
        ended: Some(Ended::new(at(second + 1), closing)),
        count: 1,
        last_at: at(second),
    }
}

fn records() -> Vec<Harvested> {
    let mut records = Vec::new();
    for day in 0..DAYS {
        let (first, second) = (day * (ACCESSES + 1) + 1, i64::try_from(day).unwrap() * 100);
        records.extend((first..first + ACCESSES).map(|it| Harvested::Access(Box::new(access(it, second)))));
        let act = PersonAct { author: "Mme Martin".parse().unwrap(), device: None, deed: PersonDeed::SignIn };
        let (sequence, clock) = (Sequence::new(first + ACCESSES), ClockQuality::Synchronised);
        let (at, when) = (at(second + 9), When::Shown(at(second + 9)));
        records.push(Harvested::Person(Box::new(FoundPersonAct { sequence, at, clock, when, act })));
    }
    records
}

impl School {
    fn new(form: Form) -> Self {
        let key = SigningKey::of_box([7; 32]).unwrap();
        let mut it =
            Self { key, reader: Identity::generate(), form, log: Log::default(), files: BTreeMap::new() };
        let per_day = usize::try_from(ACCESSES + 1).unwrap();
        records().chunks(per_day).for_each(|records| it.seal(records));
        it
    }

    fn seal(&mut self, records: &[Harvested]) {
        let retention = Retention::new(|field| match field {
            Field::Who | Field::Traffic | Field::Destination => Some(30),
            Field::Access => Some(60),
            Field::Acts => None,
        });
        let retention = retention.unwrap();
        let mut writer = PartsWriter::new(&retention).unwrap();
        records.iter().flat_map(Row::of).for_each(|row| writer.push(row).unwrap());
        let (number, after) = (self.log.next_number(), self.log.through());
        let mut sealed = Vec::new();
        for part in writer.finish().unwrap() {
            let bytes = match self.form {
                Form::Plain => part.table,
                Form::Encrypted => encrypt(&part.table, &[self.reader.reader()]).unwrap(),
            };
            let (length, hash) = (bytes.len() as u64, Hash::of(&bytes));
            sealed.push((part.field, SealedFile { form: self.form, bytes: length, hash, rows: part.rows }));
            self.files.insert(part_name(number, part.field, self.form), bytes);
        }
        let (_, file) = sealed.remove(0);
        let day = i64::try_from(number - 1).unwrap() * 100;
        let count = records.len() as u64;
        let tally = Tally {
            records: count,
            last_sequence: after + count,
            times: Some((at(day), at(day + 9))),
            clocks: [count, 0, 0],
            ..Tally::default()
        };
        let seal = Seal::new(&tally, after, (number, number), "2026-11-23".to_owned(), file);
        let (sealed_at, clock) = (at(day + 100), ClockQuality::Synchronised);
        self.log.append(Seal { parts: sealed, sealed: sealed_at, sealed_clock: clock, ..seal }, &self.key);
    }

    /// Deletes a part, as the box does when its time is over.
    fn expire(&mut self, seal: u64, field: Field) {
        let of = self.log.seals().find(|it| it.number == seal).unwrap().clone();
        let hash = of.file(field).unwrap().hash;
        let term = Term { days: 30, due: at(900), promptness: Promptness::OnTime, vouched: None };
        let expiry = Expiry { seal, field, hash, found: State::Intact, term };
        self.log.state((at(900), ClockQuality::Synchronised), Fact::Expiry(expiry), &self.key);
        self.files.remove(&part_name(seal, field, self.form)).unwrap();
    }

    fn open(&self, seal: &Seal) -> Result<Option<Table>, Box<dyn Error + Send + Sync>> {
        let deleted = self.log.expiries();
        let mut tables = Vec::new();
        for (field, _, name) in seal.files() {
            if deleted.contains_key(&(seal.number, field)) {
                continue;
            }
            let bytes = self.files.get(&name).ok_or("a file is missing")?.clone();
            tables.push(match self.form {
                Form::Plain => bytes,
                Form::Encrypted => decrypt(&bytes, std::slice::from_ref(&self.reader))?.unwrap(),
            });
        }
        Ok(Some(Table::open(join_apart(tables, seal.file(Field::Who).is_some())?)?))
    }

    fn search(&self, query: &Query) -> Vec<Hit> {
        let mut hits = Vec::new();
        search(
            &self.log,
            |seal| self.open(seal),
            &Disk::default(),
            query,
            |found| {
                let FoundAnywhere::Hit(hit) = found else { panic!("{found:?}") };
                hits.push(*hit);
                ControlFlow::Continue(())
            },
        )
        .unwrap();
        hits
    }

    fn extract(&self, selection: &Selection, change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Vec<u8> {
        let mut extract = Extract::new(selection, &self.log, 1_000).unwrap();
        self.search(&query(selection)).iter().for_each(|hit| extract.push(hit).unwrap());
        let extracted = extract.finish().unwrap();
        let request = Request {
            author: "Mme Durand".parse().unwrap(),
            purpose: Purpose::Oversight,
            detail: "contrôle".parse().unwrap(),
            reading: None,
        };
        let pedigree = Pedigree { key: &self.key, log: &self.log, witnessed: None };
        let (asked, made) = ((&request, selection), (at(1_000), ClockQuality::Synchronised));
        let mut packer = Packer::new(Vec::new(), pedigree, &extracted, asked, made).unwrap();
        let seals = self.log.seals().filter(|seal| extracted.seals.contains(&seal.number));
        let names = seals.flat_map(Seal::files).map(|(_, _, name)| name);
        let mut files: Vec<_> =
            names.filter_map(|name| Some((name.clone(), self.files.get(&name)?.clone()))).collect();
        change(&mut files);
        files.iter().for_each(|(name, bytes)| packer.add_sealed(name, bytes).unwrap());
        packer.finish(|_| String::new()).unwrap().0
    }

    fn check(&self, bundle: &[u8]) -> BundleReport {
        let identities = Identity::read_all(&self.reader.write()).unwrap();
        let trust =
            BundleTrust { signer: Some(self.key.verifier().clone()), identities, ..BundleTrust::default() };
        verify_bundle(Cursor::new(bundle), &trust)
    }
}

fn all() -> Selection {
    Selection { from: Some(at(0)), to: Some(at(300)), with_people: true, ..Selection::default() }
}

fn accesses(hits: Vec<Hit>) -> Vec<Found> {
    let accesses =
        hits.into_iter().filter_map(|hit| if let Hit::Access(found) = hit { Some(*found) } else { None });
    accesses.collect()
}

#[test]
fn a_search_over_parts_finds_what_was_sealed() {
    for form in [Form::Plain, Form::Encrypted] {
        let it = School::new(form);
        assert_eq!(it.files.len(), 15, "five files a seal");
        let hits = it.search(&Query::default());
        assert_eq!(hits.len(), records().len());
        let expected: Vec<Found> = records()
            .into_iter()
            .filter_map(|one| if let Harvested::Access(found) = one { Some(*found) } else { None })
            .collect();
        assert_eq!(accesses(hits), expected);
        let device = Query { device: Some("cm2-02".to_owned()), from: Some(at(100)), ..Query::default() };
        let numbers: Vec<u64> =
            accesses(it.search(&device)).iter().map(|found| found.sequence.number()).collect();
        assert_eq!(numbers, [8, 11, 14]);
    }
}

#[test]
fn what_is_deleted_is_nowhere_and_nothing_stands_in_its_place() {
    let mut it = School::new(Form::Encrypted);
    it.expire(1, Field::Traffic);
    it.expire(2, Field::Who);
    it.expire(2, Field::Destination);
    it.expire(3, Field::Access);
    let hits = it.search(&Query::default());
    let acts = hits.iter().filter(|hit| matches!(hit, Hit::Person(_))).count();
    assert_eq!(acts, 3, "acts are kept for longer than accesses");
    let found = accesses(hits);
    let measured = |range: std::ops::Range<usize>| {
        found[range].iter().filter_map(|found| found.ended.unwrap().measured()).count()
    };
    assert_eq!((found.len(), measured(0..4), measured(4..8)), (8, 0, 4));
    assert!(found[4..].iter().all(|found| found.device == "deleted" && found.destination.is_none()));
    let device = Query { device: Some("CM2-01".to_owned()), ..Query::default() };
    assert!(accesses(it.search(&device)).iter().all(|found| found.sequence.number() < 5));

    let bundle = it.extract(&all(), |_| ());
    let mut archive = ZipReader::open(Cursor::new(&bundle)).unwrap();
    let text = String::from_utf8(archive.read("extrait.csv").unwrap().unwrap().0).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(';').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(';').collect()).collect();
    assert_eq!(rows.len(), 11);
    let cells = |name: &str| {
        let place = names.iter().position(|other| *other == name).unwrap();
        rows.iter()
            .filter(|row| row[names.iter().position(|it| *it == "record").unwrap()] == "access")
            .map(|row| row[place])
            .collect::<Vec<_>>()
    };
    for column in ["bytes_up", "bytes_down", "duration_ms"] {
        let cells = cells(column);
        assert!(cells[..4].iter().all(|cell| cell.is_empty()), "{column}: {cells:?}");
        assert!(cells[4..].iter().all(|cell| !cell.is_empty()), "{column}: {cells:?}");
    }
    for column in ["device", "mac", "room", "profile", "destination", "peer"] {
        let cells = cells(column);
        assert!(cells[..4].iter().all(|cell| !cell.is_empty()), "{column}: {cells:?}");
        assert!(cells[4..].iter().all(|cell| cell.is_empty()), "{column}: {cells:?}");
    }
}

#[test]
fn an_extract_names_what_is_deleted_and_proves_the_rest() {
    for form in [Form::Plain, Form::Encrypted] {
        let mut it = School::new(form);
        let report = it.check(&it.extract(&all(), |_| ()));
        assert!(report.is_right(), "{report}");
        assert!(report.remarks.contains(&BundleRemark::Compared { seals: 3, rows: 15 }), "{report}");
        it.expire(1, Field::Traffic);
        it.expire(2, Field::Who);
        it.expire(3, Field::Access);
        let report = it.check(&it.extract(&all(), |_| ()));
        assert!(report.is_right(), "{report}");
        for (seal, field) in [(1, Field::Traffic), (2, Field::Who), (3, Field::Access)] {
            assert!(report.remarks.contains(&BundleRemark::Deleted { seal, field }), "{report}");
        }
        assert!(report.remarks.contains(&BundleRemark::Compared { seals: 3, rows: 11 }), "{report}");
        assert!(!report.remarks.contains(&BundleRemark::Complete), "nothing is of after it: {report}");
        let earlier = Selection { to: Some(at(200)), ..all() };
        let report = it.check(&it.extract(&earlier, |_| ()));
        assert!(report.is_right() && report.remarks.contains(&BundleRemark::Complete), "{report}");

        // A part that is not deleted is not left out.
        let name = part_name(3, Field::Acts, form);
        let report = it.check(&it.extract(&all(), |files| files.retain(|(other, _)| *other != name)));
        let left_out =
            format!("seal 3: it may have something that was asked for, and scelles/{name} is left out");
        assert!(report.to_string().contains(&left_out), "{report}");
        // Nor one of them another.
        let report = it.check(&it.extract(&all(), |files| files.last_mut().unwrap().1.push(0)));
        assert!(report.to_string().contains(&format!("{name} is not what seal 3 has sealed")), "{report}");
    }
}

/// Who it was is deleted: that a device is not found does not mean that it did nothing.
#[test]
fn a_device_that_cannot_be_found_any_more_is_told() {
    let mut it = School::new(Form::Plain);
    it.expire(2, Field::Who);
    let device = Selection { device: Some("CM2-01".parse().unwrap()), ..all() };
    let count = |query: &Query| {
        search(&it.log, |seal| it.open(seal), &Disk::default(), query, |_| ControlFlow::Continue(()))
            .unwrap()
            .seals_nameless
    };
    assert_eq!((count(&query(&device)), count(&query(&all()))), (1, 0));
    let report = it.check(&it.extract(&device, |_| ()));
    assert!(report.is_right() && report.remarks.contains(&BundleRemark::Nameless(1)), "{report}");
    assert!(!report.remarks.contains(&BundleRemark::Complete), "{report}");
    assert!(report.remarks.contains(&BundleRemark::Unrecorded), "{report}");
}

/// A seal of which nothing is left is nowhere in an extract but among the deleted.
#[test]
fn a_seal_that_is_deleted_is_named() {
    let mut it = School::new(Form::Plain);
    Field::ALL.into_iter().for_each(|field| it.expire(1, field));
    let bundle = it.extract(&all(), |_| ());
    let report = it.check(&bundle);
    assert!(report.is_right() && report.rows == 10 && report.seals == 2, "{report}");
    let deleted = report.manifest.unwrap().deleted;
    assert_eq!(deleted, Field::ALL.map(|field| (1, field)));
}
