//! Who else gives addresses in the school's network.

use selftest::{Overheard, Why, judge_overheard};
use system::health::{Bridge, Network, Pc};

use crate::config::Config;

/// Asks as a PC that somebody plugs in. Nothing where the box gives no addresses: then somebody else has to.
pub(super) fn look(config: &Config) -> Vec<selftest::Result> {
    let network = config.network.as_ref().filter(|network| network.school.leases.is_some());
    let Some(network) = network else { return vec![] };
    let intent = network.firewall.intent();
    let bridge = Bridge::find(&intent.lan).ok_or_else(|| (Why::NoBridge, intent.lan.to_string()));
    let heard = bridge.and_then(|bridge| {
        overhear(&Network { bridge, address: intent.box_ipv4, spare: None, port: Pc::SELFTEST_PORT })
            .map_err(|error| (Why::Machine, format!("{error:#}")))
    });
    judge_overheard(&heard).into()
}

fn overhear(network: &Network) -> anyhow::Result<Overheard> {
    Ok(Pc::with(network, Pc::overhear)??)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use selftest::{Family, Outcome};

    use super::*;

    fn config() -> Config {
        Config::load(Path::new("../../docs/preau.example.toml")).unwrap()
    }

    #[test]
    fn where_the_box_gives_no_addresses_others_are_as_they_should_be() {
        let mut config = config();
        config.network.as_mut().unwrap().school.leases = None;
        assert_eq!(look(&config), []);
        config.network = None;
        assert_eq!(look(&config), []);
    }

    /// Here is no bridge of the school's: what cannot be tried does not pass.
    #[test]
    fn without_a_bridge_nothing_passes() {
        let results = look(&config());
        assert_eq!(results.len(), 2);
        for result in results {
            let is_told = matches!(&result.outcome, Outcome::NotTested { why: Why::NoBridge, .. });
            assert!(is_told && result.family == Family::Network, "{result:?}");
        }
    }
}
