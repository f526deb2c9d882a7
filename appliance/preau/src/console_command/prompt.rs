//! The one key of the screen, and the word that has to be typed after it.
//!
//! ```text
//! closed --R--> typing --the word, Enter--> ordered | failed
//!    ^             |                          |        ^
//!    +--any other key, a minute--+            +--------+ two minutes, and the machine still runs
//! ```

use portal::pages::ConsoleText;

const ENTER: [u8; 2] = [b'\r', b'\n'];
const BACKSPACE: [u8; 2] = [0x08, 0x7f];
/// What the kernel, which takes each keyboard for an American one, makes of a French keyboard's A: it lies where others have the Q. The
/// word has none: whoever types it sees what stands on the keys.
const FRENCH_A: char = 'Q';
/// Longest text that is typed.
const LENGTH_MAX: usize = 12;
/// Looks at the screen after which a word that was begun is forgotten.
const TICKS_MAX: u32 = 60;
/// The same after which nothing came of an order: the machine would have started anew.
const ORDERED_TICKS_MAX: u32 = 120;

/// What is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Nothing.
    #[default]
    Closed,
    /// The word, so far, and for how many looks nothing was added.
    Typing(String, u32),
    /// Something else was typed.
    Wrong,
    /// It is ordered, and so many looks ago.
    Ordered(u32),
    /// Nothing came of the order.
    Failed,
}

impl Prompt {
    /// A key was pressed. Whether the word is whole: it is to be ordered now.
    pub(super) fn press(&mut self, byte: u8) -> bool {
        let letter = char::from(byte).to_ascii_uppercase();
        let next = match self {
            Self::Ordered(_) => return false,
            Self::Closed | Self::Wrong | Self::Failed if letter == 'R' => Self::Typing(String::new(), 0),
            Self::Closed | Self::Wrong | Self::Failed => Self::Closed,
            Self::Typing(word, _) if ENTER.contains(&byte) => {
                if word.as_str() == ConsoleText::RESET_WORD {
                    return true;
                }
                Self::Wrong
            }
            Self::Typing(word, _) if BACKSPACE.contains(&byte) => {
                word.pop();
                Self::Typing(std::mem::take(word), 0)
            }
            Self::Typing(word, _) if letter.is_ascii_uppercase() && word.len() < LENGTH_MAX => {
                word.push(if letter == FRENCH_A { 'A' } else { letter });
                Self::Typing(std::mem::take(word), 0)
            }
            Self::Typing(..) => Self::Wrong,
        };
        *self = next;
        false
    }

    /// What became of the order.
    pub(super) fn note_order(&mut self, is_ordered: bool) {
        *self = if is_ordered { Self::Ordered(0) } else { Self::Failed };
    }

    /// A second without a key.
    pub(super) fn tick(&mut self) {
        match self {
            Self::Typing(_, ticks) => {
                *ticks += 1;
                if *ticks >= TICKS_MAX {
                    *self = Self::Closed;
                }
            }
            Self::Ordered(ticks) => {
                *ticks += 1;
                if *ticks >= ORDERED_TICKS_MAX {
                    *self = Self::Failed;
                }
            }
            Self::Closed | Self::Wrong | Self::Failed => {}
        }
    }

    /// What the screen says of it, and what was typed.
    pub(super) fn tell(&self) -> (ConsoleText, &str) {
        match self {
            Self::Closed => (ConsoleText::ResetHint, ""),
            Self::Typing(word, _) => (ConsoleText::ResetAsk, word),
            Self::Wrong => (ConsoleText::ResetWrong, ""),
            Self::Ordered(_) => (ConsoleText::ResetOrdered, ""),
            Self::Failed => (ConsoleText::ResetFailed, ""),
        }
    }

    /// Whether the key begins the word while the screen says what became of the one before.
    pub(super) fn is_open_again(&self) -> bool {
        match self {
            Self::Wrong | Self::Failed => true,
            Self::Closed | Self::Typing(..) | Self::Ordered(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(prompt: &mut Prompt, typed: &str) -> bool {
        typed.bytes().map(|byte| prompt.press(byte)).collect::<Vec<_>>().contains(&true)
    }

    #[test]
    fn the_word_alone_orders_it() {
        for (typed, expected) in [
            ("rEFFACER\r", true),
            ("Reffacer\n", true),
            ("Reffqcer\r", true),
            ("REFFACEX\x7fR\r", true),
            ("EFFACER\r", false),
            ("R\r", false),
            ("REFFACE\r", false),
            ("REFFACERR\r", false),
            ("REFFACER", false),
            ("REFF ACER\r", false),
            ("R\x1b[AEFFACER\r", false),
            ("\x03\x04\x1a\x1c", false),
        ] {
            assert_eq!(press(&mut Prompt::default(), typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn what_was_begun_is_forgotten_and_what_is_ordered_stays() {
        let mut prompt = Prompt::default();
        assert!(!press(&mut prompt, "REFFACE"));
        assert_eq!(prompt.tell(), (ConsoleText::ResetAsk, "EFFACE"));
        (0..TICKS_MAX).for_each(|_| prompt.tick());
        assert_eq!(prompt, Prompt::Closed);
        assert!(!press(&mut prompt, "R\r"));
        assert_eq!(prompt.tell().0, ConsoleText::ResetWrong);
        assert!(prompt.is_open_again());
        assert!(!press(&mut prompt, "Reffqc"));
        assert_eq!(
            prompt.tell(),
            (ConsoleText::ResetAsk, "EFFAC"),
            "what stands on a French keyboard's keys"
        );
        assert!(!press(&mut prompt, "\x1b"));
        assert!(press(&mut prompt, "REFFACER\r"), "once more");
        prompt.note_order(false);
        assert_eq!(prompt.tell().0, ConsoleText::ResetFailed);
        assert!(press(&mut prompt, "REFFACER\r"));
        prompt.note_order(true);
        assert!(!press(&mut prompt, "REFFACER\r"));
        assert_eq!(prompt.tell().0, ConsoleText::ResetOrdered);
        (1..ORDERED_TICKS_MAX).for_each(|_| prompt.tick());
        assert_eq!(prompt.tell().0, ConsoleText::ResetOrdered);
        prompt.tick();
        assert_eq!(prompt.tell().0, ConsoleText::ResetFailed, "the machine runs on: nobody waits for ever");
        assert!(press(&mut prompt, "REFFACER\r"), "once more");
    }
}
