//! A line without DHCP, as it is written: in `[wan]` of the configuration and of a USB stick, and in the file where the box keeps what somebody has
//! typed on its pages. Read as strictly as a configuration.

use addressing::{FixedLine, LinePart};
use toml_span::{DeserError, Deserialize, Spanned, Value};

use super::report::{Problem, problems};
use super::section::Section;

/// The keys of such a line.
const KEYS: [&str; 3] = ["address", "gateway", "dns"];

/// How the box is on its line, where somebody has said so on its pages or by a stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineChoice {
    /// The line says what the box is.
    Dhcp,
    /// The box is told what it is.
    Fixed(FixedLine),
}

impl LineChoice {
    /// Longest file, in bytes.
    pub(crate) const BYTES_MAX: u64 = 4_096;

    /// Reads the text of the file.
    ///
    /// # Errors
    /// Every mistake in it, with its place.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut document = toml_span::parse(text).map_err(|error| problems(text, error.into()))?;
        let LineFile(choice) =
            LineFile::deserialize(&mut document).map_err(|errors| problems(text, errors))?;
        Ok(choice)
    }

    /// The text of a file that says so.
    pub(crate) fn to_text(&self) -> String {
        let begin =
            "# Written by preau from what somebody has typed on its pages, or had on a USB stick.\n[wan]\n";
        match self {
            Self::Dhcp => format!("{begin}dhcp = true\n"),
            Self::Fixed(line) => {
                let resolvers: Vec<_> = line.resolvers().iter().map(|it| format!("\"{it}\"")).collect();
                format!(
                    "{begin}address = \"{}\"\ngateway = \"{}\"\ndns = [{}]\n",
                    line.address(),
                    line.gateway(),
                    resolvers.join(", ")
                )
            }
        }
    }
}

/// The whole file.
struct LineFile(LineChoice);

impl<'de> Deserialize<'de> for LineFile {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        if !table.contains("wan") {
            table.reject(table.span(), "the table [wan] is missing");
        }
        let choice = table.table("wan", read_choice).and_then(|choice| choice.value);
        table.close(choice.map(Self))
    }
}

/// A table that says how the box is on its line: `dhcp = true`, or address, gateway and resolvers.
pub(super) fn read_choice(table: &mut Section<'_>) -> Option<LineChoice> {
    let dhcp = table.optional_spanned::<bool>("dhcp");
    let is_fixed = has_fixed_line(table);
    match dhcp {
        Some(dhcp) if dhcp.value && !is_fixed => Some(LineChoice::Dhcp),
        Some(dhcp) => {
            table.reject(
                dhcp.span,
                "`dhcp = true` stands alone; without it there are `address`, `gateway` and `dns`",
            );
            None
        }
        None => read_fixed_line(table).map(|line| LineChoice::Fixed(line.value)),
    }
}

/// Whether a table says anything of a line without DHCP.
pub(super) fn has_fixed_line(table: &Section<'_>) -> bool {
    KEYS.iter().any(|key| table.contains(key))
}

/// Address, gateway and resolvers of a table that has to have all three; with the place of the address.
pub(super) fn read_fixed_line(table: &mut Section<'_>) -> Option<Spanned<FixedLine>> {
    let address = table.required_spanned::<String>("address");
    let gateway = table.required_spanned::<String>("gateway");
    let resolvers = table.required_spanned::<Vec<String>>("dns");
    let (address, gateway, resolvers) = (address?, gateway?, resolvers?);
    match FixedLine::read(&address.value, &gateway.value, resolvers.value.iter().map(String::as_str)) {
        Ok(line) => Some(Spanned::with_span(line, address.span)),
        Err(error) => {
            let span = match error.part() {
                LinePart::Address => address.span,
                LinePart::Gateway => gateway.span,
                LinePart::Resolvers => resolvers.span,
            };
            table.reject(span, error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed() -> LineChoice {
        LineChoice::Fixed(
            FixedLine::read("192.0.2.10/24", "192.0.2.1", ["192.0.2.53", "198.51.100.53"]).unwrap(),
        )
    }

    #[test]
    fn what_is_written_is_read_alike() {
        for choice in [LineChoice::Dhcp, fixed()] {
            assert_eq!(LineChoice::parse(&choice.to_text()).ok(), Some(choice));
        }
    }

    #[test]
    fn what_is_no_line_is_told_with_its_place() {
        let good = "[wan]\naddress = \"192.0.2.10/24\"\ngateway = \"192.0.2.1\"\ndns = [\"192.0.2.53\"]\n";
        assert!(LineChoice::parse(good).is_ok());
        for (text, place, expected) in [
            ("", "", "[wan] is missing"),
            ("[wan]\n", "", "`address` is missing"),
            ("[wan]\ndhcp = false\n", "2:", "stands alone"),
            (format!("{good}dhcp = true\n").as_str(), "5:", "stands alone"),
            (format!("{good}interface = \"eth0\"\n").as_str(), "5:", "unknown key `interface`"),
            (good.replace("192.0.2.1\"", "192.0.3.1\"").as_str(), "3:", "not in the prefix 192.0.2.0/24"),
            (good.replace("10/24", "10").as_str(), "2:", "no address with its prefix"),
            (good.replace("192.0.2.53", "127.0.0.53").as_str(), "4:", "no IPv4 address of a DNS server"),
            (good.replace("[\"192.0.2.53\"]", "[]").as_str(), "4:", "names from 1 to 3 DNS servers"),
        ] {
            let told = LineChoice::parse(text).unwrap_err();
            let told = told.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(told.contains(place) && told.contains(expected), "{text:?}: {told}");
        }
    }
}
