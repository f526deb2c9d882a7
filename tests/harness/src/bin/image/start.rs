//! A box that nobody has told anything, from power-on: it gives addresses, filters, and is well inside.

use std::path::Path;

use anyhow::{Result, ensure};
use harness::Lab;

use crate::booted::{Booted, Parts, START_WITHIN, copy_disk, workshop};
use crate::classroom::{REFUSED, answers, give_line, lease, open, resolve, rewire};

/// What the box says of itself once it has started: how it runs, that systemd keeps its sockets, that an address for good reaches
/// dnsmasq, and that an order of the self-test is carried out.
const REPORT: &str = r#"
echo "machine: $(systemctl is-system-running --wait), $(systemd-analyze | head -1)"
systemctl --failed --no-legend --plain
box() { runuser -u preau -- preau device "$@" --config /etc/preau/preau.toml --data /var/lib/preau; }
kept() { echo "sockets kept: $(systemctl show -P NFileDescriptorStore preau), restarts: $(systemctl show -P NRestarts preau)"; }
grep -E "Uid|CapEff" /proc/$(systemctl show -P MainPID preau)/status; kept
systemctl restart preau && kept
box add 02:00:00:00:00:13 --name Imprimante --profile adulte && box fix 02:00:00:00:00:13 10.77.0.50
: > /run/preau/selftest-order; sleep 60
echo "dnsmasq has read its hosts $(journalctl -b -u preau-dhcp | grep -c "read /run/preau/dhcp-hosts") times, reloads: $(journalctl -b -u preau-dhcp-reload | grep -c Finished)"
echo "selftest: $(systemctl show -P ActiveState -P Result preau-selftest | xargs), order: $(ls /run/preau | xargs)"
runuser -u preau -- preau selftest history --data /var/lib/preau
df -h /var | tail -1; free -m | sed -n 2p
journalctl -b --no-pager -o short-monotonic -u preau -u preau-dhcp -u preau-network -u preau-selftest | tail -70
"#;

/// Starts it, and looks at it from the classroom and from inside.
pub(crate) fn run(image: &Path) -> Result<()> {
    let workshop = workshop(image)?;
    let lab = Lab::quiet()?;
    rewire(&lab)?;
    let _line = give_line(&lab.internet)?;
    // The image stays as it was built; a disk is larger.
    let disk = workshop.path().join("disk.raw");
    copy_disk(&lab, image, &disk)?;
    let parts = Parts { image, disk: &disk, log: None, beside: &[], is_attended: false };
    let mut machine = Booted::start(&lab, &parts)?;
    machine.wait("the first answer", START_WITHIN, |_| answers(&lab.pc2))?;
    println!("first answer        {:.1} s after power-on", machine.seconds());

    let given = lease(&lab.pc1)?;
    println!("lease               {}", given.trim_end());
    ensure!(given.starts_with("10.77.0.1") && given.contains(" 10.77.0.1 10.77.0.1 "), "{given}");
    check("a listed name", &resolve(&lab.pc1, REFUSED)?, "10.77.0.1\n")?;
    machine.wait("the line", START_WITHIN, |_| {
        Ok(resolve(&lab.pc1, "mediatheque.example")? == "198.51.100.10\n")
    })?;
    println!("a name of the line  mediatheque.example is found");
    for scheme in ["http", "https"] {
        let shown = open(&lab.pc1, &format!("{scheme}://mediatheque.example/"))?.text;
        ensure!(shown.contains("Ici mediatheque.example"), "{shown}");
    }
    println!("pages               by HTTP and HTTPS");
    check("a listed site", &open(&lab.pc1, &format!("http://{REFUSED}/"))?.status, "403")?;
    check("the box's own page", &open(&lab.pc1, "http://preau.lan/")?.status, "200")?;
    machine.wait("the shell of the test", START_WITHIN, |machine| Ok(machine.peek("true")?.is_some()))?;
    let report = machine.inside(REPORT)?;
    print!("{report}");
    judge(&report)
}

/// Whether the machine's report tells of a box that is well: all units of the machine, its sockets before and after it started
/// anew, and the self-test that was ordered.
fn judge(report: &str) -> Result<()> {
    let said =
        |what: &'static str| report.lines().filter_map(|line| line.strip_prefix(what)).collect::<Vec<_>>();
    let machine = said("machine: ");
    ensure!(machine.len() == 1 && machine.iter().all(|state| state.starts_with("running, ")), "{machine:?}");
    let kept = said("sockets kept: ");
    let is_some = |line: &&str| {
        line.split_once(',').and_then(|(count, _)| count.parse::<u32>().ok()).is_some_and(|count| count > 0)
    };
    ensure!(kept.len() == 2 && kept.iter().all(is_some), "sockets kept: {kept:?}");
    let selftest = said("selftest: ");
    // The lists of the Internet are not there: of servers of encrypted DNS, the list to begin with knows none.
    let open: Vec<&str> =
        report.lines().filter(|line| line.starts_with('\t') && line.contains(": open:")).collect();
    ensure!(open.iter().all(|line| line.trim_start().starts_with("doh-known")), "{open:?}");
    let strangers: Vec<&str> = report.lines().filter(|line| line.contains(": stranger:")).collect();
    ensure!(strangers.is_empty(), "nobody but the box gives addresses here: {strangers:?}");
    // Its state and its result, in whatever order systemctl says them. It may go on still, or be over; its order was taken.
    let is_well = |line: &&str| {
        line.split_once(", order:").is_some_and(|(state, order)| {
            let has = |word| state.split(' ').any(|found| found == word);
            let is_good = has("success") && (has("inactive") || has("activating"));
            (is_good || has("exit-code") && !open.is_empty()) && !order.contains("selftest-order")
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

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "machine: running, Startup finished in 9.1s\n\
        sockets kept: 12, restarts: 0\nsockets kept: 12, restarts: 0\n\
        selftest: inactive success, order: dhcp-hosts\n";

    #[test]
    fn a_box_that_is_not_well_fails_the_test() {
        judge(WELL).unwrap();
        judge(&WELL.replace("inactive success", "success activating")).unwrap();
        for (well, ill) in [
            ("machine: running,", "machine: degraded,"),
            ("selftest: ", "\tother-dhcp : stranger: 10.77.0.1\nselftest: "),
            ("machine:", "REPORT machine:"),
            ("kept: 12, restarts: 0\nselftest", "kept: 0, restarts: 0\nselftest"),
            ("kept: 12", "kept: "),
            ("inactive success", "failed exit-code"),
            ("inactive success", "inactive timeout"),
            ("order: dhcp-hosts", "order: dhcp-hosts selftest-order"),
            ("selftest:", "\tquic : open: 8.8.8.8\nselftest:"),
            ("selftest:", "REPORT"),
        ] {
            let report = WELL.replacen(well, ill, 1);
            assert_ne!(report, WELL, "{well}");
            assert!(judge(&report).is_err(), "{ill}");
        }
    }
}
