//! The DNS enforcement point.
