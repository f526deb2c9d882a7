//! A large school, and what its devices visit in a year. The same numbers give the same year.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context, Result};
use model::{AccessKind, Device, Host, Subject};

use crate::random::Random;

/// Days of the year, each with its traffic.
pub const DAYS: usize = 365;
/// Devices of the school, ...
const DEVICES: usize = 500;
/// ... so many in each room.
const DEVICES_A_ROOM: usize = 25;
/// Hosts that are visited, by Zipf's law: the one of rank *n* is visited in proportion to 1/*n*.
const HOSTS: usize = 150_000;
/// Hosts of which one is listed and refused: one page in fifty is of those.
const LISTED_EVERY: usize = 97;
/// School begins at 8 and lasts nine hours; 2025-09-01 is a Monday.
const FIRST_MORNING_MS: i64 = 1_756_706_400_000;
const DAY_MS: i64 = 86_400_000;
const SCHOOL_DAY_MS: i64 = 9 * 3_600_000;
const CATEGORIES: [&str; 6] = ["games", "social_networks", "adult", "gambling", "warez", "dating"];

/// One access of the year.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The device, by its place.
    pub device: usize,
    /// The host, by its rank from 0 on.
    pub host: usize,
    /// By which door.
    pub kind: AccessKind,
    /// Bytes up and down, duration in milliseconds: of what is permitted and no DNS question.
    pub traffic: (u64, u64, u64),
}

/// The devices and hosts of a school.
pub struct School {
    /// Devices, by their places.
    pub subjects: Vec<Subject>,
    devices: Vec<Arc<Device>>,
    /// Hosts, by their ranks.
    pub hosts: Vec<Host>,
    /// Where each rank ends, out of the last.
    ends: Vec<u64>,
}

impl School {
    /// The school.
    ///
    /// # Errors
    /// A name of it is none.
    pub fn new() -> Result<Self> {
        let devices: Vec<_> = (0..DEVICES).map(device).collect::<Result<_>>()?;
        let subjects = devices.iter().map(|device| Subject::Device(Arc::clone(device))).collect();
        let hosts =
            (0..HOSTS).map(|rank| Host::parse(&name(rank)).context("a host")).collect::<Result<_>>()?;
        let mut end = 0;
        let ends = (1..=HOSTS as u64).map(|rank| {
            end += (1 << 40) / rank;
            end
        });
        let ends = ends.collect();
        Ok(Self { subjects, devices, hosts, ends })
    }

    /// A device's name.
    #[must_use]
    pub fn device(&self, place: usize) -> Option<&Device> {
        self.devices.get(place).map(AsRef::as_ref)
    }

    /// A host's text.
    #[must_use]
    pub fn host_text(&self, rank: usize) -> String {
        self.hosts.get(rank).map(ToString::to_string).unwrap_or_default()
    }

    /// The category in which a host is listed and refused.
    #[must_use]
    pub fn category(&self, host: usize) -> Option<&'static str> {
        (host % LISTED_EVERY == LISTED_EVERY - 1).then(|| CATEGORIES.get(host % CATEGORIES.len()).copied())?
    }

    /// The visits of a day, in their order.
    #[must_use]
    pub fn day(&self, day: usize, visits: usize) -> Vec<Visit> {
        let mut random = Random::new(0x5eed ^ (day as u64) << 32);
        let morning = FIRST_MORNING_MS + i64::try_from(day).unwrap_or(0) * DAY_MS;
        let mut day = Vec::with_capacity(visits);
        while day.len() < visits {
            // Time passes evenly over the day, whatever the number of visits.
            let share = SCHOOL_DAY_MS.saturating_mul(i64::try_from(day.len()).unwrap_or(0));
            let at_ms = morning + share / i64::try_from(visits.max(1)).unwrap_or(1);
            self.open_page(at_ms, &mut random, &mut day);
        }
        day.truncate(visits);
        day.sort_by_key(|visit| visit.at_ms);
        day
    }

    /// A page: its host, and up to four that it stands on, which are the popular ones; half of them by a name that has to be
    /// asked for.
    fn open_page(&self, at_ms: i64, random: &mut Random, day: &mut Vec<Visit>) {
        let device = random.below(DEVICES);
        let others = random.below(5);
        for other in 0..=others {
            let host = if other == 0 { self.draw(random) } else { self.draw(random) % 300 };
            let at_ms = at_ms + i64::try_from(random.below(2_000)).unwrap_or(0);
            let visit = |kind, traffic| Visit { at_ms, device, host, kind, traffic };
            if random.below(2) == 0 {
                day.push(visit(AccessKind::Dns, (0, 0, 0)));
            }
            let down = 1 << (8 + random.below(14));
            let traffic = (
                500 + random.below(4_000) as u64,
                down + random.below(1_000) as u64,
                random.below(60_000) as u64,
            );
            let kind = if random.below(12) == 0 { AccessKind::Http } else { AccessKind::Tls };
            day.push(visit(kind, traffic));
        }
    }

    fn draw(&self, random: &mut Random) -> usize {
        let end = self.ends.last().copied().unwrap_or(1);
        let place = random.draw() % end;
        self.ends.partition_point(|end| *end <= place)
    }
}

/// The first and the last moment of a day, in milliseconds since 1970.
#[must_use]
pub fn day_times(day: usize) -> (i64, i64) {
    let morning = FIRST_MORNING_MS + i64::try_from(day).unwrap_or(0) * DAY_MS;
    (morning, morning + SCHOOL_DAY_MS + 2_000)
}

fn device(place: usize) -> Result<Arc<Device>> {
    let room = place / DEVICES_A_ROOM;
    let [_, _, _, _, _, _, high, low] = (place as u64).to_be_bytes();
    Ok(Arc::new(Device {
        mac: format!("02:00:00:00:{high:02x}:{low:02x}").parse()?,
        name: format!("S{room:02}-{:02}", place % DEVICES_A_ROOM).parse()?,
        room: Some(format!("Salle {room}").parse()?),
        profile: "elementaire".parse()?,
    }))
}

/// A host's name, as long as names are: a site of some syllables, in half of the cases with a label before it.
fn name(rank: usize) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "co", "di", "fu", "ga", "lo", "mi", "nu", "pa", "re", "si", "to", "ve", "za", "cha", "tri"];
    const LABELS: [&str; 8] = ["www", "cdn", "static", "api", "img", "media", "m", "assets"];
    const ENDS: [&str; 5] = ["com", "fr", "net", "org", "gouv.fr"];
    let mut random = Random::new(rank as u64 + 7);
    let mut name = String::new();
    if let Some(label) = LABELS.get(random.below(16)) {
        name.push_str(label);
        name.push('.');
    }
    for _ in 0..2 + random.below(4) {
        name.push_str(random.choose(&SYLLABLES).copied().unwrap_or_default());
    }
    let end = ENDS.get(random.below(ENDS.len())).copied().unwrap_or_default();
    // Writing to a text does not fail.
    let _written = write!(name, "{rank}.{end}");
    name
}
