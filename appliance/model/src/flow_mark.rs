//! The mark of a connection that goes past the doors.

use crate::Mac;
use crate::sender::jhash;

/// How many bits the sender's hash has.
const SENDER_BITS: u32 = 20;
/// Services that marks can tell apart.
const SERVICES: u32 = 1 << (30 - SENDER_BITS);

/// What the firewall notes on a connection of a named service: which service it is, and a hash of the hardware address
/// that its first packet came from. It goes with the connection as long as the kernel knows it, over a restart of the box
/// too, and no packet of a client can change it.
///
/// The hash has 20 bits: enough to tell the devices of a school apart nearly always, and too few to prove anything: another
/// hardware address with the same hash is found in a second. Only registered hardware addresses are ever marked, so whoever
/// looks for a mark's sender looks among those alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowMark(u32);

impl FlowMark {
    /// Most services that marks can tell apart.
    pub const SERVICES_MAX: usize = 1 << (30 - SENDER_BITS);

    /// Marks of flows begin here.
    pub const BASE: u32 = 1 << 30;
    /// The bits that tell a flow's mark from any other: those of [`FlowMark::BASE`].
    pub const MASK: u32 = 3 << 30;

    /// How nftables tells connections of services from all others: an expression that comes after `ct mark`.
    pub const ANY: &str = "& 0xc0000000 == 0x40000000";

    /// The mark of what this machine sends by the service of this number, which is below [`FlowMark::SERVICES_MAX`]:
    /// beyond, the number wraps.
    #[must_use]
    pub fn of(service: u16, sender: Mac) -> Self {
        Self(Self::offset(service) + sender_hash(sender))
    }

    /// How nftables computes the mark of a connection of this service: the same as [`FlowMark::of`].
    #[must_use]
    pub fn expression(service: u16) -> String {
        let offset = Self::offset(service);
        format!("jhash ether saddr mod {} seed 0x70726561 offset {offset}", 1 << SENDER_BITS)
    }

    /// The mark that the kernel gives; `None` when it is not that of a service.
    #[must_use]
    pub fn of_connection(mark: u32) -> Option<Self> {
        (mark & Self::MASK == Self::BASE).then_some(Self(mark))
    }

    /// The mark as the kernel has it.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// What is the same in all marks of one machine.
    #[must_use]
    pub fn sender(self) -> u32 {
        self.0 & ((1 << SENDER_BITS) - 1)
    }

    /// The number of the service.
    #[must_use]
    pub fn service(self) -> u16 {
        u16::try_from((self.0 & !Self::MASK) >> SENDER_BITS).unwrap_or_default()
    }

    /// Whether this machine may have sent it.
    #[must_use]
    pub fn may_be_of(self, sender: Mac) -> bool {
        self.sender() == sender_hash(sender)
    }

    fn offset(service: u16) -> u32 {
        Self::BASE + ((u32::from(service) % SERVICES) << SENDER_BITS)
    }
}

/// The upper bits of the hash are what `mod` leaves: nftables scales, it does not divide (`reciprocal_scale`).
fn sender_hash(mac: Mac) -> u32 {
    jhash(mac.octets()) >> (32 - SENDER_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_service_and_sender() {
        let [pc1, pc2] = ["02:00:00:00:00:11", "02:00:00:00:00:12"].map(|mac| mac.parse().unwrap());
        let last = u16::try_from(FlowMark::SERVICES_MAX - 1).unwrap();
        for service in [0, 1, 63, last] {
            let mark = FlowMark::of(service, pc1);
            assert_eq!(FlowMark::of_connection(mark.0), Some(mark));
            assert_eq!(mark.service(), service);
            assert!(mark.may_be_of(pc1) && !mark.may_be_of(pc2));
        }
    }

    #[test]
    fn other_marks_are_of_no_service() {
        for mark in [0, 1, FlowMark::BASE - 1, 1 << 31, u32::MAX] {
            assert_eq!(FlowMark::of_connection(mark), None, "{mark:#x}");
        }
    }

    /// The same hash as that of a datagram's mark, which a test compares with the kernel's.
    #[test]
    fn the_hash_is_the_kernels() {
        let mac = "02:00:00:00:00:11".parse().unwrap();
        // 0xf99d8315 is the mark of its datagrams: the upper 31 bits of the hash, and one above.
        assert_eq!(FlowMark::of(0, mac).0 & 0xf_ffff, (0xf99d_8315_u32 << 1) >> 12);
        assert_eq!(
            FlowMark::expression(1),
            "jhash ether saddr mod 1048576 seed 0x70726561 offset 1074790400"
        );
    }
}
