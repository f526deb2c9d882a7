//! Who may sign in: secrets, the pauses after wrong ones, the ends of sessions.
//!
//! Invariant: pure. What is kept is kept by the store; time and chance are arguments.
//! Invariant: a secret is never kept, nor shown again: what is kept of it is its hash, of a session's token too.

mod pause;
mod second;
mod secret;
mod session;

pub use pause::Watch;
pub use second::{CodeKey, CodeStep, PaperCode, PaperHash};
pub use secret::{HashError, Secret, SecretError, StoredSecret, draw_first_secret};
pub use session::{Token, TokenHash, is_alive};
