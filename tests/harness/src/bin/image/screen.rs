//! What stands on the machine's screen: its letters as the kernel keeps them, and whether each is drawn as itself.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::booted::Booted;

/// Rows, columns; the letters (in UTF-32); the pictures of letters that are drawn (vcs(4), and the kernel's vc_screen.c). Nothing
/// while it is being drawn: letters and pictures are read one after the other.
const LOOK: &str = "shown() { base64 -w 0 /dev/vcsu1; echo; base64 -w 0 /dev/vcs1; }
    before=$(shown); after=$(shown)
    [ \"$before\" = \"$after\" ] && head -c 2 /dev/vcsa1 | base64 && echo \"$after\"";
/// Where the kernel's own font, which is code page 437, has what French needs besides ASCII.
const FONT: &str = "éâàçêëèïîÉôûùÇ«»";
const FONT_PLACES: [u8; 16] =
    [0x82, 0x83, 0x85, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x90, 0x93, 0x96, 0x97, 0x80, 0xae, 0xaf];

/// The rows of the screen, without the spaces around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    rows: Vec<String>,
}

impl Shown {
    /// Looks at it, if the machine runs.
    ///
    /// # Errors
    /// QEMU has ended; or a letter is drawn as another one.
    pub(crate) fn look(machine: &mut Booted<'_>) -> Result<Option<Self>> {
        machine.peek(LOOK)?.map(|said| Self::read(&said)).transpose()
    }

    fn read(said: &str) -> Result<Self> {
        let parts: Vec<Vec<u8>> =
            said.lines().map(|line| STANDARD.decode(line)).collect::<Result<_, _>>().context("no screen")?;
        let [size, letters, drawn] = parts.as_slice() else { anyhow::bail!("no screen: {said:?}") };
        let columns =
            size.get(1).copied().filter(|columns| *columns > 0).context("a screen without columns")?;
        let (letters, _) = letters.as_chunks::<4>();
        let letters: Vec<char> = letters
            .iter()
            .map(|bytes| char::from_u32(u32::from_le_bytes(*bytes)).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        ensure!(letters.len() == drawn.len(), "{} letters, {} drawn", letters.len(), drawn.len());
        for (letter, drawn) in letters.iter().zip(drawn) {
            ensure!(place(*letter) == Some(*drawn), "{letter:?} is drawn as {drawn:#x}");
        }
        let rows = letters.chunks(columns.into());
        Ok(Self { rows: rows.map(|row| row.iter().collect::<String>().trim().to_owned()).collect() })
    }

    /// Its sentences, however they are broken.
    pub(crate) fn text(&self) -> String {
        let rows: Vec<&str> = self.rows.iter().map(String::as_str).filter(|row| !row.is_empty()).collect();
        rows.join(" ")
    }

    /// Prints it.
    pub(crate) fn print(&self) {
        self.rows.iter().filter(|row| !row.is_empty()).for_each(|row| println!("    | {row}"));
    }
}

/// Waits until the screen says that.
pub(crate) fn wait_for_words(machine: &mut Booted<'_>, words: &str, within: Duration) -> Result<Shown> {
    let (mut seen, mut last) = (None, None);
    let outcome = machine.wait(&format!("{words:?} on the screen"), within, |machine| {
        last = Shown::look(machine)?.or(last.take());
        seen = last.clone().filter(|shown| shown.text().contains(words));
        Ok(seen.is_some())
    });
    outcome
        .with_context(|| format!("the screen says: {}", last.map(|last| last.text()).unwrap_or_default()))?;
    seen.context("no screen")
}

/// Where the font has that letter.
fn place(letter: char) -> Option<u8> {
    if letter.is_ascii() {
        return u8::try_from(letter).ok();
    }
    let (_, place) = FONT.chars().zip(FONT_PLACES).find(|(known, _)| *known == letter)?;
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(letters: &str, drawn: &[u8]) -> String {
        let letters: Vec<u8> = letters.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
        [&[2, 6][..], &letters, drawn].map(|bytes| STANDARD.encode(bytes)).join("\n")
    }

    #[test]
    fn sentences_are_read_and_letters_that_are_drawn_as_others_are_found() {
        let letters = " Préauest là";
        let shown = Shown::read(&said(letters, b" Pr\x82auest l\x85")).unwrap();
        assert_eq!(shown.text(), "Préau est là");
        for (wrong, drawn) in
            [(letters, b" Pr?auest l\x85".as_slice()), (letters, b" Pr"), ("Œuvre", b"?uvre")]
        {
            assert!(Shown::read(&said(wrong, drawn)).is_err(), "{wrong}");
        }
        assert!(Shown::read("").is_err() && Shown::read("AgY=\n%\n").is_err());
    }
}
