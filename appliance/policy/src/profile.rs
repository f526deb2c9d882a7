//! Filter profiles.

use std::collections::BTreeSet;

use model::{Category, ProfileName};

/// What a group of devices may not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name that devices refer to.
    pub name: ProfileName,
    /// The categories that are refused, by their names or aliases.
    pub refused: BTreeSet<Category>,
}
