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
