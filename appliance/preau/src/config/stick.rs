//! The file of a USB stick by which a fresh box is enrolled (`preau-enrol.toml`). Read as strictly as a configuration.

use toml_span::{DeserError, Deserialize, Value};

use super::line_file::{LineChoice, read_choice};
use super::report::{Problem, problems};
use super::section::Section;

/// What it says. Neither hub nor code is judged yet: whoever reads it tells apart what is wrong.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StickFile {
    /// Where the hub is.
    pub(crate) hub: String,
    /// The code.
    pub(crate) code: String,
    /// How the box is on its line, where the file says so.
    pub(crate) line: Option<LineChoice>,
}

impl StickFile {
    /// Longest file, in bytes.
    pub(crate) const BYTES_MAX: u64 = 4_096;

    /// Reads its text.
    ///
    /// # Errors
    /// Every mistake in it, with its place; never what it says.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut document = toml_span::parse(text).map_err(|error| problems(text, error.into()))?;
        Self::deserialize(&mut document).map_err(|errors| problems(text, errors))
    }
}

impl<'de> Deserialize<'de> for StickFile {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let (hub, code) = (table.required::<String>("hub"), table.required::<String>("code"));
        let line = table.table("wan", read_choice).and_then(|line| line.value);
        let file = hub.zip(code).map(|(hub, code)| Self { hub, code, line });
        table.close(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stick_has_two_lines_and_where_there_is_no_dhcp_a_table() {
        let good = "hub = \"https://hub.commune.example\"\ncode = \"K7QM-4XRT-9WPE\"\n";
        let read = StickFile::parse(good).ok().unwrap();
        assert_eq!(
            (read.hub.as_str(), read.code.as_str()),
            ("https://hub.commune.example", "K7QM-4XRT-9WPE")
        );
        assert_eq!(read.line, None);
        let wan = format!("{good}[wan]\naddress = \"10.0.0.2/24\"\n");
        let whole = format!("{wan}gateway = \"10.0.0.1\"\ndns = [\"192.0.2.53\"]\n");
        let line = StickFile::parse(&whole).ok().unwrap().line.unwrap();
        assert!(line.to_text().contains("address = \"10.0.0.2/24\""), "{line:?}");
        let dhcp = StickFile::parse(&format!("{good}[wan]\ndhcp = true\n")).ok().unwrap();
        assert_eq!(dhcp.line, Some(LineChoice::Dhcp));
        let (more, outside) = (format!("{good}key = 1"), whole.replace("10.0.0.1\"", "10.0.1.1\""));
        let interface = format!("{whole}interface = \"lan0\"");
        for (wrong, expected) in [
            ("", "`hub` is missing"),
            ("hub = \"a\"", "`code` is missing"),
            ("hub = 1\ncode = \"a\"", ""),
            (more.as_str(), "unknown key `key`"),
            (wan.as_str(), "`gateway` is missing"),
            (outside.as_str(), "not in the prefix"),
            (interface.as_str(), "unknown key `interface`"),
            ("MZ\u{0}\u{1}", ""),
            ("hub = ", ""),
        ] {
            let mistakes = StickFile::parse(wrong).err().unwrap();
            let told = mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(!told.is_empty() && told.contains(expected), "{wrong:?}: {told}");
        }
    }
}
