//! The gate as its clients and the servers see it: real sockets on loopback, a real desk, a journal in memory.

use ::http::{HeaderMap, Method, StatusCode};
use model::Timestamp;

mod connect;
mod crowd;
mod framing;
mod front;
mod http;
mod raw;
mod school;
mod tls;
mod workspace;

/// What a cache keeps of an answer with these fields.
pub(crate) fn stored(fields: &[(&'static str, &'static str)]) -> cache::Stored {
    let response: HeaderMap =
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let at = Timestamp::from_unix_ms(0);
    let exchange = cache::Exchange {
        method: &Method::GET,
        request: &HeaderMap::new(),
        status: StatusCode::OK,
        response: &response,
        requested: at,
        received: at,
    };
    cache::judge(&exchange, &[]).unwrap()
}
