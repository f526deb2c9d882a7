//! What hostapd says of the devices that join: replies and events of its control interface.

use std::fmt;
use std::str::FromStr;

use model::Mac;

/// By what an access point knows a key: a number of the state file's, so that nobody's name is in an access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(u32);

impl KeyId {
    /// The key of this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

impl FromStr for KeyId {
    type Err = NoKeyId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix('k').and_then(|number| number.parse().ok()).map(Self).ok_or(NoKeyId)
    }
}

/// A name of a key that the box did not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a key is `k` and its number")]
pub struct NoKeyId;

/// A device that has joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// The hardware address that it has here; most tablets make one up.
    pub mac: Mac,
    /// With which key; `None` with WPA3's, which all have.
    pub key: Option<KeyId>,
}

/// Something that hostapd tells unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device has joined.
    Join(Station),
    /// A device has gone.
    Leave(Mac),
    /// A device tried with a key that is none, or none any more.
    WrongKey(Mac),
}

/// The station in a reply to `STA-FIRST` or `STA-NEXT`, and whether it has proved its key; `None` where there is none.
#[must_use]
pub fn read_station(reply: &str) -> Option<(Station, bool)> {
    let mut lines = reply.lines();
    let mac = lines.next()?.trim().parse().ok()?;
    let (mut key, mut has_proved) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once('=')) {
        match name {
            "keyid" => key = value.parse().ok(),
            "flags" => has_proved = value.contains("[AUTHORIZED]"),
            _ => {}
        }
    }
    Some((Station { mac, key }, has_proved))
}

/// The event in an unsolicited line, as in `<3>AP-STA-CONNECTED 02:00:00:00:01:00 keyid=k7`; `None` for the many others.
#[must_use]
pub fn read_event(line: &str) -> Option<Event> {
    let (_, event) = line.strip_prefix('<')?.split_once('>')?;
    let mut words = event.split_ascii_whitespace();
    let name = words.next()?;
    let mac = words.next()?.parse().ok()?;
    match name {
        "AP-STA-CONNECTED" => {
            let key = words.find_map(|word| word.strip_prefix("keyid=")).and_then(|key| key.parse().ok());
            Some(Event::Join(Station { mac, key }))
        }
        "AP-STA-DISCONNECTED" => Some(Event::Leave(mac)),
        "AP-STA-POSSIBLE-PSK-MISMATCH" => Some(Event::WrongKey(mac)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mac() -> Mac {
        "02:00:00:00:01:00".parse().unwrap()
    }

    #[test]
    fn stations_have_proved_their_key_or_not() {
        let reply = |flags: &str, key: &str| {
            format!("02:00:00:00:01:00\nflags={flags}\naid=1\ncapability=0x11\n{key}rx_packets=12\n")
        };
        let check = |reply: &str, expected: Option<(Option<u32>, bool)>| {
            let expected = expected
                .map(|(key, has_proved)| (Station { mac: mac(), key: key.map(KeyId::new) }, has_proved));
            assert_eq!(read_station(reply), expected, "{reply}");
        };
        check(&reply("[AUTH][ASSOC][AUTHORIZED][WMM]", "keyid=k7\n"), Some((Some(7), true)));
        check(&reply("[AUTH][ASSOC][AUTHORIZED]", ""), Some((None, true)));
        check(&reply("[AUTH][ASSOC]", "keyid=tab-07\n"), Some((None, false)));
        check("", None);
        check("FAIL\n", None);
    }

    #[test]
    fn events_are_told_from_the_rest() {
        let station = |key: Option<u32>| Station { mac: mac(), key: key.map(KeyId::new) };
        let check = |line: &str, expected: Option<Event>| assert_eq!(read_event(line), expected, "{line}");
        check("<3>AP-STA-CONNECTED 02:00:00:00:01:00 keyid=k7", Some(Event::Join(station(Some(7)))));
        check("<3>AP-STA-CONNECTED 02:00:00:00:01:00", Some(Event::Join(station(None))));
        check("<3>AP-STA-DISCONNECTED 02:00:00:00:01:00", Some(Event::Leave(mac())));
        check("<3>AP-STA-POSSIBLE-PSK-MISMATCH 02:00:00:00:01:00", Some(Event::WrongKey(mac())));
        check("<3>AP-ENABLED ", None);
        check("<3>AP-STA-CONNECTED", None);
        check("AP-STA-CONNECTED 02:00:00:00:01:00", None);
        check("OK\n", None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "\\PC{0,200}") {
            let _station = read_station(&text);
            let _event = read_event(&format!("<3>{text}"));
        }

        #[test]
        fn names_of_keys_come_back(number: u32) {
            prop_assert_eq!(KeyId::new(number).to_string().parse(), Ok(KeyId::new(number)));
        }
    }
}
