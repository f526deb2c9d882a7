//! The terminal that the process was started on: a machine's own screen and keyboard.

use std::io::{self, Read as _, Write as _};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// What a screen shows at least, in columns and rows.
const USUAL: (usize, usize) = (80, 25);

/// A terminal whose keys are the program's alone: none of them interrupts it. It is as before once the value is gone.
#[derive(Debug)]
pub struct Terminal {
    before: Termios,
}

impl Terminal {
    /// Takes the terminal of standard input.
    ///
    /// # Errors
    /// It is none.
    pub fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(Self { before })
    }

    /// How many columns and rows it has; a usual screen's where it does not say.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let size = tcgetwinsize(io::stdin()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
        size.map_or(USUAL, |size| (size.ws_col.into(), size.ws_row.into()))
    }

    /// What is typed, byte by byte, from now on. It ends with the terminal.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn keys(&self) -> io::Result<Receiver<u8>> {
        let (say, typed) = channel();
        thread::Builder::new().name("keys".to_owned()).spawn(move || {
            for byte in io::stdin().lock().bytes() {
                let is_heard = byte.is_ok_and(|byte| say.send(byte).is_ok());
                if !is_heard {
                    return;
                }
            }
        })?;
        Ok(typed)
    }

    /// Shows a text, with the terminal's own codes (ECMA-48).
    ///
    /// # Errors
    /// The terminal's.
    pub fn show(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Whoever is left without it gets another one.
        let _restored = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
