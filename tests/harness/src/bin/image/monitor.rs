//! Who stands before the machine, through QEMU's monitor (QMP): keys are pressed, sticks plugged in, and the screen is looked at.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use harness::wait_until;
use serde_json::{Value, json};

use crate::agent::connect;

/// How long the monitor may take over an order: it draws a whole screen within.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// How long a key is held down, in milliseconds.
const HOLD_MS: u64 = 100;
/// From one key to the next: about as somebody types who looks for each.
const PAUSE: Duration = Duration::from_millis(400);

/// The monitor.
pub(crate) struct Monitor {
    stream: BufReader<UnixStream>,
}

impl Monitor {
    /// Through QEMU's socket.
    ///
    /// # Errors
    /// Nobody listens there, or it is no monitor.
    pub(crate) fn new(socket: &Path) -> Result<Self> {
        let stream = connect(socket)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut monitor = Self { stream: BufReader::new(stream) };
        let greeting = monitor.hear()?;
        if greeting.get("QMP").is_none() {
            bail!("no monitor of QEMU's: {greeting}");
        }
        monitor.order("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Presses keys together, by QEMU's names of the places where they lie on an American keyboard: `alt-f2`.
    pub(crate) fn press(&mut self, keys: &str) -> Result<()> {
        let keys: Vec<Value> = keys.split('-').map(|key| json!({"type": "qcode", "data": key})).collect();
        self.order("send-key", &json!({"keys": keys, "hold-time": HOLD_MS}))?;
        std::thread::sleep(PAUSE);
        Ok(())
    }

    /// Presses one key after the other.
    pub(crate) fn press_each(&mut self, keys: &[&str]) -> Result<()> {
        keys.iter().try_for_each(|keys| self.press(keys))
    }

    /// Takes a picture of the screen.
    pub(crate) fn take_picture(&mut self, file: &Path) -> Result<()> {
        self.order("screendump", &json!({"filename": file, "format": "png"})).map(drop)
    }

    /// Plugs a stick in; its serial number is its name.
    pub(crate) fn plug(&mut self, name: &str, file: &Path) -> Result<()> {
        let file = json!({"driver": "file", "filename": file});
        self.order("blockdev-add", &json!({"driver": "raw", "node-name": name, "file": file}))?;
        let device = json!({"driver": "usb-storage", "bus": "usb.0", "id": name, "drive": name,
            "serial": name, "removable": true});
        self.order("device_add", &device).map(drop)
    }

    /// Takes it out.
    pub(crate) fn unplug(&mut self, name: &str) -> Result<()> {
        self.order("device_del", &json!({"id": name}))?;
        wait_until("the stick to be out", || {
            // What is read of it may still be on the way.
            Ok(self.order("blockdev-del", &json!({"node-name": name})).is_ok())
        })
    }

    /// Gives an order, and has its answer.
    fn order(&mut self, name: &str, arguments: &Value) -> Result<Value> {
        let order = json!({"execute": name, "arguments": arguments});
        self.stream.get_mut().write_all(format!("{order}\n").as_bytes())?;
        loop {
            let heard = self.hear()?;
            if let Some(error) = heard.get("error") {
                bail!("QEMU does not {order}: {error}");
            }
            // What it tells of itself may come between.
            if let Some(answer) = heard.get("return") {
                return Ok(answer.clone());
            }
        }
    }

    fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.stream.read_line(&mut line).context("QEMU's monitor says nothing")?;
        serde_json::from_str(&line).with_context(|| format!("QEMU's monitor says {line:?}"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// A monitor that says these lines, each once it was told something, and returns what it was told.
    fn say(lines: &'static [&'static str], act: impl FnOnce(&mut Monitor)) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let qemu = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"{\"QMP\": {}}\n").unwrap();
            let mut told = Vec::new();
            let mut orders = BufReader::new(stream.try_clone().unwrap()).lines();
            for line in ["{\"return\": {}}\n"].iter().chain(lines) {
                told.push(serde_json::from_str(&orders.next().unwrap().unwrap()).unwrap());
                stream.write_all(line.as_bytes()).unwrap();
            }
            told
        });
        act(&mut Monitor::new(&socket).unwrap());
        qemu.join().unwrap()
    }

    #[test]
    fn keys_are_pressed_together_and_a_refusal_is_told() {
        let told = say(&["{\"event\": \"RESET\"}\n{\"return\": {}}\n", "{\"error\": {}}\n"], |monitor| {
            monitor.press("alt-f2").unwrap();
            monitor.take_picture(Path::new("/a.png")).unwrap_err();
        });
        let [_, keys, picture] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(keys["arguments"]["keys"][1], json!({"type": "qcode", "data": "f2"}));
        assert_eq!(picture["arguments"], json!({"filename": "/a.png", "format": "png"}));
    }
}
