//! The resolver over real sockets, between clients and an upstream of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod answers;
mod encrypted;
mod failures;
mod hostile;
mod school;
mod screening;
mod structured;
mod upstream;
