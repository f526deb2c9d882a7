//! The commune's hub: schools, boxes, and what they send each night.
//!
//! What it knows is in a [`Register`], what boxes send in [`Blobs`]: both are ports with one suite of tests for every engine. What it
//! does is in [`Hub`]; [`serve`] puts it on the network. docs/decisions/0024 tells why it is as it is.
//!
//! Invariant: a request counts only with a certificate that the register knows and nobody has revoked. Nothing that a box sends can be
//! read here but what the box says of itself: sealed files are encrypted to readers of the school.

pub mod alerts;
pub mod blobs;
mod enrolling;
pub mod fleet;
mod metrics;
mod office;
mod pace;
mod pages;
pub mod policy;
pub mod register;
mod server;
mod signing;
mod survey;
mod texts;

use std::sync::Arc;

use archive::SigningKey;
use model::Timestamp;
use replication::{EnrolmentCode, Refusal};
use ring::rand::{SecureRandom as _, SystemRandom};

pub use enrolling::Enroller;
pub use office::{Office, Settings};
pub use server::{Listening, serve};
pub use survey::{survey, write_test};

use blobs::{Blobs, Place};
use register::{NewCode, Register, RegisterError};

/// How often a new code may meet an old one's number before something else is wrong.
const CODE_TRIES_MAX: u32 = 20;
/// Random bytes for a code: twelve fair ones are always among them.
const CHANCE_BYTES: usize = 64;
/// Files that go in one round, so that a hub that was off for a month does other things between.
const DUE_MAX: u32 = 1_000;

/// A hub.
pub struct Hub {
    /// What it knows.
    pub register: Arc<dyn Register>,
    /// What boxes have sent.
    pub blobs: Arc<dyn Blobs>,
    /// Who enrols boxes.
    pub enroller: Enroller,
    /// By which it signs how far logs have grown.
    pub witness: SigningKey,
    /// What the time is.
    pub clock: fn() -> Timestamp,
    /// Who works at its pages; without it, it has none.
    pub office: Option<Office>,
}

impl Hub {
    /// Removes the files whose time is over; how many.
    ///
    /// # Errors
    /// [`Refusal::Broken`]; the log has the reason. It is tried again.
    pub fn forget_due(&self) -> Result<usize, Refusal> {
        let due = self.register.due_files((self.clock)(), DUE_MAX).map_err(enrolling::tell)?;
        let mut removed = 0;
        for (of, hash) in &due {
            // One that stays keeps no other.
            if let Err(error) = self.blobs.remove(Place { of: *of, hash: *hash }) {
                tracing::error!(%error, id = of.0, %hash, "a file whose time is over cannot be removed");
                continue;
            }
            self.register.forget_file(*of, *hash).map_err(enrolling::tell)?;
            removed += 1;
        }
        if removed == 0 && !due.is_empty() { Err(Refusal::Broken) } else { Ok(removed) }
    }
}

/// Makes a code for a box of a school, good until a time.
///
/// # Errors
/// [`RegisterError`].
pub fn make_code(
    register: &dyn Register,
    uai: &model::Uai,
    is_replacement: bool,
    until: Timestamp,
) -> Result<EnrolmentCode, RegisterError> {
    for _ in 0..CODE_TRIES_MAX {
        let mut bytes = [0; CHANCE_BYTES];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| RegisterError::Engine("there is no randomness".into()))?;
        let Some(code) = EnrolmentCode::from_chance(&bytes) else { continue };
        let new = NewCode { code: code.clone(), uai: uai.clone(), is_replacement, until };
        match register.add_code(&new) {
            Err(RegisterError::Taken) => {}
            added => return added.map(|()| code),
        }
    }
    Err(RegisterError::Taken)
}
