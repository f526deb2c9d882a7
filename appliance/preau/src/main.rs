//! The box: command line, configuration, roles.
fn main() {}
