//! All that a decision depends on, frozen.

use std::collections::HashMap;
use std::sync::Arc;

use blocklist::{CategorySet, Index};
use model::{Category, ProfileName, Subject};

use crate::Profile;

/// One state of lists and profiles. A change makes a new snapshot; a decision sees one snapshot only.
pub struct Snapshot {
    index: Arc<Index>,
    refused_by_profile: HashMap<ProfileName, CategorySet>,
    refused_by_default: CategorySet,
    missing: Vec<Category>,
}

impl Snapshot {
    /// Freezes an index and the profiles that apply to it.
    ///
    /// A device whose profile is not among `profiles` is treated as an unknown device; when there is no
    /// profile for unknown devices either, it is refused every category of the index.
    #[must_use]
    pub fn new(index: Arc<Index>, profiles: &[Profile]) -> Self {
        let mut missing = Vec::new();
        let mut refused_by_profile = HashMap::new();
        for profile in profiles {
            refused_by_profile.insert(profile.name.clone(), find_categories(&index, profile, &mut missing));
        }
        missing.sort();
        missing.dedup();
        let refused_by_default = match refused_by_profile.get(&ProfileName::unknown()) {
            Some(&refused) => refused,
            None => all_categories(&index),
        };
        Self { index, refused_by_profile, refused_by_default, missing }
    }

    /// The lists.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The categories that this subject may not see.
    #[must_use]
    pub fn refused_for(&self, subject: &Subject) -> CategorySet {
        match subject {
            Subject::Device(device) => {
                self.refused_by_profile.get(&device.profile).copied().unwrap_or(self.refused_by_default)
            }
            Subject::Unknown(_) => self.refused_by_default,
        }
    }

    /// Categories that a profile refuses and that the lists do not have: a spelling mistake, or a list that
    /// has not been built yet. Somebody should be told.
    #[must_use]
    pub fn missing_categories(&self) -> &[Category] {
        &self.missing
    }
}

fn find_categories(index: &Index, profile: &Profile, missing: &mut Vec<Category>) -> CategorySet {
    let mut refused = CategorySet::default();
    for category in &profile.refused {
        match index.category_id(category.as_str()) {
            Some(id) => refused.insert(id),
            None => missing.push(category.clone()),
        }
    }
    refused
}

fn all_categories(index: &Index) -> CategorySet {
    index.categories().iter().filter_map(|category| index.category_id(category.as_str())).collect()
}
