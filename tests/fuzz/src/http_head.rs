//! The reader of the host that an HTTP head names.

use model::Host;
use wire::http::{Authority, find_authority};

/// Reads `data` as a head: the first line is the request line's authority (none where it is empty), each
/// further line a `Host` field. What is accepted must mean the same when it is written out and read again.
///
/// # Panics
/// When it does not.
pub fn run(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let target = lines.next().filter(|line| !line.is_empty());
    let Ok(found) = find_authority(target, lines, 80) else { return };
    let written = write(&found);
    assert_eq!(Authority::parse(written.as_bytes()), Ok(found), "{written}");
}

fn write(authority: &Authority) -> String {
    let host = match &authority.host {
        Host::Address(std::net::IpAddr::V6(address)) => format!("[{address}]"),
        Host::Address(_) | Host::Name(_) => authority.host.to_string(),
    };
    match authority.port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}
