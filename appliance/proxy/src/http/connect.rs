//! `CONNECT` at the explicit proxy (RFC 9110 section 9.3.6).

use ::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade;
use model::{AccessKind, Fault, Host};
use policy::Target;
use wire::http::{Authority, find_authority};

use super::reply::{Objection, Reply, empty_reply};
use super::session::{Session, host_fields};
use super::tunnel::Tunnel;
use crate::gate::Door;
use crate::passage::Passage;

impl Session {
    /// Judges the host, and opens the tunnel. What comes through it must be a TLS hello, which is judged too
    /// before anything is dialled.
    pub(super) async fn connect(&self, mut request: Request<Incoming>) -> Reply {
        match self.judge_connect(&request) {
            Ok(passage) => {
                self.leave_to(Tunnel::Connect { client: upgrade::on(&mut request), passage });
                empty_reply(StatusCode::OK)
            }
            Err(objection) => self.object(request, &objection).await,
        }
    }

    /// The passage; `None` for a tunnel to the box itself.
    fn judge_connect(&self, request: &Request<Incoming>) -> Result<Option<Passage>, Objection> {
        let refuse = |fault, host| self.fault(AccessKind::Connect, fault, host);
        // A browser that knows of no proxy sends no CONNECT: whoever does so at the other door tries it out.
        if self.door != Door::Explicit {
            return Err(refuse(Fault::Malformed, None));
        }
        let tls = self.gate.settings().ports.tls;
        let target = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        let Authority { host, port } =
            find_authority(target, host_fields(request), tls).map_err(|error| refuse(error.fault(), None))?;
        match port {
            Some(port) if port == tls && self.is_front(&host) => Ok(None),
            Some(port) if port == tls => self.admit(AccessKind::Connect, Target::Host(host)).map(Some),
            Some(_) => Err(refuse(Fault::Port, Some(host))),
            None => Err(refuse(Fault::Malformed, Some(host))),
        }
    }
    fn is_front(&self, host: &Host) -> bool {
        match host {
            Host::Name(name) => self.gate.is_front_name(name),
            Host::Address(address) => self.gate.is_front_address(*address),
        }
    }
}
