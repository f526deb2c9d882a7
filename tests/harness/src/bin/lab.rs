//! `./dev lab`: a school in network namespaces, with a tour and a shell on a pupil's PC.
#![expect(clippy::print_stdout, reason = "it talks to the person who runs it")]

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use harness::{Appliance, Lab, Machine};

const USAGE: &str = "usage: lab                       builds the school, shows it, then opens a shell on pc1
       lab MACHINE COMMAND...    runs a command on pc1, pc2, tablet, appliance or internet
       lab --no-box MACHINE COMMAND...
                                 the same in a school whose box is switched off";

/// What the tour shows: why, where, and the command.
const TOUR: &[(&str, &str)] = &[
    ("an allowed site, over HTTPS: its bytes pass untouched", "curl -sS https://mediatheque.example/"),
    (
        "a near miss passes: notcasino.example is not under casino.example",
        "curl -sS http://notcasino.example/",
    ),
    ("a listed site, by DNS: the box's own address, and why", "dig casino.example | grep -v '^$'"),
    (
        "its sub-domain, over HTTP: the French page",
        "curl -sS http://www.casino.example/ | grep -i -A1 '<title>'",
    ),
    (
        "with a forged hosts entry, over HTTPS: a TLS alert",
        "curl -sS --resolve casino.example:443:198.51.100.12 https://casino.example/",
    ),
    ("a resolver written into the settings is the box all the same", "dig +short @8.8.8.8 casino.example"),
    (
        "over IPv6",
        "curl -sS -6 --resolve '*:80:[2001:db8:1::c]' http://casino.example/ | grep -i -A1 '<title>'",
    ),
    ("by the explicit proxy", "curl -sS --proxy http://10.77.0.1:3128 https://casino.example/"),
    ("any other service is refused at once", "curl -sS --max-time 5 telnet://198.51.100.10:22"),
];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => show(),
        ["--no-box", machine, command @ ..] if !command.is_empty() => {
            run(machine_of(&Lab::quiet()?, machine)?, command)
        }
        [machine, command @ ..] if !machine.starts_with('-') && !command.is_empty() => {
            let lab = Lab::quiet()?;
            let machine = machine_of(&lab, machine)?;
            let _running = lab.start_appliance()?;
            run(machine, command)
        }
        _ => bail!("{USAGE}"),
    }
}

fn machine_of<'lab>(lab: &'lab Lab, name: &str) -> Result<&'lab Machine> {
    lab.machine(name).with_context(|| format!("no machine {name}\n{USAGE}"))
}

/// Runs a command with this terminal, and ends as it does.
fn run(machine: &Machine, command: &[&str]) -> Result<ExitCode> {
    let status = machine.command(command).status()?;
    // As shells do, a signal counts as 128: the exit status has no room for which.
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(128)))
}

fn show() -> Result<ExitCode> {
    println!("Building a school: two PCs, a tablet, a box, and an Internet of its own…");
    let lab = Lab::quiet()?;
    let appliance = lab.start_appliance()?;
    for (why, command) in TOUR {
        println!("\n# {why}\npc1$ {command}");
        let output = lab.pc1.shell(command)?;
        print!("{}{}", output.stdout, output.stderr);
    }
    show_journal(&lab, &appliance)?;
    if !std::io::stdin().is_terminal() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\nA shell on pc1. The box's files are in {}.\nThe school goes when the shell ends.",
        lab.appliance.directory().display()
    );
    run(&lab.pc1, &["bash", "--norc", "-i"])
}

fn show_journal(lab: &Lab, appliance: &Appliance<'_>) -> Result<()> {
    println!("\n# what the school head may read\nbox$ preau journal search --reason maintenance");
    // A record is durable, and found, within a second.
    harness::wait_until("the journal to be written", || {
        Ok(appliance.run(&["journal", "search", "--host", "casino.example"])?.stdout.contains("casino"))
    })?;
    print!("{}", appliance.run(&["journal", "search"])?.stdout);
    println!("\n# what reached the Internet's web servers\n{}", lab.requests()?.trim_end());
    Ok(())
}
