//! A session with ubus: JSON-RPC over HTTPS, as uhttpd-mod-ubus and rpcd speak it.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, TcpConnector};

use super::pinned::{Fingerprint, PinnedConnector};

/// How long an access point may take for an answer: applying a configuration takes some seconds of a small processor.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Largest answer, in bytes: a hundred times the configuration of two radios.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// How long a session lives that nobody uses, in seconds: it is ended by then, unless the line was cut.
const SESSION_SECONDS: u32 = 60;
/// The session of whoever has none.
const NOBODY: &str = "00000000000000000000000000000000";
/// Errors of uhttpd-mod-ubus (`ubus.c`): a session that is over, and what the access control list does not permit, ...
const ACCESS_DENIED: i64 = -32002;
const NO_SESSION: i64 = -32001;
/// ... an object that is not there, while the radio restarts, or because a package is missing, ...
const NO_OBJECT: i64 = -32000;
/// ... and one that does not answer in time.
const TIMED_OUT: i64 = -32003;

/// What came of a call.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody answers, or not by these rules.
    #[error("no answer")]
    Silent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The session is over, or the access control list says no.
    #[error("access denied to {object} {method}")]
    Denied {
        /// The object.
        object: &'static str,
        /// Its method.
        method: &'static str,
    },
    /// A status of ubus that is not 0.
    #[error("{object} {method}: {}", describe(*status))]
    Status {
        /// The object.
        object: &'static str,
        /// Its method.
        method: &'static str,
        /// The number.
        status: i64,
    },
}

impl CallError {
    /// The status of ubus, where that is what came.
    pub(super) fn status(&self) -> Option<i64> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Silent(_) | Self::Denied { .. } => None,
        }
    }
}

/// ubus's statuses (`libubus.h`).
pub(super) const NOT_FOUND: i64 = 4;
pub(super) const NO_DATA: i64 = 5;
pub(super) const PERMISSION_DENIED: i64 = 6;
const TIMEOUT: i64 = 7;

fn describe(status: i64) -> String {
    match status {
        2 => "invalid argument".to_owned(),
        3 => "no such method".to_owned(),
        NOT_FOUND => "not found".to_owned(),
        NO_DATA => "no data".to_owned(),
        PERMISSION_DENIED => "permission denied".to_owned(),
        TIMEOUT => "timed out".to_owned(),
        other => format!("status {other}"),
    }
}

/// A client of one access point.
pub(super) struct Client {
    agent: Agent,
    url: String,
}

impl Client {
    /// For the access point at this address, with this certificate.
    pub(super) fn new(address: SocketAddr, certificate: Fingerprint) -> Result<Self, rustls::Error> {
        let config = Agent::config_builder()
            .timeout_connect(Some(CONNECT_WITHIN))
            .timeout_global(Some(ANSWER_WITHIN))
            // A proxy of the environment has no business inside the school.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(true)
            // Each look is a session and a connection of its own: one that was kept may have died meanwhile.
            .max_idle_connections(0)
            .build();
        let connector = ().chain(TcpConnector::default()).chain(PinnedConnector::new(certificate)?);
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self { agent, url: format!("https://{address}/ubus") })
    }

    /// A session of this user.
    ///
    /// # Errors
    /// [`CallError`]: with [`PERMISSION_DENIED`], the password is another one.
    pub(super) fn log_in(&self, user: &str, password: &str) -> Result<Session<'_>, CallError> {
        let arguments = json!({ "username": user, "password": password, "timeout": SESSION_SECONDS });
        let answer = self.call(NOBODY, "session", "login", &arguments)?;
        match answer.get("ubus_rpc_session").and_then(Value::as_str) {
            Some(id) => Ok(Session { client: self, id: id.to_owned() }),
            None => Err(CallError::Silent("a session without a number".into())),
        }
    }

    fn call(
        &self,
        session: &str,
        object: &'static str,
        method: &'static str,
        arguments: &Value,
    ) -> Result<Value, CallError> {
        let request = json!({
            "jsonrpc": "2.0", "id": 1, "method": "call", "params": [session, object, method, arguments],
        });
        let answer = self.post(&request.to_string()).map_err(|error| CallError::Silent(error.into()))?;
        if let Some(code) = answer.pointer("/error/code").and_then(Value::as_i64) {
            return Err(match code {
                ACCESS_DENIED | NO_SESSION => CallError::Denied { object, method },
                NO_OBJECT => CallError::Status { object, method, status: NOT_FOUND },
                TIMED_OUT => CallError::Status { object, method, status: TIMEOUT },
                // What the box asked is no question there.
                code => CallError::Silent(format!("error {code} of JSON-RPC").into()),
            });
        }
        match answer.pointer("/result/0").and_then(Value::as_i64) {
            Some(0) => Ok(answer.pointer("/result/1").cloned().unwrap_or(Value::Null)),
            Some(status) => Err(CallError::Status { object, method, status }),
            None => Err(CallError::Silent("an answer that is none of JSON-RPC".into())),
        }
    }

    fn post(&self, body: &str) -> io::Result<Value> {
        let request = self.agent.post(&self.url).header("Content-Type", "application/json");
        let mut response = request.send(body).map_err(ureq::Error::into_io)?;
        let mut bytes = Vec::new();
        response.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// A session. It is ended when this is dropped.
pub(super) struct Session<'a> {
    client: &'a Client,
    id: String,
}

impl Session<'_> {
    /// Has a method of an object called.
    ///
    /// # Errors
    /// [`CallError`].
    pub(super) fn call(
        &self,
        object: &'static str,
        method: &'static str,
        arguments: &Value,
    ) -> Result<Value, CallError> {
        self.client.call(&self.id, object, method, arguments)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // One that cannot be ended ends by itself within a minute.
        let _ended = self.client.call(&self.id, "session", "destroy", &json!({}));
    }
}
