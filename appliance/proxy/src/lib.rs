//! The TLS and HTTP enforcement point.
