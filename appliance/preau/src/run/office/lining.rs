//! The line is changed on the technician's page: on a box of the image there is no shell for it.
//!
//! Invariant: who wanted it is on record before anything is changed.

use std::net::IpAddr;

use model::{Alteration, Person, PersonAct, PersonDeed, Sought};
use portal::{LineFault, LineSeat, LineTrouble, Trouble, TypedLine};

use super::Office;
use crate::line::{LineDesk, describe};

impl Office {
    pub(super) fn find_line(&self) -> Option<LineSeat> {
        self.line_desk.as_ref().map(LineDesk::look)
    }

    pub(super) fn alter_line(
        &self,
        client: IpAddr,
        person: &Person,
        typed: &TypedLine<'_>,
    ) -> Result<(), LineTrouble> {
        let desk = self.line_desk.as_ref().ok_or(Trouble::Unknown)?;
        let choice = desk.read_typed(typed)?;
        let (author, device) = self.author(client, person);
        let words = Sought::new(&describe(&choice));
        let deed = PersonDeed::Alter { what: Alteration::ChangeLine, words };
        let act = PersonAct { author: author.clone(), device, deed };
        self.write(|store| store.keep_done_act(&act))?;
        desk.keep(&choice).map_err(|error| {
            tracing::error!(%error, "what was typed of the line cannot be kept");
            LineFault::Disk.into()
        })
    }

    /// The same office of a box with a line.
    pub(crate) fn with_line_desk(self, line_desk: Option<LineDesk>) -> Self {
        Self { line_desk, ..self }
    }
}
