//! Ending a connection so that the client hears why.

use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wire::tls::Alert;

/// For a client to read an alert and close.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes read and thrown away meanwhile: closing with unread bytes would reset the connection, and the kernel
/// of the client would throw the alert away with it.
const FAREWELL_BYTES: u64 = 64 * 1024;

/// Sends a fatal alert and closes.
pub(crate) async fn send_alert(mut stream: TcpStream, alert: Alert) {
    let farewell = async {
        stream.write_all(&alert.record()).await?;
        SockRef::from(&stream).shutdown(Shutdown::Write)?;
        tokio::io::copy(&mut (&mut stream).take(FAREWELL_BYTES), &mut tokio::io::sink()).await
    };
    if let Ok(Err(error)) = timeout(FAREWELL, farewell).await {
        tracing::debug!(%error, "the client did not wait for its alert");
    }
}

/// A socket that is reset unless it comes to its end: also when its task is dropped in the middle.
pub(crate) struct Unfinished<'a>(pub(crate) &'a TcpStream);

impl Unfinished<'_> {
    /// It has come to its end.
    pub(crate) fn finish(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        reset(self.0);
    }
}

/// Closes with a reset: for a peer that speaks another protocol, or in place of a lost connection.
pub(crate) fn reset(stream: &TcpStream) {
    if let Err(error) = SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a connection cannot be reset");
    }
}
