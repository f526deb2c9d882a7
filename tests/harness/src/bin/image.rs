//! `./dev image test`: the disk image of a box, started in QEMU between the lab's school and its Internet.
//!
//! The machine is the box's own system, unchanged: firmware, kernel, verified root, units. What the test wants to know of its
//! inside is printed on its console by a unit that comes as a credential of the firmware (systemd.system-credentials(7)).
#![expect(clippy::print_stdout, reason = "it talks to the person who runs it")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Lab, Machine, RESOLVER_IPV4, Service};

/// How long the box may take from power-on to its first answer. A machine without hardware help takes two minutes, a busy one
/// several times as long.
const START_WITHIN: Duration = Duration::from_secs(1_200);
/// The disk of the box, in bytes: the image, and room for what the box keeps.
const DISK_BYTES: u64 = 4 << 30;
/// Pause between two questions to a box that starts.
const PAUSE: Duration = Duration::from_millis(500);
/// Where Debian's package ovmf has the firmware, and its empty memory.
const FIRMWARE: [&str; 2] = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"];
/// A name of the built-in lists.
const REFUSED: &str = "gambling.preau.test";
/// What the box says of itself once it has started: how it runs, that systemd keeps its sockets, that an address for good reaches
/// dnsmasq, and that an order of the self-test is carried out. Its start is no part of the machine's, whose end it waits for.
const REPORT: &str = r#"[Unit]
Description=Report to the test
After=preau.service preau-dhcp.service

[Service]
Type=exec
StandardOutput=file:/dev/ttyS0
ExecStart=/bin/bash -c 'exec > >(sed "s/^/REPORT /"); \
  echo "machine: $$(systemctl is-system-running --wait), $$(systemd-analyze | head -1)"; \
  systemctl --failed --no-legend --plain; \
  box() { runuser -u preau -- preau device "$$@" --config /etc/preau/preau.toml --data /var/lib/preau; }; \
  kept() { echo "sockets kept: $$(systemctl show -P NFileDescriptorStore preau), restarts: $$(systemctl show -P NRestarts preau)"; }; \
  grep -E "Uid|CapEff" /proc/$$(systemctl show -P MainPID preau)/status; kept; \
  systemctl restart preau && kept; \
  box add 02:00:00:00:00:13 --name Imprimante --profile adulte && box fix 02:00:00:00:00:13 10.77.0.50; \
  : > /run/preau/selftest-order; sleep 60; \
  echo "dnsmasq has read its hosts $$(journalctl -b -u preau-dhcp | grep -c "read /run/preau/dhcp-hosts") times, reloads: $$(journalctl -b -u preau-dhcp-reload | grep -c Finished)"; \
  echo "selftest: $$(systemctl show -P ActiveState -P Result preau-selftest | xargs), order: $$(ls /run/preau | xargs)"; \
  df -h /var | tail -1; free -m | sed -n 2p; \
  journalctl -b --no-pager -o short-monotonic -u preau -u preau-dhcp -u preau-network -u preau-selftest | tail -70; \
  echo end; sleep 2'
"#;
/// What each line of the report begins with.
const REPORT_WORD: &str = "REPORT";
/// What a client does with what it is given.
const CLIENT: &str = "#!/bin/sh
test \"$1\" = bound || exit 0
ip address add \"$ip/$mask\" dev \"$interface\"
ip route replace default via \"$router\"
printf 'nameserver %s\\n' $dns > \"$HOME/resolv.conf\"
echo \"$ip $router $dns $opt114\"
";

fn main() -> Result<()> {
    let disk: PathBuf = std::env::args().nth(1).context("usage: image DISK")?.into();
    let lab = Lab::quiet()?;
    rewire(&lab)?;
    let _line = give_line(&lab.internet)?;
    let began = now();
    let mut machine = Booted::start(&lab, &disk)?;
    let first = ["dig", "+time=1", "+tries=1", "+short", "@10.77.0.1", "preau.lan"];
    machine.wait("the first answer", || Ok(lab.pc2.run(&first)?.stdout == "10.77.0.1\n"))?;
    println!("first answer        {:.1} s after power-on", began.elapsed().as_secs_f64());

    let given = lease(&lab.pc1)?;
    println!("lease               {}", given.trim_end());
    ensure!(given.starts_with("10.77.0.1") && given.contains(" 10.77.0.1 10.77.0.1 "), "{given}");
    let ask = |name: &str| {
        Ok::<_, anyhow::Error>(lab.pc1.run(&["dig", "+time=3", "+tries=3", "+short", name, "A"])?.stdout)
    };
    check("a listed name", &ask(REFUSED)?, "10.77.0.1\n")?;
    machine.wait("the line", || Ok(ask("mediatheque.example")? == "198.51.100.10\n"))?;
    println!("a name of the line  mediatheque.example is found");
    let page = |url: &str| {
        lab.pc1.run(&["curl", "-4", "--silent", "--max-time", "10", "--write-out", "%{http_code}", url])
    };
    let shown = page("http://mediatheque.example/")?.stdout;
    ensure!(shown.contains("Ici mediatheque.example"), "{shown}");
    let shown = page("https://mediatheque.example/")?.stdout;
    ensure!(shown.contains("Ici mediatheque.example"), "{shown}");
    println!("pages               by HTTP and HTTPS");
    let refused = page(&format!("http://{REFUSED}/"))?.stdout;
    ensure!(refused.ends_with("403"), "{refused}");
    let own = page("http://preau.lan/")?.stdout;
    ensure!(own.ends_with("200"), "{own}");
    println!("the box's pages     403 for a listed site, 200 at home");
    machine.wait("the report", || Ok(machine_log(&lab.appliance)?.contains("REPORT end")))?;
    let log = machine_log(&lab.appliance)?;
    for line in log.lines().filter(|line| line.starts_with(REPORT_WORD)) {
        println!("{}", line.trim_end());
    }
    judge(&log)
}

/// Whether the machine's report, in its log, tells of a box that is well: all units of the machine, its sockets before and after
/// it started anew, and the self-test that was ordered.
fn judge(log: &str) -> Result<()> {
    // What else the machine says on its console may stand before it in the line.
    let said = |what: &'static str| {
        let lines = log.lines().filter_map(|line| Some(line.split_once(REPORT_WORD)?.1.trim()));
        lines.filter_map(move |line| line.strip_prefix(what)).collect::<Vec<_>>()
    };
    let machine = said("machine: ");
    ensure!(machine.len() == 1 && machine.iter().all(|state| state.starts_with("running, ")), "{machine:?}");
    let kept = said("sockets kept: ");
    let is_some = |line: &&str| {
        line.split_once(',').and_then(|(count, _)| count.parse::<u32>().ok()).is_some_and(|count| count > 0)
    };
    ensure!(kept.len() == 2 && kept.iter().all(is_some), "sockets kept: {kept:?}");
    let selftest = said("selftest: ");
    // Its state and its result, in whatever order systemctl says them. It may go on still, or be over; its order was taken.
    let is_well = |line: &&str| {
        line.split_once(", order:").is_some_and(|(state, order)| {
            let has = |word| state.split(' ').any(|found| found == word);
            has("success") && (has("inactive") || has("activating")) && !order.contains("selftest-order")
        })
    };
    ensure!(selftest.len() == 1 && selftest.iter().all(is_well), "selftest: {selftest:?}");
    Ok(())
}

fn check(what: &str, found: &str, expected: &str) -> Result<()> {
    ensure!(found == expected, "{what}: {found:?}, not {expected:?}");
    println!("{what:<20}{}", found.trim_end());
    Ok(())
}

/// Puts the machine where the lab's box would stand: its ports instead of those of the namespace.
fn rewire(lab: &Lab) -> Result<()> {
    let script = "set -e
        for file in /proc/sys/net/bridge/bridge-nf-call-*tables; do test ! -e $file || echo 0 > $file; done
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
fn give_line(internet: &Machine) -> Result<Service> {
    let resolver = format!("--dhcp-option=option:dns-server,{RESOLVER_IPV4}");
    let leases = format!("--dhcp-leasefile={}/leases", internet.directory().display());
    internet.start(
        "dnsmasq",
        &[
            "dnsmasq",
            "--keep-in-foreground",
            "--log-facility=-",
            "--conf-file=/dev/null",
            "--user=root",
            "--port=0",
            "--interface=net0",
            "--dhcp-range=192.0.2.2,192.0.2.2,255.255.255.0",
            &resolver,
            &leases,
        ],
    )
}

/// Asks for an address as a PC does that is switched on.
fn lease(client: &Machine) -> Result<String> {
    let script = client.directory().join("given.sh");
    fs::write(&script, CLIENT)?;
    let script = script.display();
    client.shell(&format!("chmod 755 {script} && ip address flush dev eth0 scope global"))?.success()?;
    let ask = format!("busybox udhcpc -i eth0 -f -n -q -t 10 -T 1 -O 114 -s {script}");
    client.shell(&ask)?.success()
}

/// The machine that runs.
struct Booted<'lab> {
    qemu: Service,
    machine: &'lab Machine,
}

impl<'lab> Booted<'lab> {
    fn start(lab: &'lab Lab, disk: &Path) -> Result<Self> {
        let folder = lab.appliance.directory();
        fs::copy(FIRMWARE[1], folder.join("firmware.fd")).context("no firmware: Debian's package ovmf")?;
        let credential = |name: &str, text: &str| {
            format!("type=11,value=io.systemd.credential.binary:{name}={}", STANDARD.encode(text))
        };
        let report = credential("systemd.extra-unit.report.service", REPORT);
        let wants =
            credential("systemd.unit-dropin.multi-user.target~report", "[Unit]\nWants=report.service\n");
        let code = format!("if=pflash,format=raw,readonly=on,file={}", FIRMWARE[0]);
        // The image stays as it was built; a disk is larger.
        let own = folder.join("disk.raw").display().to_string();
        let image = fs::canonicalize(disk)?.display().to_string();
        lab.appliance.run(&["cp", "--sparse=always", &image, &own])?.success()?;
        File::options().write(true).open(&own)?.set_len(DISK_BYTES)?;
        let drive = "if=none,id=disk,format=raw,cache=unsafe,file=disk.raw";
        let command = "qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -nodefaults \
            -display none -serial file:console.log -no-reboot";
        let options = [
            "-drive",
            &code,
            "-drive",
            "if=pflash,format=raw,file=firmware.fd",
            "-drive",
            drive,
            "-device",
            "virtio-blk-pci,drive=disk,addr=0x5",
            "-netdev",
            "tap,id=wan,ifname=wan-tap,script=no,downscript=no",
            "-device",
            "virtio-net-pci,netdev=wan,addr=0x2,mac=02:00:00:00:01:02",
            "-netdev",
            "tap,id=lan,ifname=lan-tap,script=no,downscript=no",
            "-device",
            "virtio-net-pci,netdev=lan,addr=0x3,mac=02:00:00:00:01:03",
            "-device",
            "virtio-rng-pci",
            "-smbios",
            &report,
            "-smbios",
            &wants,
        ];
        let command: Vec<&str> = command.split_ascii_whitespace().collect();
        let qemu = lab.appliance.start("qemu", &[&command[..], &options].concat())?;
        fs::write(folder.join("console.log"), "")?;
        Ok(Self { qemu, machine: &lab.appliance })
    }

    /// Waits for something that the machine brings about.
    fn wait(&mut self, what: &str, condition: impl Fn() -> Result<bool>) -> Result<()> {
        let began = now();
        while !condition()? {
            if !self.qemu.is_running()? || began.elapsed() > START_WITHIN {
                let console = machine_log(self.machine)?;
                bail!("waited in vain for {what}; QEMU: {}\n{console}", self.qemu.log()?);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// What the machine printed on its console.
fn machine_log(appliance: &Machine) -> Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(appliance.directory().join("console.log"))?).into_owned())
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "it measures how long a machine takes")]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "[   41.2] a word of the kernel\r\nREPORT machine: running, Startup finished in 9.1s\r\n\
        REPORT sockets kept: 12, restarts: 0\r\nREPORT sockets kept: 12, restarts: 0\r\n\
        REPORT selftest: inactive success, order: dhcp-hosts\r\nREPORT end\r\n";

    #[test]
    fn a_box_that_is_not_well_fails_the_test() {
        judge(WELL).unwrap();
        judge(&WELL.replace("inactive success", "success activating")).unwrap();
        for (well, ill) in [
            ("machine: running,", "machine: degraded,"),
            ("REPORT machine", "machine"),
            ("kept: 12, restarts: 0\r\nREPORT selftest", "kept: 0, restarts: 0\r\nREPORT selftest"),
            ("kept: 12", "kept: "),
            ("inactive success", "failed exit-code"),
            ("inactive success", "inactive timeout"),
            ("order: dhcp-hosts", "order: dhcp-hosts selftest-order"),
            ("REPORT selftest", "REPORT"),
        ] {
            let log = WELL.replacen(well, ill, 1);
            assert_ne!(log, WELL, "{well}");
            assert!(judge(&log).is_err(), "{ill}");
        }
    }
}
