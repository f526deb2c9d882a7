//! Checks of the house itself: which room may use which, what pure rooms must not touch, how long a file may
//! be, that every format on the disk has a golden file and a fuzz target, and how texts for people are set.
//!
//! A rule that fails names the place and the sentence behind it. To change a rule, change its table here, in
//! the same commit, with a reason.

#[cfg(test)]
mod formats;
#[cfg(test)]
mod house;
#[cfg(test)]
mod manuals;
#[cfg(test)]
mod purity;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod texts;
