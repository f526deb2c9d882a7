//! The box as systemd runs it: as an ordinary user with few capabilities, and with sockets that outlive it.

use anyhow::Result;
use harness::{Lab, PC1_MAC, PC2_MAC, preau_binary, usual_configuration, wait_until};

use crate::probe::{Dialogue, knock, open_doors};

/// The program that stands in for systemd.
const SUPERVISE: &str = env!("CARGO_BIN_EXE_supervise");

/// A service, for the parts of the kernel that services need.
const SERVICE: &str = "
[[service]]
name = 'imaps'
purpose = 'Le courrier'
tcp = [9993]
hosts = ['mediatheque.example']
profiles = ['adulte']
";

/// Asks the box for a page and a name, again and again; says what got no answer.
const REQUESTS: &str = "
number=0
while :; do
    number=$((number + 1))
    curl --silent --fail --max-time 20 --output /dev/null --connect-to ::198.51.100.10: http://mediatheque.example/ ||
        echo \"lost: page $number\"
    dig +time=15 +tries=1 +short @10.77.0.1 preau.lan | grep --quiet 10.77.0.1 || echo \"lost: answer $number\"
    echo \"served $number\"
done
";

/// Requests that come while the box starts anew wait for it.
#[test]
fn a_box_that_starts_anew_refuses_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.appliance_with(&usual_configuration())?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_usual_devices()?;
    let socket = lab.appliance.directory().join("notify").display().to_string();
    let (binary, data) = (preau_binary()?.display().to_string(), appliance.data().display().to_string());
    let arguments = [socket.as_str(), &binary, "run", "--config", "preau.toml", "--data", &data];
    let mut systemd = Dialogue::start_program(&lab.appliance, SUPERVISE, &arguments)?;
    let ready = systemd.say("start")?;
    assert!(ready.starts_with("ready, ") && ready != "ready, 0 sockets", "{ready}");
    assert_eq!(systemd.say("signs")?, "it lives");

    let requests = lab.pc1.start("requests", &["bash", "-c", REQUESTS])?;
    let served = |count: usize| {
        wait_until("requests to be served", || {
            Ok(requests.log()?.lines().filter(|line| line.starts_with("served")).count() >= count)
        })
    };
    served(3)?;
    for _ in 0..3 {
        assert_eq!(systemd.say("TERM")?, "exit status: 0");
        assert_eq!(systemd.say("start")?, ready, "the same sockets, and no others");
        let before = requests.log()?.lines().filter(|line| line.starts_with("served")).count();
        served(before + 3)?;
    }
    let log = requests.log()?;
    assert!(!log.contains("lost"), "{log}");

    // A power cut ends what is under way; who comes after it waits as well.
    systemd.say("KILL")?;
    let waiting =
        lab.pc2.start("waiting", &["dig", "+time=15", "+tries=1", "+short", "@10.77.0.1", "preau.lan"])?;
    assert_eq!(systemd.say("start")?, ready);
    wait_until("the answer", || Ok(waiting.log()?.contains("10.77.0.1")))
}

/// Firewall, neighbours, flows of services and notes of what is refused, without root.
#[test]
fn two_capabilities_are_enough() -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        // There is one user in the lab of an ordinary user.
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&format!("{}{SERVICE}", usual_configuration()))?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "adulte")?;
    appliance.add_device(PC2_MAC, "CM2-02", "CM2", "elementaire")?;
    let (lab_folder, data) = (lab.directory().display(), appliance.data().display());
    let binary = preau_binary()?;
    let prepare = format!(
        "chmod 711 {lab_folder} && cp '{}' {lab_folder}/box && chown -R 65534:65534 {data}",
        binary.display()
    );
    lab.appliance.shell(&prepare)?.success()?;
    let drop = "--reuid=65534 --regid=65534 --clear-groups --no-new-privs";
    let few = "-all,+net_admin,+net_bind_service";
    let launch = format!(
        "shift; exec setpriv {drop} --bounding-set={few} --inh-caps={few} --ambient-caps={few} {lab_folder}/box \"$@\""
    );
    appliance.start_by(&["bash", "-c", &launch, "box"], &[])?;
    appliance.wait_until_ready(&lab.pc1)?;
    let process = appliance.process().unwrap_or_default().to_owned();
    let status = lab.appliance.run(&["cat", &format!("/proc/{process}/status")])?.success()?;
    assert!(
        status.contains("Uid:\t65534\t65534") && status.contains("CapEff:\t0000000000001400"),
        "{status}"
    );

    wait_until("open services", || Ok(appliance.log()?.contains("services are open")))?;
    let _doors = open_doors(&lab.internet, &["9993"])?;
    wait_until("the passage", || {
        let said = knock(&lab.pc1, "tcp", &["198.51.100.10:9993".to_owned()])?;
        Ok(said == ["tcp 198.51.100.10:9993: port 9993"])
    })?;
    let said = knock(&lab.pc2, "udp", &["198.51.100.10:443".to_owned()])?;
    assert_eq!(said, ["udp 198.51.100.10:443: refused"]);
    for (device, record) in [("CM2-01", "\"service\""), ("CM2-02", "\"udp\"")] {
        wait_until("a record of what the kernel tells", || {
            Ok(appliance.run(&["journal", "search", "--json", "--device", device])?.stdout.contains(record))
        })?;
    }
    let log = appliance.log()?;
    assert!(!log.contains("ERROR") && !log.contains("denied") && !log.contains("not permitted"), "{log}");
    appliance.stop()
}
