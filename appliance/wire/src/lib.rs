//! Parsers of untrusted bytes.
