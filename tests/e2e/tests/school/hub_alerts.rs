//! Who is told of a school by the hub, and who reads its figures.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{preau_binary, wait_until};
use hub::register::history::History as _;
use hub::register::sqlite::SqliteRegister;
use hub::register::{Fingerprint, NewBox, NewCode, Register as _};
use model::Timestamp;
use replication::{EnrolmentCode, School};
use serde_json::Value;
use system::clock::now;

const DAY_MS: i64 = 86_400_000;
/// More than there are.
const ALERTS_MAX: u32 = 9;
/// A call comes within a second of the hub's start; a loaded machine takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A hub on loopback. It ends with its value.
struct Hub {
    process: Child,
    address: SocketAddr,
    /// What it says goes here: a program to which nobody listens ends.
    _said: BufReader<ChildStdout>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn run(program: &Path, arguments: &[&str]) -> Result<(bool, String)> {
    #[expect(clippy::disallowed_methods, reason = "a whole-box test runs the program")]
    let output = Command::new(program).args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.success(), said + &String::from_utf8_lossy(&output.stderr)))
}

impl Hub {
    fn start(data: &str, configuration: &str) -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "a whole-box test runs the program")]
        let mut process = Command::new(preau_binary()?)
            // The test has entered boxes before there was a hub.
            .args(["hub", "--data", data, "--listen", "127.0.0.1:0", "--config", configuration, "--new-keys"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut said = BufReader::new(process.stdout.take().context("its words")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on ").context(line.clone())?.parse()?;
        Ok(Self { process, address, _said: said })
    }

    fn fetch(&self, path: &str, more: &[&str]) -> Result<(bool, String)> {
        let url = format!("https://{}{path}", self.address);
        let quiet = ["--silent", "--fail", "--insecure", "--max-time", "10"];
        run(Path::new("curl"), &[&quiet[..], more, &[&url]].concat())
    }
}

/// Answers calls, and tells of each: its head and its body.
fn listen() -> Result<(SocketAddr, Receiver<(String, String)>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (told, calls) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let Ok(call) = answer(stream) else { continue };
            if told.send(call).is_err() {
                return;
            }
        }
    });
    Ok((address, calls))
}

fn answer(mut stream: TcpStream) -> Result<(String, String)> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        ensure!(reader.read_line(&mut line)? > 0, "it ended");
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")?;
    Ok((head, String::from_utf8(body)?))
}

/// A school whose box has not come for days.
fn lose_box(register: &SqliteRegister, uai: &str, name: &str, mark: u8) -> Result<()> {
    let at = |days: i64| Timestamp::from_unix_ms(now().unix_ms() - days * DAY_MS);
    let school = School { uai: uai.to_owned(), name: name.to_owned(), rooms: vec![] };
    register.put_school(&school)?;
    let code = EnrolmentCode::from_chance(&[mark; 64]).context("a code")?;
    let (number, uai) = (code.number(), uai.parse()?);
    register.add_code(&NewCode { code, uai, is_replacement: false, until: at(-1) })?;
    let new = NewBox {
        log_key: "key".to_owned(),
        version: "0.1.0".to_owned(),
        public_key: vec![mark],
        certificate: Fingerprint::of(&[mark]),
        certificate_until: at(-300),
    };
    let of = register.enrol(&number, &new, at(9))?;
    let health = format!(
        "{{\"version\":\"0.1.0\",\"now_ms\":{0},\"clock\":\"synchronised\",\"list_ms\":{0}}}",
        at(9).unix_ms()
    );
    Ok(register.note_health(of, "0.1.0", &health, at(9))?)
}

#[test]
fn a_school_that_turns_red_is_told_of_once_and_measured() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("hub");
    fs::create_dir(&data)?;
    let register = SqliteRegister::open(&data.join("register.sqlite"))?;
    lose_box(&register, "0750655E", "École Jules-Ferry", 7)?;
    let (address, calls) = listen()?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let (key, token) = (file("key", "0123456789abcdef0123")?, file("token", "a token for the metrics")?);
    let configuration = file(
        "hub.toml",
        &format!(
            "version = 1\ncommune = 'Saint-Exemple'\nurl = 'https://hub.commune.example:8443'\n\
             [metrics]\ntoken_file = '{token}'\n\
             [alerts.webhook]\nurl = 'http://{address}/alert'\nhmac_file = '{key}'\n"
        ),
    )?;
    let data = data.display().to_string();
    let hub = Hub::start(&data, &configuration)?;
    let (head, body) = calls.recv_timeout(PATIENCE).context("no call")?;
    ensure!(
        head.starts_with("POST /alert ") && head.to_lowercase().contains("preau-signature: sha256="),
        "{head}"
    );
    let told: Value = serde_json::from_str(&body)?;
    ensure!(told["uai"] == "0750655E" && told["level"] == "red", "{body}");
    ensure!(told["findings"][0]["name"] == "absent", "{body}");
    ensure!(told["url"] == "https://hub.commune.example:8443/ecole/0750655E", "{body}");

    // The figures are for whoever has the token.
    let (is_told, _) = hub.fetch("/metrics", &[])?;
    ensure!(!is_told, "nobody has shown anything");
    let (is_told, _) = hub.fetch("/metrics", &["--header", "Authorization: Bearer another token"])?;
    ensure!(!is_told, "it is another one");
    let (_, figures) =
        hub.fetch("/metrics", &["--header", "Authorization: Bearer a token for the metrics"])?;
    for line in ["preau_hub_schools{level=\"red\"} 1", "preau_hub_school_level{uai=\"0750655E\"} 2", "# EOF"]
    {
        ensure!(figures.contains(line), "{line}: {figures}");
    }
    // Whoever was told is noted once that was heard: a hub that ends before tells it again, as it should.
    wait_until("the note that people were told", || {
        let alerts = register.alerts(ALERTS_MAX)?;
        Ok(!alerts.is_empty() && alerts.iter().all(|alert| alert.is_sent))
    })?;
    drop(hub);

    // Another start looks again: at this school first, of which there is nothing new.
    lose_box(&register, "0911234X", "École Prévert", 8)?;
    let hub = Hub::start(&data, &configuration)?;
    let (_, body) = calls.recv_timeout(PATIENCE).context("no call")?;
    let told: Value = serde_json::from_str(&body)?;
    ensure!(told["uai"] == "0911234X", "the other one was told of twice: {body}");
    drop(hub);
    let program = preau_binary()?;
    let (is_sent, said) = run(&program, &["hub", "alert", "test", "--config", &configuration])?;
    ensure!(is_sent && said.contains("webhook\tsent"), "{said}");
    let (_, body) = calls.recv_timeout(PATIENCE).context("no call")?;
    ensure!(body.contains("\"event\":\"test\""), "{body}");

    // A mistake of the file is told with its place, and nothing starts.
    let wrong = file("wrong.toml", "version = 1\n[alerts]\nnight = 3\n")?;
    let (is_started, said) = run(&program, &["hub", "--data", &data, "--config", &wrong])?;
    ensure!(!is_started && said.contains("wrong.toml:3:1: unknown key `night`"), "{said}");
    Ok(())
}
