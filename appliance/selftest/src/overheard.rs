//! Who else gives addresses in the school's network: whoever takes one goes round the box.

use std::fmt;
use std::net::IpAddr;

use model::Mac;

use crate::attack::Family;
use crate::demand::{Outcome, Why};
use crate::run::Result;

/// What a PC has heard that asked the whole network of the school for an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overheard {
    /// Whether the box's own offer was among the offers. Without it, nothing shows that anything would have been heard.
    pub is_own_heard: bool,
    /// Other DHCP servers that made an offer.
    pub servers: Vec<Stranger>,
    /// Others that said that they are the way to everywhere by IPv6.
    pub routers: Vec<Stranger>,
}

/// Somebody in the network who gives what the box alone should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// The address by which it says that it is meant.
    pub address: IpAddr,
    /// Its hardware address, where it is known.
    pub mac: Option<Mac>,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        self.mac.map_or(Ok(()), |mac| write!(f, " [{mac}]"))
    }
}

/// Judges what was heard, or why nothing could be: one attack for DHCP, one for router advertisements.
#[must_use]
pub fn judge_overheard(heard: &std::result::Result<Overheard, (Why, String)>) -> [Result; 2] {
    let judge = |strangers: fn(&Overheard) -> &[Stranger]| match heard {
        Err((why, detail)) => Outcome::not_tested(*why, detail.as_str()),
        Ok(heard) => {
            let told: Vec<String> = strangers(heard).iter().map(Stranger::to_string).collect();
            match (told.is_empty(), heard.is_own_heard) {
                (false, _) => Outcome::fail(Why::Stranger, told.join("; ")),
                (true, true) => Outcome::Pass,
                (true, false) => Outcome::not_tested(Why::NoOffer, ""),
            }
        }
    };
    let result = |id: &str, outcome| Result {
        id: id.to_owned(),
        family: Family::Network,
        with: String::new(),
        profile: None,
        outcome,
    };
    let servers = judge(|heard| heard.servers.as_slice());
    let routers = judge(|heard| heard.routers.as_slice());
    [result("other-dhcp", servers), result("other-router", routers)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(heard: &Overheard) -> [Outcome; 2] {
        judge_overheard(&Ok(heard.clone())).map(|result| result.outcome)
    }

    #[test]
    fn another_server_is_told_with_its_addresses_and_nobody_is_well() {
        let well = Overheard { is_own_heard: true, ..Overheard::default() };
        assert_eq!(outcomes(&well), [Outcome::Pass, Outcome::Pass]);
        let mac = Some(Mac::new([2, 0, 0, 0, 0, 0x12]));
        let server = Stranger { address: [192, 168, 1, 1].into(), mac };
        let nameless = Stranger { address: [192, 168, 8, 1].into(), mac: None };
        // Also where the box's own offer was not heard.
        let told = outcomes(&Overheard { servers: vec![server, nameless], ..Overheard::default() });
        let detail = "192.168.1.1 [02:00:00:00:00:12]; 192.168.8.1".to_owned();
        assert_eq!(told[0], Outcome::Fail { why: Why::Stranger, detail });
        assert_eq!(told[1], Outcome::NotTested { why: Why::NoOffer, detail: String::new() });
        let router = Stranger { address: "fe80::12".parse().unwrap(), mac };
        let told = outcomes(&Overheard { routers: vec![router], ..well });
        let detail = "fe80::12 [02:00:00:00:00:12]".to_owned();
        assert_eq!(told, [Outcome::Pass, Outcome::Fail { why: Why::Stranger, detail }]);
    }

    #[test]
    fn a_network_in_which_the_box_itself_is_not_heard_is_not_well() {
        let untested = Outcome::NotTested { why: Why::NoOffer, detail: String::new() };
        assert_eq!(outcomes(&Overheard::default()), [untested.clone(), untested]);
        let results = judge_overheard(&Err((Why::NoBridge, "lan0".to_owned())));
        assert_eq!(results.each_ref().map(|result| result.id.as_str()), ["other-dhcp", "other-router"]);
        assert!(results.iter().all(|result| matches!(
            &result.outcome,
            Outcome::NotTested { why: Why::NoBridge, detail } if detail == "lan0"
        )));
    }
}
