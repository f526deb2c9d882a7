//! The thread that enrols a fresh box, and writes what its screen shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::anyhow;
use portal::{EnrolmentStep, Setback, StatusSource as _, WayOut};
use store::Store;
use sync::HubFolder;
use system::clock::monotonic;
use system::machine;

use super::screen::ScreenWriter;
use super::setback::setback;
use super::stick::Stick;
use super::task::{Outcome, Task, carry_out};
use super::{Order, Reception};
use crate::cli::RunOptions;
use crate::config::Config;
use crate::data_folder::STATE_FILE;
use crate::line::LineDesk;
use crate::run::board::Board;

/// How often it looks: somebody waits before the screen.
const PERIOD: Duration = Duration::from_secs(1);
/// Before the state of the box before is asked for again: where that may help by itself, and where somebody has to do something.
const PAUSE: Duration = Duration::from_secs(15);
const LONG_PAUSE: Duration = Duration::from_secs(300);
/// How often an enrolled box that knows nobody looks whether somebody is there.
const PEOPLE_PERIOD: Duration = Duration::from_secs(10);

/// Whoever keeps the reception.
pub(crate) struct ReceptionKeeper {
    reception: Arc<Reception>,
    board: Arc<Board>,
    data: PathBuf,
    folder: HubFolder,
    /// Where the box reads its configuration.
    place: Option<PathBuf>,
    /// The interface of the line.
    line: Option<String>,
    /// What the box is on it.
    line_desk: Option<LineDesk>,
    stick: Option<Stick>,
    screen: Option<ScreenWriter>,
    /// The hub's address, and the school that the box is there, for the screen.
    hub: Option<(String, String)>,
    /// When that was kept: the box may have enrolled anew.
    hub_stamp: Option<SystemTime>,
    /// The state, while the box is fresh.
    store: Option<Store>,
    /// The box is somebody's, and will not be fresh again while it runs.
    is_taken: bool,
    /// Somebody can sign in, or the box has a terminal.
    is_peopled: bool,
    /// The school whose box is told to know nobody.
    unpeopled: Option<String>,
    /// When it was last looked whether somebody is there.
    looked: Option<Instant>,
    running: Option<Running>,
    /// When the state of the box before may be asked for again.
    not_before: Option<Instant>,
}

/// A try under way.
struct Running {
    is_inheriting: bool,
    is_of_stick: bool,
    answer: Receiver<anyhow::Result<Outcome>>,
}

impl ReceptionKeeper {
    /// One for the box of this configuration. Without a network, nobody enrols it but by a command.
    pub(crate) fn new(
        config: &Config,
        options: &RunOptions,
        data: &Path,
        (reception, board): (&Arc<Reception>, &Arc<Board>),
    ) -> Self {
        let line_desk = LineDesk::new(config, data);
        Self {
            reception: Arc::clone(reception),
            board: Arc::clone(board),
            data: data.to_owned(),
            folder: HubFolder::new(data),
            place: options.config.clone(),
            line: config.network.as_ref().map(|network| network.firewall.intent().wan.to_string()),
            stick: options
                .stick
                .as_deref()
                .map(|path| Stick::new(path, data).with_line_desk(line_desk.clone())),
            line_desk,
            screen: options.screen.as_deref().map(|path| ScreenWriter::new(path, config, data)),
            hub: None,
            hub_stamp: None,
            store: None,
            is_taken: config.network.is_none(),
            is_peopled: config.network.is_none(),
            unpeopled: None,
            looked: None,
            running: None,
            not_before: None,
        }
    }

    /// Looks until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        loop {
            self.look(monotonic());
            if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn look(&mut self, now: Instant) {
        self.hear(now);
        let is_fresh = self.is_fresh();
        self.reception.show_fresh(is_fresh, now);
        self.reception.show_way(self.find_way());
        if is_fresh && self.running.is_none() {
            self.begin(now);
        }
        if self.is_taken && !self.is_peopled {
            self.look_for_people(now);
        }
        let Some(screen) = &mut self.screen else { return };
        let stamp = self.folder.identity_stamp();
        if stamp.is_some() && (self.hub.is_none() || self.hub_stamp != stamp) {
            (self.hub, self.hub_stamp) = (read_hub(&self.folder), stamp);
        }
        let hub = self.hub.as_ref().map(|(hub, school)| (hub.as_str(), school.as_str()));
        screen.look(&self.board, (self.reception.enrolment().as_ref(), hub), now);
    }

    /// Whether the box is nobody's. Where that cannot be told, it is not.
    fn is_fresh(&mut self) -> bool {
        if self.is_taken {
            return false;
        }
        let store = match self.store.take() {
            Some(store) => Some(store),
            None => Store::open(&self.data.join(STATE_FILE)).ok(),
        };
        let Some(is_blank) = store.as_ref().and_then(|store| store.is_blank().ok()) else { return false };
        self.is_taken = !is_blank || self.folder.is_enrolled();
        self.store = store.filter(|_| !self.is_taken);
        !self.is_taken
    }

    /// An enrolled box into which nobody can sign in tells it, also after a power cut, until somebody is there.
    fn look_for_people(&mut self, now: Instant) {
        if self.looked.is_some_and(|at| now.saturating_duration_since(at) < PEOPLE_PERIOD) {
            return;
        }
        self.looked = Some(now);
        let Some(is_used) = is_used(&self.data) else { return };
        if is_used {
            self.is_peopled = true;
            if let Some(school) = self.unpeopled.take() {
                self.reception.show(EnrolmentStep::Done(school), now);
            }
        } else if self.unpeopled.is_none()
            && let Some((_, school)) = read_hub(&self.folder)
        {
            self.reception.show(EnrolmentStep::Unpeopled(school.clone()), now);
            self.unpeopled = Some(school);
        }
    }

    fn find_way(&self) -> WayOut {
        let Some(line) = &self.line else { return WayOut::Open };
        match machine::has_carrier(line) {
            None => return WayOut::Portless,
            Some(false) => return WayOut::Unplugged,
            Some(true) => {}
        }
        if self.line_desk.as_ref().is_some_and(LineDesk::is_crossed) {
            return WayOut::Crossed;
        }
        // Whoever gives an address names a resolver, too.
        if self.board.status().upstreams.is_empty() { WayOut::Unaddressed } else { WayOut::Open }
    }

    /// Begins what is to be done: what a stick says, what somebody has typed, or what was begun before a power cut.
    fn begin(&mut self, now: Instant) {
        match next_order(self.stick.as_mut(), &self.reception, now) {
            Some((Ok(order), is_of_stick)) => {
                // Whose hub a box was made, and how, is asked afterwards.
                tracing::info!(hub = %order.hub, is_of_stick, "a code is tried");
                return self.start(Task::Enrol(order), is_of_stick, now);
            }
            Some((Err(setback), _)) => self.reception.show(EnrolmentStep::Failed(setback), now),
            None => {}
        }
        let rests = self.not_before.is_some_and(|at| now < at);
        if !rests && matches!(self.folder.read_heir(), Ok(Some(_))) {
            self.start(Task::Inherit, false, now);
        }
    }

    fn start(&mut self, task: Task, is_of_stick: bool, now: Instant) {
        let is_inheriting = matches!(task, Task::Inherit);
        let step = if is_inheriting { EnrolmentStep::Inheriting(None) } else { EnrolmentStep::Asking };
        self.reception.show(step, now);
        let (say, answer) = mpsc::channel();
        let (data, place) = (self.data.clone(), self.place.clone());
        let started = thread::Builder::new().name("enrolment".to_owned()).spawn(move || {
            // Nobody listens where the box ends: what is on the disk is gone on with.
            let _heard = say.send(carry_out(task, &data, place.as_deref()));
        });
        self.running = Some(Running { is_inheriting, is_of_stick, answer });
        if let Err(error) = started {
            self.fail(&error.into(), now);
        }
    }

    /// What came of the try under way.
    fn hear(&mut self, now: Instant) {
        let Some(running) = &self.running else { return };
        let outcome = match running.answer.try_recv() {
            Ok(outcome) => outcome,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Err(anyhow!("the thread of the enrolment broke down")),
        };
        match outcome {
            Ok(Outcome::Member(school)) => {
                tracing::info!("this box is enrolled");
                self.finish(None, now);
                self.reception.show(EnrolmentStep::Done(school), now);
            }
            Ok(Outcome::Heir) => {
                self.finish(None, now);
                self.not_before = None;
                self.reception.show(EnrolmentStep::Inheriting(None), now);
            }
            Ok(Outcome::Prepared(prepared)) => {
                self.finish(None, now);
                self.is_taken = true;
                self.reception.leave(prepared, now);
            }
            Err(error) => self.fail(&error, now),
        }
    }

    fn fail(&mut self, error: &anyhow::Error, now: Instant) {
        let is_inheriting = self.running.as_ref().is_some_and(|running| running.is_inheriting);
        tracing::warn!("this box is not enrolled yet: {error:#}");
        let setback = setback(error, is_inheriting);
        self.finish(Some(setback), now);
        if is_inheriting {
            self.not_before = Some(now + if setback.passes() { PAUSE } else { LONG_PAUSE });
            self.reception.show(EnrolmentStep::Inheriting(Some(setback)), now);
        } else {
            self.reception.show(EnrolmentStep::Failed(setback), now);
        }
    }

    fn finish(&mut self, setback: Option<Setback>, now: Instant) {
        let is_of_stick = self.running.take().is_some_and(|running| running.is_of_stick);
        if let Some(stick) = self.stick.as_mut().filter(|_| is_of_stick) {
            stick.note(setback, now);
        }
    }
}

/// Whether anybody is registered, or any device: whoever registers one has a terminal, or has signed in. `None` where that cannot be told.
fn is_used(data: &Path) -> Option<bool> {
    let store = Store::open(&data.join(STATE_FILE)).ok()?;
    Some(!store.people().ok()?.is_empty() || !store.devices().ok()?.is_empty())
}

/// Whose box it is. It is read once for each enrolment: the box's own key is in the same file.
fn read_hub(folder: &HubFolder) -> Option<(String, String)> {
    let identity = folder.read().ok()??;
    Some((identity.url.to_string(), identity.enrolled.school.name))
}

/// The code that is to be tried now, or why a stick's is not, and whether it is a stick's. Whoever stands before the box with one is heard before
/// whoever is in its network.
fn next_order(
    stick: Option<&mut Stick>,
    reception: &Reception,
    now: Instant,
) -> Option<(Result<Order, Setback>, bool)> {
    let of_stick = stick.and_then(|stick| stick.look(now)).map(|order| (order, true));
    of_stick.or_else(|| reception.take_order().map(|order| (Ok(order), false)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use replication::EnrolmentCode;

    use super::super::head::FirstHead;
    use super::*;

    #[test]
    fn a_box_is_used_from_its_first_person_on() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(is_used(data.path()), Some(false));
        let head = FirstHead::read("Mme Durand", "trois chats gris").unwrap().unwrap();
        head.seal().unwrap().register(data.path()).unwrap();
        assert_eq!(is_used(data.path()), Some(true));
    }

    #[test]
    fn whoever_types_codes_all_the_time_does_not_keep_a_stick_waiting() {
        let (folder, reception, now) = (tempfile::tempdir().unwrap(), Reception::new(), monotonic());
        let [typed, plugged] = [3, 4].map(|seed| EnrolmentCode::from_chance(&[seed; 64]).unwrap());
        reception.show_fresh(true, now);
        reception.ask(&typed.to_string(), "hub.example", ("", ""), now).unwrap();
        let path = folder.path().join("enrol.toml");
        fs::write(&path, format!("hub = \"hub.example\"\ncode = \"{plugged}\"\n")).unwrap();
        let mut stick = Stick::new(&path, folder.path());
        let (order, is_of_stick) = next_order(Some(&mut stick), &reception, now).unwrap();
        assert!(is_of_stick && order.ok().unwrap().code == plugged);
        stick.note(Some(Setback::Silent), now);
        let (order, is_of_stick) = next_order(Some(&mut stick), &reception, now).unwrap();
        assert!(!is_of_stick && order.ok().unwrap().code == typed, "what was typed comes next");
        assert!(next_order(None, &reception, now).is_none());
    }
}
