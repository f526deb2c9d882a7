//! The file of a USB stick, which a unit of systemd's has copied to where the box may read it. What is in it is anybody's.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portal::Setback;
use ring::digest::{SHA256, digest};
use system::private::PrivateFolder;

use super::Order;
use crate::config::{LineChoice, StickFile};
use crate::line::LineDesk;

/// Codes that were tried, each by its hash with its hub's address, in the data folder.
const TRIED_FILE: &str = "stick-codes";
/// The line that a stick has said last, as it was put in place, in the data folder: what somebody types afterwards counts more.
const PLACED_FILE: &str = "stick-line";
/// Most of them that are kept: a school sees a few in its life.
const TRIED_MAX: usize = 16;
/// Before a code is tried again at a hub that did not answer.
const PAUSE: Duration = Duration::from_secs(10);
/// The same where something else answered: the line's box wants a sign-in, or nobody has told the hub its name yet.
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// The file, and what became of it.
pub(super) struct Stick {
    path: PathBuf,
    data: PrivateFolder,
    /// The hashes of codes that are not tried again, the oldest first.
    tried: Vec<String>,
    /// What was wrong with the file, which is said once.
    refused: Option<Vec<u8>>,
    /// What is being tried, and its hash.
    under_way: Option<(Vec<u8>, String)>,
    /// When the hub may be asked again.
    not_before: Option<Instant>,
    /// Where the line is changed, on a box that has one.
    line_desk: Option<LineDesk>,
    /// The line that a stick has said last.
    placed: Option<String>,
}

impl Stick {
    pub(super) fn new(path: &Path, data: &Path) -> Self {
        let data = PrivateFolder::new(data);
        let tried = data.read(TRIED_FILE).ok().flatten().unwrap_or_default();
        let placed = data.read(PLACED_FILE).ok().flatten();
        Self {
            path: path.to_owned(),
            data,
            tried: tried.lines().map(str::to_owned).collect(),
            refused: None,
            under_way: None,
            not_before: None,
            line_desk: None,
            placed,
        }
    }

    /// The same on a box with a line.
    pub(super) fn with_line_desk(self, line_desk: Option<LineDesk>) -> Self {
        Self { line_desk, ..self }
    }

    /// What it wants to be done now; why it is not, where that was not said yet.
    pub(super) fn look(&mut self, now: Instant) -> Option<Result<Order, Setback>> {
        let (folder, name) = (self.path.parent()?, self.path.file_name()?.to_str()?);
        let bytes = match PrivateFolder::new(folder).read_bytes(name, StickFile::BYTES_MAX) {
            Ok(bytes) => bytes?,
            Err(error) => return self.refuse(error.to_string().into_bytes(), Setback::Stick),
        };
        if self.refused.as_ref() == Some(&bytes) || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        let (order, line) = match read(&bytes) {
            Ok(read) => read,
            Err(setback) => return self.refuse(bytes, setback),
        };
        let hash = hash(&order);
        if self.tried.contains(&hash) {
            return self.refuse(bytes, Setback::Used);
        }
        // Without the line no hub is reached. A line that will not do spends no code.
        if let Some(line) = &line
            && let Err(setback) = self.place(line)
        {
            return self.refuse(bytes, setback);
        }
        self.under_way = Some((bytes, hash));
        Some(Ok(order))
    }

    /// What came of the order that it gave last: `None` where it was carried out.
    pub(super) fn note(&mut self, setback: Option<Setback>, now: Instant) {
        let Some((bytes, hash)) = self.under_way.take() else { return };
        if let Some(pause) = setback.and_then(pause) {
            self.not_before = Some(now + pause);
            return;
        }
        // What came of it is shown already.
        self.refused = Some(bytes);
        self.tried.push(hash);
        let superfluous = self.tried.len().saturating_sub(TRIED_MAX);
        self.tried.drain(..superfluous);
        // On a full disk it is known to this run at least.
        if let Err(error) = self.data.replace(TRIED_FILE, &self.tried.join("\n")) {
            tracing::warn!(%error, "which codes of USB sticks were tried cannot be kept");
        }
    }

    /// Has the box be on its line as the stick says, once.
    fn place(&mut self, line: &LineChoice) -> Result<(), Setback> {
        let Some(desk) = &self.line_desk else { return Ok(()) };
        desk.check(line).map_err(|_| Setback::Line)?;
        let text = line.to_text();
        if self.placed.as_ref() == Some(&text) {
            return Ok(());
        }
        let placed = desk.keep(line).and_then(|()| self.data.replace(PLACED_FILE, &text));
        placed.map_err(|error| {
            tracing::error!(%error, "the line of the USB stick cannot be kept");
            Setback::Line
        })?;
        self.placed = Some(text);
        Ok(())
    }

    fn refuse(&mut self, what: Vec<u8>, setback: Setback) -> Option<Result<Order, Setback>> {
        if self.refused.as_ref() == Some(&what) {
            return None;
        }
        self.refused = Some(what);
        Some(Err(setback))
    }
}

fn read(bytes: &[u8]) -> Result<(Order, Option<LineChoice>), Setback> {
    let text = std::str::from_utf8(bytes).map_err(|_| Setback::Stick)?;
    let StickFile { hub, code, line } = StickFile::parse(text).map_err(|problems| {
        problems.iter().for_each(|problem| tracing::warn!("the file of the USB stick: {problem}"));
        Setback::Stick
    })?;
    Ok((Order::read(&code, &hub)?, line))
}

/// How long the same code rests that no hub has judged; `None` where one has.
fn pause(setback: Setback) -> Option<Duration> {
    if matches!(setback, Setback::NoHub | Setback::Name) {
        return Some(LONG_PAUSE);
    }
    setback.passes().then_some(PAUSE)
}

/// Of the code at its hub: whoever has put the address right may try the same code.
fn hash(order: &Order) -> String {
    let hash = digest(&SHA256, format!("{} {}", order.hub, order.code).as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use replication::EnrolmentCode;
    use system::clock::monotonic;

    use super::*;

    struct Plugged(tempfile::TempDir);

    impl Plugged {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn stick(&self) -> Stick {
            Stick::new(&self.0.path().join("enrol.toml"), self.0.path())
        }

        fn write(&self, bytes: impl AsRef<[u8]>) {
            fs::write(self.0.path().join("enrol.toml"), bytes).unwrap();
        }
    }

    fn file(seed: u8) -> String {
        let code = EnrolmentCode::from_chance(&[seed; 64]).unwrap();
        format!("hub = \"https://hub.commune.example\"\ncode = \"{code}\"\n")
    }

    fn is_order(looked: Option<Result<Order, Setback>>) -> bool {
        looked.is_some_and(|order| order.is_ok())
    }

    #[test]
    fn a_code_that_the_hub_has_judged_is_not_tried_again_not_even_after_a_power_cut() {
        let (plugged, now) = (Plugged::new(), monotonic());
        let mut stick = plugged.stick();
        assert!(stick.look(now).is_none(), "nothing is plugged in");
        plugged.write(file(3));
        assert!(is_order(stick.look(now)));
        stick.note(Some(Setback::Wrong), now);
        assert!(stick.look(now).is_none(), "what came of it was shown");
        let mut after = plugged.stick();
        assert_eq!(after.look(now).unwrap().err(), Some(Setback::Used));
        assert!(after.look(now).is_none(), "said once");
        // The same code, written otherwise.
        plugged.write(file(3).to_lowercase());
        assert!(stick.look(now).unwrap().is_err());
        plugged.write(file(4));
        assert!(is_order(stick.look(now)), "another one");
        stick.note(None, now);
        assert!(plugged.stick().look(now).unwrap().is_err(), "it was carried out");
    }

    #[test]
    fn an_address_that_is_put_right_makes_the_same_code_good_again() {
        let (plugged, now) = (Plugged::new(), monotonic());
        let mut stick = plugged.stick();
        // It leads to a page of the line's box, or to another commune's hub.
        for (seed, setback) in [(3, Setback::NoHub), (4, Setback::Name), (5, Setback::Stranger)] {
            plugged.write(file(seed).replace("hub.commune", "www.commune"));
            assert!(is_order(stick.look(now + LONG_PAUSE)), "{setback:?}");
            stick.note(Some(setback), now);
            assert!(stick.look(now).is_none(), "{setback:?}");
            let again = is_order(plugged.stick().look(now));
            assert_eq!(again, setback != Setback::Stranger, "{setback:?}: who knows codes may count tries");
            let again = is_order(stick.look(now + LONG_PAUSE));
            assert_eq!(again, setback != Setback::Stranger, "{setback:?}");
            stick.note(Some(setback), now);
            plugged.write(file(seed));
            assert!(is_order(stick.look(now + LONG_PAUSE)), "{setback:?}");
            stick.note(None, now);
        }
    }

    #[test]
    fn a_hub_that_does_not_answer_is_asked_again() {
        let (plugged, now) = (Plugged::new(), monotonic());
        plugged.write(file(3));
        let mut stick = plugged.stick();
        for setback in [Setback::Silent, Setback::Clock, Setback::HubBroken] {
            assert!(is_order(stick.look(now)) || is_order(stick.look(now + PAUSE)));
            stick.note(Some(setback), now);
            assert!(stick.look(now).is_none(), "a moment ago");
        }
        assert!(is_order(stick.look(now + PAUSE)));
    }

    #[test]
    fn the_line_of_a_stick_is_in_place_before_its_code_is_tried_and_once() {
        let (plugged, now) = (Plugged::new(), monotonic());
        let data = plugged.0.path();
        let config = crate::config::Config::load(Path::new("../../docs/preau.example.toml")).unwrap();
        let stick = || plugged.stick().with_line_desk(LineDesk::new(&config, data));
        let wan = |address: &str, gateway: &str| {
            format!(
                "{}[wan]\naddress = \"{address}\"\ngateway = \"{gateway}\"\ndns = [\"192.0.2.53\"]\n",
                file(3)
            )
        };
        let line = || fs::read_to_string(data.join(crate::line::LINE_FILE)).ok();
        let mut first = stick();
        plugged.write(wan("10.77.0.9/24", "10.77.0.254"));
        assert_eq!(first.look(now).unwrap().err(), Some(Setback::Line), "the school's own range");
        assert_eq!(line(), None);
        plugged.write(wan("192.0.2.10/24", "192.0.2.1"));
        assert!(is_order(first.look(now)), "the code was not spent");
        assert!(line().unwrap().contains("192.0.2.10/24"));
        first.note(Some(Setback::Silent), now);
        // Somebody puts it right on the page, and the box starts anew.
        let desk = LineDesk::new(&config, data).unwrap();
        desk.keep(&LineChoice::Dhcp).unwrap();
        assert!(is_order(stick().look(now)));
        assert!(line().unwrap().contains("dhcp = true"), "what was typed last counts");
        plugged.write(wan("192.0.2.11/24", "192.0.2.1"));
        assert!(is_order(stick().look(now)));
        assert!(line().unwrap().contains("192.0.2.11/24"), "another stick");
    }

    #[test]
    fn nonsense_changes_nothing_and_is_said_once() {
        let (plugged, now) = (Plugged::new(), monotonic());
        let mut stick = plugged.stick();
        let check = |stick: &mut Stick, bytes: &[u8], expected: Setback| {
            plugged.write(bytes);
            assert_eq!(stick.look(now).unwrap().err(), Some(expected));
            assert!(stick.look(now).is_none());
        };
        check(&mut stick, b"", Setback::Stick);
        check(&mut stick, &[0xff; 100], Setback::Stick);
        check(&mut stick, &[b'#'; 5_000], Setback::Stick);
        check(&mut stick, b"hub = \"hub.example\"\ncode = \"K7QM\"", Setback::Code);
        let wrong = file(3).replace("https://", "ftp://");
        check(&mut stick, wrong.as_bytes(), Setback::Address);
        assert!(!plugged.0.path().join(TRIED_FILE).exists());
        fs::remove_file(plugged.0.path().join("enrol.toml")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", plugged.0.path().join("enrol.toml")).unwrap();
        assert_eq!(stick.look(now).unwrap().err(), Some(Setback::Stick));
    }
}
