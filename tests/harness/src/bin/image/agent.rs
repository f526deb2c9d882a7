//! What carries out the test's orders inside the machine: a shell at a serial port of its own.
//!
//! It comes as a credential of the firmware (systemd.system-credentials(7)): the image stays as it was built, and a box whose
//! firmware gives it none has no such shell.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::wait_until;

use crate::booted::now;

/// The port, as QEMU and the machine name it.
pub(crate) const PORT: &str = "test.0";
/// A shell that reads its orders from the port. It begins anew where nobody listened for a moment.
const UNIT: &str = "[Unit]
Description=The shell of the test
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/bin/sh -c 'while :; do /bin/bash --noprofile --norc; sleep 1; done'
StandardInput=file:/dev/virtio-ports/test.0
StandardOutput=file:/dev/virtio-ports/test.0
StandardError=file:/dev/virtio-ports/test.0
Restart=always
RestartSec=1
";
/// What has the machine start it.
const WANTS: &str = "[Unit]\nWants=test.service\n";
/// How long an order may wait to be taken: the port's buffers are larger than all orders that wait.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// The way to the shell.
#[derive(Debug)]
pub(crate) struct Agent {
    stream: UnixStream,
    orders: u64,
}

/// What a script said, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: i32,
    /// What it wrote, errors too.
    pub(crate) text: String,
}

impl Said {
    /// What it wrote, when it ended with status 0.
    ///
    /// # Errors
    /// Another status, with what it wrote.
    pub(crate) fn success(self) -> Result<String> {
        ensure!(self.status == 0, "status {}: {}", self.status, self.text);
        Ok(self.text)
    }
}

/// The values of `-smbios` that bring the shell into the machine.
pub(crate) fn credentials() -> [String; 2] {
    let credential = |name: &str, text: &str| {
        format!("type=11,value=io.systemd.credential.binary:{name}={}", STANDARD.encode(text))
    };
    [
        credential("systemd.extra-unit.test.service", UNIT),
        credential("systemd.unit-dropin.multi-user.target~test", WANTS),
    ]
}

impl Agent {
    /// The way through QEMU's socket, which is there a moment after QEMU is.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn new(socket: &Path) -> Result<Self> {
        let stream = connect(socket)?;
        stream.set_write_timeout(Some(TAKEN_WITHIN))?;
        Ok(Self { stream, orders: 0 })
    }

    /// Runs a script of bash as root, to its end. `None` where nothing is heard of it in time: the machine starts, or is about to
    /// stop.
    ///
    /// # Errors
    /// QEMU has ended.
    pub(crate) fn ask(&mut self, script: &str, within: Duration) -> Result<Option<Said>> {
        self.order(script)?;
        let until = now() + within;
        let (mut heard, mut bytes) = (Vec::new(), [0; 4_096]);
        loop {
            if let Some(said) = find(&String::from_utf8_lossy(&heard), self.orders) {
                return Ok(Some(said));
            }
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut bytes) {
                Ok(0) => bail!("QEMU has ended"),
                Ok(count) => heard.extend_from_slice(bytes.get(..count).unwrap_or_default()),
                Err(error) if is_passing(error.kind()) => {}
                Err(error) => return Err(error).context("cannot hear the machine"),
            }
        }
    }

    /// Has a script of bash run, and does not wait for it.
    ///
    /// # Errors
    /// QEMU has ended.
    pub(crate) fn order(&mut self, script: &str) -> Result<()> {
        self.orders += 1;
        let line = write(script, self.orders);
        self.stream.write_all(line.as_bytes()).context("the machine takes no order")
    }
}

/// The way to one of QEMU's sockets, which is there a moment after QEMU is.
///
/// # Errors
/// There is none.
pub(crate) fn connect(socket: &Path) -> Result<UnixStream> {
    let mut stream = None;
    wait_until("QEMU's socket", || {
        stream = UnixStream::connect(socket).ok();
        Ok(stream.is_some())
    })?;
    stream.context("no way to the machine")
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// The order for a script. It is one line without quotes: a machine that stops may take the beginning of it along, and the next one
/// must not stumble over the rest.
fn write(script: &str, number: u64) -> String {
    let script = STANDARD.encode(script);
    format!(
        "\necho {script} | base64 -d > /run/test-order; echo BEGIN-{number}; bash /run/test-order < /dev/null 2>&1; \
         echo -e \\\\nEND-{number} $?\n"
    )
}

/// What became of an order, in what was heard; `None` before its end.
fn find(heard: &str, number: u64) -> Option<Said> {
    let (_, rest) = heard.split_once(&format!("BEGIN-{number}\n"))?;
    let (text, rest) = rest.split_once(&format!("\nEND-{number} "))?;
    let (status, _) = rest.split_once('\n')?;
    Some(Said { status: status.parse().ok()?, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_found_between_its_marks() {
        let said = |status, text: &str| Some(Said { status, text: text.to_owned() });
        let check = |heard: &str, expected: Option<Said>| assert_eq!(find(heard, 7), expected, "{heard:?}");
        check("BEGIN-7\n\nEND-7 0\n", said(0, ""));
        check("BEGIN-7\nrunning\n\nEND-7 1\n", said(1, "running\n"));
        check("BEGIN-7\nno end of line\nEND-7 0\n", said(0, "no end of line"));
        // An answer that nobody waited for, and what is left of a line.
        check("x\nEND-6 0\nbash: xZQ==: command not found\nBEGIN-7\nyes\n\nEND-7 0\nrest", said(0, "yes\n"));
        for early in
            ["", "BEGIN-7", "BEGIN-7\nrunning", "BEGIN-7\nrunning\n\nEND-7 ", "BEGIN-77\n\nEND-77 0\n"]
        {
            check(early, None);
        }
    }

    #[test]
    fn an_order_is_one_line_without_quotes() {
        let line = write("echo \"it's\n\" | cat", 3);
        let (first, rest) = line.split_at(1);
        assert_eq!(first, "\n");
        assert_eq!(rest.matches('\n').count(), 1, "{rest}");
        assert!(rest.ends_with("; echo -e \\\\nEND-3 $?\n") && !rest.contains(['"', '\'']), "{rest}");
    }
}
