//! The online workspace, served by the box: a real TLS client before it, a real TLS server behind it.

mod origin;
mod street;

mod authorising;
mod carrying;
mod falling;
mod keeping;
mod leaking;
mod passing;
mod posting;
mod preparing;
mod resuming;
mod sharing;
mod streaming;
mod transferring;
mod trusting;
