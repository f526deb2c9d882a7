//! The DNS enforcement point: answers the school's questions, by itself, from what it keeps, or from upstream
//! resolvers, and leads refused names to the block page.
//!
//! A packet goes straight down: `udp` or `tcp` (in the clear, or by TLS) receives it, or `answering` gets it from the
//! portal, which has it by HTTPS; `responder` reads it with `wire::dns`, answers the box's own names from `local`, passes
//! all others by the desk, and answers from `cache`. What is not there goes to `forward`, which asks `upstream` once for
//! all who wait. docs/decisions/0004 says why the UDP path is a plain thread and not a DNS server library.
//!
//! Invariant: a question that is not judged and recorded is never forwarded, and never answered from what is kept:
//! both take a [`Recorded`](access::Recorded) permit.

mod addresses;
mod answering;
mod cache;
mod clock;
mod core;
mod exchange;
mod explanation;
mod forward;
mod keep;
mod local;
mod mmsg;
mod quota;
mod rate;
mod recollection;
mod resolver;
mod responder;
mod screen;
mod settings;
mod sift;
mod statistics;
mod tcp;
mod tunnel;
mod udp;
mod upstream;

pub use addresses::ServiceAnswer;
pub use answering::{Answer, Unanswered};
pub use explanation::Explanation;
pub use rate::QUESTIONS_PER_SECOND;
pub use resolver::{Resolver, ServeError, Sockets};
pub use settings::{CACHE_BYTES_MAX, IsInward, LastAddresses, OwnZone, ServiceAddresses, Settings, Upstream};
pub use statistics::Statistics;
pub use upstream::UpstreamError;
