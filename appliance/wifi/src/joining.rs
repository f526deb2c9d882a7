//! Files by which devices join a network: each is what the makers of its devices describe, and no more. Before it is given out, another
//! reader than what wrote it looks for name and key in it.
//!
//! Whoever gives a file to a device gives away the key of the network.

mod apple;
mod chromeos;
mod qr;
mod reread;
mod windows;

pub use apple::{Profile, Resolver, Trust, apple_profile};
pub use chromeos::chromeos_configuration;
pub use qr::{QrError, qr_svg, qr_text};
pub use windows::windows_profile;

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the file cannot be written")]
pub struct WriteError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl WriteError {
    fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use crate::{Network, Security};

    /// Text that each format has to escape in a way of its own.
    pub(crate) fn hostile() -> Network {
        Network {
            ssid: "<a;b:\"é\\,'&>".parse().unwrap(),
            passphrase: "k\\;:\"'<&>, 9~ a".parse().unwrap(),
            security: Security::Transition,
        }
    }

    pub(crate) fn usual() -> Network {
        Network {
            ssid: "preau-7".parse().unwrap(),
            passphrase: "k7pm-x2hd-9tqv-ej4w-ab3c".parse().unwrap(),
            security: Security::Wpa2,
        }
    }
}
