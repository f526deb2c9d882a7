//! Which machine a datagram came from, as far as its packet mark tells.

use crate::Mac;

/// The lowest mark, and how many there are: never 0, which is the mark of a packet that nobody marked.
const MARKS: u32 = 1 << 31;

/// Opens the hash. Any number would do; another one gives other marks.
const SEED: u32 = 0x7072_6561;

/// What the firewall notes on a datagram: a number that follows from the hardware address of whoever sent it.
///
/// The source address of a datagram is what its sender likes; the hardware address at least is that of the machine
/// that the switch answers to. The kernel hands no hardware address to a UDP socket, but a packet's mark, which is
/// too short for one: hence a hash. Two machines of a school share a mark once in two thousand million, and whoever
/// makes them share it on purpose could as well take the other's whole hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SenderMark(u32);

impl SenderMark {
    /// How nftables computes the mark of a packet: the same as [`SenderMark::of`].
    pub const EXPRESSION: &str = "jhash ether saddr mod 2147483648 seed 0x70726561 offset 2147483648";

    /// The mark of what this machine sends.
    #[must_use]
    pub fn of(mac: Mac) -> Self {
        Self((jhash(mac.octets()) >> 1) + MARKS)
    }

    /// The mark of a received packet; `None` when the firewall has not marked it.
    #[must_use]
    pub fn of_packet(mark: u32) -> Option<Self> {
        (mark >= MARKS).then_some(Self(mark))
    }
}

/// The kernel's jhash of six bytes (include/linux/jhash.h): Bob Jenkins' lookup3, opened by [`SEED`]. Its upper 31 bits are what
/// `mod 2147483648` leaves: nftables scales, it does not divide (`reciprocal_scale`).
pub(crate) fn jhash([k0, k1, k2, k3, k4, k5]: [u8; 6]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(6).wrapping_add(SEED);
    let mut a = start.wrapping_add(u32::from_le_bytes([k0, k1, k2, k3]));
    let mut b = start.wrapping_add(u32::from_le_bytes([k4, k5, 0, 0]));
    let mut c = start;
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marks that Linux 6.18 put on datagrams of these machines; the whole-box tests ask the kernel itself.
    #[test]
    fn marks_are_the_kernels() {
        for (mac, mark) in [
            ("02:00:00:00:00:11", 0xf99d_8315),
            ("02:00:00:00:00:12", 0xe229_e3c7),
            ("02:00:00:00:00:13", 0xbcc2_f442),
            ("00:1b:21:aa:bb:cc", 0x8ddc_0861),
            ("fe:ff:ff:ff:ff:ff", 0xcf62_24a6),
            ("0a:1b:2c:3d:4e:5f", 0x9670_c1f4),
            ("02:00:00:00:00:00", 0x981a_1153),
        ] {
            assert_eq!(SenderMark::of(mac.parse().unwrap()), SenderMark(mark), "{mac}");
            assert_eq!(SenderMark::of_packet(mark), Some(SenderMark(mark)), "{mac}");
        }
    }

    #[test]
    fn a_packet_that_nobody_marked_has_no_mark() {
        for mark in [0, 1, MARKS - 1] {
            assert_eq!(SenderMark::of_packet(mark), None, "{mark}");
        }
    }

    #[test]
    fn the_expression_is_that_of_the_function() {
        let expected = format!("jhash ether saddr mod {MARKS} seed {SEED:#x} offset {MARKS}");
        assert_eq!(SenderMark::EXPRESSION, expected);
    }
}
