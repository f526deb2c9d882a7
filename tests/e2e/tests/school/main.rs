//! A whole school, with the real programs and real clients: one module for each promise.

#[cfg(test)]
mod firewall;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod teardown;
