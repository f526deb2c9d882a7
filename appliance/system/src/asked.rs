//! An access for tests: what a journal records of one that the policy permits.

use std::net::SocketAddr;

use model::{AccessKind, Host, Reason, Subject, UnknownDevice, Verdict};
use policy::Decided;

/// An access of a device that nobody knows.
pub(crate) struct Asked {
    subject: Subject,
    kind: AccessKind,
    host: Host,
}

impl Asked {
    pub(crate) fn new(kind: AccessKind, host: &str) -> Self {
        let unknown = UnknownDevice { mac: None, address: "127.0.0.1".parse().unwrap() };
        Self { subject: unknown.into(), kind, host: Host::parse(host).unwrap() }
    }
}

impl Decided for Asked {
    fn verdict(&self) -> Verdict {
        Verdict::Permit
    }
    fn subject(&self) -> &Subject {
        &self.subject
    }
    fn kind(&self) -> AccessKind {
        self.kind
    }
    fn host(&self) -> Option<&Host> {
        Some(&self.host)
    }
    fn destination(&self) -> Option<SocketAddr> {
        None
    }
    fn lesson(&self) -> Option<model::LessonId> {
        None
    }
    fn reason(&self) -> &Reason {
        &Reason::NotListed
    }
}
