//! Records, seals and a vault in memory, for tests.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use journal::simulation::Disk;
use journal::{Hit, Query, SegmentId, Source, Writer};
use model::{
    AccessKind, ClockQuality, Device, Fault, Host, Layer, LessonId, Reason, Ruling, Subject, Timestamp,
    UnknownDevice, Verdict, When,
};
use policy::Decided;

use crate::{
    Form, FoundAnywhere, Hash, Identity, Log, Seal, SealedFile, SigningKey, Table, Trust, Vault, encrypt,
    search, write_table,
};

/// 2026-11-23 00:00:00 UTC.
const DAY_START_S: i64 = 1_795_392_000;

/// The random part of the box's key.
const SEED: [u8; 32] = [7; 32];

/// So many seconds into a school day.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms((DAY_START_S + seconds) * 1_000)
}

/// A decision, whatever the policy would say.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) verdict: Verdict,
    pub(super) subject: Subject,
    pub(super) kind: AccessKind,
    pub(super) host: Option<Host>,
    pub(super) destination: Option<SocketAddr>,
    pub(super) lesson: Option<LessonId>,
    pub(super) reason: Reason,
}

impl Asked {
    pub(super) fn dns(device: u8, name: &str) -> Self {
        Self {
            verdict: Verdict::Permit,
            subject: subject(device),
            kind: AccessKind::Dns,
            host: Host::parse(name).ok(),
            destination: None,
            lesson: None,
            reason: Reason::NotListed,
        }
    }

    /// One of many, each as another journal would have it.
    pub(super) fn varied(seed: u32) -> Self {
        let pick = |count: u32, shift: u32| (seed >> shift) % count;
        let kinds = [AccessKind::Dns, AccessKind::Tls, AccessKind::Http, AccessKind::Connect];
        let names =
            ["fr.vikidia.org", "www.casino.example", "casino.example", "", "192.0.2.7", "a.b.c.example.org"];
        let reasons = reasons();
        let place = |from: u32, count: usize| usize::try_from(from).unwrap() % count;
        let reason = reasons[place(pick(97, 3), reasons.len())].clone();
        let is_refused = pick(2, 5) == 1;
        Self {
            verdict: if is_refused { Verdict::Refuse } else { Verdict::Permit },
            subject: subject(u8::try_from(pick(5, 7)).unwrap()),
            kind: kinds[place(pick(4, 11), 4)],
            host: Host::parse(names[place(pick(6, 13), names.len())]).ok(),
            destination: (pick(3, 17) > 0).then(|| "[2001:db8::1]:443".parse().unwrap()),
            lesson: None,
            reason,
        }
    }
}

/// Every reason there is.
pub(super) fn reasons() -> Vec<Reason> {
    let category = || "adult".parse().unwrap();
    let ruled = |layer, until| {
        let author = "Mme Martin".parse().unwrap();
        Reason::Ruled(Arc::new(Ruling { layer, entry: "a.fr".into(), author, until }))
    };
    let reasons = [
        Reason::NotListed,
        Reason::Listed { category: category(), entry: "a.fr".into() },
        Reason::WhiteListed { category: category(), entry: "a.fr".into() },
        Reason::Workspace { entry: "a.fr".into() },
        Reason::NotWhiteListed,
        Reason::ClosedHours,
        Reason::Locked { category: category(), entry: "a.fr".into() },
        ruled(Layer::Commune, None),
        ruled(Layer::School, None),
        ruled(Layer::Lesson, Some(at(60_000))),
    ];
    reasons.into_iter().chain(Fault::ALL.map(Reason::Fault)).collect()
}

fn subject(device: u8) -> Subject {
    let mac = format!("02:00:00:00:00:{device:02x}").parse().unwrap();
    match device {
        0 => UnknownDevice { mac: None, address: "10.77.0.11".parse().unwrap() }.into(),
        1 => UnknownDevice { mac: Some(mac), address: "10.77.0.11".parse().unwrap() }.into(),
        _ => Subject::Device(Arc::new(Device {
            mac,
            name: format!("CM2-{device:02}").parse().unwrap(),
            room: (device != 2).then(|| "CM2".parse().unwrap()),
            profile: "elementaire".parse().unwrap(),
        })),
    }
}

impl Decided for Asked {
    fn verdict(&self) -> Verdict {
        self.verdict
    }
    fn subject(&self) -> &Subject {
        &self.subject
    }
    fn kind(&self) -> AccessKind {
        self.kind
    }
    fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }
    fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }
    fn lesson(&self) -> Option<LessonId> {
        self.lesson
    }
    fn reason(&self) -> &Reason {
        &self.reason
    }
}

/// Why a table cannot be opened.
type OpenError = std::boxed::Box<dyn Error + Send + Sync>;

/// A box without files: its disk, its key, its sealed files.
pub(super) struct Box {
    pub(super) disk: Disk,
    pub(super) key: SigningKey,
    pub(super) log: Log,
    pub(super) vault: Memory,
    journal: journal::Journal,
    writer: Writer<Disk>,
}

impl Box {
    pub(super) fn new() -> Self {
        let disk = Disk::default();
        let (journal, mut writer) = journal::open(disk.clone());
        // Days of a hundred seconds.
        writer.split_days_by(|at| at.unix_ms().div_euclid(100_000));
        writer.commit(at(0)).unwrap();
        let key = SigningKey::of_box(SEED).unwrap();
        Self { disk, key, log: Log::default(), vault: Memory::default(), journal, writer }
    }

    pub(super) fn record(&mut self, now: Timestamp, asked: Asked) -> u64 {
        let recorded = self.journal.record(now, ClockQuality::Synchronised, asked).unwrap();
        let number = recorded.sequence().number();
        self.writer.commit(now).unwrap();
        number
    }

    /// Records by a clock that nobody has set.
    pub(super) fn record_unset(&mut self, now: Timestamp, asked: Asked) -> u64 {
        self.record_by(ClockQuality::Unset, now, asked)
    }

    /// Records by a clock of this quality.
    pub(super) fn record_by(&mut self, clock: ClockQuality, now: Timestamp, asked: Asked) -> u64 {
        let recorded = self.journal.record(now, clock, asked).unwrap();
        self.writer.commit(now).unwrap();
        recorded.sequence().number()
    }

    /// The numbers of the accesses that a search finds, and when they were made.
    pub(super) fn find(&self, query: &Query) -> Vec<(u64, When)> {
        let mut found = Vec::new();
        let vault = &self.vault;
        search(
            &self.log,
            |seal| vault.open(seal),
            &self.disk,
            query,
            |one| {
                if let FoundAnywhere::Hit(hit) = one
                    && let Hit::Access(access) = *hit
                {
                    found.push((access.sequence.number(), access.when));
                }
                ControlFlow::Continue(())
            },
        )
        .unwrap();
        found
    }

    /// The clock is set; it showed `before`.
    pub(super) fn set_clock(&mut self, now: Timestamp, before: Timestamp) {
        self.journal.record_clock(now, ClockQuality::Synchronised, before).unwrap();
        self.writer.commit(now).unwrap();
    }

    pub(super) fn commit(&mut self, now: Timestamp) {
        self.writer.commit(now).unwrap();
    }

    /// Seals all segments but the last, and takes them away.
    pub(super) fn seal(&mut self, now: Timestamp) {
        self.seal_by(ClockQuality::Synchronised, now);
    }

    /// The same by a clock of this quality.
    pub(super) fn seal_by(&mut self, clock: ClockQuality, now: Timestamp) {
        let mut segments = self.disk.list().unwrap();
        segments.pop();
        let after = self.log.through();
        let (table, rows, tally) = write_table(&self.disk, &segments, after).unwrap();
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
            panic!("nothing to seal")
        };
        let file = SealedFile { form: Form::Plain, bytes: table.len() as u64, hash: Hash::of(&table), rows };
        let seal = Seal::new(&tally, after, (first.number(), last.number()), "2026-11-23".to_owned(), file);
        self.log.append(Seal { sealed: now, sealed_clock: clock, ..seal }, &self.key);
        segments.iter().for_each(|segment| self.disk.take_away(*segment));
        self.vault.files.insert(self.log.last().unwrap().file_name(), table);
        self.publish();
    }

    /// Seals all again, with the file of this seal encrypted.
    fn encrypt(&mut self, number: u64) {
        let mut log = Log::default();
        for seal in self.log.seals() {
            let mut seal = seal.clone();
            if seal.number == number {
                let table = self.vault.files.remove(&seal.file_name()).unwrap();
                let bytes = encrypt(&table, &[Identity::generate().reader()]).unwrap();
                let (form, hash) = (Form::Encrypted, Hash::of(&bytes));
                seal.file = SealedFile { form, bytes: bytes.len() as u64, hash, rows: seal.file.rows };
                self.vault.files.insert(seal.file_name(), bytes);
            }
            log.append(seal, &self.key);
        }
        self.log = log;
        self.publish();
    }

    /// Writes the log as it is.
    pub(super) fn publish(&mut self) {
        self.vault.log = Some(self.log.to_string().into_bytes());
        self.vault.checkpoint = self.log.entries().last().map(|entry| entry.note.write());
    }

    pub(super) fn trust(&self) -> Trust {
        Trust { signer: self.key.verifier().clone(), witnessed: None }
    }

    pub(super) fn verify(&self) -> crate::Report {
        crate::verify(&self.vault, &self.disk, &self.trust())
    }
}

/// A box with three sealed days, and a fourth that waits.
pub(super) fn box_of_days() -> Box {
    let mut it = Box::new();
    for day in 0..4 {
        for second in 0..10 {
            let seed = u32::try_from(day * 7_919 + second * 104_729).unwrap();
            it.record(at(day * 100 + second), Asked::varied(seed));
        }
        if day < 3 {
            it.commit(at((day + 1) * 100));
            it.seal(at((day + 1) * 100));
        }
    }
    it
}

/// The files of such a box, made once: its vault, of which the second file is encrypted, and its segments.
pub(super) fn files_of_days() -> (Memory, Disk) {
    type Segments = Vec<(SegmentId, Vec<u8>)>;
    static FILES: LazyLock<(Memory, Segments)> = LazyLock::new(|| {
        let mut it = box_of_days();
        it.encrypt(2);
        let segments = it.disk.list().unwrap();
        (it.vault, segments.into_iter().map(|segment| (segment, it.disk.bytes(segment))).collect())
    });
    let disk = Disk::default();
    FILES.1.iter().for_each(|(segment, bytes)| disk.put(*segment, bytes.clone()));
    (FILES.0.clone(), disk)
}

pub(super) fn trust() -> Trust {
    Trust { signer: SigningKey::of_box(SEED).unwrap().verifier().clone(), witnessed: None }
}

/// Sealed files in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) log: Option<Vec<u8>>,
    pub(super) checkpoint: Option<String>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) unnamed: BTreeMap<String, Vec<u8>>,
}

impl Memory {
    /// The table of a seal.
    pub(super) fn open(&self, seal: &Seal) -> Result<Option<Table>, OpenError> {
        let table = self.files.get(&seal.file_name()).cloned().ok_or("its file is gone")?;
        Ok(Some(Table::open(table)?))
    }
}

impl Vault for Memory {
    fn log(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.log.clone())
    }
    fn checkpoint(&self) -> io::Result<Option<String>> {
        Ok(self.checkpoint.clone())
    }
    fn files(&self) -> io::Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }
    fn measure(&self, name: &str) -> io::Result<Option<(u64, Hash)>> {
        Ok(self.files.get(name).map(|bytes| (bytes.len() as u64, Hash::of(bytes))))
    }
    fn measure_unnamed(&self, name: &str) -> io::Result<Option<(u64, Hash)>> {
        Ok(self.unnamed.get(name).map(|bytes| (bytes.len() as u64, Hash::of(bytes))))
    }
}

/// A segment's number.
pub(super) fn segment(number: u64) -> SegmentId {
    SegmentId::new(number)
}
