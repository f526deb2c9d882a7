//! The addresses of the school's network, in the words of the programs that give them: systemd-networkd for the box's own
//! port, dnsmasq for devices.
//!
//! One configuration says both, so that they never differ. Names are no business of dnsmasq: the resolver has them.
//!
//! Invariant: pure. The same school gives the same text.

mod dnsmasq;
mod fixed;
mod fixed_line;
mod networkd;
mod pool;
mod school;

pub use dnsmasq::{Paths, render_dnsmasq};
pub use fixed::{Fixed, Unusable, plan_fixed};
pub use fixed_line::{FixedLine, FixedLineError, LinePart, render_fixed_line};
pub use networkd::{render_networkd, render_networkd_apart};
pub use pool::{Pool, PoolError};
pub use school::{ApartSchool, Leases, School};
