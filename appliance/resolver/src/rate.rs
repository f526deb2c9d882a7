//! How fast a device may ask.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use crate::clock::Seconds;
use crate::quota::Client;

/// Questions that a device may ask in each second, on and on, unless the configuration says otherwise. A busy PC asks
/// a few, and nobody asks for a whole class: every device has an address of its own.
pub const QUESTIONS_PER_SECOND: u32 = 200;
/// How many seconds' worth of them a device may ask at once, 2,000 questions: a browser that restores a hundred tabs
/// asks some 1,500.
const BURST_S: u32 = 10;
/// Devices that have an account each: more than any school's. Whoever comes on top of them shares one account, which
/// happens only when somebody invents addresses.
const ACCOUNTS_MAX: usize = 4_096;
/// How often a flood is told, in seconds: a person has to look for the device, and the log has to stay readable.
const WARNING_S: Seconds = 60;

/// An account for each device: questions are taken from it, each second puts some back.
pub(crate) struct Rates {
    per_second: u32,
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    accounts: HashMap<Client, Account>,
    shared: Account,
    /// When the accounts were last looked through for those that are full again.
    swept_s: Seconds,
    /// When a flood was last told.
    warned_s: Option<Seconds>,
    /// Questions turned away since then.
    excess: u64,
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
}

impl Rates {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, ledger: Mutex::default() }
    }

    /// Takes one question from the client's account. False when there is none left: then it should get no answer.
    /// `name` is what people call the client, for the log.
    pub(crate) fn take<N: Display>(&self, client: Client, now_s: Seconds, name: impl FnOnce() -> N) -> bool {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let account = ledger.account(client, now_s, self.per_second);
        let used = account.used(now_s, self.per_second);
        if used < self.per_second.saturating_mul(BURST_S) {
            *account = Account { used: used + 1, at_s: now_s };
            return true;
        }
        let warning = ledger.note_excess(now_s);
        drop(ledger);
        if let Some(excess) = warning {
            tracing::warn!(
                device = %name(),
                excess,
                per_second = self.per_second,
                "a device asks more DNS questions than anybody needs: those beyond its limit get no answer"
            );
        }
        false
    }
}

impl Ledger {
    fn account(&mut self, client: Client, now_s: Seconds, per_second: u32) -> &mut Account {
        if self.accounts.len() >= ACCOUNTS_MAX && !self.accounts.contains_key(&client) {
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

    /// Counts a question too many. How many there were since the last warning, when it is time for another.
    fn note_excess(&mut self, now_s: Seconds) -> Option<u64> {
        self.excess = self.excess.saturating_add(1);
        if self.warned_s.is_some_and(|warned_s| now_s.saturating_sub(warned_s) < WARNING_S) {
            return None;
        }
        self.warned_s = Some(now_s);
        Some(std::mem::take(&mut self.excess))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn client(number: u32) -> Client {
        Client::Address(IpAddr::from(Ipv4Addr::from_bits(0x0a4d_0000 + number)))
    }

    /// How many of `count` questions of a client at this time get through.
    fn ask(rates: &Rates, number: u32, now_s: Seconds, count: u32) -> u32 {
        (0..count).map(|_| u32::from(rates.take(client(number), now_s, || "CM2-01"))).sum()
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

    #[test]
    fn invented_addresses_share_one_account_and_are_forgotten() {
        let rates = Rates::new(10);
        let many = u32::try_from(ACCOUNTS_MAX).unwrap();
        for number in 0..many {
            assert_eq!(ask(&rates, number, 0, 1), 1);
        }
        let strangers: u32 = (many..2 * many).map(|number| ask(&rates, number, 0, 1)).sum();
        assert_eq!(strangers, 100);
        assert_eq!(ask(&rates, 1, 0, 1_000), 99, "a device with an account keeps it");
        assert_eq!(
            ask(&rates, 5 * many, 1, 1_000),
            100,
            "a second later the accounts of those who stopped are free"
        );
        assert!(rates.ledger.lock().unwrap().accounts.len() <= 2);
    }

    #[test]
    fn a_flood_is_told_once_a_minute() {
        let mut ledger = Ledger::default();
        let told: Vec<_> = [0, 0, 59, 60, 61, 119, 120].map(|now_s| ledger.note_excess(now_s)).into();
        assert_eq!(told, [Some(1), None, None, Some(3), None, None, Some(3)]);
    }
}
