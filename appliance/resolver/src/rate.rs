//! How fast a device may ask.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use seats::Share;

use crate::clock::Seconds;
use crate::quota::Client;

/// Questions that a device may ask in each second, on and on, unless the configuration says otherwise. A busy PC asks
/// a few, and nobody asks for a whole class: every device has an address of its own.
pub const QUESTIONS_PER_SECOND: u32 = 200;
/// How many seconds' worth of them a device may ask at once, 2,000 questions: a browser that restores a hundred tabs
/// asks some 1,500.
const BURST_S: u32 = 10;
/// All devices that are not registered ask as much as so many devices together: enough for a class of visitors,
/// and a laptop with thousands of made-up hardware addresses makes no more records than four PCs that flood.
const UNKNOWN_DEVICES: u32 = 4;
/// Devices that have an account each: more than any school's. Unknown ones that come on top of them share one account, which
/// happens only when somebody invents addresses; a registered one always has its own.
const ACCOUNTS_MAX: usize = 4_096;
/// How often a flood is told, in seconds: a person has to look for the device, and the log has to stay readable.
const WARNING_S: Seconds = 60;

/// An account for each device, and one for all that are not registered together: questions are taken from both, each second
/// puts some back.
pub(crate) struct Rates {
    per_second: u32,
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    accounts: HashMap<Client, Account>,
    shared: Account,
    /// What all unknown devices together have used up.
    of_unknown: Account,
    /// When the accounts were last looked through for those that are full again.
    swept_s: Seconds,
    /// Questions beyond a device's own limit.
    excess: Excess,
    /// Questions beyond that of all unknown devices.
    excess_of_unknown: Excess,
}

/// Questions that were turned away.
#[derive(Default)]
struct Excess {
    /// When they were last told.
    warned_s: Option<Seconds>,
    /// How many there were since then.
    count: u64,
}

/// A question too many.
struct Beyond {
    limit: Limit,
    /// How many there were since the last warning, when it is time for another.
    warning: Option<u64>,
}

/// Which limit it is beyond.
enum Limit {
    Own,
    OfUnknown,
}

/// What a device has used up and not got back yet: nothing, for a device that has no account.
#[derive(Clone, Copy, Default)]
struct Account {
    used: u32,
    at_s: Seconds,
}

impl Account {
    fn used(self, now_s: Seconds, per_second: u32) -> u32 {
        self.used.saturating_sub(now_s.saturating_sub(self.at_s).saturating_mul(per_second))
    }

    /// The account after one more question; `None` when there is none left.
    fn take(self, now_s: Seconds, per_second: u32) -> Option<Self> {
        let used = self.used(now_s, per_second);
        (used < per_second.saturating_mul(BURST_S)).then_some(Self { used: used + 1, at_s: now_s })
    }
}

impl Rates {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, ledger: Mutex::default() }
    }

    /// Takes one question from the client's account, and from that of all unknown devices where it is one of them. False when
    /// there is none left: then it should get no answer. `name` is what people call the client, for the log.
    pub(crate) fn take<N: Display>(
        &self,
        client: Client,
        share: Share,
        now_s: Seconds,
        name: impl FnOnce() -> N,
    ) -> bool {
        let Err(Beyond { limit, warning }) = self.lock().take(client, share, now_s, self.per_second) else {
            return true;
        };
        match (limit, warning) {
            (_, None) => {}
            (Limit::Own, Some(excess)) => tracing::warn!(
                device = %name(),
                excess,
                per_second = self.per_second,
                "a device asks more DNS questions than anybody needs: those beyond its limit get no answer"
            ),
            (Limit::OfUnknown, Some(excess)) => tracing::warn!(
                last = %name(),
                excess,
                per_second = of_unknown(self.per_second),
                "devices that are not registered ask too many DNS questions together: those beyond get no answer"
            ),
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much all unknown devices may ask in a second, together.
fn of_unknown(per_second: u32) -> u32 {
    per_second.saturating_mul(UNKNOWN_DEVICES)
}

impl Ledger {
    /// Takes one question from each account that it concerns, or from none.
    fn take(&mut self, client: Client, share: Share, now_s: Seconds, per_second: u32) -> Result<(), Beyond> {
        let Some(own) = self.account(client, share, now_s, per_second).take(now_s, per_second) else {
            return Err(Beyond { limit: Limit::Own, warning: self.excess.note(now_s) });
        };
        if share == Share::Unknown {
            let Some(together) = self.of_unknown.take(now_s, of_unknown(per_second)) else {
                return Err(Beyond { limit: Limit::OfUnknown, warning: self.excess_of_unknown.note(now_s) });
            };
            self.of_unknown = together;
        }
        *self.account(client, share, now_s, per_second) = own;
        Ok(())
    }

    /// The account that a client's questions are taken from.
    fn account(&mut self, client: Client, share: Share, now_s: Seconds, per_second: u32) -> &mut Account {
        let is_unknown = share == Share::Unknown;
        if is_unknown && self.accounts.len() >= ACCOUNTS_MAX && !self.accounts.contains_key(&client) {
            // At most once a second: looking through all of them for every question would be a flood's best ally.
            if self.swept_s != now_s {
                self.swept_s = now_s;
                self.accounts.retain(|_, account| account.used(now_s, per_second) > 0);
            }
            if self.accounts.len() >= ACCOUNTS_MAX {
                return &mut self.shared;
            }
        }
        self.accounts.entry(client).or_default()
    }
}

impl Excess {
    /// Counts a question too many. How many there were since the last warning, when it is time for another.
    fn note(&mut self, now_s: Seconds) -> Option<u64> {
        self.count = self.count.saturating_add(1);
        if self.warned_s.is_some_and(|warned_s| now_s.saturating_sub(warned_s) < WARNING_S) {
            return None;
        }
        self.warned_s = Some(now_s);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use model::Mac;

    use super::*;

    fn client(number: u32) -> Client {
        Client::Address(IpAddr::from(Ipv4Addr::from_bits(0x0a4d_0000 + number)))
    }

    fn registered(number: u32) -> Share {
        let [_, _, high, low] = number.to_be_bytes();
        Share::Device(Mac::new([2, 0, 0, 0, high, low]))
    }

    /// How many of `count` questions of a registered device at this time get through.
    fn ask(rates: &Rates, number: u32, now_s: Seconds, count: u32) -> u32 {
        ask_as(rates, (number, registered(number)), now_s, count)
    }

    /// The same for an unknown one.
    fn ask_unknown(rates: &Rates, number: u32, now_s: Seconds, count: u32) -> u32 {
        ask_as(rates, (number, Share::Unknown), now_s, count)
    }

    fn ask_as(rates: &Rates, (number, share): (u32, Share), now_s: Seconds, count: u32) -> u32 {
        (0..count).map(|_| u32::from(rates.take(client(number), share, now_s, || "CM2-01"))).sum()
    }

    #[test]
    fn a_burst_and_then_a_steady_rate() {
        let rates = Rates::new(QUESTIONS_PER_SECOND);
        for (now_s, asked, expected) in [
            (0, 1_500, 1_500),
            (0, 1_500, 500),
            (1, 1_500, 200),
            (1, 1_500, 0),
            (3, 1_500, 400),
            (12, 5_000, 1_800),
            (1_000, 5_000, 2_000),
            // A clock never goes back; if it did, nobody would get questions out of it.
            (999, 5_000, 0),
        ] {
            assert_eq!(ask(&rates, 1, now_s, asked), expected, "{now_s} s");
        }
    }

    #[test]
    fn a_flood_is_its_own_devices_loss_only() {
        let rates = Rates::new(10);
        assert_eq!(ask(&rates, 1, 0, 1_000), 100);
        assert_eq!(ask(&rates, 2, 0, 1_000), 100);
        assert_eq!(ask(&rates, 1, 0, 1), 0);
    }

    /// However many hardware addresses a laptop makes up, they ask as much as four devices, and take nothing from others.
    #[test]
    fn unknown_devices_have_a_limit_together() {
        let rates = Rates::new(10);
        let answered: u32 = (0..4_000).map(|number| ask_unknown(&rates, number, 0, 2)).sum();
        assert_eq!(answered, 400);
        assert_eq!(ask(&rates, 9_000, 0, 1_000), 100, "a registered device has its own");
        assert_eq!(ask_unknown(&rates, 9_001, 1, 1_000), 40, "each second puts some back");
        assert_eq!(
            ask_unknown(&rates, 9_002, 100, 1_000),
            100,
            "one of them alone has no more than any device"
        );
    }

    #[test]
    fn invented_addresses_take_no_registered_devices_account() {
        let rates = Rates::new(10_000);
        let many = u32::try_from(ACCOUNTS_MAX).unwrap();
        for number in 0..2 * many {
            assert_eq!(ask_unknown(&rates, number, 0, 1), 1);
        }
        let accounts = |rates: &Rates| rates.lock().accounts.len();
        assert_eq!((accounts(&rates), rates.lock().shared.used), (ACCOUNTS_MAX, many));
        assert_eq!(ask(&rates, 5 * many, 0, 1), 1);
        assert_eq!((accounts(&rates), rates.lock().shared.used), (ACCOUNTS_MAX + 1, many));
        // A second later the accounts of those who stopped are free.
        assert_eq!(ask_unknown(&rates, 6 * many, 1, 1), 1);
        assert_eq!(accounts(&rates), 1);
    }

    #[test]
    fn a_flood_is_told_once_a_minute() {
        let mut excess = Excess::default();
        let told: Vec<_> = [0, 0, 59, 60, 61, 119, 120].map(|now_s| excess.note(now_s)).into();
        assert_eq!(told, [Some(1), None, None, Some(3), None, None, Some(3)]);
    }
}
