//! Which program holds a port, as proc(5) tells.

use std::ffi::OsStr;
use std::{fmt, fs};

use super::Transport;

/// State of a listening TCP socket in `/proc/net/tcp`, in hexadecimal (TCP_LISTEN).
const LISTENING: &str = "0A";

/// A program that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    program: String,
    process: u32,
}

impl Holder {
    /// Finds who holds `port`. `None` when it is another user's program and this process may not look.
    pub(super) fn find(transport: Transport, port: u16) -> Option<Self> {
        let tables = match transport {
            Transport::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
            Transport::Udp => ["/proc/net/udp", "/proc/net/udp6"],
        };
        let links: Vec<String> = tables
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .flat_map(|table| inodes(&table, transport, port))
            .map(|inode| format!("socket:[{inode}]"))
            .collect();
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let mut processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let process = processes.find(|process| holds_any(*process, &links))?;
        let program = fs::read_to_string(format!("/proc/{process}/comm")).ok()?.trim_end().to_owned();
        Some(Self { program, process })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.program, self.process)
    }
}

/// The inodes of the sockets that a table lists on `port`. Columns: number, local address and port in
/// hexadecimal, remote, state, queues, timer, retransmissions, user, timeout, inode.
fn inodes(table: &str, transport: Transport, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let sockets = table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let local = columns.nth(1)?;
        let state = columns.nth(1)?;
        let inode = columns.nth(5)?;
        let listens = transport == Transport::Udp || state == LISTENING;
        (local.ends_with(&suffix) && listens).then(|| inode.to_owned())
    });
    sockets.collect()
}

fn holds_any(process: u32, links: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    descriptors
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .any(|target| links.iter().any(|link| target.as_os_str() == OsStr::new(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inodes_of_one_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100\n\
             1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100\n\
             2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100\n\
             3: short\n";
        assert_eq!(inodes(table, Transport::Tcp, 8080), ["4711"]);
        assert_eq!(inodes(table, Transport::Udp, 8080), ["4711", "4712"]);
        assert!(inodes(table, Transport::Tcp, 80).is_empty());
    }
}
