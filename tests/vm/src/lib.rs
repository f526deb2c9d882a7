//! Machines with a kernel of their own, for what network namespaces cannot show: radios above all.
//!
//! A [`Guest`] is Debian's own kernel in QEMU, without any help of the hardware, and a file system in memory with the
//! programs that a test names, the host's. It runs one script, and ends. Nothing of the host is touched.
//!
//! For machines with x86-64 processors. Needs the Debian packages that `./dev test` installs; where one is missing, a test fails and says which.

mod guest;

pub use guest::{Guest, Report};
