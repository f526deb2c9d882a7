//! Answers for another door that brings questions: the portal's, by HTTPS (RFC 8484).

use std::net::IpAddr;

use wire::dns::{Records, ResponseCode};

use crate::Resolver;
use crate::responder::{Channel, Response};
use crate::statistics::Statistics;

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The message.
    pub bytes: Vec<u8>,
    /// For how long it holds, in seconds: 0 for a failure, and whatever else must not be kept.
    pub lifetime_s: u32,
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It is no DNS query.
    #[error("this is no DNS query")]
    NotAQuery,
    /// The client, or all clients together, ask too much at the moment.
    #[error("too many questions at once")]
    TooMany,
}

impl Resolver {
    /// Answers one question of a client whose connection proves its address: attributed, judged, recorded and limited as
    /// one that came by TCP. Must run in a tokio runtime.
    ///
    /// # Errors
    /// [`Unanswered`] when there is nothing to say.
    pub async fn answer(&self, packet: &[u8], client: IpAddr) -> Result<Answer, Unanswered> {
        let core = self.core();
        let client = client.to_canonical();
        let count = |tally: Statistics| core.counters.add(&tally);
        let mut tally = Statistics::default();
        if !core.may_ask(client, None, core.clock.now_s(), &mut tally) {
            count(tally);
            return Err(Unanswered::TooMany);
        }
        let mut bytes = Vec::new();
        match core.respond(packet, client, Channel::Encrypted, &mut bytes) {
            Response::Ready => {}
            Response::Silence => return Err(Unanswered::NotAQuery),
            Response::Pending(pending) => {
                let Some(_ticket) = core.waiting.enter(pending.client, pending.share) else {
                    count(Statistics { dropped: 1, ..Statistics::default() });
                    return Err(Unanswered::TooMany);
                };
                if !core.settle(&pending, &mut bytes).await {
                    return Err(Unanswered::NotAQuery);
                }
            }
        }
        count(Statistics { answered: 1, ..Statistics::default() });
        let lifetime_s = lifetime_s(&bytes);
        Ok(Answer { bytes, lifetime_s })
    }
}

/// What a cache of HTTP may make of a reply (RFC 8484 section 5.1).
fn lifetime_s(reply: &[u8]) -> u32 {
    let records = Records::cut(reply, ResponseCode::NoError).ok();
    records.and_then(|records| records.lifetime_s()).unwrap_or(0)
}
