//! The online workspace, served by the box: a real TLS client before it, a real TLS server behind it.

mod street;

mod carrying;
mod keeping;
mod passing;
mod transferring;
mod trusting;
