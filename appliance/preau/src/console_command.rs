//! `preau console`: the machine's own screen. It shows what the running box has written, and has one key.
//!
//! Invariant: nothing else can be done there; whoever types the word orders it, and another service wipes the data.

mod prompt;
mod view;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use system::clock::monotonic;
use system::derived::write_derived;
use system::terminal::Terminal;

use crate::cli::ConsoleArguments;
use crate::screen::Screen;
use prompt::Prompt;
use view::View;

/// How often the screen is drawn: what the kernel has written over it is gone then.
const PERIOD: Duration = Duration::from_secs(1);
/// A box that has written nothing for so long does not run.
const SILENCE: Duration = Duration::from_secs(30);
/// Black and empty, without a cursor.
const BEGINNING: &str = "\x1b[0m\x1b[2J\x1b[?25l";
/// The cursor is back.
const END: &str = "\x1b[0m\x1b[2J\x1b[H\x1b[?25h";

/// Shows the box until the terminal is gone.
pub(crate) fn console(arguments: &ConsoleArguments) -> anyhow::Result<ExitCode> {
    let terminal = Terminal::open().context("the console needs a terminal")?;
    let keys = terminal.keys().context("cannot listen to the keyboard")?;
    terminal.show(BEGINNING)?;
    let (mut watch, mut prompt) = (Watch::new(monotonic()), Prompt::default());
    loop {
        let screen = watch.look(Screen::read(&arguments.screen), monotonic());
        let view = View { screen: screen.as_ref(), prompt: &prompt };
        terminal.show(&view.draw(terminal.size()))?;
        match keys.recv_timeout(PERIOD) {
            Ok(byte) => {
                for byte in std::iter::once(byte).chain(keys.try_iter()) {
                    if prompt.press(byte) {
                        prompt.note_order(order(&arguments.reset_order));
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => prompt.tick(),
            Err(RecvTimeoutError::Disconnected) => {
                terminal.show(END)?;
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

/// Orders that the data are wiped. Whether it is ordered.
fn order(path: &Path) -> bool {
    match write_derived(path, "reset\n") {
        Ok(_) => true,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _told = writeln!(io::stderr(), "preau: cannot write {}: {error}", path.display());
            false
        }
    }
}

/// Tells a box that writes from one that does not any more, whatever the clock says.
struct Watch {
    last: Option<Screen>,
    since: Instant,
}

impl Watch {
    fn new(now: Instant) -> Self {
        Self { last: None, since: now }
    }

    /// What the box shows; `None` where it has shown nothing new for a while.
    fn look(&mut self, read: Option<Screen>, now: Instant) -> Option<Screen> {
        let last = self.last.as_ref().map(|last| last.beat);
        if read.is_some() && read.as_ref().map(|read| read.beat) != last {
            (self.last, self.since) = (read, now);
        }
        let is_silent = now.saturating_duration_since(self.since) > SILENCE;
        self.last.clone().filter(|_| !is_silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_writes_nothing_more_is_silent_whatever_the_clock_says() {
        let screen = |beat| {
            let texts = || String::new();
            let (addresses, lines) = (vec![], vec![]);
            Some(Screen { beat, version: texts(), school: texts(), pages: texts(), addresses, lines })
        };
        let start = monotonic();
        let mut watch = Watch::new(start);
        assert_eq!(watch.look(None, start), None);
        assert_eq!(watch.look(screen(1), start), screen(1));
        assert_eq!(watch.look(screen(1), start + SILENCE), screen(1));
        let late = start + SILENCE + PERIOD;
        assert_eq!(watch.look(screen(1), late), None);
        assert_eq!(watch.look(None, late), None);
        assert_eq!(watch.look(screen(2), late), screen(2), "it has begun anew");
    }
}
