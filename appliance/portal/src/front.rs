//! What the portal needs to be served by HTTPS: a certificate, and what only HTTPS offers.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;

use rustls::ServerConfig;

/// The part of the portal behind TLS.
pub struct Front {
    /// Where its connections come in.
    pub listener: TcpListener,
    /// The box's certificate. Its protocols are left out: the server adds those that it speaks.
    pub tls: ServerConfig,
    /// Who stands behind them.
    pub callers: Arc<dyn Callers>,
    /// Who answers DNS by HTTPS.
    pub resolver: Arc<dyn AnswerNames>,
    /// Who vouches for the box.
    pub authority: Authority,
}

/// The authority whose certificate devices are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its certificate in DER.
    pub certificate_der: Vec<u8>,
    /// The SHA-256 of that, as devices show it.
    pub fingerprint: String,
    /// The names and addresses that it can vouch for.
    pub names: Vec<String>,
    /// Where the portal is by HTTPS, without the slash at the end: `https://preau.lan`.
    pub origin: String,
}

impl Authority {
    /// Where DNS is answered by HTTPS: the path that clients know from the examples of RFC 8484.
    pub const NAMES_PATH: &str = "/dns-query";

    /// Where a page of the portal is by HTTPS; `path` begins with a slash.
    #[must_use]
    pub fn page_url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

/// Who is at the other end of a connection by TLS. What a client writes in its fields is no proof: nobody took out of them
/// what he made up himself.
pub trait Callers: Send + Sync + 'static {
    /// Who talks through a connection from `end`; `None` where nobody knows, or does any more.
    fn find(&self, end: SocketAddr) -> Option<IpAddr>;
}

/// Answers DNS questions as the school's resolver does.
pub trait AnswerNames: Send + Sync + 'static {
    /// Answers one question of this client, attributed, judged and recorded.
    fn answer<'a>(&'a self, question: &'a [u8], client: IpAddr) -> Answering<'a>;
}

/// An answer on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<NameAnswer, Unanswered>> + Send + 'a>>;

/// A whole DNS message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAnswer {
    /// Its bytes.
    pub message: Vec<u8>,
    /// For how long it holds, in seconds.
    pub lifetime_s: u32,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The question is none.
    NotAQuery,
    /// Too much is asked at the moment.
    TooMany,
}
