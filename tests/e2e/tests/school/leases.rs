//! Devices get their addresses from the box: from dnsmasq, as the box has configured it, through the box's firewall.

use anyhow::Result;
use harness::{Appliance, Lab, Machine, PC2_MAC, Service, preau_binary, usual_configuration, wait_until};

/// What a client does with what it is given.
const CLIENT: &str = "#!/bin/sh
case $1 in
bound | renew)
    ip address flush dev \"$interface\" scope global
    ip address add \"$ip/$mask\" dev \"$interface\"
    ip route replace default via \"$router\"
    printf 'nameserver %s\\n' $dns > \"$HOME/resolv.conf\"
    printf 'address %s/%s, router %s, resolver %s, option 114 %s\\n' \"$ip\" \"$mask\" \"$router\" \"$dns\" \"$opt114\"
    ;;
esac
";

/// `urn:ietf:params:capport:unrestricted`, as the client prints an option that it does not know.
const NO_CAPTIVE_PORTAL: &str = "75726e3a696574663a706172616d733a636170706f72743a756e72657374726963746564";

/// A school whose box gives addresses.
struct Giving<'lab> {
    appliance: Appliance<'lab>,
    dnsmasq: Service,
    hosts: String,
}

impl<'lab> Giving<'lab> {
    fn start(lab: &'lab Lab, dhcp: &str) -> Result<Self> {
        let mut appliance = lab.appliance_with(&format!("{}{dhcp}", usual_configuration()))?;
        appliance.build_lists(&lab.lists())?;
        appliance.add_usual_devices()?;
        let folder = lab.appliance.directory().display().to_string();
        let [hosts, leases] = ["dhcp-hosts", "leases"].map(|name| format!("{folder}/{name}"));
        appliance.start_with(&["--dhcp-hosts", &hosts])?;
        appliance.wait_until_ready(&lab.pc1)?;
        // What dnsmasq would be told by a box that gives addresses, also where this one does not.
        let told = format!("{}{DHCP}", usual_configuration());
        std::fs::write(lab.appliance.directory().join("told.toml"), told)?;
        let binary = preau_binary()?.display().to_string();
        let write = [&binary, "network", "write", "--config", "told.toml", "--out", &folder];
        let places = ["--dhcp-hosts", &hosts, "--dhcp-leases", &leases];
        lab.appliance.run(&[&write[..], &places].concat())?.success()?;
        let configuration = format!("--conf-file={folder}/dnsmasq.conf");
        let options = [
            "dnsmasq",
            "--keep-in-foreground",
            "--log-facility=-",
            "--user=root",
            "--pid-file",
            &configuration,
        ];
        let dnsmasq = lab.appliance.start("dnsmasq", &options)?;
        wait_until("dnsmasq", || Ok(dnsmasq.log()?.contains("DHCP, IP range")))?;
        Ok(Self { appliance, dnsmasq, hosts })
    }

    /// Has dnsmasq read the file of fixed addresses, once it has these lines.
    fn reload(&self, expected: &str) -> Result<()> {
        wait_until("the fixed addresses", || {
            Ok(std::fs::read_to_string(&self.hosts).unwrap_or_default() == expected)
        })?;
        let readings =
            || Ok::<_, anyhow::Error>(self.dnsmasq.log()?.matches(&format!("read {}", self.hosts)).count());
        let before = readings()?;
        self.dnsmasq.signal("HUP")?;
        wait_until("dnsmasq to read them", || Ok(readings()? > before))
    }
}

const DHCP: &str = "
[dhcp]
pool = '10.77.0.100-10.77.0.109'
";

/// Asks for an address as a device does that comes to the network; what it was given, nothing when it heard nothing.
fn ask(client: &Machine, options: &[&str]) -> Result<String> {
    let script = client.directory().join("given.sh");
    std::fs::write(&script, CLIENT)?;
    client
        .shell(&format!("chmod 755 {} && ip address flush dev eth0 scope global", script.display()))?
        .success()?;
    let script = script.display().to_string();
    let ask = [
        "busybox", "udhcpc", "-i", "eth0", "-f", "-n", "-q", "-t", "8", "-T", "1", "-O", "114", "-s", &script,
    ];
    Ok(client.run(&[&ask[..], options].concat())?.stdout)
}

#[test]
fn a_device_is_given_an_address_and_is_filtered() -> Result<()> {
    let lab = Lab::new()?;
    let giving = Giving::start(&lab, DHCP)?;
    let given = ask(&lab.pc1, &[])?;
    let address = given.strip_prefix("address 10.77.0.10").and_then(|rest| rest.split('/').next());
    assert!(address.is_some_and(|end| end.len() == 1), "of the pool: {given}");
    let rest = format!("/24, router 10.77.0.1, resolver 10.77.0.1, option 114 {NO_CAPTIVE_PORTAL}\n");
    assert!(given.ends_with(&rest), "{given}");
    // It names no resolver here: what it was given is what it asks.
    let resolve = |name: &str| lab.pc1.run(&["dig", "+time=2", "+tries=1", "+short", name, "A"]);
    assert_eq!(resolve("casino.example")?.stdout, "10.77.0.1\n");
    assert_eq!(resolve("mediatheque.example")?.stdout, "198.51.100.10\n");
    let page =
        lab.pc1.run(&["curl", "-4", "--silent", "--max-time", "10", "https://mediatheque.example/"])?;
    assert!(page.stdout.contains("Ici mediatheque.example"), "{page:#?}");
    // The device is the same, whatever its address.
    let records = || giving.appliance.run(&["journal", "search", "--json", "--device", "CM2-01"]);
    wait_until("its record", || Ok(records()?.stdout.contains("casino.example")))?;
    // Nobody's name nor address is in the system's log.
    assert!(!giving.dnsmasq.log()?.contains("DHCPACK"), "{}", giving.dnsmasq.log()?);
    Ok(())
}

#[test]
fn an_address_for_good_is_given_whoever_the_device_says_it_is() -> Result<()> {
    let lab = Lab::new()?;
    let giving = Giving::start(&lab, DHCP)?;
    let fix = |address: &str| {
        giving.appliance.run(&["device", "fix", PC2_MAC, address, "--config", "preau.toml"])?.success()
    };
    // It has one of the pool first, and gives it up.
    assert!(ask(&lab.pc2, &[])?.starts_with("address 10.77.0.10"));
    fix("10.77.0.50")?;
    giving.reload(&format!("{PC2_MAC},10.77.0.50\n"))?;
    for options in [&[][..], &["-C"], &["-x", "0x3d:ff00112233"]] {
        let given = ask(&lab.pc2, options)?;
        assert!(given.starts_with("address 10.77.0.50/24"), "{options:?}: {given}");
    }
    fix("10.77.0.60")?;
    giving.reload(&format!("{PC2_MAC},10.77.0.60\n"))?;
    assert!(ask(&lab.pc2, &[])?.starts_with("address 10.77.0.60/24"));
    giving.appliance.run(&["device", "release", PC2_MAC])?.success()?;
    giving.reload("")?;
    let given = ask(&lab.pc2, &[])?;
    assert!(given.starts_with("address 10.77.0.10"), "of the pool again: {given}");
    Ok(())
}

#[test]
fn ipv6_comes_by_advertisements() -> Result<()> {
    let lab = Lab::new()?;
    let _giving = Giving::start(&lab, DHCP)?;
    let pc1 = &lab.pc1;
    let forget = "
        ip -6 route flush dev eth0 proto static
        ip -6 route del default || true
        ip -6 address flush dev eth0 scope global
        echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_ra
        ip link set eth0 down
        ip link set eth0 up
    ";
    pc1.shell(forget)?.success()?;
    let shows =
        |what: &[&str], words: &str| Ok(pc1.run(&[&["ip", "-6"], what].concat())?.stdout.contains(words));
    wait_until("an address", || shows(&["address", "show", "dev", "eth0", "scope", "global"], "fd77::"))?;
    wait_until("a router", || shows(&["route", "show", "default"], "proto ra"))?;
    let page = || {
        pc1.run(&[
            "curl",
            "-6",
            "--silent",
            "--max-time",
            "5",
            "--connect-to",
            "::[2001:db8:1::a]:",
            "http://mediatheque.example/",
        ])
    };
    wait_until("a page by IPv6", || Ok(page()?.stdout.contains("Ici mediatheque.example")))
}

/// Whoever runs a server on a box that gives no addresses by its configuration is not heard by it.
#[test]
fn a_box_without_dhcp_hears_no_request() -> Result<()> {
    let lab = Lab::new()?;
    let giving = Giving::start(&lab, "")?;
    assert_eq!(ask(&lab.pc1, &[])?, "");
    let refused =
        giving.appliance.run(&["device", "fix", PC2_MAC, "10.77.0.50", "--config", "preau.toml"])?;
    assert!(refused.stderr.contains("gives no addresses"), "{refused:#?}");
    Ok(())
}
