//! An access point for tests: what uhttpd and rpcd of OpenWrt do with `uci`, `network.wireless` and sessions, by their
//! documentation and by what was seen on real ones. The whole-box tests run it, too.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use model::ClockQuality;
use pki::{Authority, Identity, Names};
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};
use wifi::Options;

use crate::ubus::pinned::{Fingerprint, fingerprint};

type Sections = BTreeMap<String, Options>;

pub(super) const PASSWORD: &str = "k3wd-p9xq";

/// What it is, changed by the test while it runs.
#[derive(Default)]
pub(super) struct AccessPoint {
    /// By which word the box is known.
    pub(super) password: String,
    pub(super) flash: Sections,
    /// Changes of each session that are not applied, or were applied by it.
    sessions: BTreeMap<String, Sections>,
    next_session: u32,
    /// The session that waits to confirm, and what was before.
    pub(super) pending: Option<(String, Sections)>,
    /// Methods that its access control list does not have.
    pub(super) denied: Vec<&'static str>,
    /// Calls after which the session is over, whatever its time.
    pub(super) forgets_after: Option<usize>,
    /// Whether a change is taken back before anybody confirms it, as when the box was cut off.
    pub(super) takes_back: bool,
    /// At which of the next calls it loses its power.
    pub(super) loses_power_at: Option<usize>,
    /// What it answers to a call in place of what it would: the call, and `error` or `result`.
    pub(super) garbled: Option<(&'static str, &'static str, Value)>,
    /// Whether its radio does nothing.
    pub(super) is_radio_dead: bool,
    pub(super) calls: Vec<String>,
}

impl AccessPoint {
    /// As it comes from the factory: an open network on its radio, sending.
    pub(super) fn new() -> Self {
        let options = |pairs: &[(&str, &str)]| -> Options {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let radio = options(&[("type", "mac80211"), ("channel", "auto"), ("band", "5g")]);
        let open =
            options(&[("device", "radio0"), ("mode", "ap"), ("ssid", "OpenWrt"), ("encryption", "none")]);
        let flash = [("radio0".to_owned(), radio), ("default_radio0".to_owned(), open)].into();
        Self { password: PASSWORD.to_owned(), flash, ..Self::default() }
    }

    /// The networks that it sends.
    pub(super) fn sending(&self) -> Vec<&str> {
        let is_on = |options: &Options| options.get("disabled").is_none_or(|value| value != "1");
        let is_up = !self.is_radio_dead && self.flash.get("radio0").is_some_and(is_on);
        let networks =
            self.flash.iter().filter(|(_, options)| options.contains_key("device") && is_on(options));
        networks.filter(|_| is_up).map(|(name, _)| name.as_str()).collect()
    }

    /// Starts anew: what is on the flash counts, and nobody waits for anything.
    pub(super) fn reboot(&mut self) {
        (self.sessions, self.pending) = (BTreeMap::new(), None);
    }

    /// So much time passes that nobody has a session any more, and that a change which nobody has confirmed is taken back.
    pub(super) fn pass_time(&mut self) {
        self.sessions.clear();
        if let Some((_, before)) = self.pending.take() {
            self.flash = before;
        }
    }

    fn answer(&mut self, request: &Value) -> Option<Value> {
        let parameter = |place: usize| request.pointer(&format!("/params/{place}"));
        let text = |place: usize| parameter(place).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (session, call) = (text(0), format!("{} {}", text(1), text(2)));
        let arguments = parameter(3).cloned().unwrap_or_default();
        self.calls.push(call.clone());
        self.loses_power_at = self.loses_power_at.map(|left| left.saturating_sub(1));
        if self.loses_power_at == Some(0) {
            self.loses_power_at = None;
            self.reboot();
            return None;
        }
        let error =
            json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32002, "message": "Access denied" } });
        if let Some((_, field, value)) = self.garbled.take_if(|(garbled, ..)| *garbled == call) {
            return Some(json!({ "jsonrpc": "2.0", "id": 1, field: value }));
        }
        let is_known = call == "session login" || self.sessions.contains_key(&session);
        if !is_known || self.denied.contains(&call.as_str()) {
            return Some(error);
        }
        let result = self.carry_out(&session, &call, &arguments);
        self.forgets_after = self.forgets_after.map(|left| left.saturating_sub(1));
        if self.forgets_after == Some(0) {
            self.forgets_after = None;
            self.sessions.remove(&session);
        }
        Some(json!({ "jsonrpc": "2.0", "id": 1, "result": result }))
    }

    fn carry_out(&mut self, session: &str, call: &str, arguments: &Value) -> Value {
        match call {
            "session login" => self.log_in(arguments),
            "session destroy" => {
                // One that waits to confirm stays.
                if self.pending.as_ref().is_none_or(|(waiting, _)| waiting != session) {
                    self.sessions.remove(session);
                }
                json!([0])
            }
            "uci get" => {
                let mut values = self.flash.clone();
                // A session reads its own changes, also those that were taken back.
                for (section, changes) in self.sessions.get(session).into_iter().flatten() {
                    values.entry(section.clone()).or_default().extend(changes.clone());
                }
                json!([0, { "values": values }])
            }
            "uci set" | "uci add" => {
                let name = if call == "uci set" { "section" } else { "name" };
                let section = arguments[name].as_str().unwrap().to_owned();
                if call == "uci set" && !self.flash.contains_key(&section) {
                    return json!([4]);
                }
                let values: Options = serde_json::from_value(arguments["values"].clone()).unwrap();
                self.sessions
                    .entry(session.to_owned())
                    .or_default()
                    .entry(section)
                    .or_default()
                    .extend(values);
                json!([0])
            }
            "uci apply" => self.apply(session),
            "uci confirm" => match self.pending.take() {
                None => json!([5]),
                Some((waiting, _)) if waiting == session => json!([0]),
                other => {
                    self.pending = other;
                    json!([6])
                }
            },
            "network.wireless status" => {
                let interface = |section: &&str| json!({ "section": section, "ifname": "phy0-ap0" });
                let interfaces: Vec<Value> = self.sending().iter().map(interface).collect();
                json!([0, { "radio0": { "up": !interfaces.is_empty(), "interfaces": interfaces } }])
            }
            "iwinfo assoclist" => json!([0, { "results": [{ "mac": "02:AA:00:00:00:77", "signal": -40 }] }]),
            "file write" => json!([0]),
            other => panic!("{other}"),
        }
    }

    fn log_in(&mut self, arguments: &Value) -> Value {
        if arguments["username"] != "preau" || arguments["password"] != self.password.as_str() {
            return json!([6]);
        }
        // While a change waits, everybody gets the session that made it.
        let id = match &self.pending {
            Some((waiting, _)) => waiting.clone(),
            None => {
                self.next_session += 1;
                format!("{:032}", self.next_session)
            }
        };
        self.sessions.entry(id.clone()).or_default();
        json!([0, { "ubus_rpc_session": id, "timeout": 60 }])
    }

    fn apply(&mut self, session: &str) -> Value {
        if self.pending.is_some() {
            return json!([6]);
        }
        let changes = self.sessions.get(session).cloned().unwrap_or_default();
        if changes.is_empty() {
            return json!([5]);
        }
        let before = self.flash.clone();
        for (section, values) in changes {
            self.flash.entry(section).or_default().extend(values);
        }
        if std::mem::take(&mut self.takes_back) {
            self.flash = before;
        } else {
            self.pending = Some((session.to_owned(), before));
        }
        json!([0])
    }
}

/// A running one. Its threads end with the test's process.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) certificate: Fingerprint,
    pub(super) state: Arc<Mutex<AccessPoint>>,
}

pub(super) fn start(access_point: AccessPoint) -> Running {
    start_at(TcpListener::bind("127.0.0.1:0").unwrap(), access_point)
}

/// The same where somebody else chose the place.
pub(super) fn start_at(listener: TcpListener, access_point: AccessPoint) -> Running {
    let names = Names::new(["openwrt.lan".parse().unwrap()], []);
    let authority = Authority::generate(names.clone()).unwrap();
    let (now, quality) = (crate::clock::now(), ClockQuality::Synchronised);
    let identity = Arc::new(Identity::new(authority, names, move || (now, quality)));
    let config = Arc::new(identity.server_config(&[]).unwrap());
    let address = listener.local_addr().unwrap();
    let state = Arc::new(Mutex::new(access_point));
    let shared = Arc::clone(&state);
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket.unwrap());
            // A client that does not like the certificate goes.
            let _gone = serve(&mut stream, &shared);
        }
    });
    let certificate = crate::ubus::see_certificate(address).unwrap();
    assert_ne!(certificate, fingerprint(b""));
    Running { address, certificate, state }
}

fn serve(
    stream: &mut StreamOwned<ServerConnection, std::net::TcpStream>,
    state: &Mutex<AccessPoint>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some((_, value)) = line.to_lowercase().split_once("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    // Whoever looks at the certificate alone asks nothing.
    let Ok(request) = serde_json::from_slice(&body) else { return Ok(()) };
    let Some(answer) = state.lock().unwrap().answer(&request) else { return Ok(()) };
    let answer = answer.to_string();
    let stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}
