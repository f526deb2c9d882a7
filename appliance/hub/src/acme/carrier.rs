//! Carries what is said to an authority, by the client of HTTP that the hub has for everything else.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use ureq::Agent;
use ureq::http::{Request, Response};

use crate::alerts::tls_for;

/// Longest time of one request.
const REQUEST: Duration = Duration::from_secs(60);
/// Most bytes of an answer: a chain has some thousand.
const BYTES_MAX: u64 = 256 << 10;

pub(super) struct Carrier(pub(super) Agent);

impl Carrier {
    /// One that believes these authorities, in DER; the public ones where there are none.
    pub(super) fn new(authorities: &[Vec<u8>]) -> Self {
        let agent = Agent::config_builder()
            .tls_config(tls_for(authorities))
            .https_only(true)
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST))
            .build();
        Self(agent.into())
    }
}

impl HttpClient for Carrier {
    /// It blocks the thread: an order has one of its own.
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let agent = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            // The bytes of a body are given out by an answer alone.
            let mut carried = BytesResponse::from(Response::new(body));
            let body = carried.body.into_bytes().await.map_err(Error::Other)?;
            carry(&agent, Request::from_parts(parts, body.to_vec()))
        })
    }
}

fn carry(agent: &Agent, request: Request<Vec<u8>>) -> Result<BytesResponse, Error> {
    let failed = |error: ureq::Error| Error::Other(Box::new(error));
    let (parts, body) = request.into_parts();
    // Who asks by GET or HEAD sends none.
    let answer = if body.is_empty() {
        agent.run(Request::from_parts(parts, ()))
    } else {
        agent.run(Request::from_parts(parts, body))
    };
    let (parts, mut body) = answer.map_err(failed)?.into_parts();
    let bytes = body.with_config().limit(BYTES_MAX).read_to_vec().map_err(failed)?;
    Ok(BytesResponse { parts, body: Box::new(Bytes::from(bytes)) })
}
