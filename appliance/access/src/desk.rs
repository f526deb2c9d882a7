//! The desk where every access passes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use journal::{Journal, Recorded, Unrecorded};
use model::{AccessKind, Closing, Subject};
use policy::{Decision, Permit, Question, Refusal, Snapshot, Target, decide};

use crate::{Clock, Directory, Neighbours};

/// Attributes, judges and records accesses. Shared by all doors; swapping lists or devices never blocks them.
pub struct Desk {
    neighbours: Arc<dyn Neighbours>,
    clock: Arc<dyn Clock>,
    journal: Journal,
    directory: ArcSwap<Directory>,
    policy: ArcSwap<Snapshot>,
}

/// What a client asks for, as a door sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The client's address.
    pub client: IpAddr,
    /// By which door it came.
    pub kind: AccessKind,
    /// For what.
    pub target: Target,
    /// Where its packets were bound for before the box took them.
    pub destination: Option<SocketAddr>,
}

/// An access that is judged and recorded.
#[derive(Debug)]
pub enum Admission {
    /// It may go out.
    Permit(Recorded<Permit>),
    /// It may not.
    Refusal(Recorded<Refusal>),
}

/// The web is closed: the journal cannot take a record, and access without a log is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the web is closed: {0}")]
pub struct Closed(#[from] Unrecorded);

impl Desk {
    /// A desk over these ports, with these first states of devices and policy.
    pub fn new(
        neighbours: Arc<dyn Neighbours>,
        clock: Arc<dyn Clock>,
        journal: Journal,
        directory: Directory,
        policy: Snapshot,
    ) -> Self {
        Self {
            neighbours,
            clock,
            journal,
            directory: ArcSwap::from_pointee(directory),
            policy: ArcSwap::from_pointee(policy),
        }
    }

    /// Attributes, judges and records one access.
    ///
    /// # Errors
    /// [`Closed`] when it cannot be recorded: the door says so, and lets nothing through.
    pub fn admit(&self, request: Request) -> Result<Admission, Closed> {
        let Request { client, kind, target, destination } = request;
        let question = Question { subject: self.identify(client), kind, target, destination };
        let now = self.clock.now();
        match decide(&self.policy.load(), question) {
            Decision::Permit(permit) => {
                Ok(Admission::Permit(self.journal.record(now.at, now.quality, permit)?))
            }
            Decision::Refusal(refusal) => {
                Ok(Admission::Refusal(self.journal.record(now.at, now.quality, refusal)?))
            }
        }
    }

    /// Records how a permitted access ended.
    pub fn close(&self, access: Recorded<Permit>, closing: Closing) {
        self.journal.close(self.clock.now().at, access, closing);
    }

    /// Who uses this address.
    #[must_use]
    pub fn identify(&self, client: IpAddr) -> Subject {
        let client = client.to_canonical();
        self.directory.load().identify(self.neighbours.find_mac(client), client)
    }

    /// Whether accesses can be recorded at the moment.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.journal.is_writable()
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Snapshot> {
        self.policy.load_full()
    }

    /// Puts another policy in force: decisions from now on follow it.
    pub fn swap_policy(&self, policy: Snapshot) {
        self.policy.store(Arc::new(policy));
    }

    /// Puts another list of devices in force.
    pub fn swap_directory(&self, directory: Directory) {
        self.directory.store(Arc::new(directory));
    }
}
