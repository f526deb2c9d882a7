//! `preau wifi key`, `preau wifi status`, `preau wifi adopt`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use jiff::tz::TimeZone;
use model::{DeviceName, RoomName, Timestamp};
use ring::rand::SystemRandom;
use store::{KeyOwner, PersonError, Store, WifiKey};
use system::ubus::see_certificate;
use wifi::{KeyId, Passphrase};

use crate::cli::Address;
use crate::data_folder::{STATE_FILE, WIFI_FOLDER};
use crate::operator;
use crate::run::wifi::{Line, read_status};
use crate::times;

/// Lists whose keys there are: number, room, device, when each was drawn, between tabs. Not the keys.
pub(crate) fn list(data: &Path, time_zone: &TimeZone) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for WifiKey { number, owner: KeyOwner { room, device }, passphrase: _, made } in
        open(data)?.wifi_keys()?
    {
        let device = device.map_or_else(|| "-".to_owned(), |device| device.to_string());
        writeln!(out, "{}\t{room}\t{device}\t{}", KeyId::new(number), times::write(made, time_zone))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a key, for whoever gives it to a device.
pub(crate) fn show(data: &Path, room: RoomName, device: Option<DeviceName>) -> anyhow::Result<ExitCode> {
    let owner = KeyOwner { room, device };
    let keys = open(data)?.wifi_keys()?;
    let key = keys.into_iter().find(|key| key.owner == owner).with_context(|| no_key(&owner))?;
    writeln!(std::io::stdout(), "{}", key.passphrase)?;
    Ok(ExitCode::SUCCESS)
}

/// Draws a key in place of one that opens nothing from then on.
pub(crate) fn renew(data: &Path, room: RoomName, device: Option<DeviceName>) -> anyhow::Result<ExitCode> {
    let owner = KeyOwner { room, device };
    let passphrase = Passphrase::draw(&SystemRandom::new())?;
    let (author, now) = (operator::attribute(None)?, system::clock::now());
    match open(data)?.renew_wifi_key(&owner, passphrase.reveal(), now, (&author, None)) {
        Err(PersonError::Unknown) => bail!(no_key(&owner)),
        outcome => outcome?,
    }
    writeln!(
        std::io::stdout(),
        "Drawn. Whoever has the old key is thrown out; `preau wifi key show` prints the new one."
    )?;
    Ok(ExitCode::SUCCESS)
}

fn no_key(KeyOwner { room, device }: &KeyOwner) -> String {
    let whose =
        device.as_ref().map_or_else(|| format!("the room {room}"), |device| format!("{device} in {room}"));
    format!("there is no key of {whose}: the running box draws it once the room has a [[wifi.network]]")
}

/// Prints the certificate that an access point shows now.
pub(crate) fn adopt(Address(address): Address) -> anyhow::Result<ExitCode> {
    let certificate = see_certificate(address).with_context(|| format!("{address} shows no certificate"))?;
    let digits: String = certificate.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "# Compare it with what the access point itself says, where you can.")?;
    writeln!(out, "kind = \"openwrt\"\naddress = \"{address}\"\ncertificate = \"{digits}\"")?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what the running box says of its access points; exit status 1 when one is not as intended, or none runs.
pub(crate) fn status(data: &Path, time_zone: &TimeZone) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let Some(lines) = read_status(&data.join(WIFI_FOLDER))? else {
        writeln!(out, "no box with access points runs on this data folder")?;
        return Ok(ExitCode::FAILURE);
    };
    for line in &lines {
        writeln!(out, "{}", describe(line, time_zone))?;
    }
    let is_good = lines.iter().all(|line| line.trouble.is_none());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(line: &Line, time_zone: &TimeZone) -> String {
    let Line { access_point, room, status, since_ms, lesson, stations, wrong_keys, trouble } = line;
    let since = since_ms.map(|ms| format!(" since {}", times::write(Timestamp::from_unix_ms(ms), time_zone)));
    let lesson = lesson.map(|lesson| format!("lesson {lesson}"));
    let wrong = (*wrong_keys > 0).then(|| format!("{wrong_keys} devices with a wrong key"));
    let rest = [lesson, Some(format!("{stations} devices")), wrong, trouble.clone()];
    let rest: Vec<String> = rest.into_iter().flatten().collect();
    format!("{access_point}\t{room}\t{status}{}\t{}", since.unwrap_or_default(), rest.join("; "))
}

fn open(data: &Path) -> anyhow::Result<Store> {
    Ok(Store::open(&data.join(STATE_FILE))?)
}
