//! How long a box takes from power-on to its first answer, beside a plain Debian of the same packages in the same machine: what the
//! computer is that carries both falls out of the ratio.

use std::path::Path;

use anyhow::Result;
use harness::Lab;

use crate::booted::{Booted, Parts, START_WITHIN, copy_disk, workshop};
use crate::classroom::{answers, give_line, rewire};

/// Firmware, kernel, initrd and the rest; and what whoever answers had to wait for.
const PARTS: &str = "systemd-analyze time | head -1; systemd-analyze --no-pager critical-chain \
    $(systemctl list-units --plain --no-legend preau.service names.service | cut -d ' ' -f 1) | tail -n +4";

/// Seconds from power-on to the first answer.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Times {
    /// Of a disk that was never started, in a machine whose firmware remembers nothing.
    first: f64,
    /// Of the same once more, after it was shut down.
    again: f64,
}

/// Measures both as often as is asked, one after the other: what else the computer does meanwhile meets both.
pub(crate) fn run(image: &Path, bare: &Path, rounds: u16) -> Result<()> {
    let workshop = workshop(image)?;
    let lab = Lab::quiet()?;
    rewire(&lab)?;
    let _line = give_line(&lab.internet)?;
    let disk = workshop.path().join("disk.raw");
    let (mut debians, mut boxes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (name, from, times) in [("plain Debian", bare, &mut debians), ("box", image, &mut boxes)] {
            copy_disk(&lab, from, &disk)?;
            let (measured, parts) = start_twice(&lab, &disk)?;
            println!("{}\n{parts}", describe(name, measured));
            times.push(measured);
        }
    }
    print!("{}", report(&debians, &boxes));
    Ok(())
}

/// Starts a disk, and starts it again; and what the later start is made of, as systemd tells.
fn start_twice(lab: &Lab, disk: &Path) -> Result<(Times, String)> {
    let parts = Parts { image: disk, disk, log: None, beside: &[], is_attended: false };
    let mut machine = Booted::start(lab, &parts)?;
    let first = await_answer(lab, &mut machine)?;
    // Whatever a first start has to do once is over.
    machine.settle()?;
    machine.shut_down()?;
    let mut machine = Booted::start_again(lab, &parts)?;
    let again = await_answer(lab, &mut machine)?;
    machine.settle()?;
    Ok((Times { first, again }, machine.inside(PARTS)?))
}

/// Seconds until a PC of the school has an answer.
fn await_answer(lab: &Lab, machine: &mut Booted<'_>) -> Result<f64> {
    machine.wait("the first answer", START_WITHIN, |_| answers(&lab.pc2))?;
    Ok(machine.seconds())
}

/// The least of each kind, and the ratios. Whatever else the computer did has made the others longer.
fn report(debians: &[Times], boxes: &[Times]) -> String {
    let least = |times: &[Times]| {
        let never = Times { first: f64::INFINITY, again: f64::INFINITY };
        times.iter().fold(never, |least, one| Times {
            first: least.first.min(one.first),
            again: least.again.min(one.again),
        })
    };
    let (debian, own) = (least(debians), least(boxes));
    let lines = [describe("least, plain Debian", debian), describe("least, box", own)];
    let (first, again) = (own.first / debian.first, own.again / debian.again);
    format!("{}\nratio               first start {first:.2}, later start {again:.2}\n", lines.join("\n"))
}

fn describe(name: &str, Times { first, again }: Times) -> String {
    format!("{name:<20}first answer {first:.1} s after power-on, {again:.1} s at a later start")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_each_is_compared() {
        let times = |first, again| Times { first, again };
        let debians = [times(50.0, 44.0), times(60.0, 40.0)];
        let told = report(&debians, &[times(90.0, 70.0), times(100.0, 50.0)]);
        assert!(told.ends_with("\nratio               first start 1.80, later start 1.25\n"), "{told}");
        assert!(
            told.contains("box          first answer 90.0 s after power-on, 50.0 s at a later"),
            "{told}"
        );
    }
}
