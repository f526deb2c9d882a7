//! Access points with OpenWrt, by ubus over HTTPS.
//!
//! At rest, the network is off on the access point's flash (`option disabled '1'`). For a lesson it is switched on by an apply that the
//! access point takes back unless it is confirmed; at its boot, and when it no longer hears the box, its own watchdog
//! (`firmware-config/openwrt`) switches it off again. Each look is a new session: one that made a change reads back its own change,
//! even where it was rolled back.

mod pinned;
mod session;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use model::Timestamp;
use serde_json::{Map, Value, json};
use wifi::{
    Drive, DriveError, Event, Options, PointPassword, Reality, Setup, Stamps, Station, Step, UNTIL_OPTION,
    Wireless, render_openwrt, section_name, select, stamp_openwrt,
};

use crate::clock::monotonic;
use crate::shown::see_certificates;
pub use pinned::Fingerprint;
use session::{CallError, Client, NO_DATA, PERMISSION_DENIED, Session};

/// How long the access point waits for a confirmation before it takes a change back, in seconds.
const ROLLBACK_SECONDS: u64 = 30;
/// How long it is tried to confirm: well before that.
const CONFIRM_WITHIN: Duration = Duration::from_secs(20);
/// How long a radio takes to begin or end sending after a change.
const SWITCH_WITHIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(250);
/// The access point's file that the box writes at each look, as `firmware-config/openwrt/preau-watchdog` knows it.
const HEARD_FILE: &str = "/tmp/preau.heard";
/// Longest password, in bytes; whoever names another file by mistake is told so.
const PASSWORD_BYTES_MAX: u64 = 1_024;

/// Sections of a configuration, by their names.
type Sections = BTreeMap<String, Options>;

/// Where an access point is, and who the box is to it.
#[derive(Clone, Debug)]
pub struct OpenWrtPlace {
    /// Where it answers.
    pub address: SocketAddr,
    /// Its certificate, as it was seen at its adoption.
    pub certificate: Fingerprint,
    /// The radio, as its configuration calls it.
    pub radio: String,
    /// Who the box is to it.
    pub user: String,
    /// The password.
    pub password: PointPassword,
}

/// One radio of an access point with OpenWrt.
pub struct OpenWrtRadio {
    place: OpenWrtPlace,
    client: Client,
}

impl OpenWrtRadio {
    /// The radio at this place. Nothing is asked yet.
    ///
    /// # Errors
    /// rustls lacks what it needs, which would be a mistake of this program.
    pub fn new(place: OpenWrtPlace) -> Result<Self, rustls::Error> {
        let client = Client::new(place.address, place.certificate)?;
        Ok(Self { place, client })
    }

    fn log_in(&self) -> Result<Session<'_>, DriveError> {
        let password = match &self.place.password {
            PointPassword::File(path) => {
                read_password(path).map_err(|error| DriveError::Unfit(error.into()))?
            }
            PointPassword::Made(password) => password.clone(),
        };
        self.client.log_in(&self.place.user, &password).map_err(|error| {
            if error.status() == Some(PERMISSION_DENIED) {
                let message = format!("the password of `{}` is another one there", self.place.user);
                DriveError::Refused(message)
            } else {
                tell(error)
            }
        })
    }

    fn set_up(&self, setup: &Setup) -> Result<(), DriveError> {
        let wireless = render_openwrt(setup, &self.place.radio).ok_or(DriveError::Unset)?;
        let session = self.log_in()?;
        let sections = read_wireless(&session)?;
        let own = section_name(&self.place.radio);
        set(&session, &self.place.radio, &wireless.radio)?;
        let mut network = wireless.network.clone();
        network.insert("disabled".to_owned(), "1".to_owned());
        if sections.contains_key(&own) {
            set(&session, &own, &network)?;
        } else {
            let values = json!(network);
            let arguments =
                json!({ "config": "wireless", "type": "wifi-iface", "name": own, "values": values });
            session.call("uci", "add", &arguments).map_err(tell)?;
        }
        // What else is configured on this radio, as the open network of a factory's, sends nothing.
        for name in sections
            .iter()
            .filter(|(name, options)| **name != own && self.is_on_radio(options))
            .map(|(name, _)| name)
        {
            set(&session, name, &switch("1"))?;
        }
        apply(&session)
    }

    fn is_on_radio(&self, options: &Options) -> bool {
        options.get("device") == Some(&self.place.radio)
    }

    /// Switches off all that is configured on the radio, whoever configured it.
    fn silence(&self) -> Result<(), DriveError> {
        {
            let session = self.log_in()?;
            let sections = read_wireless(&session)?;
            let is_on = |options: &Options| self.is_on_radio(options) && !is_disabled(options);
            for (name, _) in sections.iter().filter(|(_, options)| is_on(options)) {
                set(&session, name, &switch("1"))?;
            }
            apply(&session)?;
        }
        self.await_sending(false)
    }

    /// Switches the network of the box on, until the access point's own watchdog switches it off.
    fn send(&self, until: Timestamp) -> Result<(), DriveError> {
        {
            let session = self.log_in()?;
            let mut values = switch("0");
            // Rounded up: the box switches off by itself, and the access point after it.
            let until_s = until.unix_ms().div_euclid(1_000).saturating_add(1);
            values.insert(UNTIL_OPTION.to_owned(), until_s.to_string());
            set(&session, &section_name(&self.place.radio), &values)?;
            apply(&session)?;
        }
        self.await_sending(true)
    }

    fn await_sending(&self, is_expected: bool) -> Result<(), DriveError> {
        let start = monotonic();
        while self.read()?.1 != is_expected {
            if monotonic().duration_since(start) > SWITCH_WITHIN {
                let does = if is_expected { "begin" } else { "stop" };
                return Err(DriveError::Refused(format!("the radio does not {does} to send")));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// What is configured, and whether the radio sends anything, by a session of its own.
    fn read(&self) -> Result<(Sections, bool), DriveError> {
        let session = self.log_in()?;
        let sections = read_wireless(&session)?;
        let status = session.call("network.wireless", "status", &json!({})).map_err(tell)?;
        // Its watchdog goes by the time of this file.
        let heard = json!({ "path": HEARD_FILE, "data": "heard\n" });
        session.call("file", "write", &heard).map_err(tell)?;
        Ok((sections, is_sending(&status, &self.place.radio)))
    }
}

impl Drive for OpenWrtRadio {
    fn stamps(&self, setup: &Setup) -> Stamps {
        match render_openwrt(setup, &self.place.radio) {
            Some(wireless) => stamp_openwrt(&wireless),
            // It can never be as this: it is said when it is tried.
            None => stamp_openwrt(&Wireless { radio: Options::new(), network: Options::new() }),
        }
    }

    fn look(&mut self, setup: Option<&Setup>) -> Result<Reality, DriveError> {
        let (sections, is_sending) = self.read()?;
        let (own, none) = (section_name(&self.place.radio), Options::new());
        let of = |name: &str| sections.get(name).unwrap_or(&none);
        let is_alone = sections
            .iter()
            .filter(|(name, options)| **name != own && self.is_on_radio(options))
            .all(|(_, options)| is_disabled(options));
        let expected = setup.and_then(|setup| render_openwrt(setup, &self.place.radio)).filter(|_| is_alone);
        let stamps =
            expected.map(|expected| stamp_openwrt(&select(&expected, of(&self.place.radio), of(&own))));
        let until = of(&own).get(UNTIL_OPTION).and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
        Ok(Reality {
            setup: stamps.map(|stamps| stamps.setup),
            keys: stamps.map(|stamps| stamps.keys),
            is_sending,
            until: Some(Timestamp::from_unix_ms(until.saturating_mul(1_000))),
        })
    }

    fn apply(&mut self, step: Step, setup: Option<&Setup>) -> Result<(), DriveError> {
        match step {
            Step::Silence => self.silence(),
            Step::SetUp | Step::LoadKeys => self.set_up(setup.ok_or(DriveError::Unset)?),
            Step::Send { until } => self.send(until),
        }
    }

    /// The room has one key: who has joined is known by hardware address alone.
    fn stations(&mut self) -> Result<Vec<Station>, DriveError> {
        let session = self.log_in()?;
        let status = session.call("network.wireless", "status", &json!({})).map_err(tell)?;
        let mut stations = Vec::new();
        for name in names(&status, &self.place.radio).take(INTERFACES_MAX) {
            let list = session.call("iwinfo", "assoclist", &json!({ "device": name })).map_err(tell)?;
            let found = list.pointer("/results").and_then(Value::as_array).into_iter().flatten();
            let macs = found.filter_map(|station| station.get("mac")?.as_str()?.to_lowercase().parse().ok());
            stations.extend(macs.take(STATIONS_MAX).map(|mac| Station { mac, key: None }));
        }
        Ok(stations)
    }

    fn take_events(&mut self) -> Vec<Event> {
        Vec::new()
    }
}

/// Interfaces of a radio that are asked for their stations, and stations that are told of one: more than a radio has.
const INTERFACES_MAX: usize = 8;
const STATIONS_MAX: usize = 256;

/// Whether a radio is up with an interface: what is configured and disabled has no name there.
fn is_sending(status: &Value, radio: &str) -> bool {
    let is_up = status.pointer(&format!("/{radio}/up")).and_then(Value::as_bool).unwrap_or(false);
    is_up && names(status, radio).next().is_some()
}

/// The names of a radio's interfaces.
fn names<'a>(status: &'a Value, radio: &str) -> impl Iterator<Item = &'a str> {
    let interfaces = status.pointer(&format!("/{radio}/interfaces")).and_then(Value::as_array);
    interfaces.into_iter().flatten().filter_map(|interface| interface.get("ifname")?.as_str())
}

/// The sections of the configuration of its radios, by their names.
fn read_wireless(session: &Session<'_>) -> Result<Sections, DriveError> {
    let answer = session.call("uci", "get", &json!({ "config": "wireless" })).map_err(tell)?;
    let sections = answer.get("values").and_then(Value::as_object).cloned().unwrap_or_default();
    let options = |section: &Map<String, Value>| -> Options {
        let texts =
            section.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        texts.collect()
    };
    let sections =
        sections.iter().filter_map(|(name, section)| Some((name.clone(), options(section.as_object()?))));
    Ok(sections.collect())
}

fn set(session: &Session<'_>, section: &str, values: &Options) -> Result<(), DriveError> {
    let arguments = json!({ "config": "wireless", "section": section, "values": values });
    session.call("uci", "set", &arguments).map(drop).map_err(tell)
}

fn is_disabled(options: &Options) -> bool {
    options.get("disabled").is_some_and(|value| value == "1")
}

fn switch(disabled: &str) -> Options {
    Options::from([("disabled".to_owned(), disabled.to_owned())])
}

/// Puts the session's changes in force, and confirms once the access point is still there: otherwise it takes them back.
fn apply(session: &Session<'_>) -> Result<(), DriveError> {
    let arguments = json!({ "rollback": true, "timeout": ROLLBACK_SECONDS });
    match session.call("uci", "apply", &arguments) {
        // Nothing has changed.
        Err(error) if error.status() == Some(NO_DATA) => return Ok(()),
        Err(error) if error.status() == Some(PERMISSION_DENIED) => {
            return Err(DriveError::Refused("another change is waiting there to be confirmed".to_owned()));
        }
        outcome => outcome.map_err(tell)?,
    };
    let start = monotonic();
    loop {
        match session.call("uci", "confirm", &json!({})) {
            Ok(_) => return Ok(()),
            // It was taken back, or the access point has been restarted: the next look tells what stands.
            Err(error) if error.status() == Some(NO_DATA) => {
                return Err(DriveError::Refused("it took the change back".to_owned()));
            }
            Err(error) if monotonic().duration_since(start) > CONFIRM_WITHIN => return Err(tell(error)),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn tell(error: CallError) -> DriveError {
    match error {
        CallError::Silent(cause) => DriveError::Silent(cause),
        CallError::Denied { .. } => DriveError::Refused(format!(
            "{error}: its access control list lacks what firmware-config/openwrt/preau.json has, or the session is over"
        )),
        CallError::Status { .. } => DriveError::Refused(error.to_string()),
    }
}

fn read_password(path: &std::path::Path) -> io::Result<String> {
    let mut text = String::new();
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    fs::File::open(path).map_err(named)?.take(PASSWORD_BYTES_MAX).read_to_string(&mut text).map_err(named)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The certificate that a machine shows now: for its adoption, by somebody who knows that it is the right one.
///
/// # Errors
/// The system's; nobody answers, or not by TLS.
pub fn see_certificate(address: SocketAddr) -> io::Result<Fingerprint> {
    let name = rustls::pki_types::ServerName::from(address.ip());
    let shown = see_certificates(&[address], name, SEE_WITHIN)?;
    let own = shown.first().ok_or_else(|| io::Error::other("it shows no certificate"))?;
    Ok(pinned::fingerprint(own))
}

/// How long a machine may take to show its certificate.
const SEE_WITHIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
