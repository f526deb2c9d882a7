//! The online workspace, served by the box: a real TLS client before it, a real TLS server behind it.

mod street;

mod carrying;
mod passing;
mod trusting;
