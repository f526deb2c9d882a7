//! The Internet's names, all of them: every name has the same addresses.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::Result;

use super::{HEADER_BYTES, Kind, MESSAGE_BYTES_MAX};

/// An answer is good for a day: nobody asks twice during a measurement.
const TTL_S: u32 = 86_400;

/// Answers every question that comes to `socket` until the program ends, and counts them. `ipv4` tells the
/// address of a name.
///
/// # Errors
/// The socket is broken.
pub fn serve(socket: UdpSocket, ipv4: fn(&[u8]) -> [u8; 4]) -> Result<Arc<AtomicU64>> {
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    thread::Builder::new().name("authority".to_owned()).spawn(move || {
        let mut packet = [0; MESSAGE_BYTES_MAX];
        // A message about a client that is gone ends nothing.
        loop {
            let Ok((length, peer)) = socket.recv_from(&mut packet) else { continue };
            counter.fetch_add(1, Ordering::Relaxed);
            let reply = packet.get(..length).and_then(|packet| answer(packet, ipv4));
            if let Some(reply) = reply {
                let _sent = socket.send_to(&reply, peer);
            }
        }
    })?;
    Ok(count)
}

/// The answer to a question for addresses; an empty one to any other.
fn answer(packet: &[u8], ipv4: fn(&[u8]) -> [u8; 4]) -> Option<Vec<u8>> {
    let question = packet.get(HEADER_BYTES..)?;
    let name = question.get(..question.iter().position(|&byte| byte == 0)?)?;
    let question = question.get(..name.len() + 5)?;
    let kind = *question.get(name.len() + 2)?;
    let address: Vec<u8> = match kind {
        kind if kind == Kind::A.code() => ipv4(name).to_vec(),
        kind if kind == Kind::Aaaa.code() => {
            "2001:db8:1::10".parse::<std::net::Ipv6Addr>().ok()?.octets().into()
        }
        _ => Vec::new(),
    };
    let answers = u8::from(!address.is_empty());
    let mut reply = packet.get(..2)?.to_vec();
    reply.extend_from_slice(&[0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend_from_slice(question);
    if let Ok(length @ 1..) = u16::try_from(address.len()) {
        reply.extend_from_slice(&[0xc0, 0x0c, 0, kind, 0, 1]);
        reply.extend_from_slice(&TTL_S.to_be_bytes());
        reply.extend_from_slice(&length.to_be_bytes());
        reply.extend_from_slice(&address);
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::question;

    #[test]
    fn every_name_has_addresses() {
        for (kind, bytes) in [(Kind::A, 4), (Kind::Aaaa, 16)] {
            let asked = question("a.example", kind);
            let reply = answer(&asked, |_| [192, 0, 2, 1]).unwrap();
            assert_eq!(reply.len(), HEADER_BYTES + 11 + 4 + 12 + bytes);
            assert_eq!(reply[3] & 15, 0);
        }
        assert_eq!(answer(&[0; 12], |_| [0; 4]), None);
    }
}
