//! The hub's pages: a plain view over what the register has, and a template beside it. They render to text without HTTP.
//!
//! Invariant: a page asks nothing of any other host, runs no script, and shows nothing unescaped.

pub(crate) mod account;
mod bar;
pub(crate) mod content;
pub(crate) mod desk;
pub(crate) mod fleet;
pub(crate) mod frame;
pub(crate) mod library;
pub(crate) mod lists;
pub(crate) mod locks;
mod plot;
pub(crate) mod releases;
pub(crate) mod school;
pub(crate) mod settings;
mod spelling;
pub(crate) mod wishes;
mod words;

pub(crate) use bar::Bar;
pub(crate) use frame::{Place, SECURITY_POLICY};
pub(crate) use words::tell;

#[cfg(test)]
mod tests;
