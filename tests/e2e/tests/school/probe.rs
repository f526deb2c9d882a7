//! The program `probe` in the machines of a lab.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};
use harness::{Machine, Service, wait_until};

/// The program, built with these tests.
const PROBE: &str = env!("CARGO_BIN_EXE_probe");

/// Opens doors on `machine` that answer with their number.
pub(crate) fn open_doors(machine: &Machine, ports: &[&str]) -> Result<Service> {
    let service = machine.start("doors", &[&[PROBE, "doors"], ports].concat())?;
    wait_until("the doors to open", || Ok(service.log()?.contains("open")))?;
    Ok(service)
}

/// Opens doors on `machine` that repeat what they hear, for as long as somebody talks.
pub(crate) fn open_echo(machine: &Machine, ports: &[&str]) -> Result<Service> {
    let service = machine.start("echo", &[&[PROBE, "echo"], ports].concat())?;
    wait_until("the echo", || Ok(service.log()?.contains("open")))?;
    Ok(service)
}

/// Answers datagrams at these addresses of `machine`, from these addresses.
pub(crate) fn open_conference(machine: &Machine, addresses: &[&str]) -> Result<Service> {
    let service = machine.start("conference", &[&[PROBE, "answer"], addresses].concat())?;
    wait_until("the conference", || Ok(service.log()?.contains("open")))?;
    Ok(service)
}

/// Has `machine` open connections as fast as it can, without waiting for them.
pub(crate) fn storm(machine: &Machine, target: &str, connections: usize) -> Result<Service> {
    machine.start("storm", &[PROBE, "hold", target, &connections.to_string(), "x"])
}

/// Knocks at doors from `machine`; each line is `transport address: what it said`.
pub(crate) fn knock(machine: &Machine, transport: &str, targets: &[String]) -> Result<Vec<String>> {
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let said = machine.run(&[&[PROBE, "knock", transport], targets.as_slice()].concat())?.success()?;
    Ok(said.lines().map(str::to_owned).collect())
}

/// Sends a burst of datagrams from `machine`, and says how many were refused.
pub(crate) fn burst(machine: &Machine, target: &str, datagrams: usize) -> Result<String> {
    machine.run(&[PROBE, "burst", target, &datagrams.to_string()])?.success()
}

/// Asks the box for `name` so many times from each of these addresses of `machine`, and waits for no answer.
pub(crate) fn ask_from(
    machine: &Machine,
    target: &str,
    name: &str,
    questions: usize,
    sources: &[&str],
) -> Result<()> {
    let questions = questions.to_string();
    machine.run(&[&[PROBE, "ask", target, name, &questions], sources].concat())?.success().map(drop)
}

/// Has `machine` send some thousand datagrams a second to `target`, each under another hardware address that it makes up.
pub(crate) fn flood_from_nobody(machine: &Machine, target: &str) -> Result<Service> {
    const MADE_UP: u32 = 2_000;
    let (_, port) = target.rsplit_once(':').context("a port")?;
    let machines: Vec<String> = (0..MADE_UP)
        .map(|number| {
            let [_, _, high, low] = number.to_be_bytes();
            format!("{number} : 06:00:00:00:{high:02x}:{low:02x}")
        })
        .collect();
    let table = format!(
        "table netdev made_up {{\nchain out {{\ntype filter hook egress device \"eth0\" priority 0;\n\
         udp dport {port} ether saddr set numgen inc mod {MADE_UP} map {{ {} }}\n}}\n}}\n",
        machines.join(", ")
    );
    let file = machine.directory().join("made-up.nft");
    std::fs::write(&file, table)?;
    machine.run(&["nft", "--file", &file.display().to_string()])?.success()?;
    let flood = "while :; do \"$0\" ask \"$1\" a.example 500 10.77.0.12; sleep 0.1; done";
    machine.start("flood", &["bash", "-c", flood, PROBE, target])
}

/// Has `machine` open connections to `target`, say `word` on each, and keep them.
pub(crate) fn hold(machine: &Machine, target: &str, connections: usize, word: &str) -> Result<Service> {
    let name = format!("hold-{}", target.replace(['.', ':'], "-"));
    let service = machine.start(&name, &[PROBE, "hold", target, &connections.to_string(), word])?;
    wait_until("the connections", || Ok(service.log()?.contains("held")))?;
    Ok(service)
}

/// A part of the box that runs on a machine and answers line by line. Ends, as at `kill -9`, when its input does.
pub(crate) struct Dialogue {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Dialogue {
    /// Starts `probe` with these arguments on `machine`.
    pub(crate) fn start(machine: &Machine, arguments: &[&str]) -> Result<Self> {
        Self::start_program(machine, PROBE, arguments)
    }

    /// The same with another program.
    pub(crate) fn start_program(machine: &Machine, program: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = machine.command(&[&[program], arguments].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, input, output })
    }

    /// Says a line and returns the answer.
    pub(crate) fn say(&mut self, line: &str) -> Result<String> {
        writeln!(self.input.as_mut().context("no input")?, "{line}")?;
        let mut answer = String::new();
        ensure!(self.output.read_line(&mut answer)? > 0, "no answer to {line:?}");
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        drop(self.input.take());
        // The test is over either way.
        let _ended = self.child.wait();
    }
}
