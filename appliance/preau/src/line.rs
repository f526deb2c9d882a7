//! How the box is on its line: by DHCP, or by an address that somebody has on paper. What was typed on the box's pages, or stood on a stick, counts
//! more than the configuration: it belongs to the place where this machine stands, and comes with no other box's state.
//!
//! Invariant: nothing of it concerns the school's port. Whatever is typed, the pages are where they were, and it can be put right there.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use addressing::{FixedLine, FixedLineError, LinePart, School};
use ipnet::{IpNet, Ipv4Net};
use portal::{LineFault, LineSeat, LineShown, TypedLine};
use system::addresses::{addresses_of, own_addresses};
use system::private::PrivateFolder;

use crate::config::{Config, LineChoice, Network};

/// The file of what was typed, in the data folder.
pub(crate) const LINE_FILE: &str = "line.toml";
/// What lies between the resolvers that somebody types.
const SEPARATORS: [char; 4] = [',', ';', ' ', '\n'];

/// What the configuration says.
pub(crate) fn configured(network: &Network) -> LineChoice {
    network.fixed_line.clone().map_or(LineChoice::Dhcp, LineChoice::Fixed)
}

/// What counts: what was typed, where something was; else the configuration.
///
/// # Errors
/// What is wrong with the file of what was typed.
pub(crate) fn find(network: &Network, file: Option<&Path>) -> Result<LineChoice, String> {
    match file.map(|file| read(network, file)).transpose()?.flatten() {
        Some(typed) => Ok(typed),
        None => Ok(configured(network)),
    }
}

/// What was typed, judged once more; `None` where nothing was.
fn read(network: &Network, file: &Path) -> Result<Option<LineChoice>, String> {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        return Err(format!("{} is no file", file.display()));
    };
    let bytes = PrivateFolder::new(folder).read_bytes(name, LineChoice::BYTES_MAX);
    let Some(bytes) = bytes.map_err(|error| format!("{}: {error}", file.display()))? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|error| format!("{}: {error}", file.display()))?;
    let choice = LineChoice::parse(&text).map_err(|problems| {
        let told: Vec<_> = problems.iter().map(|problem| format!("{}:{problem}", file.display())).collect();
        told.join("; ")
    })?;
    check(network, &choice).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Some(choice))
}

/// Whether this school can have it.
fn check(network: &Network, choice: &LineChoice) -> Result<(), FixedLineError> {
    match choice {
        LineChoice::Dhcp => Ok(()),
        LineChoice::Fixed(line) => line.check_beside(&network.school.ipv4_networks()),
    }
}

/// Where it is looked at, and changed.
#[derive(Clone, Debug)]
pub(crate) struct LineDesk {
    network: Network,
    data: PathBuf,
}

impl LineDesk {
    /// Of a box with this configuration; `None` on loopback, where there is no line.
    pub(crate) fn new(config: &Config, data: &Path) -> Option<Self> {
        Some(Self { network: config.network.clone()?, data: data.to_owned() })
    }

    /// What counts, where it comes from, and whether the machine is so already.
    pub(crate) fn look(&self) -> LineSeat {
        let file = self.data.join(LINE_FILE);
        let typed = read(&self.network, &file).unwrap_or_else(|why| {
            // It is looked at now and again; `preau network write` says so aloud.
            tracing::debug!("what was typed of the line is passed over: {why}");
            None
        });
        let is_typed = typed.is_some();
        let choice = typed.unwrap_or_else(|| configured(&self.network));
        let is_in_force = match &choice {
            LineChoice::Dhcp => true,
            LineChoice::Fixed(line) => {
                own_addresses().is_ok_and(|own| own.contains(&IpAddr::V4(line.address().addr())))
            }
        };
        LineSeat { shown: show(&choice), is_typed, is_in_force }
    }

    /// Whether the port of the line has an address out of the school's own networks: both cables lead to one place, or the router
    /// on the line gives the same addresses as the box. The school's port goes on as it was: its routes come first.
    pub(crate) fn is_crossed(&self) -> bool {
        let wan = self.network.firewall.intent().wan.to_string();
        let seats = addresses_of(&wan).unwrap_or_default();
        let mut seats = seats.into_iter().filter_map(|(at, mask)| IpNet::with_netmask(at, mask).ok());
        seats.any(|seat| is_of_school(seat, &self.network.school))
    }

    /// Reads what somebody has typed.
    ///
    /// # Errors
    /// [`LineFault`]: what is wrong with it.
    pub(crate) fn read_typed(&self, typed: &TypedLine<'_>) -> Result<LineChoice, LineFault> {
        let choice = match typed {
            TypedLine::Dhcp => LineChoice::Dhcp,
            TypedLine::Fixed { address, gateway, resolvers } => {
                let resolvers = resolvers.split(SEPARATORS).map(str::trim).filter(|text| !text.is_empty());
                LineChoice::Fixed(
                    FixedLine::read(address, gateway, resolvers).map_err(|error| fault(&error))?,
                )
            }
        };
        self.check(&choice)?;
        Ok(choice)
    }

    /// Whether this school can have such a line.
    ///
    /// # Errors
    /// [`LineFault`].
    pub(crate) fn check(&self, choice: &LineChoice) -> Result<(), LineFault> {
        check(&self.network, choice).map_err(|error| fault(&error))
    }

    /// Keeps it. Another service has it in force within seconds, where the machine has one.
    ///
    /// # Errors
    /// The disk's; what was typed before counts.
    pub(crate) fn keep(&self, choice: &LineChoice) -> io::Result<()> {
        PrivateFolder::new(&self.data).replace(LINE_FILE, &choice.to_text())?;
        tracing::info!("the line is {}", describe(choice));
        Ok(())
    }
}

/// In one line, for records.
pub(crate) fn describe(choice: &LineChoice) -> String {
    match choice {
        LineChoice::Dhcp => "dhcp".to_owned(),
        LineChoice::Fixed(line) => {
            let resolvers: Vec<_> = line.resolvers().iter().map(ToString::to_string).collect();
            format!("{} by {}, dns {}", line.address(), line.gateway(), resolvers.join(" "))
        }
    }
}

/// Whether a machine with this address is in one of the school's networks, or these are in its own.
fn is_of_school(seat: IpNet, school: &School) -> bool {
    let overlaps = |inside: Ipv4Net, line: Ipv4Net| inside.contains(&line) || line.contains(&inside.trunc());
    match seat {
        IpNet::V4(line) => school.ipv4_networks().into_iter().any(|inside| overlaps(inside, line.trunc())),
        IpNet::V6(line) => school.ipv6.is_some_and(|(inside, _)| inside.contains(&line.addr())),
    }
}

fn show(choice: &LineChoice) -> LineShown {
    match choice {
        LineChoice::Dhcp => LineShown::Dhcp,
        LineChoice::Fixed(line) => LineShown::Fixed {
            address: line.address().to_string(),
            gateway: line.gateway().to_string(),
            resolvers: line.resolvers().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        },
    }
}

fn fault(error: &FixedLineError) -> LineFault {
    match (error, error.part()) {
        (FixedLineError::School(..), _) => LineFault::School,
        (_, LinePart::Address) => LineFault::Address,
        (_, LinePart::Gateway) => LineFault::Gateway,
        (_, LinePart::Resolvers) => LineFault::Resolvers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(data: &Path) -> LineDesk {
        let config = Config::load(Path::new("../../docs/preau.example.toml")).unwrap();
        LineDesk::new(&config, data).unwrap()
    }

    fn typed<'t>(address: &'t str, gateway: &'t str, resolvers: &'t str) -> TypedLine<'t> {
        TypedLine::Fixed { address, gateway, resolvers }
    }

    /// Both cables in one switch, or a router on the line that gives the box's own addresses.
    #[test]
    fn a_line_in_the_schools_own_network_is_noticed() {
        let data = tempfile::tempdir().unwrap();
        let desk = desk(data.path());
        assert!(!desk.is_crossed(), "this machine has no such port");
        for (seat, expected) in [
            ("10.77.0.123/24", true),
            ("10.77.0.123/32", true),
            ("10.0.0.5/8", true),
            ("10.77.1.5/24", false),
            ("192.168.1.20/24", false),
            ("fd77::5/64", true),
            ("fd77::5/128", true),
            ("2001:db8::5/64", false),
            ("fe80::5/64", false),
        ] {
            assert_eq!(is_of_school(seat.parse().unwrap(), &desk.network.school), expected, "{seat}");
        }
    }

    #[test]
    fn what_is_typed_counts_until_something_else_is() {
        let data = tempfile::tempdir().unwrap();
        let desk = desk(data.path());
        assert_eq!(desk.look(), LineSeat { shown: LineShown::Dhcp, is_typed: false, is_in_force: true });
        let choice =
            desk.read_typed(&typed("192.0.2.10/24", "192.0.2.1", "192.0.2.53; 198.51.100.53")).unwrap();
        desk.keep(&choice).unwrap();
        let shown = LineShown::Fixed {
            address: "192.0.2.10/24".to_owned(),
            gateway: "192.0.2.1".to_owned(),
            resolvers: "192.0.2.53, 198.51.100.53".to_owned(),
        };
        // This machine has no such address.
        assert_eq!(desk.look(), LineSeat { shown, is_typed: true, is_in_force: false });
        desk.keep(&LineChoice::Dhcp).unwrap();
        assert_eq!(desk.look(), LineSeat { shown: LineShown::Dhcp, is_typed: true, is_in_force: true });
    }

    #[test]
    fn what_cannot_be_is_told_by_its_field_and_changes_nothing() {
        let data = tempfile::tempdir().unwrap();
        let desk = desk(data.path());
        let check = |address, gateway, resolvers, expected| {
            assert_eq!(
                desk.read_typed(&typed(address, gateway, resolvers)),
                Err(expected),
                "{address} {gateway}"
            );
        };
        check("192.0.2.10", "192.0.2.1", "192.0.2.53", LineFault::Address);
        check("192.0.2.10/24", "192.0.3.1", "192.0.2.53", LineFault::Gateway);
        check("192.0.2.10/24", "192.0.2.1", "", LineFault::Resolvers);
        check("192.0.2.10/24", "192.0.2.1", "dns.example", LineFault::Resolvers);
        check("10.77.0.9/24", "10.77.0.254", "192.0.2.53", LineFault::School);
        assert!(!data.path().join(LINE_FILE).exists());
        // What somebody else has put there counts for nothing.
        std::fs::write(data.path().join(LINE_FILE), "[wan]\naddress = 1\n").unwrap();
        assert_eq!(desk.look().shown, LineShown::Dhcp);
    }
}
