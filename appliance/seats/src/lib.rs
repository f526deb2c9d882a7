//! Which connections stay when there are too many, at every door alike.
//!
//! [`Seats`] gives each connection a place, [`Share`] tells whose it is, [`Pulse`] when something last moved on it, and
//! [`Throttle`] keeps the log readable when many have to leave.
//!
//! Invariant: it never reads or writes a connection; whoever serves one ends it when it is told to leave.

mod pulse;
mod seats;
mod share;
mod throttle;

pub use pulse::Pulse;
pub use seats::{Eviction, Seat, Seats, Standing};
pub use share::Share;
pub use throttle::Throttle;
