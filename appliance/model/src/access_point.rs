//! Access points of the school's Wi-Fi.

use crate::text::{TextError, check_identifier, name_type};

name_type! {
    /// What the configuration calls an access point: `borne-cm2`. Small letters, digits, `-` and `_`; at most 64 characters.
    AccessPointName, check_identifier, TextError
}
