//! What stands on the screen: plain text and colours (ECMA-48), on whatever size it has.

use portal::pages::ConsoleText;

use super::prompt::Prompt;
use crate::screen::Screen;

/// What a screen has at least; on a smaller one less is told.
const COLUMNS_MIN: usize = 20;
/// Empty rows: at the top, above and below what the box says.
const ROWS_EMPTY: usize = 3;
/// Longest line: wider ones are hard to read.
const COLUMNS_MAX: usize = 110;
/// What the kernel's own font (code page 437) has of French, besides ASCII.
const LETTERS: &str = "éâàçêëèïîÉôûùÇ«»°äöüÄÖÜñÑæÆÿ";

/// The screen.
pub(super) struct View<'a> {
    /// What the box has written; `None` where it does not run.
    pub(super) screen: Option<&'a Screen>,
    pub(super) prompt: &'a Prompt,
}

/// A row, and how it is meant.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    tone: Tone,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Plain,
    Strong,
    Good,
    Warning,
    Bad,
}

impl Tone {
    fn of(word: &str) -> Self {
        match word {
            "good" => Self::Good,
            "warning" => Self::Warning,
            "bad" => Self::Bad,
            _ => Self::Plain,
        }
    }

    /// What stands before a paragraph: colours are not for everybody.
    fn mark(self) -> &'static str {
        match self {
            Self::Plain | Self::Strong => "   ",
            Self::Good => " + ",
            Self::Warning => " ? ",
            Self::Bad => " ! ",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Plain => "\x1b[0m",
            Self::Strong => "\x1b[0;1m",
            Self::Good => "\x1b[0;32m",
            Self::Warning => "\x1b[0;33m",
            Self::Bad => "\x1b[0;1;31m",
        }
    }
}

impl View<'_> {
    /// The text that draws it anew on a terminal of so many columns and rows.
    pub(super) fn draw(&self, (columns, rows): (usize, usize)) -> String {
        let mut text = "\x1b[H".to_owned();
        for (place, row) in self.compose((columns, rows)).iter().enumerate() {
            if place > 0 {
                text += "\r\n";
            }
            text += row.tone.code();
            text += &row.text;
            // The rest of the row is empty.
            text += "\x1b[0m\x1b[K";
        }
        text + "\x1b[J"
    }

    fn compose(&self, (columns, rows): (usize, usize)) -> Vec<Row> {
        let columns = columns.clamp(COLUMNS_MIN, COLUMNS_MAX);
        let (head, mut said) = (self.head(columns), self.say(columns));
        let (told, typed) = self.prompt.tell();
        let tone = if *self.prompt == Prompt::Closed { Tone::Plain } else { Tone::Strong };
        let mut foot = paragraph(tone, &format!("{} {typed}", told.say()), columns);
        if self.prompt.is_open_again() {
            foot.extend(paragraph(Tone::Plain, &ConsoleText::ResetHint.say(), columns));
        }
        said.truncate(rows.saturating_sub(head.len() + foot.len() + ROWS_EMPTY).max(1));
        let mut composed = vec![blank()];
        composed.extend(head);
        composed.push(blank());
        composed.extend(said);
        composed.push(blank());
        composed.extend(foot);
        composed.truncate(rows);
        composed
    }

    fn head(&self, columns: usize) -> Vec<Row> {
        let title = ConsoleText::Title.say();
        let Some(screen) = self.screen else { return paragraph(Tone::Strong, &title, columns) };
        let Screen { school, version, pages, addresses, .. } = screen;
        let addresses = match addresses.is_empty() {
            true => ConsoleText::NoAddress.say(),
            false => addresses.join(", "),
        };
        let mut rows = paragraph(Tone::Strong, &format!("{title} - {school} - {version}"), columns);
        rows.extend(paragraph(Tone::Plain, &format!("{} {pages}", ConsoleText::Pages.say()), columns));
        let addresses = format!("{} {addresses}", ConsoleText::Addresses.say());
        rows.extend(paragraph(Tone::Plain, &addresses, columns));
        rows
    }

    fn say(&self, columns: usize) -> Vec<Row> {
        let Some(screen) = self.screen else {
            return paragraph(Tone::Bad, &ConsoleText::Silent.say(), columns);
        };
        screen.lines.iter().flat_map(|line| paragraph(Tone::of(&line.tone), &line.text, columns)).collect()
    }
}

fn blank() -> Row {
    Row { tone: Tone::Plain, text: String::new() }
}

/// A text in rows of so many columns, words whole where they fit.
fn paragraph(tone: Tone, text: &str, columns: usize) -> Vec<Row> {
    let width = columns.saturating_sub(tone.mark().len() + 1).max(1);
    let mut lines = vec![String::new()];
    for word in plain(text).split_ascii_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for piece in letters.chunks(width) {
            let last = lines.last().map_or(0, |line| line.chars().count());
            if last > 0 && last + 1 + piece.len() > width {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.extend(piece);
            }
        }
    }
    let marks = std::iter::once(tone.mark()).chain(std::iter::repeat("   "));
    lines.into_iter().zip(marks).map(|(line, mark)| Row { tone, text: format!("{mark}{line}") }).collect()
}

/// In letters that every screen has, without what a terminal would take for an order.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        match letter {
            '\u{a0}' | '\u{202f}' => plain.push(' '),
            '’' | '‘' => plain.push('\''),
            '“' | '”' => plain.push('"'),
            '–' | '—' => plain.push('-'),
            '…' => plain.push_str("..."),
            '→' => plain.push_str("->"),
            'œ' => plain.push_str("oe"),
            'Œ' => plain.push_str("OE"),
            'À' | 'Â' => plain.push('A'),
            'È' | 'Ê' | 'Ë' => plain.push('E'),
            'Î' | 'Ï' => plain.push('I'),
            'Ô' => plain.push('O'),
            'Ù' | 'Û' => plain.push('U'),
            letter if letter.is_whitespace() || letter.is_control() => plain.push(' '),
            letter if letter.is_ascii() || LETTERS.contains(letter) => plain.push(letter),
            _ => plain.push('?'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::ScreenLine;

    fn screen(lines: usize) -> Screen {
        let line = |number: usize| ScreenLine {
            tone: if number == 0 { "bad" } else { "warning" }.to_owned(),
            text: format!(
                "Ligne {number} : l’École a perdu le cœur du réseau, et il faut tout débrancher « à la main »."
            ),
        };
        Screen {
            beat: 1,
            version: "0.1.0".to_owned(),
            school: "École \x1b[2J\u{9b}2J élémentaire 学".to_owned(),
            pages: "http://preau.lan".to_owned(),
            addresses: vec!["10.77.0.1".to_owned(), "fd77::1".to_owned()],
            lines: (0..lines).map(line).collect(),
        }
    }

    #[test]
    fn it_fits_every_screen_and_the_worst_is_there() {
        for size in [(80, 25), (240, 67), (40, 12), (1, 1), (0, 0)] {
            for lines in [0, 1, 50] {
                let screen = screen(lines);
                let rows = View { screen: Some(&screen), prompt: &Prompt::Closed }.compose(size);
                assert!(rows.len() <= size.1, "{size:?}: {} rows", rows.len());
                let widest = rows.iter().map(|row| row.text.chars().count()).max().unwrap_or(0);
                assert!(widest <= size.0.max(COLUMNS_MIN), "{size:?}: {widest} columns");
                if size.1 >= 25 && lines > 0 {
                    let text: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
                    let text = text.join("\n");
                    assert!(text.contains(" ! Ligne 0"), "{text}");
                    assert!(text.contains("http://preau.lan") && text.contains("Touche R"), "{text}");
                }
            }
        }
    }

    #[test]
    fn nothing_that_is_shown_gives_orders_to_the_terminal() {
        let screen = screen(2);
        let prompt = Prompt::Typing("EFF".to_owned(), 0);
        let rows = View { screen: Some(&screen), prompt: &prompt }.compose((80, 25));
        for row in &rows {
            let is_known = |letter: char| (' '..='~').contains(&letter) || LETTERS.contains(letter);
            assert!(row.text.chars().all(is_known), "{row:?}");
        }
        let text = rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join(" ");
        assert!(text.contains("l'École a perdu le coeur") && text.contains("EFFACER"), "{text}");
        assert!(text.ends_with("EFF") && text.contains("?"), "{text}");
    }

    #[test]
    fn after_a_word_that_did_nothing_the_key_is_named_again() {
        let (screen, hint) = (screen(50), "Touche R : effacer");
        for (prompt, outcome, is_named) in [
            (Prompt::Closed, "Touche R", true),
            (Prompt::Wrong, "Rien n'a été effacé.", true),
            (Prompt::Failed, "L'effacement n'a pas eu lieu.", true),
            (Prompt::Typing(String::new(), 0), "Tapez EFFACER", false),
            (Prompt::Ordered(0), "efface tout", false),
        ] {
            let rows = View { screen: Some(&screen), prompt: &prompt }.compose((80, 25));
            let text = rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join("\n");
            assert!(text.contains(outcome) && text.contains(hint) == is_named, "{prompt:?}: {text}");
            assert!(rows.len() <= 25, "{prompt:?}");
        }
    }

    #[test]
    fn a_box_that_does_not_run_is_told() {
        let text = View { screen: None, prompt: &Prompt::Closed }.draw((80, 25));
        assert!(text.contains("ne tourne pas") && text.starts_with("\x1b[H"), "{text}");
    }
}
