//! What each room shall have: read from the store, with the keys that are drawn where they are missing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::{Clock, Instant};
use jiff::tz::TimeZone;
use model::{ClockQuality, Device, Mac, RoomName};
use ring::rand::SystemRandom;
use store::{Generation, KeyOwner, Store, WifiKey};
use system::clock::keep_pace;
use wifi::{
    Channel, Country, DeviceKey, KeyId, KeyPolicy, Passphrase, Power, RoomNetwork, Setup, Ssid, Vlan, Wish,
    is_of_an_earlier_year,
};

use crate::config::Config;
use crate::data_folder::STATE_FILE;

/// How often the store is looked at: a teacher who has touched the button watches the tablets.
const PERIOD: Duration = Duration::from_millis(250);
/// Looks for each look at the age of keys: one a minute.
const AGE_EVERY: u32 = 240;

/// What the access points shall do and be.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The lessons with Wi-Fi.
    pub(crate) wishes: Vec<Wish>,
    /// What each room serves; a room without any key serves nothing.
    pub(crate) rooms: BTreeMap<RoomName, RoomOrder>,
    /// The registered devices that have keys of their own.
    pub(crate) owners: HashMap<KeyId, Mac>,
}

/// What a room serves, whatever its channel.
#[derive(Clone, Debug)]
pub(crate) struct RoomOrder {
    network: RoomNetwork,
    passphrase: Option<Passphrase>,
    keys: Vec<DeviceKey>,
    country: Country,
    power: Power,
}

impl RoomOrder {
    /// The same on this channel.
    pub(crate) fn setup(&self, channel: Channel) -> Setup {
        let Self { network, passphrase, keys, country, power } = self.clone();
        Setup {
            ssid: network.ssid,
            security: network.security,
            passphrase,
            keys,
            channel,
            country,
            power,
            isolates_stations: network.isolates_stations,
            bridges: network.apart.into_iter().map(|apart| apart.bridge).collect(),
        }
    }
}

/// The last order.
#[derive(Debug, Default)]
pub(crate) struct Orders(Mutex<Arc<Order>>);

impl Orders {
    pub(crate) fn last(&self) -> Arc<Order> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn give(&self, order: Order) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(order);
    }
}

/// Reads the orders whenever the store has moved.
pub(crate) struct OrderKeeper {
    data: PathBuf,
    state_file: PathBuf,
    store: Option<Store>,
    generation: Option<Generation>,
    networks: Vec<RoomNetwork>,
    country: Country,
    power: Power,
    time_zone: TimeZone,
    clock: Arc<dyn Clock>,
    orders: Arc<Orders>,
    /// Keys as devices compute with them: each takes some milliseconds.
    computed: HashMap<(u32, Ssid), DeviceKey>,
    is_failure_told: bool,
}

impl OrderKeeper {
    pub(crate) fn new(data: &Path, config: &Config, clock: Arc<dyn Clock>, orders: Arc<Orders>) -> Self {
        Self {
            data: data.to_owned(),
            state_file: data.join(STATE_FILE),
            store: None,
            generation: None,
            networks: config.wifi.networks.clone(),
            country: config.wifi.country,
            power: config.wifi.power,
            time_zone: config.school.timezone.clone(),
            clock,
            orders,
            computed: HashMap::new(),
            is_failure_told: false,
        }
    }

    /// Keeps the orders up to date until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        let mut looks = 0_u32;
        loop {
            // The clock may be known by now, and a year over.
            if looks.is_multiple_of(AGE_EVERY) {
                self.generation = None;
            }
            looks = looks.wrapping_add(1);
            self.look();
            if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    /// A store that cannot be read leaves the last order as it was: each of its lessons has an end.
    fn look(&mut self) {
        let outcome = self.try_look();
        let is_told = std::mem::replace(&mut self.is_failure_told, outcome.is_err());
        if let Err(error) = outcome {
            (self.store, self.generation) = (None, None);
            if !is_told {
                tracing::error!("what the Wi-Fi shall do cannot be read: {error:#}");
            }
        }
    }

    fn try_look(&mut self) -> anyhow::Result<()> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None => Store::open(&self.state_file)?,
        };
        // Of before the reading: what is written meanwhile, keys among it, is read the next time.
        let generation = store.generation()?;
        if self.generation != Some(generation) {
            let wishes = read_wishes(&store)?;
            let devices = store.devices()?;
            let now = keep_pace(&self.data, self.clock.now());
            keep_keys(&mut store, &self.networks, &devices, &wishes, (now, &self.time_zone))?;
            let order = self.read(wishes, &devices, &store.wifi_keys()?);
            self.orders.give(order);
            self.generation = Some(generation);
        }
        self.store = Some(store);
        Ok(())
    }

    fn read(&mut self, wishes: Vec<Wish>, devices: &[Device], keys: &[WifiKey]) -> Order {
        let (mut rooms, mut owners) = (BTreeMap::new(), HashMap::new());
        let networks = std::mem::take(&mut self.networks);
        for network in &networks {
            let own: Vec<_> = keys.iter().filter(|key| is_key_of(key, network)).collect();
            let device_of =
                |key: &WifiKey| devices.iter().find(|device| key.owner.device.as_ref() == Some(&device.name));
            for key in &own {
                owners.extend(device_of(key).map(|device| (KeyId::new(key.number), device.mac)));
            }
            let passphrases: Vec<_> = own
                .iter()
                .filter_map(|key| Some((key, key.passphrase.parse::<Passphrase>().ok()?)))
                .collect();
            if passphrases.is_empty() {
                continue;
            }
            let computed = passphrases.iter().map(|(key, passphrase)| {
                let vlan = device_of(key).and_then(|device| Vlan::of(&device.profile, &network.apart));
                DeviceKey { vlan, ..self.compute(key.number, passphrase, &network.ssid) }
            });
            let computed: Vec<_> = computed.collect();
            let passphrase = match network.keys {
                KeyPolicy::Room => passphrases.into_iter().next().map(|(_, passphrase)| passphrase),
                KeyPolicy::Device => None,
            };
            let (network, country, power) = (network.clone(), self.country, self.power);
            let order = RoomOrder { network, passphrase, keys: computed, country, power };
            rooms.insert(order.network.room.clone(), order);
        }
        self.networks = networks;
        // What nobody has any more is not kept in memory.
        let live: BTreeSet<u32> = keys.iter().map(|key| key.number).collect();
        self.computed.retain(|(number, _), _| live.contains(number));
        Order { wishes, rooms, owners }
    }

    fn compute(&mut self, number: u32, passphrase: &Passphrase, ssid: &Ssid) -> DeviceKey {
        let computed = self.computed.entry((number, ssid.clone()));
        computed.or_insert_with(|| DeviceKey::new(&KeyId::new(number).to_string(), passphrase, ssid)).clone()
    }
}

fn read_wishes(store: &Store) -> anyhow::Result<Vec<Wish>> {
    let lessons = store.open_lessons()?.into_iter().filter(|lesson| lesson.is_wifi_on);
    let wishes = lessons.map(|lesson| Wish {
        lesson: lesson.id.number(),
        room: lesson.room,
        from: lesson.from,
        until: lesson.until,
    });
    Ok(wishes.collect())
}

fn is_key_of(key: &WifiKey, network: &RoomNetwork) -> bool {
    let is_of_device = key.owner.device.is_some();
    key.owner.room == network.room && is_of_device == (network.keys == KeyPolicy::Device)
}

/// Whoever shall have a key: the room, or each registered device of it.
fn owners(network: &RoomNetwork, devices: &[Device]) -> Vec<KeyOwner> {
    let room = || network.room.clone();
    match network.keys {
        KeyPolicy::Room => vec![KeyOwner { room: room(), device: None }],
        KeyPolicy::Device => devices
            .iter()
            .filter(|device| device.room.as_ref() == Some(&network.room))
            .map(|device| KeyOwner { room: room(), device: Some(device.name.clone()) })
            .collect(),
    }
}

/// Draws the keys that are missing, takes away those of devices that have gone, and draws new ones for the new school year: not
/// during a lesson, and by a clock only that a time server disciplines. One that is a year ahead would have every tablet of the
/// school be configured anew.
pub(super) fn keep_keys(
    store: &mut Store,
    networks: &[RoomNetwork],
    devices: &[Device],
    wishes: &[Wish],
    (clock, time_zone): (Instant, &TimeZone),
) -> anyhow::Result<()> {
    let Some(now) = clock.plausible() else { return Ok(()) };
    let is_year_known = clock.quality == ClockQuality::Synchronised;
    let keys = store.wifi_keys()?;
    for network in networks {
        let owners = owners(network, devices);
        let is_in_use = wishes.iter().any(|wish| wish.room == network.room && wish.until > now);
        for key in keys.iter().filter(|key| key.owner.room == network.room) {
            if !owners.contains(&key.owner) {
                store.revoke_wifi_key(&key.owner)?;
                tracing::info!(room = %network.room, key = %KeyId::new(key.number), "a key of the Wi-Fi has gone with its device");
            } else if is_year_known && !is_in_use && is_of_an_earlier_year(key.made, now, time_zone) {
                let passphrase = Passphrase::draw(&SystemRandom::new())?;
                store.replace_wifi_key(&key.owner, passphrase.reveal(), now)?;
                tracing::warn!(room = %network.room, "a key of the Wi-Fi is of the last school year: it is a new one now");
            }
        }
        for owner in owners.iter().filter(|&owner| !keys.iter().any(|key| key.owner == *owner)) {
            let passphrase = Passphrase::draw(&SystemRandom::new())?;
            if store.add_wifi_key(owner, passphrase.reveal(), now)? {
                tracing::info!(room = %network.room, "a key of the Wi-Fi was drawn: `preau wifi key list`");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
impl RoomOrder {
    /// A room whose devices have the keys of these numbers.
    pub(crate) fn of_devices(network: RoomNetwork, numbers: &[u32]) -> Self {
        let key = |number: &u32| {
            let passphrase: Passphrase = format!("a key of number {number:05}").parse().unwrap();
            DeviceKey::new(&KeyId::new(*number).to_string(), &passphrase, &network.ssid)
        };
        let keys = numbers.iter().map(key).collect();
        Self { network, passphrase: None, keys, country: Country::FRANCE, power: Power::default() }
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use wifi::Security;

    use super::*;

    /// A clock that stands still.
    struct Stopped(Instant);

    impl Clock for Stopped {
        fn now(&self) -> Instant {
            self.0
        }
    }

    /// What the room's key is after a box has looked by this clock.
    fn look(data: &Path, unix_ms: i64, quality: ClockQuality) -> Vec<u32> {
        let network = RoomNetwork {
            room: "CM2".parse().unwrap(),
            ssid: "tilleul".parse().unwrap(),
            keys: KeyPolicy::Room,
            security: Security::Wpa2,
            isolates_stations: false,
            apart: vec![],
        };
        let mut keeper = OrderKeeper {
            data: data.to_owned(),
            state_file: data.join(STATE_FILE),
            store: None,
            generation: None,
            networks: vec![network],
            country: Country::FRANCE,
            power: Power::default(),
            time_zone: TimeZone::get("Europe/Paris").unwrap(),
            clock: Arc::new(Stopped(Instant { at: Timestamp::from_unix_ms(unix_ms), quality })),
            orders: Arc::default(),
            computed: HashMap::new(),
            is_failure_told: false,
        };
        keeper.try_look().unwrap();
        let store = Store::open(&data.join(STATE_FILE)).unwrap();
        store.wifi_keys().unwrap().into_iter().map(|key| key.number).collect()
    }

    #[test]
    fn a_clock_that_is_a_year_ahead_replaces_no_key() {
        use ClockQuality::{Synchronised, Unset, Unsynchronised};
        /// 2026-11-23.
        const NOW_MS: i64 = 1_795_422_600_000;
        const YEAR_MS: i64 = 365 * 86_400_000;
        let data = tempfile::tempdir().unwrap();
        assert!(look(data.path(), NOW_MS, Unset).is_empty());
        assert_eq!(look(data.path(), NOW_MS, Unsynchronised), [1], "a missing one is drawn");
        assert_eq!(look(data.path(), NOW_MS + YEAR_MS, Unsynchronised), [1], "nobody confirms that year");
        assert_eq!(look(data.path(), NOW_MS, Synchronised), [1]);
        assert_eq!(look(data.path(), NOW_MS + YEAR_MS, Synchronised), [1], "it leapt");
    }

    #[test]
    fn a_clock_that_a_time_server_disciplines_replaces_last_years_key() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(look(data.path(), 1_795_422_600_000, ClockQuality::Unsynchronised), [1]);
        assert_eq!(look(data.path(), 1_826_958_600_000, ClockQuality::Synchronised), [2]);
    }
}
