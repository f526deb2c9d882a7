//! A fresh box becomes one of the commune's: by a form on its page, or by a file on a USB stick.
//!
//! ```text
//! waiting --code--> asking --member--------------------------------------> done
//!    ^                 |  \--heir--> inheriting --state--> restarting      the process ends in order
//!    +---setback-------+             |      ^--setback--+                  the state is put in place, the next run begins with it
//! ```
//!
//! Invariant: nothing of it is done on a box that is enrolled, or into which somebody has entered something. A power cut leaves a fresh box,
//! or an heir that goes on at its next start, or a whole box; in the moment before its first head is registered, one that is enrolled and
//! knows nobody, which it tells.

mod head;
mod keeper;
mod screen;
mod setback;
mod stick;
mod task;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portal::{Enrolment, EnrolmentStep, Setback, WayOut};
use replication::EnrolmentCode;
use sync::HubUrl;
use tokio::sync::Notify;

use head::FirstHead;
pub(crate) use keeper::ReceptionKeeper;
pub(super) use setback::setback;
pub(crate) use task::Prepared;

/// Shortest time between two tries: the form is open to the whole school.
const PAUSE: Duration = Duration::from_secs(5);
/// For so long pages tell that it is done.
const DONE_TOLD: Duration = Duration::from_secs(600);

/// What the pages of a fresh box and the thread that enrols it share.
pub(crate) struct Reception {
    state: Mutex<State>,
    /// The process is to end, to begin anew with another box's state.
    leaving: Notify,
}

struct State {
    /// Whether the box is nobody's yet.
    is_fresh: bool,
    way: WayOut,
    step: EnrolmentStep,
    /// Since when it is done.
    done: Option<Instant>,
    /// When the last code was given.
    asked: Option<Instant>,
    /// What somebody has typed, until the thread takes it.
    order: Option<Order>,
    /// What is to be put in place once the process has ended all else.
    prepared: Option<Prepared>,
}

/// What somebody wants the box to do.
pub(super) struct Order {
    pub(super) hub: HubUrl,
    pub(super) code: EnrolmentCode,
    /// Whom to make the school's first person, of a box that is nobody's heir.
    pub(super) head: Option<FirstHead>,
}

impl Order {
    /// From what was typed, or stands on a stick. An address may be written without its beginning.
    pub(super) fn read(code: &str, hub: &str) -> Result<Self, Setback> {
        let code = code.parse().map_err(|_| Setback::Code)?;
        let hub = hub.trim();
        let has_scheme = hub.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case("https://"));
        let rest = if has_scheme { hub.get(8..).unwrap_or_default() } else { hub };
        let hub = format!("https://{rest}").parse().map_err(|_| Setback::Address)?;
        Ok(Self { hub, code, head: None })
    }
}

impl Reception {
    /// A box that is not known to be fresh.
    pub(crate) fn new() -> Self {
        let state = State {
            is_fresh: false,
            way: WayOut::Open,
            step: EnrolmentStep::Waiting,
            done: None,
            asked: None,
            order: None,
            prepared: None,
        };
        Self { state: Mutex::new(state), leaving: Notify::new() }
    }

    /// How far it is; `None` where the box is not fresh.
    pub(crate) fn enrolment(&self) -> Option<Enrolment> {
        let state = self.lock();
        let is_told = state.is_fresh || state.done.is_some() || state.prepared.is_some();
        is_told.then(|| Enrolment { way: state.way, step: state.step.clone() })
    }

    /// Whether the box is nobody's, as far as was seen last.
    pub(crate) fn is_fresh(&self) -> bool {
        self.lock().is_fresh
    }

    /// Does what may be done while the box is nobody's; `None` where it is somebody's.
    pub(crate) fn while_fresh<T>(&self, act: impl FnOnce() -> T) -> Option<T> {
        let state = self.lock();
        state.is_fresh.then(act)
    }

    /// Has a code tried, as somebody has typed it, with the first head's name and password.
    ///
    /// # Errors
    /// It is not tried.
    pub(crate) fn ask(
        &self,
        code: &str,
        hub: &str,
        (name, secret): (&str, &str),
        now: Instant,
    ) -> Result<(), Setback> {
        let order = Order::read(code, hub)?;
        let order = Order { head: FirstHead::read(name, secret)?, ..order };
        let mut state = self.lock();
        let enrolment = Enrolment { way: state.way, step: state.step.clone() };
        if !state.is_fresh {
            return Err(Setback::HasState);
        }
        let rests = state.asked.is_some_and(|asked| now.saturating_duration_since(asked) < PAUSE);
        if !enrolment.takes_code() || state.order.is_some() || rests {
            return Err(Setback::Wait);
        }
        state.asked = Some(now);
        state.order = Some(order);
        state.step = EnrolmentStep::Asking;
        Ok(())
    }

    /// Waits until the process is to end.
    pub(crate) async fn wait_to_leave(&self) {
        self.leaving.notified().await;
    }

    /// What is to be put in place when all else has ended.
    pub(crate) fn take_prepared(&self) -> Option<Prepared> {
        self.lock().prepared.take()
    }

    fn take_order(&self) -> Option<Order> {
        self.lock().order.take()
    }

    fn show(&self, step: EnrolmentStep, now: Instant) {
        let mut state = self.lock();
        state.done = matches!(step, EnrolmentStep::Done(_) | EnrolmentStep::Unpeopled(_)).then_some(now);
        state.step = step;
    }

    fn show_way(&self, way: WayOut) {
        self.lock().way = way;
    }

    /// Whether the box is fresh, as was just seen; and what is over is told no more.
    fn show_fresh(&self, is_fresh: bool, now: Instant) {
        let mut state = self.lock();
        state.is_fresh = is_fresh;
        // That nobody can sign in is told until somebody can.
        let is_unpeopled = matches!(state.step, EnrolmentStep::Unpeopled(_));
        state.done =
            state.done.filter(|done| is_unpeopled || now.saturating_duration_since(*done) < DONE_TOLD);
    }

    /// All is there for the next run.
    fn leave(&self, prepared: Prepared, now: Instant) {
        self.show(EnrolmentStep::Restarting, now);
        self.lock().prepared = Some(prepared);
        self.leaving.notify_one();
    }

    /// A part of the state is replaced whole, so it is right even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use system::clock::monotonic;

    use super::*;

    fn code() -> String {
        EnrolmentCode::from_chance(&[7; 64]).unwrap().to_string()
    }

    #[test]
    fn what_is_typed_is_read_as_people_write_it() {
        for hub in
            ["hub.commune.example", " https://hub.commune.example/ ", "HTTPS://hub.commune.example:443"]
        {
            let order = Order::read(&code().to_lowercase(), hub).ok().unwrap();
            assert_eq!(order.hub.to_string(), "https://hub.commune.example:443", "{hub}");
        }
        let check =
            |code: &str, hub: &str, expected| assert_eq!(Order::read(code, hub).err(), Some(expected));
        check("K7QM", "hub.commune.example", Setback::Code);
        check("", "", Setback::Code);
        for hub in ["", "http://hub.commune.example", "hub.commune.example/page", "a b"] {
            check(&code(), hub, Setback::Address);
        }
    }

    #[test]
    fn one_code_at_a_time_is_tried_and_only_while_the_box_is_fresh() {
        let (reception, now) = (Reception::new(), monotonic());
        let ask = |at| reception.ask(&code(), "hub.commune.example", ("", ""), at);
        assert_eq!(ask(now), Err(Setback::HasState));
        assert_eq!(reception.enrolment(), None);
        reception.show_fresh(true, now);
        assert_eq!(ask(now), Ok(()));
        assert_eq!(ask(now + PAUSE), Err(Setback::Wait), "it is under way");
        assert!(reception.take_order().is_some() && reception.take_order().is_none());
        reception.show(EnrolmentStep::Failed(Setback::Wrong), now);
        assert_eq!(ask(now), Err(Setback::Wait), "a moment ago");
        assert_eq!(ask(now + PAUSE), Ok(()));
        assert_eq!(reception.enrolment().unwrap().step, EnrolmentStep::Asking);
    }

    #[test]
    fn that_it_is_done_is_told_for_a_while() {
        let (reception, now) = (Reception::new(), monotonic());
        reception.show(EnrolmentStep::Done("École".to_owned()), now);
        reception.show_fresh(false, now);
        assert!(reception.enrolment().is_some());
        let head = ("Mme Durand", "trois chats gris");
        let ask = || reception.ask(&code(), "hub.commune.example", head, now);
        assert_eq!(ask(), Err(Setback::HasState));
        reception.show_fresh(false, now + DONE_TOLD);
        assert_eq!(reception.enrolment(), None);
        // Where nobody can sign in, it is told on and on, and yet nobody makes herself head there.
        reception.show(EnrolmentStep::Unpeopled("École".to_owned()), now);
        reception.show_fresh(false, now + DONE_TOLD);
        assert!(reception.enrolment().is_some_and(|enrolment| !enrolment.takes_code()));
        assert_eq!(ask(), Err(Setback::HasState));
    }

    #[test]
    fn a_mistake_in_the_fields_of_the_head_is_told_before_the_code_is_tried() {
        let (reception, now) = (Reception::new(), monotonic());
        reception.show_fresh(true, now);
        let ask = |head| reception.ask(&code(), "hub.commune.example", head, now);
        assert_eq!(ask(("Mme Durand", "trois chats")), Err(Setback::HeadSecret));
        assert_eq!(ask(("", "trois chats gris")), Err(Setback::HeadName));
        assert!(reception.take_order().is_none());
        assert_eq!(ask(("Mme Durand", "trois chats gris")), Ok(()), "no pause, as nothing was tried");
        assert!(reception.take_order().is_some_and(|order| order.head.is_some()));
    }
}
