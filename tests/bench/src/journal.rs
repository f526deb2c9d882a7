//! A year of a large school's log, made, sealed and searched, beside SQLite and squid's logs.

pub mod box_year;
pub mod ingest;
pub mod peers;
pub mod question;
pub mod school;
pub mod stopwatch;
