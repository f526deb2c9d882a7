//! Heads of refused packets.

use wire::packet::Packet;

/// Reads any bytes as the head of a packet. A head that is cut shorter tells no other addresses, and no other port.
///
/// # Panics
/// When it does.
pub fn run(data: &[u8]) {
    let Some(whole) = Packet::read(data) else { return };
    for length in 0..data.len() {
        let Some(cut) = data.get(..length).and_then(Packet::read) else { continue };
        assert_eq!((cut.source, cut.destination), (whole.source, whole.destination), "other addresses");
        assert!(cut.port.is_none() || cut.port == whole.port, "another port");
    }
}
