//! What follows on a connection once HTTP is over.

use std::io;
use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use model::End;
use tokio::net::TcpStream;

use crate::gate::{Caller, Gate};
use crate::passage::Passage;
use crate::relay::{Side, Traffic, relay};
use crate::tls;

/// A connection that left HTTP.
pub(super) enum Tunnel {
    /// To a host that the gate has not dialled yet.
    Connect {
        /// The client's connection, when hyper lets go of it.
        client: OnUpgrade,
        /// The permitted `CONNECT`; `None` towards the portal.
        passage: Option<Passage>,
    },
    /// To the server that agreed to it.
    WebSocket {
        /// The client's connection, when hyper lets go of it.
        client: OnUpgrade,
        /// The server's.
        server: OnUpgrade,
        /// The request's access; `None` towards the portal.
        passage: Option<Passage>,
    },
}

impl Tunnel {
    /// Carries the tunnel until it ends.
    pub(super) async fn serve(self, gate: &Arc<Gate>, caller: &Caller) {
        let outcome = match self {
            Self::Connect { client, passage } => match take_over(client).await {
                Ok(Side { stream, said }) => {
                    tls::serve_tunnel(gate, stream, said, caller, passage).await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Self::WebSocket { client, server, passage } => join(gate, caller, client, server, passage).await,
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a tunnel broke off");
        }
    }
}

async fn join(
    gate: &Gate,
    caller: &Caller,
    client: OnUpgrade,
    server: OnUpgrade,
    passage: Option<Passage>,
) -> io::Result<()> {
    let (client, server) = (take_over(client).await?, take_over(server).await?);
    let unowned = Traffic::default();
    let traffic = passage.as_ref().map_or(&unowned, |passage| passage.traffic());
    let idle = gate.settings().timeouts.idle;
    let outcome = relay(client, server, gate.pipes(), traffic, caller.seat.pulse(), idle).await;
    if let Some(mut passage) = passage {
        passage.end = Some(if outcome.is_ok() { End::Finish } else { End::Abort });
    }
    outcome
}

/// The bare socket of an upgraded connection, and what hyper has read of it beyond the head.
async fn take_over(upgrade: OnUpgrade) -> io::Result<Side> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    let parts = upgraded
        .downcast::<TokioIo<TcpStream>>()
        .map_err(|_| io::Error::other("the upgraded connection is not a TCP socket"))?;
    Ok(Side { stream: parts.io.into_inner(), said: parts.read_buf.into() })
}
