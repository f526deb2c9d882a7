//! Whose a connection is, where devices share what there is.

use model::{Mac, Subject};

/// Who has a share: each device that the school has registered, and all others together. A hardware address is quickly
/// made up, and a laptop with a hundred of them must not get a hundred shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// A registered device.
    Device(Mac),
    /// Every device that is not registered.
    Unknown,
}

impl Share {
    /// Whose connections this subject's are.
    #[must_use]
    pub fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Device(device) => Self::Device(device.mac),
            Subject::Unknown(_) => Self::Unknown,
        }
    }

    /// How large the share is: so much for a device, so much for all unknown ones.
    #[must_use]
    pub fn size(self, of_device: usize, of_unknown: usize) -> usize {
        match self {
            Self::Device(_) => of_device,
            Self::Unknown => of_unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use model::{Device, ProfileName, UnknownDevice};

    use super::*;

    #[test]
    fn made_up_hardware_addresses_are_one_share() {
        let mac = |last| Mac::new([2, 0, 0, 0, 0, last]);
        let registered = |last| {
            let name = format!("CM2-{last}").parse().unwrap();
            let device = Device { mac: mac(last), name, room: None, profile: ProfileName::unknown() };
            Share::of(&Subject::Device(Arc::new(device)))
        };
        let unknown = |mac, last| {
            let address = IpAddr::from([10, 77, 0, last]);
            Share::of(&Subject::Unknown(UnknownDevice { mac, address }))
        };
        assert_eq!(registered(1), registered(1));
        assert_ne!(registered(1), registered(2));
        assert_eq!(unknown(Some(mac(3)), 3), unknown(Some(mac(4)), 4));
        assert_eq!(unknown(Some(mac(3)), 3), unknown(None, 5));
        assert_ne!(registered(3), unknown(Some(mac(3)), 3));
        assert_eq!((registered(1).size(3, 9), unknown(None, 1).size(3, 9)), (3, 9));
    }
}
