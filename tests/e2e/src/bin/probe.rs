//! A small program for the machines of the lab: it opens doors, knocks at them, and runs parts of the box.
//!
//! Tests need clients that tell a refusal from silence, which curl and dig do not.
#![expect(clippy::print_stdout, reason = "its output is what the tests read")]

use std::io::{self, BufRead, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use access::Neighbours;
use anyhow::{Context, Result, bail};
use firewall::{FirewallPolicy, Intent, Ports};
use system::neighbours::NeighbourTable;
use system::nft::{FirewallKeeper, Nft};
use system::sockets::{Presence, bind_udp, listen_tcp};

/// How long a knock waits. A refusal takes a millisecond, and what is lost once is sent again after a second: what takes this long is
/// silence, on a machine that is busy too.
const SILENCE: Duration = Duration::from_secs(3);
/// How long each datagram of a burst is waited for: what is refused is so at once.
const BURST_WAIT: Duration = Duration::from_millis(300);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["doors", ports @ ..] => open_doors(&parse_all(ports)?),
        ["answer", addresses @ ..] => answer_at(&parse_all(addresses)?),
        ["echo", ports @ ..] => echo(&parse_all(ports)?),
        ["talk", target] => talk(target.parse()?),
        ["knock", transport, targets @ ..] => knock_all(transport, &parse_all(targets)?),
        ["burst", target, datagrams] => burst(target.parse()?, datagrams.parse()?),
        ["ask", target, name, questions, sources @ ..] => {
            ask_from(target.parse()?, &question(name)?, questions.parse()?, &parse_all(sources)?)
        }
        ["hold", target, connections, word] => hold(target.parse()?, connections.parse()?, word),
        ["firewall"] => keep_firewall(),
        ["neighbours", interface] => find_neighbours(interface),
        _ => bail!(
            "usage: probe doors PORT... | answer ADDRESS... | echo PORT... | talk ADDRESS | knock tcp|udp ADDRESS... | burst ADDRESS N | ask ADDRESS NAME N SOURCE... | \
             hold ADDRESS N WORD | firewall | neighbours LAN"
        ),
    }
}

fn parse_all<T: std::str::FromStr>(texts: &[&str]) -> Result<Vec<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    texts.iter().map(|text| text.parse().with_context(|| (*text).to_owned())).collect()
}

/// Answers on all addresses, by TCP and UDP, with the number of the port that was reached.
fn open_doors(ports: &[u16]) -> Result<()> {
    for (port, address) in ports.iter().flat_map(|port| {
        [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)].map(|address| (*port, address))
    }) {
        let address = SocketAddr::new(address, port);
        let listener = listen_tcp(address, Presence::Required)?;
        listener.set_nonblocking(false)?;
        let socket = bind_udp(address, Presence::Required)?;
        socket.set_nonblocking(false)?;
        thread::spawn(move || answer_connections(&listener, port));
        thread::spawn(move || answer_datagrams(&socket, port));
    }
    println!("open");
    loop {
        thread::park();
    }
}

/// Answers datagrams at these very addresses: a socket of all addresses answers from any.
fn answer_at(addresses: &[SocketAddr]) -> Result<()> {
    for address in addresses {
        let (socket, port) = (UdpSocket::bind(address)?, address.port());
        thread::spawn(move || answer_datagrams(&socket, port));
    }
    println!("open");
    loop {
        thread::park();
    }
}

fn answer_connections(listener: &TcpListener, port: u16) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        // A client that is gone already is no reason to stop.
        let _answered = write!(stream, "port {port}");
    }
}

fn answer_datagrams(socket: &UdpSocket, port: u16) -> io::Result<()> {
    let mut datagram = [0; 64];
    loop {
        if let Ok((_, client)) = socket.recv_from(&mut datagram) {
            // As above.
            let _answered = socket.send_to(format!("port {port}").as_bytes(), client);
        }
    }
}

/// Repeats what it hears by TCP, for as long as its clients talk.
fn echo(ports: &[u16]) -> Result<()> {
    for port in ports {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port))?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that breaks off is no reason to stop.
                thread::spawn(move || io::copy(&mut &stream, &mut &stream));
            }
        });
    }
    println!("open");
    loop {
        thread::park();
    }
}

/// Talks by TCP: says each line of its input, and tells what it hears, or why it hears nothing.
fn talk(target: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&target, SILENCE);
    for line in io::stdin().lock().lines() {
        let line = line?;
        let heard = match &mut stream {
            Ok(stream) => hear(stream, &line),
            Err(error) => Err(io::Error::from(error.kind())),
        };
        println!("{}", heard.unwrap_or_else(|error| name(&error).to_owned()));
    }
    Ok(())
}

fn hear(stream: &mut TcpStream, line: &str) -> io::Result<String> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.write_all(line.as_bytes())?;
    let mut answer = vec![0; line.len()];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Opens many connections, says a word on each, and keeps them all until it is stopped.
fn hold(target: SocketAddr, connections: usize, word: &str) -> Result<()> {
    system::limits::raise_open_files()?;
    let mut held = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut stream = TcpStream::connect(target)?;
        // One that was given up already is replaced by nothing: the next one counts.
        let _said = stream.write_all(word.as_bytes());
        held.push(stream);
    }
    println!("held");
    loop {
        thread::park();
    }
}

/// Knocks at all targets at once, and prints in their order what each says.
fn knock_all(transport: &str, targets: &[SocketAddr]) -> Result<()> {
    let knock = match transport {
        "tcp" => knock_tcp,
        "udp" => knock_udp,
        other => bail!("no such transport: {other}"),
    };
    let knocks: Vec<_> = targets
        .iter()
        .map(|target| {
            (
                *target,
                thread::spawn({
                    let target = *target;
                    move || knock(target)
                }),
            )
        })
        .collect();
    for (target, knock) in knocks {
        let said = match knock.join() {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => name(&error).to_owned(),
            Err(_) => bail!("a knock panicked"),
        };
        println!("{transport} {target}: {said}");
    }
    Ok(())
}

fn knock_tcp(target: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&target, SILENCE)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn knock_udp(target: SocketAddr) -> io::Result<String> {
    let local = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local)?;
    socket.connect(target)?;
    socket.set_read_timeout(Some(SILENCE))?;
    socket.send(b"knock")?;
    let mut answer = [0; 64];
    let length = socket.recv(&mut answer)?;
    Ok(String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned())
}

/// What a program learns from an error: whether somebody said no, or nobody said anything.
fn name(error: &io::Error) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other error is expected")]
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "reset",
        io::ErrorKind::HostUnreachable | io::ErrorKind::PermissionDenied => "prohibited",
        io::ErrorKind::NetworkUnreachable => "no route",
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "silence",
        _ => "another error",
    }
}

/// Sends datagrams from as many sockets at once, as a browser that opens a page does, and counts refusals.
fn burst(target: SocketAddr, datagrams: usize) -> Result<()> {
    let local = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let sockets: Vec<UdpSocket> = (0..datagrams).map(|_| UdpSocket::bind(local)).collect::<Result<_, _>>()?;
    for socket in &sockets {
        socket.connect(target)?;
        socket.set_read_timeout(Some(BURST_WAIT))?;
        socket.send(b"burst")?;
    }
    let refused = sockets.iter().filter(|socket| {
        let said = socket.recv(&mut [0; 64]);
        matches!(said, Err(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    });
    println!("{} of {datagrams} refused", refused.count());
    Ok(())
}

/// The question for the IPv4 addresses of a name (RFC 1035 section 4.1).
fn question(name: &str) -> Result<Vec<u8>> {
    let mut bytes = b"\0\0\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in name.split('.') {
        bytes.push(label.len().try_into()?);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(b"\0\0\x01\0\x01");
    Ok(bytes)
}

/// Asks a question so many times from each source address, in turns, and waits for no answer.
fn ask_from(target: SocketAddr, question: &[u8], questions: usize, sources: &[IpAddr]) -> Result<()> {
    let bind = |source: &IpAddr| UdpSocket::bind((*source, 0));
    let sockets: Vec<UdpSocket> = sources.iter().map(bind).collect::<Result<_, _>>()?;
    for _ in 0..questions {
        for socket in &sockets {
            socket.send_to(question, target)?;
        }
    }
    Ok(())
}

/// Keeps the firewall of the lab's box: one order a line, one outcome a line.
fn keep_firewall() -> Result<()> {
    let mut keeper = FirewallKeeper::new(Nft::default());
    for order in io::stdin().lock().lines() {
        let outcome = match order?.as_str() {
            "ensure" => keeper.ensure(&policy(Some(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1)))?)?,
            "ensure without ipv6" => keeper.ensure(&policy(None)?)?,
            other => bail!("no such order: {other}"),
        };
        println!("{outcome:?}");
    }
    Ok(())
}

fn policy(box_ipv6: Option<Ipv6Addr>) -> Result<FirewallPolicy> {
    let networks: &[&str] =
        if box_ipv6.is_some() { &["10.77.0.0/24", "fd77::/64"] } else { &["10.77.0.0/24"] };
    FirewallPolicy::new(Intent {
        lan: "lan0".parse()?,
        wan: "wan0".parse()?,
        box_ipv4: Ipv4Addr::new(10, 77, 0, 1),
        box_ipv6,
        networks: networks.iter().map(|network| network.parse()).collect::<Result<_, _>>()?,
        apart: vec![],
        ports: Ports { dns: 53, dns_tls: 853, gate_http: 8080, gate_tls: 8443, explicit_proxy: 3128 },
        connections_per_second: firewall::CONNECTIONS_PER_SECOND,
    })
    .map_err(|errors| anyhow::anyhow!("{errors:?}"))
}

/// Finds hardware addresses: one address a line, one answer a line.
fn find_neighbours(interface: &str) -> Result<()> {
    let table = NeighbourTable::open(&[interface.parse()?])?;
    for address in io::stdin().lock().lines() {
        let address: IpAddr = address?.parse()?;
        match table.find_mac(address) {
            Some(mac) => println!("{mac}"),
            None => println!("nobody"),
        }
    }
    Ok(())
}
