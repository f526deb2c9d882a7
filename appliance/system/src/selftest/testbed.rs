//! A machine that is not there: a network namespace with a wire to the box, so that what it sends comes in as a
//! classroom PC's packets do.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use firewall::Interface;
use model::Tester;

/// The machine's end of the wire.
const MACHINE_END: &str = "test0";
/// The box's address on the wire: link-local, so that it means nothing elsewhere.
const GATEWAY_IPV6: &str = "fe80::1";
/// Interfaces work at once, without a wait for duplicate addresses: nobody else is on the wire.
const NO_WAIT: [&str; 2] =
    ["/proc/sys/net/ipv6/conf/all/accept_dad", "/proc/sys/net/ipv6/conf/default/accept_dad"];

/// The box, as far as the wire knows it.
#[derive(Clone, Copy, Debug)]
pub struct Wires {
    /// Its IPv4 address on the school's network.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address there; without one, the machine has no IPv6 either.
    pub ipv6: Option<Ipv6Addr>,
    /// How many testers the machine is at once.
    pub testers: u8,
}

/// Makes the machine, for as long as something is done on it.
#[derive(Debug)]
pub struct Testbed;

/// Why there is no such machine.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// The kernel refuses a namespace.
    #[error("cannot make a network namespace; this needs CAP_SYS_ADMIN")]
    Namespace(#[source] io::Error),
    /// The program does not run.
    #[error("cannot run ip: is iproute2 installed?")]
    Run(#[source] io::Error),
    /// It does not do what it is told.
    #[error("the wire to the box cannot be laid, which needs CAP_NET_ADMIN: {0}")]
    Refused(String),
    /// No thread.
    #[error("no thread for the machine that is made up")]
    Thread(#[source] io::Error),
    /// The thread broke down.
    #[error("the machine that is made up broke down")]
    Broken,
}

impl Testbed {
    /// Does `work` on the machine. Its threads, sockets and programs are on the machine too.
    ///
    /// # Errors
    /// [`TestbedError`] when there is no machine; then nothing of it stays.
    pub fn with<T: Send>(wires: Wires, work: impl FnOnce() -> T + Send) -> Result<T, TestbedError> {
        // What a run left that has ended a moment ago: the kernel takes it away in its own time.
        let _absent = ip(&[&format!("link delete {}", Interface::TESTERS)]);
        let (laid, is_laid) = channel();
        let (connect, is_connected) = channel();
        thread::scope(|scope| {
            let machine = thread::Builder::new().name("selftest".to_owned()).spawn_scoped(scope, move || {
                enter_namespace().map_err(TestbedError::Namespace)?;
                lay_wire()?;
                let broken = |_| TestbedError::Broken;
                laid.send(()).map_err(|_| TestbedError::Broken)?;
                is_connected.recv().map_err(broken)??;
                give_addresses(wires)?;
                Ok(work())
            });
            let machine = machine.map_err(TestbedError::Thread)?;
            // This thread has stayed where the box is. A machine that failed has dropped its end.
            if is_laid.recv().is_ok() {
                let _gone = connect.send(connect_box(wires));
            }
            machine.join().unwrap_or(Err(TestbedError::Broken))
        })
    }
}

/// Puts this thread, and no other, into a network namespace of its own. It goes when nobody is in it any more.
pub(crate) fn enter_namespace() -> io::Result<()> {
    #[expect(unsafe_code, reason = "no feature of the house's crates wraps unshare(2)")]
    // SAFETY: a plain number; the kernel changes nothing but this thread's network.
    let outcome = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lays the wire from this thread's namespace to the process's own.
fn lay_wire() -> Result<(), TestbedError> {
    for file in NO_WAIT {
        // Where it cannot be written, IPv6 works a second later.
        let _kept = std::fs::write(file, "0");
    }
    let (box_end, process) = (Interface::TESTERS, std::process::id());
    let mut commands = vec![
        "link set lo up".to_owned(),
        format!("link add {MACHINE_END} type veth peer name {box_end} netns {process}"),
    ];
    let mac = Tester::new(1).map(Tester::mac);
    commands.extend(mac.map(|mac| format!("link set {MACHINE_END} address {mac} up")));
    ip(&commands)
}

/// The box's end: it needs no address of its own for IPv4, because the box answers for its others by any wire. What it refuses there comes from
/// its address in the school, as for a classroom's PC; else the kernel would take that of its first interface, which may be the line's.
fn connect_box(wires: Wires) -> Result<(), TestbedError> {
    let box_end = Interface::TESTERS;
    let (ipv4, ipv4_bits) = Tester::IPV4_NETWORK;
    let (ipv6, ipv6_bits) = Tester::IPV6_NETWORK;
    let own = wires.ipv4;
    let mut commands = vec![
        format!("link set {box_end} up"),
        format!("route replace {ipv4}/{ipv4_bits} dev {box_end} src {own}"),
    ];
    if wires.ipv6.is_some() {
        commands.push(format!("address replace {GATEWAY_IPV6}/64 dev {box_end} nodad"));
        commands.push(format!("route replace {ipv6}/{ipv6_bits} dev {box_end}"));
    }
    ip(&commands)
}

/// The machine's end: each tester's addresses, and the box as the way to everywhere, as on a classroom PC.
fn give_addresses(wires: Wires) -> Result<(), TestbedError> {
    let testers = (1..=wires.testers).filter_map(Tester::new);
    let mut commands: Vec<String> = testers
        .flat_map(|tester| {
            let ipv4 = format!("address add {}/32 dev {MACHINE_END}", tester.ipv4());
            let ipv6 =
                wires.ipv6.map(|_| format!("address add {}/128 dev {MACHINE_END} nodad", tester.ipv6()));
            std::iter::once(ipv4).chain(ipv6)
        })
        .collect();
    commands.push(format!("route add 0.0.0.0/0 via {} dev {MACHINE_END} onlink", wires.ipv4));
    if wires.ipv6.is_some() {
        commands.push(format!("route add ::/0 via {GATEWAY_IPV6} dev {MACHINE_END}"));
    }
    ip(&commands)
}

/// Has ip(8) carry out its commands, line by line.
pub(crate) fn ip(commands: &[impl AsRef<str>]) -> Result<(), TestbedError> {
    ask_ip(commands).map(drop)
}

/// The same; what it says.
pub(crate) fn ask_ip(commands: &[impl AsRef<str>]) -> Result<String, TestbedError> {
    #[expect(clippy::disallowed_methods, reason = "this is the room that runs programs")]
    let mut command = Command::new("ip");
    command.args(["-batch", "-"]).env("LC_ALL", "C");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(TestbedError::Run)?;
    let lines: String = commands.iter().map(|line| format!("{}\n", line.as_ref())).collect();
    // A program that ends before it has read everything says why on its own.
    let _broken = child.stdin.take().map(|mut stdin| stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().map_err(TestbedError::Run)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(TestbedError::Refused(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()))
    }
}
