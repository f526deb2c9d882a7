//! A machine of the lab that does what an access point with OpenWrt does, by the very script of the driver's own tests.
//!
//! `access-point ADDRESS:PORT PASSWORD FILE` serves until it is stopped. What is on its flash is in the file, a section a line, whenever that
//! changes; the methods that were called come after it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's machine ends with its first mistake")]

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

#[path = "../../../../appliance/system/src/ubus/tests/access_point.rs"]
#[expect(dead_code, reason = "the driver's tests change more of it")]
mod access_point;

use access_point::{AccessPoint, start_at};

/// What the script has around it in the driver's room.
mod clock {
    pub(crate) use system::clock::now;
}
mod ubus {
    pub(crate) use system::ubus::see_certificate;
    pub(crate) mod pinned {
        pub(crate) use system::ubus::Fingerprint;
        pub(crate) fn fingerprint(_: &[u8]) -> Fingerprint {
            [0; 32]
        }
    }
}

/// How often the file is brought up to date.
const PERIOD: Duration = Duration::from_millis(50);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, password, file] = arguments.as_slice() else {
        panic!("usage: access-point ADDRESS:PORT PASSWORD FILE");
    };
    let mut machine = AccessPoint::new();
    machine.password.clone_from(password);
    let running = start_at(TcpListener::bind(address).unwrap(), machine);
    let mut shown = String::new();
    loop {
        let mut text = String::new();
        {
            let state = running.state.lock().unwrap();
            for (section, options) in &state.flash {
                writeln!(text, "{section} {options:?}").unwrap();
            }
            writeln!(text, "sending {:?}", state.sending()).unwrap();
            writeln!(text, "called {:?}", state.calls).unwrap();
        }
        if text != shown {
            // Whoever reads it sees it whole.
            let new = format!("{file}.new");
            fs::write(&new, &text).unwrap();
            fs::rename(new, file).unwrap();
            shown = text;
        }
        thread::sleep(PERIOD);
    }
}
