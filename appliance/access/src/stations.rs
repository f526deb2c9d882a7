//! Who is behind the hardware addresses that devices make up for the Wi-Fi.

use std::collections::HashMap;

use model::Mac;

/// The devices that have joined with a key of their own: by the hardware address that they have there, the one by which they are
/// registered. Most tablets make one up for each network, and some anew each day.
///
/// The key proves who it is, a hardware address nothing: a tablet that takes a registered PC's is known by its key all the
/// same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stations(HashMap<Mac, Mac>);

impl Stations {
    /// The hardware address under which the machine with this one is registered, as far as its key tells.
    pub(crate) fn resolve(&self, mac: Mac) -> Mac {
        self.0.get(&mac).copied().unwrap_or(mac)
    }
}

impl FromIterator<(Mac, Mac)> for Stations {
    fn from_iter<I: IntoIterator<Item = (Mac, Mac)>>(stations: I) -> Self {
        Self(stations.into_iter().collect())
    }
}
