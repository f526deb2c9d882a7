//! What stands around the machine: the school's network before it, the line behind it, and what a pupil's PC asks.

use std::fs;

use anyhow::{Context, Result, ensure};
use harness::{Lab, Machine, RESOLVER_IPV4, Service};

/// A name of the built-in lists.
pub(crate) const REFUSED: &str = "gambling.preau.test";
/// What a client does with what it is given.
const CLIENT: &str = "#!/bin/sh
test \"$1\" = bound || exit 0
ip address add \"$ip/$mask\" dev \"$interface\"
ip route replace default via \"$router\"
printf 'nameserver %s\\n' $dns > \"$HOME/resolv.conf\"
echo \"$ip $router $dns $opt114\"
";

/// Puts the machine where the lab's box would stand: its ports instead of those of the namespace. Whatever stood there is gone.
pub(crate) fn rewire(lab: &Lab) -> Result<()> {
    let script = "set -e
        for file in /proc/sys/net/bridge/bridge-nf-call-*tables; do test ! -e $file || echo 0 > $file; done
        nft flush ruleset
        for side in lan wan; do
            ip address flush dev ${side}0
            ip link add ${side}-bridge type bridge
            ip tuntap add ${side}-tap mode tap
            ip link set ${side}0 master ${side}-bridge
            ip link set ${side}-tap master ${side}-bridge
            ip link set ${side}-tap up
            ip link set ${side}-bridge up
        done";
    lab.appliance.shell(script)?.success().map(drop)
}

/// The line gives the box its address and names a resolver.
pub(crate) fn give_line(internet: &Machine) -> Result<Service> {
    let resolver = format!("--dhcp-option=option:dns-server,{RESOLVER_IPV4}");
    let leases = format!("--dhcp-leasefile={}/leases", internet.directory().display());
    internet.start(
        "dnsmasq",
        &[
            "dnsmasq",
            "--keep-in-foreground",
            "--log-facility=-",
            "--conf-file=/dev/null",
            "--pid-file",
            "--user=root",
            "--port=0",
            "--interface=net0",
            "--dhcp-range=192.0.2.2,192.0.2.2,255.255.255.0",
            &resolver,
            &leases,
        ],
    )
}

/// Asks for an address as a PC does that is switched on: until one is offered, for ten minutes at most. A box begins to answer before it
/// gives addresses.
pub(crate) fn lease(client: &Machine) -> Result<String> {
    let script = client.directory().join("given.sh");
    fs::write(&script, CLIENT)?;
    let script = script.display();
    client.shell(&format!("chmod 755 {script} && ip address flush dev eth0 scope global"))?.success()?;
    let ask = format!("busybox udhcpc -i eth0 -f -n -q -t 600 -T 1 -O 114 -s {script}");
    client.shell(&ask)?.success()
}

/// Whether the box answers by its own name.
pub(crate) fn answers(client: &Machine) -> Result<bool> {
    let first = ["dig", "+time=1", "+tries=1", "+short", "@10.77.0.1", "preau.lan"];
    Ok(client.run(&first)?.stdout == "10.77.0.1\n")
}

/// The addresses of a name, as the resolver says them that the PC was given.
pub(crate) fn resolve(client: &Machine, name: &str) -> Result<String> {
    Ok(client.run(&["dig", "+time=3", "+tries=3", "+short", name, "A"])?.stdout)
}

/// A listed name leads to the box.
pub(crate) fn check_filter(client: &Machine) -> Result<()> {
    let found = resolve(client, REFUSED)?;
    ensure!(found == "10.77.0.1\n", "a listed name: {found:?}");
    Ok(())
}

/// What a browser is shown.
pub(crate) struct Page {
    pub(crate) status: String,
    pub(crate) text: String,
}

/// Opens a page; its status is `000` where nobody answers.
pub(crate) fn open(client: &Machine, url: &str) -> Result<Page> {
    send(client, url, &[])
}

/// The same with more options of curl. Cookies stay on the PC.
pub(crate) fn send(client: &Machine, url: &str, options: &[&str]) -> Result<Page> {
    let quiet = ["curl", "-4", "--silent", "--max-time", "10", "--cookie", "jar", "--cookie-jar", "jar"];
    let told = ["--write-out", "\n%{http_code}", url];
    let printed = client.run(&[&quiet[..], options, &told].concat())?.stdout;
    let (text, status) = printed.rsplit_once('\n').context("curl says nothing")?;
    Ok(Page { status: status.to_owned(), text: text.to_owned() })
}
