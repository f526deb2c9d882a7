//! The box's way to the hub.
//!
//! It enrols once ([`enrol()`]), then goes there each night ([`Night`]), and listens for what does not wait ([`Ear`]). All of it blocks, and belongs on a thread of its own.
//!
//! Invariant: the private key never leaves its file; nothing is sent before the hub has shown a certificate of the authority that
//! it enrolled the box under; sealed files that anybody could read stay on the box.

mod authority;
mod client;
mod enrol;
mod error;
mod identity;
mod letters;
mod library;
mod night;
mod release;
mod url;
mod web;

pub use enrol::{Applicant, enrol, inherit};
pub use error::SyncError;
pub use identity::{HubFolder, Identity, NightFault, NightState};
pub use letters::{Ear, Letters, send_urgent};
pub use night::{
    Intake, Limits, Night, NightReport, Standing, StandingFile, Step, Watch, standing_files, tell_health,
};
pub use url::{HubUrl, HubUrlError};
