//! Names of network interfaces.

use std::fmt;
use std::str::FromStr;

/// Longest name the kernel takes, in bytes: IFNAMSIZ without its final zero.
const NAME_BYTES_MAX: usize = 15;

/// The name of a network interface, as in `lan0`. It can be written into a ruleset as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interface(String);

impl Interface {
    /// The interface by which the box attacks itself (`preau selftest filter`), as if from the school's network. It is
    /// there while the attack lasts. What comes in by it has one of the testers' addresses, or vanishes.
    pub const TESTERS: &'static str = "preau-selftest";

    /// That interface.
    pub(crate) fn of_testers() -> Self {
        Self(Self::TESTERS.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Interface {
    type Err = InterfaceError;

    /// Accepts letters, digits, `-`, `_`, `.`, `:` and `@`: fewer than the kernel does. nftables would read a
    /// `*` as a wildcard, and a quotation mark would end the name in the ruleset.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte);
        let is_possible = !name.is_empty() && name.len() <= NAME_BYTES_MAX && ![".", ".."].contains(&name);
        if is_possible && name.bytes().all(is_plain) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InterfaceError)
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text cannot name a network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an interface name: 1 to {NAME_BYTES_MAX} letters, digits, or any of - _ . : @")]
pub struct InterfaceError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_safe_in_a_ruleset() {
        for name in ["lan0", "enp1s0f0", "br-lan", "eth0.12", "a", "fifteen-bytes-0"] {
            assert_eq!(name.parse::<Interface>().unwrap().as_str(), name);
        }
        for name in ["", ".", "..", "sixteen-bytes-00", "lan*", "lan 0", "lan\"0", "lan/0", "lan;0", "été0"]
        {
            assert_eq!(name.parse::<Interface>(), Err(InterfaceError), "{name:?}");
        }
    }
}
