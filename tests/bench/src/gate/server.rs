//! The Internet: a resolver and two servers, that cost as little as can be.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use super::{ENDLESS, PAGE_BYTES, RESOLVER, SHORT, TLS_PORT};
use crate::dns::authority;
use anyhow::Result;

/// Threads that answer short connections: as many as come at once.
pub const SHORT_AT_ONCE: usize = 32;
/// What is written at once.
const WRITE_BYTES: usize = 256 << 10;

/// Starts the servers on the calling thread's machine, which has their addresses.
///
/// # Errors
/// A port is taken.
pub fn start() -> Result<()> {
    authority::serve(UdpSocket::bind((RESOLVER, 53))?, find)?;
    let endless = TcpListener::bind((ENDLESS.1, TLS_PORT))?;
    thread::spawn(move || {
        for stream in endless.incoming().flatten() {
            // Whoever has enough closes the connection, which ends the thread with an error.
            thread::spawn(move || send_without_end(stream));
        }
    });
    let short = TcpListener::bind((SHORT.1, TLS_PORT))?;
    for _ in 0..SHORT_AT_ONCE {
        let short = short.try_clone()?;
        thread::spawn(move || {
            for stream in short.incoming().flatten() {
                let _gone = send_page(stream);
            }
        });
    }
    Ok(())
}

/// The address of a name, as the wire spells it: a resolver may mix large and small letters (0x20).
fn find(name: &[u8]) -> [u8; 4] {
    let is_short = name.get(1..6).is_some_and(|label| label.eq_ignore_ascii_case(b"short"));
    let address: Ipv4Addr = if is_short { SHORT.1 } else { ENDLESS.1 };
    address.octets()
}

fn read_hello(stream: &mut TcpStream) -> std::io::Result<()> {
    // The hello is one record, and arrives whole or not at all in these networks.
    stream.read(&mut [0; 2_048]).map(drop)
}

fn send_page(mut stream: TcpStream) -> std::io::Result<()> {
    read_hello(&mut stream)?;
    stream.write_all(&[23; PAGE_BYTES])
}

fn send_without_end(mut stream: TcpStream) -> std::io::Result<()> {
    read_hello(&mut stream)?;
    let content = vec![23; WRITE_BYTES];
    loop {
        stream.write_all(&content)?;
    }
}
