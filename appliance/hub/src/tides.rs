//! Who waits for something new, and who tells them: one look at the register each second, whatever number of boxes waits.
//!
//! Hubs that share a register see each other's changes by that look; none has to know of another.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::{rt, web};
use replication::limits::WAIT_MS;
use replication::{Refusal, Tide};
use tokio::sync::watch;

use crate::enrolling::tell;
use crate::register::{BoxId, RegisterError};
use crate::{Hub, sheets};

/// Between two looks at the register, while somebody waits.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// Who waits at once, at most: an academy's boxes, and those whose connection before is not known to be gone yet. Each costs a connection.
const WAITING_MAX: usize = 6_000;
/// How often one box waits at once: the connection before may have been cut without a word.
const OF_ONE_MAX: u32 = 2;

/// How far the commune has come, and who waits.
pub(crate) struct Tides {
    level: watch::Sender<Level>,
    waiting: Mutex<BTreeMap<BoxId, u32>>,
}

/// How far it has come.
#[derive(Clone, Debug, Default)]
struct Level {
    policy: u64,
    /// The highest number of a sheet.
    sheet: u64,
    /// The sheets' numbers, by their schools: each change has all who wait look their own up.
    sheets: Arc<HashMap<String, u64>>,
    /// The hub stops: nobody waits any longer.
    is_over: bool,
}

impl Level {
    fn of(&self, uai: &str) -> Tide {
        Tide { policy: self.policy, sheet: sheets::serial_of(&self.sheets, uai) }
    }
}

impl Default for Tides {
    fn default() -> Self {
        Self { level: watch::channel(Level::default()).0, waiting: Mutex::default() }
    }
}

/// A place among those who wait; it is free again with its end.
struct Place<'t> {
    of: &'t Tides,
    who: BoxId,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.of.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let left = waiting.get(&self.who).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            waiting.remove(&self.who);
        } else {
            waiting.insert(self.who, left);
        }
    }
}

impl Tides {
    /// Waits for something that a box of this school has not seen; what there is by then, whether it is new or not.
    ///
    /// # Errors
    /// [`Refusal::TooOften`]: too many wait.
    pub(crate) async fn wait(&self, who: BoxId, uai: &str, seen: Tide) -> Result<Option<Tide>, Refusal> {
        let _place = self.take_place(who)?;
        let mut level = self.level.subscribe();
        let is_new = level.wait_for(|level| level.is_over || level.of(uai).is_beyond(seen));
        let waited = rt::time::timeout(Duration::from_millis(WAIT_MS), is_new).await;
        Ok(match waited {
            Ok(Ok(level)) if !level.is_over => Some(level.of(uai)),
            Ok(Ok(_) | Err(_)) | Err(_) => None,
        })
    }

    fn take_place(&self, who: BoxId) -> Result<Place<'_>, Refusal> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let own = waiting.get(&who).copied().unwrap_or(0);
        if own >= OF_ONE_MAX || waiting.len() >= WAITING_MAX {
            return Err(Refusal::TooOften);
        }
        waiting.insert(who, own + 1);
        Ok(Place { of: self, who })
    }

    /// Lets everybody go: the hub stops.
    pub(crate) fn end(&self) {
        self.level.send_modify(|level| level.is_over = true);
    }

    /// Looks at the register once; whether something has changed.
    fn look(&self, hub: &Hub) -> Result<(), RegisterError> {
        let high = hub.register.high_water()?;
        let (policy, sheet) = {
            let level = self.level.borrow();
            (level.policy, level.sheet)
        };
        if (policy, sheet) == (high.policy, high.sheet) {
            return Ok(());
        }
        let sheets: HashMap<String, u64> = hub.register.sheet_serials()?.into_iter().collect();
        let sheet = sheets.values().copied().max().unwrap_or(0);
        self.level.send_modify(|level| {
            (level.policy, level.sheet, level.sheets) = (high.policy, sheet, Arc::new(sheets));
        });
        Ok(())
    }

    /// Looks at it each second, for as long as there is somebody to tell.
    pub(crate) async fn keep(tides: web::Data<Self>, hub: web::Data<Hub>) {
        let mut is_told = false;
        loop {
            rt::time::sleep(LOOK_PERIOD).await;
            if tides.level.borrow().is_over {
                return;
            }
            if tides.level.receiver_count() == 0 {
                continue;
            }
            let looked = {
                let (tides, hub) = (tides.clone(), hub.clone());
                web::block(move || tides.look(&hub)).await
            };
            let failed = match looked {
                Ok(Ok(())) => false,
                Ok(Err(error)) if !is_told => {
                    let _refusal = tell(error);
                    true
                }
                Ok(Err(_)) | Err(_) => true,
            };
            is_told = failed;
        }
    }
}

#[cfg(test)]
mod tests {
    use replication::SheetNotice;

    use rustls::RootCertStore;

    use super::*;
    use crate::fixture;
    use crate::register::Register;
    use crate::register::postgres::PostgresRegister;

    fn notice() -> SheetNotice {
        SheetNotice { made_ms: 5, author: "M. Blanc".to_owned(), text: "Jeudi".to_owned() }
    }

    #[actix_web::test]
    async fn whoever_waits_hears_of_what_is_new_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, of) = fixture::open(folder.path());
        let tides = Tides::default();
        hub.register.add_notice(&notice(), fixture::EARLY).unwrap();
        tides.look(&hub).unwrap();
        let first = tides.wait(of, fixture::UAI, Tide::default()).await.unwrap().unwrap();
        assert_eq!(first, sheets::tide_of(&*hub.register, fixture::UAI).unwrap());
        // A box that has all of it waits until there is more.
        let waiting = tides.wait(of, fixture::UAI, first);
        let change = async {
            rt::task::yield_now().await;
            assert_eq!(tides.level.receiver_count(), 1);
            hub.register.remove_notice(1, fixture::EARLY).unwrap();
            tides.look(&hub).unwrap();
        };
        let (heard, ()) = tokio::join!(waiting, change);
        assert_eq!(heard.unwrap().unwrap().sheet, first.sheet + 1);
        assert!(tides.waiting.lock().unwrap().is_empty(), "nobody waits any more");
    }

    #[actix_web::test]
    async fn an_academy_waits_on_one_look() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let tides = Tides::default();
        let waiting = (0..3_000).map(|number| tides.wait(BoxId(number), fixture::UAI, Tide::default()));
        let change = async {
            rt::task::yield_now().await;
            assert_eq!(tides.level.receiver_count(), 3_000);
            hub.register.add_notice(&notice(), fixture::EARLY).unwrap();
            tides.look(&hub).unwrap();
        };
        let (heard, ()) = tokio::join!(futures_util::future::join_all(waiting), change);
        assert!(heard.iter().all(|heard| heard.is_ok_and(|heard| heard.is_some_and(|tide| tide.sheet > 0))));
        assert!(tides.waiting.lock().unwrap().is_empty());
    }

    #[test]
    fn a_change_at_another_hub_reaches_whoever_waits_here() {
        let server = harness::Postgres::start().unwrap();
        let open = || PostgresRegister::open(&server.address(), None, RootCertStore::empty()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (mut hub, of) = fixture::open(folder.path());
        // Both outlive the runtime: their connections are closed by threads that may wait.
        let (here, there): (Arc<dyn Register>, Arc<dyn Register>) = (Arc::new(open()), Arc::new(open()));
        hub.register = Arc::clone(&here);
        let (hub, tides, other) = (web::Data::new(hub), web::Data::new(Tides::default()), Arc::clone(&there));
        let heard = rt::System::new().block_on(async move {
            drop(rt::spawn(Tides::keep(tides.clone(), hub)));
            let change = web::block(move || other.add_notice(&notice(), fixture::EARLY));
            let (heard, changed) = tokio::join!(tides.wait(of, fixture::UAI, Tide::default()), change);
            assert!(changed.unwrap().unwrap());
            tides.end();
            heard
        });
        assert!(heard.unwrap().unwrap().sheet > 0);
        drop((here, there));
    }

    #[actix_web::test]
    async fn a_box_waits_twice_at_most_and_nobody_at_the_end() {
        let tides = Tides::default();
        let (one, other) = (BoxId(1), BoxId(2));
        let places = (tides.take_place(one).unwrap(), tides.take_place(one).unwrap());
        assert_eq!(tides.take_place(one).err(), Some(Refusal::TooOften));
        drop((tides.take_place(other).unwrap(), places));
        let waiting = tides.wait(one, fixture::UAI, Tide::default());
        let (heard, ()) = tokio::join!(waiting, async { tides.end() });
        assert_eq!(heard, Ok(None));
    }
}
