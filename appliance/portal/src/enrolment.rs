//! How a fresh box becomes one of the commune's: what its pages and its screen tell of it.

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// The way to the hub, as far as the box itself sees it.
    pub way: WayOut,
    /// What it does.
    pub step: EnrolmentStep,
}

/// The way from the box to the Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayOut {
    /// The machine has no port for the line.
    Portless,
    /// Nothing is at the other end of the cable, or there is none.
    Unplugged,
    /// The line gives the box an address of the school's own network.
    Crossed,
    /// A cable, and nobody who gives the box an address: it may be in the wrong port.
    Unaddressed,
    /// Nothing is known against it.
    Open,
}

/// What a box does to become one of the commune's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolmentStep {
    /// It waits for a code.
    Waiting,
    /// It asks the hub.
    Asking,
    /// Nothing came of the last code.
    Failed(Setback),
    /// It is enrolled, and fetches the state of the box before; why the last try failed.
    Inheriting(Option<Setback>),
    /// It starts anew, with the state of the box before.
    Restarting,
    /// It is this school's.
    Done(String),
    /// The same, and it knows nobody: no page makes the first person any more.
    Unpeopled(String),
}

/// Why nothing came of it. Each has words, with what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// The code is mistyped.
    Code,
    /// The address of the hub is none.
    Address,
    /// Nobody answers there.
    Silent,
    /// The clock is not set.
    Clock,
    /// What answers is a hub of another name.
    Name,
    /// What answers did not make the code, or is not who it was.
    Stranger,
    /// What answers is no hub.
    NoHub,
    /// The hub knows no such code.
    Wrong,
    /// The code is too old.
    Expired,
    /// The code was used.
    Used,
    /// The code was tried too often.
    Burnt,
    /// The hub was asked too often.
    Often,
    /// The hub has revoked this box.
    Revoked,
    /// Somebody has entered something into this box meanwhile.
    HasState,
    /// The box's disk fails.
    Disk,
    /// The hub cannot do it now.
    HubBroken,
    /// What the hub has of the box before cannot be taken over.
    State,
    /// The file of the USB stick is none.
    Stick,
    /// The line that the USB stick has is none for this school.
    Line,
    /// Another try is under way, or the last one was a moment ago.
    Wait,
    /// The head's name is none, or is not there beside her password.
    HeadName,
    /// The head's first password is not as good as hers has to be.
    HeadSecret,
}

impl Setback {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Code,
        Self::Address,
        Self::Silent,
        Self::Clock,
        Self::Name,
        Self::Stranger,
        Self::NoHub,
        Self::Wrong,
        Self::Expired,
        Self::Used,
        Self::Burnt,
        Self::Often,
        Self::Revoked,
        Self::HasState,
        Self::Disk,
        Self::HubBroken,
        Self::State,
        Self::Stick,
        Self::Line,
        Self::Wait,
        Self::HeadName,
        Self::HeadSecret,
    ];

    /// The text that says what it is, and what to do.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Code => "enrol-fault-code",
            Self::Address => "enrol-fault-address",
            Self::Silent => "enrol-fault-silent",
            Self::Clock => "enrol-fault-clock",
            Self::Name => "enrol-fault-name",
            Self::Stranger => "enrol-fault-stranger",
            Self::NoHub => "enrol-fault-no-hub",
            Self::Wrong => "enrol-fault-wrong",
            Self::Expired => "enrol-fault-expired",
            Self::Used => "enrol-fault-used",
            Self::Burnt => "enrol-fault-burnt",
            Self::Often => "enrol-fault-often",
            Self::Revoked => "enrol-fault-revoked",
            Self::HasState => "enrol-fault-has-state",
            Self::Disk => "enrol-fault-disk",
            Self::HubBroken => "enrol-fault-hub-broken",
            Self::State => "enrol-fault-state",
            Self::Stick => "enrol-fault-stick",
            Self::Line => "enrol-fault-line",
            Self::Wait => "enrol-fault-wait",
            Self::HeadName => "enrol-fault-head-name",
            Self::HeadSecret => "enrol-fault-head-secret",
        }
    }

    /// Whether the same code may succeed later, without anybody doing something about it.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Silent | Self::Clock | Self::Often | Self::HubBroken | Self::Disk | Self::Wait)
    }
}

impl Enrolment {
    /// Whether a code can be given.
    #[must_use]
    pub fn takes_code(&self) -> bool {
        match &self.step {
            EnrolmentStep::Waiting | EnrolmentStep::Failed(_) => true,
            // What is there to be fetched may be another hub's by now.
            EnrolmentStep::Inheriting(setback) => setback.is_some(),
            EnrolmentStep::Asking
            | EnrolmentStep::Restarting
            | EnrolmentStep::Done(_)
            | EnrolmentStep::Unpeopled(_) => false,
        }
    }

    /// Whether something is to be seen in a moment.
    pub(crate) fn is_underway(&self) -> bool {
        match self.step {
            EnrolmentStep::Asking | EnrolmentStep::Inheriting(_) | EnrolmentStep::Restarting => true,
            EnrolmentStep::Waiting
            | EnrolmentStep::Failed(_)
            | EnrolmentStep::Done(_)
            | EnrolmentStep::Unpeopled(_) => false,
        }
    }
}
