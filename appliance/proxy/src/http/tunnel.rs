//! What follows on a connection once HTTP is over.

use std::io;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use model::End;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::alert::reset;
use crate::gate::{Caller, Gate};
use crate::passage::Passage;
use crate::relay::{Traffic, relay};
use crate::tls;

/// A connection that left HTTP.
pub(super) enum Tunnel {
    /// To a host that the gate has not dialled yet.
    Connect {
        /// The client's connection, when hyper lets go of it.
        client: OnUpgrade,
        /// The permitted `CONNECT`.
        passage: Passage,
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
    pub(super) async fn serve(self, gate: &Gate, caller: &Caller) {
        let outcome = match self {
            Self::Connect { client, passage } => match take_over(client).await {
                Ok((stream, read)) => {
                    tls::serve_tunnel(gate, stream, read, caller, passage).await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Self::WebSocket { client, server, passage } => join(gate, client, server, passage).await,
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a tunnel broke off");
        }
    }
}

async fn join(gate: &Gate, client: OnUpgrade, server: OnUpgrade, passage: Option<Passage>) -> io::Result<()> {
    let (mut client, from_client) = take_over(client).await?;
    let (mut server, from_server) = take_over(server).await?;
    let unowned = Traffic::default();
    let traffic = passage.as_ref().map_or(&unowned, |passage| passage.traffic());
    server.write_all(&from_client).await?;
    traffic.add_up(from_client.len());
    client.write_all(&from_server).await?;
    traffic.add_down(from_server.len());
    let outcome = relay(&client, &server, gate.pipes(), traffic, gate.settings().timeouts.idle).await;
    if outcome.is_err() {
        reset(&client);
        reset(&server);
    }
    if let Some(mut passage) = passage {
        passage.end = Some(if outcome.is_ok() { End::Finish } else { End::Abort });
    }
    outcome
}

/// The bare socket of an upgraded connection, and what hyper has read of it beyond the head.
async fn take_over(upgrade: OnUpgrade) -> io::Result<(TcpStream, Vec<u8>)> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    let parts = upgraded
        .downcast::<TokioIo<TcpStream>>()
        .map_err(|_| io::Error::other("the upgraded connection is not a TCP socket"))?;
    Ok((parts.io.into_inner(), parts.read_buf.into()))
}
