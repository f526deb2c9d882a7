//! `preau wifi`.

use std::net::SocketAddr;
use std::path::PathBuf;

use ::wifi::{Channel, Country, Radio, Ssid};
use clap::{Args, Subcommand};
use firewall::Interface;
use model::{DeviceName, RoomName};

use super::DataFolder;

/// Subcommands of `preau wifi`.
#[derive(Debug, Subcommand)]
pub(crate) enum WifiCommand {
    /// Tell what is wrong with configurations of access points, line by line, why, and who says so; exit status 1 when
    /// something must not be so in a school.
    Check {
        /// Files of hostapd (hostapd.conf) or of OpenWrt (/etc/config/wireless); or captures of a radio in monitor mode,
        /// which tell what access points really say.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Of captures, only the networks of this name: neighbours have faults, too. Each must have been heard.
        #[arg(long = "ssid", value_name = "NAME")]
        ssids: Vec<Ssid>,
        /// The configuration file of the box, for the school's name; without it, the embedded default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Write the files by which devices join a network: iPads, Chromebooks, Windows PCs, and a picture for all others. Prints
    /// the key, a new one unless told otherwise.
    Join(WifiJoinArguments),
    /// Tell what the access points do, one a line: name, room, status, and what more there is to say, between tabs; exit status 1
    /// when one is not as intended, or no box runs.
    Status {
        #[command(flatten)]
        place: WifiPlace,
    },
    /// Print the certificate that an access point with OpenWrt shows, for its [[access_point]] in the configuration: from then on
    /// the box takes no other. Run it when you know that nobody is between.
    Adopt {
        /// Where it answers, as 10.77.0.21 or 10.77.0.21:443.
        address: Address,
    },
    /// The keys of the rooms' networks, which the running box draws.
    #[command(subcommand)]
    Key(WifiKeyCommand),
}

/// An address of a machine, with the port of HTTPS unless another one is named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl std::str::FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HTTPS: u16 = 443;
        let with_port = text.parse::<SocketAddr>().ok();
        let alone = || text.parse().ok().map(|address| SocketAddr::new(address, HTTPS));
        with_port.or_else(alone).map(Self).ok_or("an address, as 10.77.0.21 or 10.77.0.21:443")
    }
}

/// Where a box keeps its Wi-Fi.
#[derive(Debug, Args)]
pub(crate) struct WifiPlace {
    /// The configuration file that names the school's time zone; without it, the embedded default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
}

/// Subcommands of `preau wifi key`.
#[derive(Debug, Subcommand)]
pub(crate) enum WifiKeyCommand {
    /// List whose keys there are: number, room, device, when each was drawn, between tabs. Not the keys.
    List {
        #[command(flatten)]
        place: WifiPlace,
    },
    /// Print a key, as `preau wifi join --key-stdin` takes it.
    Show {
        #[command(flatten)]
        owner: WifiKeyOwner,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Draw a key in place of one: what has the old one is thrown out within a second, all others stay. For a tablet that is
    /// lost, or a key that was told.
    Renew {
        #[command(flatten)]
        owner: WifiKeyOwner,
        #[command(flatten)]
        data: DataFolder,
    },
}

/// Whose key it is.
#[derive(Debug, Args)]
pub(crate) struct WifiKeyOwner {
    /// The room.
    #[arg(long)]
    pub(crate) room: RoomName,
    /// The device, where each has its own.
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<DeviceName>,
}

/// Options of `preau wifi join`.
#[derive(Debug, Args)]
pub(crate) struct WifiJoinArguments {
    /// The network's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) ssid: Ssid,
    /// The access point offers WPA3 beside WPA2.
    #[arg(long)]
    pub(crate) wpa3: bool,
    /// Read the key from standard input: on a command line it would stay in the shell's history.
    #[arg(long)]
    pub(crate) key_stdin: bool,
    #[command(flatten)]
    pub(crate) radio: RadioArguments,
    /// iPads forget the network then: a time, or a date, which means its whole day.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// The folder to write to.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// The configuration file of the box; without it, the embedded default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
}

/// A radio of this machine.
#[derive(Debug, Args)]
pub(crate) struct RadioArguments {
    /// The wireless interface of this machine that serves the network: writes hostapd's configuration, too.
    #[arg(long, value_name = "NAME")]
    interface: Option<Interface>,
    /// The bridge that stations are put into.
    #[arg(long, value_name = "NAME", requires = "interface")]
    bridge: Option<Interface>,
    /// The channel: 1 to 13, or 36, 40, 44, 48, on which a network is there within a second.
    #[arg(long, default_value = "36", value_name = "NUMBER")]
    channel: Channel,
    /// Whose rules of the air the radio keeps to.
    #[arg(long, default_value = "FR", value_name = "COUNTRY")]
    country: Country,
    /// Stations do not reach each other: for guests.
    #[arg(long, requires = "interface")]
    isolate: bool,
}

impl RadioArguments {
    /// The radio, where one is named.
    pub(crate) fn radio(self) -> Option<Radio> {
        let Self { interface, bridge, channel, country, isolate } = self;
        let control_folder = HOSTAPD_CONTROL.to_owned();
        Some(Radio {
            interface: interface?.to_string(),
            bridge: bridge.map(|bridge| bridge.to_string()),
            channel,
            country,
            isolates_stations: isolate,
            control_folder,
            vlans_file: None,
        })
    }
}

/// Where hostapd listens on Debian.
const HOSTAPD_CONTROL: &str = "/run/hostapd";
