//! The self-test's hands: it sends what the attacks say, from a machine that the box makes up, and keeps what became of
//! it.
//!
//! Invariant: whatever a run makes, a network namespace and a pair of interfaces, goes with its process, however that
//! ends.

mod attacker;
mod campaign;
mod nightly;
mod refusal;
mod results;
pub(crate) mod testbed;

pub use attacker::Sources;
pub use campaign::{carry_out, is_dead};
pub use nightly::{By, Nightly, Plan, PlanTime, PlanTimeError, tell};
pub use results::{Lock, RESULTS_MAX, Results, ResultsError};
pub use testbed::{Testbed, TestbedError, Wires};
