//! The certificate for names that the commune owns.

use serde::{Deserialize, Serialize};

use crate::encoded::Encoded;

/// What a hub has for the box of a school.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebState {
    /// The names that it shall show itself by.
    pub names: Vec<String>,
    /// The chain that was made for the box's last request, in PEM.
    pub chain: Option<String>,
}

/// What a box asks to have certified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebRequest {
    /// Its public key: a point of P-256, uncompressed.
    pub public_key: Encoded,
    /// The request for a certificate (RFC 2986), in DER.
    pub request: Encoded,
}
