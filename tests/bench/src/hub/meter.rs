//! What goes over a box's line: a door before the hub that counts bytes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::Result;

/// Bytes of TCP's contents, of all connections.
#[derive(Debug)]
pub struct Meter {
    /// Where boxes come.
    pub address: SocketAddr,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Meter {
    /// Before a hub. It ends with the process.
    ///
    /// # Errors
    /// There is no port.
    pub fn before(hub: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (up, down) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let counts = (Arc::clone(&up), Arc::clone(&down));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(hub) else { continue };
                let (client, server) = (Arc::new(client), Arc::new(server));
                for (from, to, count) in [(&client, &server, &counts.0), (&server, &client, &counts.1)] {
                    let (from, to, count) = (Arc::clone(from), Arc::clone(to), Arc::clone(count));
                    thread::spawn(move || pass(&from, &to, &count));
                }
            }
        });
        Ok(Self { address, up, down })
    }

    /// Bytes that went to the hub, and that came from it.
    #[must_use]
    pub fn read(&self) -> (u64, u64) {
        (self.up.load(Ordering::SeqCst), self.down.load(Ordering::SeqCst))
    }
}

fn pass(from: &TcpStream, to: &TcpStream, count: &AtomicU64) {
    let (mut from, mut to, mut buffer) = (from, to, vec![0; 64 << 10]);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        count.fetch_add(read as u64, Ordering::SeqCst);
        if to.write_all(buffer.get(..read).unwrap_or_default()).is_err() {
            break;
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}
