//! Table `inet preau`: put in place in one transaction, read back, repaired.
//!
//! The table stays when the process ends, however it ends: a box that crashed is closed. Only [`Nft::remove`]
//! opens it, on somebody's order.
//!
//! Runs the program nft(8), which speaks the kernel's language of the machine that it is installed on.

mod standing;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use firewall::{FirewallPolicy, HASTY_SETS, TABLE, UNNOTED_SETS, compile};
use model::Mac;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::clock::monotonic;
use crate::{forwarding, neighbours, refusals};
use standing::Standing;

/// What nft says about a table that is not there; its messages are in English under `LC_ALL=C`.
const ABSENT: &str = "No such file or directory";

/// How long nft may take. It needs some ten milliseconds, and waits for other programs that change the firewall at the
/// same time; whoever keeps the firewall keeps other things too, and must not wait for ever.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long all of it may take the first time: on a machine that has just started, the kernel loads its modules before it answers, from a slow
/// disk that everybody reads. systemd waits for three minutes for the box.
const FIRST_WITHIN: Duration = Duration::from_secs(60);
/// How long a program takes to go once it is killed.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Keeps the firewall as intended. Reads the whole intent each time, and applies it when what stands differs:
/// at start, when the intent changed, and when somebody else changed or removed the table.
#[derive(Debug)]
pub struct FirewallKeeper {
    nft: Nft,
    /// What stood after the last replacement, and was as intended.
    kept: Option<Standing>,
    /// Whether the kernel may forward, by order of this table or of the one before.
    may_forward: bool,
    /// Packets that the table that stood had counted when it was looked at last.
    counted: Floods,
    new: Floods,
}

/// Packets by the hardware address that they came from.
pub type Counts = BTreeMap<Mac, u64>;

/// What devices sent too much of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floods {
    /// Packets that were refused, and not told one by one.
    pub unnoted: Counts,
    /// Connections to the box that were dropped.
    pub hasty: Counts,
}

impl Floods {
    /// What a table counts that was looked at before, when it had counted `before`. A count that is lower has begun anew.
    fn since(&self, before: &Self) -> Self {
        let since = |counts: &Counts, before: &Counts| {
            let new = counts.iter().map(|(sender, count)| {
                let before = before.get(sender).filter(|before| *before <= count);
                (*sender, count - before.copied().unwrap_or_default())
            });
            new.filter(|(_, count)| *count > 0).collect()
        };
        Self { unnoted: since(&self.unnoted, &before.unnoted), hasty: since(&self.hasty, &before.hasty) }
    }

    fn add(&mut self, other: Self) {
        for (counts, others) in [(&mut self.unnoted, other.unnoted), (&mut self.hasty, other.hasty)] {
            for (sender, count) in others {
                let sum = counts.entry(sender).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }
}

impl FirewallKeeper {
    /// Keeps the firewall through this nft, which may take its time until the first table stands.
    #[must_use]
    pub fn new(nft: Nft) -> Self {
        let nft = Nft { patient_until: Some(monotonic() + FIRST_WITHIN), ..nft };
        Self { nft, kept: None, may_forward: false, counted: Floods::default(), new: Floods::default() }
    }

    /// Makes the table stand as intended. Does nothing when it does already. Connections survive a replacement.
    ///
    /// A table that another process put there is replaced without a look at its details: this process does not
    /// know whether somebody changed it since.
    ///
    /// # Errors
    /// [`NftError`]. The table that stood before still stands then, unless the error is
    /// [`NftError::Different`] or, perhaps, [`NftError::Silent`].
    pub fn ensure(&mut self, policy: &FirewallPolicy) -> Result<Outcome, NftError> {
        self.ensure_open(policy, None)
    }

    /// The same for a box whose services are open for this long yet: they stay so when the table is replaced.
    ///
    /// # Errors
    /// As [`FirewallKeeper::ensure`].
    pub fn ensure_open(
        &mut self,
        policy: &FirewallPolicy,
        open_for: Option<Duration>,
    ) -> Result<Outcome, NftError> {
        // Each time: the interface may have come back with the kernel's own limits.
        if let Err(error) = neighbours::limit_queues(&policy.intent().lan) {
            tracing::warn!(%error, "addresses that nobody has may use up the kernel's memory for replies");
        }
        let ruleset = compile(policy);
        let found = self.nft.read()?;
        self.count(found.as_ref());
        let cause = match (&found, &self.kept) {
            (Some(found), Some(kept)) if found != kept => Cause::Altered,
            (Some(_), Some(kept)) if kept.carries(&ruleset) => {
                self.forward(policy);
                return Ok(Outcome::Kept);
            }
            (Some(_), Some(_)) => Cause::Intent,
            (None, Some(_)) => Cause::Removed,
            (_, None) => Cause::Start,
        };
        let transaction = match open_for {
            Some(open_for) => ruleset.transaction_while_open(open_for),
            None => ruleset.transaction(),
        };
        self.nft.load(&transaction).inspect_err(|error| {
            // Either may stand now: the next look must not take it for somebody else's change.
            if matches!(error, NftError::Silent { .. }) {
                self.kept = None;
            }
        })?;
        if let Err(error) = refusals::send_at_once() {
            tracing::warn!(%error, "the kernel limits refusals: browsers may wait where they need not");
        }
        self.may_forward |= found.is_some_and(|found| found.has_services());
        self.forward(policy);
        self.counted = Floods::default();
        let standing = self.nft.read()?.filter(|standing| standing.carries(&ruleset));
        self.kept = Some(standing.ok_or(NftError::Different)?);
        self.nft.patient_until = None;
        Ok(Outcome::Replaced(cause))
    }

    /// Has the kernel forward where the table that stands lets services through, and no longer where it did so before.
    fn forward(&mut self, policy: &FirewallPolicy) {
        let has_services = policy.passages().is_some();
        let outcome = match (has_services, self.may_forward) {
            (true, _) => forwarding::begin(&policy.intent().lan, &policy.intent().wan),
            (false, true) => forwarding::end(),
            (false, false) => Ok(()),
        };
        match outcome {
            Ok(()) => self.may_forward = has_services,
            // The next look tries again.
            Err(error) => {
                self.may_forward = true;
                tracing::error!(%error, has_services, "the kernel's switches of forwarding cannot be set");
            }
        }
    }

    /// What was counted since the last call.
    pub fn take_floods(&mut self) -> Floods {
        std::mem::take(&mut self.new)
    }

    fn count(&mut self, found: Option<&Standing>) {
        let counts = |sets: [&str; 2]| {
            let found = found.into_iter().flat_map(|found| sets.map(|set| found.counts(set).clone()));
            found.flatten().collect()
        };
        let counted = Floods { unnoted: counts(UNNOTED_SETS), hasty: counts(HASTY_SETS) };
        self.new.add(counted.since(&self.counted));
        self.counted = counted;
    }

    /// Has the kernel forward nothing any more, because nobody will record it.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn stop_forwarding(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.may_forward) { forwarding::end() } else { Ok(()) }
    }

    /// Removes the table: the kernel filters nothing any more. Does nothing when there is none.
    ///
    /// # Errors
    /// As [`Nft::remove`].
    pub fn remove(&mut self) -> Result<(), NftError> {
        self.kept = None;
        self.nft.remove()
    }
}

/// What [`FirewallKeeper::ensure`] found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: the table stands as intended.
    Kept,
    /// The table was replaced.
    Replaced(Cause),
}

/// Why a table was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// This process had not put one in place yet.
    Start,
    /// The intent changed.
    Intent,
    /// Somebody else changed the table: a person has to know.
    Altered,
    /// Somebody else removed the table: a person has to know.
    Removed,
}

/// The program nft.
#[derive(Clone, Debug)]
pub struct Nft {
    program: OsString,
    answer_within: Duration,
    /// Until when it may take longer than that.
    patient_until: Option<Instant>,
}

impl Nft {
    /// This program: a path, or a name to look for in `PATH`.
    #[must_use]
    pub fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), answer_within: ANSWER_WITHIN, patient_until: None }
    }

    /// How long it is waited for when it is started now.
    fn answer_within(&self, now: Instant) -> Duration {
        let left = self.patient_until.map(|until| until.saturating_duration_since(now));
        left.unwrap_or_default().max(self.answer_within)
    }

    /// Removes the table, if it is there, and has the kernel limit refusals again. Where it had services, the kernel forwards
    /// nothing any more.
    ///
    /// # Errors
    /// [`NftError::Run`], [`NftError::Refused`] or [`NftError::Silent`]: the table still stands, with the last perhaps.
    /// [`NftError::Rules`], [`NftError::Limits`]: the table is gone.
    pub fn remove(&self) -> Result<(), NftError> {
        // Without the table a kernel that forwards would let everything through, with the school's own addresses.
        // One that cannot be read may have had services.
        if self.read().map_or(true, |found| found.is_some_and(|found| found.has_services())) {
            forwarding::end().map_err(NftError::Forwarding)?;
        }
        self.load(&format!("add table {TABLE}\ndelete table {TABLE}\n"))?;
        forwarding::forget().map_err(NftError::Rules)?;
        refusals::limit_again().map_err(NftError::Limits)
    }

    /// Reads what stands; `None` without a table.
    fn read(&self) -> Result<Option<Standing>, NftError> {
        let output = self
            .run(&["--json", "list", "table"].into_iter().chain(TABLE.split(' ')).collect::<Vec<_>>(), "")?;
        match accepted(output) {
            Ok(listing) => Standing::parse(&listing).map(Some).map_err(NftError::Unreadable),
            Err(NftError::Refused(message)) if message.contains(ABSENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has nft carry out `transaction`, all of it or nothing.
    fn load(&self, transaction: &str) -> Result<(), NftError> {
        let output = self.run(&["--file", "-"], transaction)?;
        accepted(output).map(drop)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<Output, NftError> {
        #[expect(clippy::disallowed_methods, reason = "this is the room that runs programs")]
        let mut command = Command::new(&self.program);
        command.args(arguments).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: it ends whole, and a terminal's ^C does not cut a transaction.
        command.process_group(0);
        let failed = |source| NftError::Run { program: self.program.clone(), source };
        let within = self.answer_within(monotonic());
        let child = command.spawn().map_err(failed)?;
        let group = i32::try_from(child.id()).map(Pid::from_raw);
        let answer = converse(child, input.to_owned()).map_err(failed)?;
        let Ok((written, output)) = answer.recv_timeout(within) else {
            // It may have gone meanwhile. If it does not go now, the kernel holds it: it is left behind.
            let _killed = group.map(|group| killpg(group, Signal::SIGKILL));
            let _ended = answer.recv_timeout(END_WITHIN);
            return Err(NftError::Silent { program: self.program.clone() });
        };
        let output = output.map_err(failed)?;
        match written {
            Err(source) if output.status.success() => Err(failed(source)),
            _ => Ok(output),
        }
    }
}

/// What became of the input, and what the program said.
type Answer = (io::Result<()>, io::Result<Output>);

/// Gives a program its input and takes its output, on a thread of its own: either may take for ever.
fn converse(mut child: Child, input: String) -> io::Result<Receiver<Answer>> {
    let (say, answer) = channel();
    thread::Builder::new().name("nft".to_owned()).spawn(move || {
        // A program that ends before it has read everything says why on its own: its answer is worth more than
        // this error. The end of input is what it waits for, so the pipe closes here.
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
        // Nobody listens any more to one that took too long.
        let _heard = say.send((written, child.wait_with_output()));
    })?;
    Ok(answer)
}

impl Default for Nft {
    fn default() -> Self {
        Self::new("nft")
    }
}

fn accepted(output: Output) -> Result<Vec<u8>, NftError> {
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(NftError::Refused(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()))
    }
}

/// Why the firewall could not be put in place, or read.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The program does not run.
    #[error("cannot run {}: is nftables installed?", program.display())]
    Run {
        /// The program.
        program: OsString,
        /// Why.
        source: io::Error,
    },
    /// The program does not end by itself, and was killed.
    #[error("{} does not answer, and was ended", program.display())]
    Silent {
        /// The program.
        program: OsString,
    },
    /// The table is gone, but the kernel sends refusals as fast as before.
    #[error("the firewall is removed, but the kernel's limits of ICMP errors cannot be put back")]
    Limits(#[source] io::Error),
    /// The table is gone, but the kernel's routing keeps to what the box has forbidden.
    #[error("the firewall is removed, but not its rules of routing (ip rule): nothing is forwarded")]
    Rules(#[source] io::Error),
    /// The table still stands, because the kernel would forward everything without it.
    #[error("the kernel's forwarding cannot be switched off, so the firewall stays")]
    Forwarding(#[source] io::Error),
    /// The program, or the kernel behind it, refuses.
    #[error("nft refuses: {0}")]
    Refused(String),
    /// The program lists the table in a form that is not known.
    #[error("cannot read nft's listing of table {TABLE}")]
    Unreadable(#[source] serde_json::Error),
    /// What stands after a replacement is not what was put there: somebody else changes the table too.
    #[error("table {TABLE} is not as it was put in place a moment ago: another program changes it")]
    Different,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn counts_that_begin_anew_are_new() {
        let mac = |last| Mac::new([2, 0, 0, 0, 0, last]);
        let floods = |counts: &[(u8, u64)]| Floods {
            unnoted: counts.iter().map(|(last, count)| (mac(*last), *count)).collect(),
            hasty: Counts::new(),
        };
        let new = floods(&[(1, 10), (2, 3), (3, 5), (4, 7)]).since(&floods(&[(1, 4), (2, 8), (4, 7)]));
        assert_eq!(new, floods(&[(1, 6), (2, 3), (3, 5)]));
        let mut sum = new.clone();
        sum.add(floods(&[(1, u64::MAX), (9, 1)]));
        assert_eq!(sum, floods(&[(1, u64::MAX), (2, 3), (3, 5), (9, 1)]));
    }

    /// The kernel of a machine that has just started loads its modules; and later nobody waits so long.
    #[test]
    fn only_the_first_table_may_take_long() {
        let (nft, now) = (Nft::new("false"), monotonic());
        assert_eq!(nft.answer_within(now), ANSWER_WITHIN, "whoever removes it");
        let patient = Nft { patient_until: Some(now + FIRST_WITHIN), ..nft.clone() };
        let within = |s| patient.answer_within(now + Duration::from_secs(s));
        assert_eq!((within(0), within(20)), (FIRST_WITHIN, FIRST_WITHIN - Duration::from_secs(20)));
        // All of it together has so long, whatever it is that takes it.
        assert_eq!((within(55), within(3_600)), (ANSWER_WITHIN, ANSWER_WITHIN));
        let keeper = FirewallKeeper::new(nft);
        assert!(keeper.nft.patient_until.is_some_and(|until| until >= now + FIRST_WITHIN));
    }

    /// How programs that are not nft fail.
    #[test]
    fn failures_say_what_failed() {
        for (program, expected) in [
            ("/nowhere/nft", "cannot run /nowhere/nft: is nftables installed?"),
            ("false", "nft refuses: "),
            ("true", "cannot read nft's listing of table inet preau"),
        ] {
            assert_eq!(Nft::new(program).read().unwrap_err().to_string(), expected);
        }
    }

    /// It hangs, or its child does, with the pipes open; whether it reads its input or not.
    #[test]
    fn a_program_that_hangs_is_ended_with_all_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let cases = [
            ("sleep 600", 1),
            ("cat >/dev/null; sleep 600", 1),
            ("sleep 600 & echo $! >&3; exec 3>&-; wait", 2),
        ];
        let at = |number: usize, name: &str| folder.path().join(format!("{name}-{number}"));
        // All are written before the first runs: a program that is open for writing cannot be started.
        for (number, (hang, _)) in cases.iter().enumerate() {
            let note = at(number, "processes");
            let script = format!("#!/bin/sh\nexec 3>>'{}'; echo $$ >&3; {hang}\n", note.display());
            let program = at(number, "nft");
            std::fs::write(&program, script).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        thread::scope(|scope| {
            for number in 0..cases.len() {
                // Time enough for a shell to start on a machine that is busy; all of it is waited for.
                let nft = Nft { answer_within: Duration::from_secs(5), ..Nft::new(at(number, "nft")) };
                scope.spawn(move || {
                    let error = nft.load(&"add table inet preau\n".repeat(10_000)).unwrap_err();
                    assert!(matches!(error, NftError::Silent { .. }), "{number}: {error}");
                });
            }
        });
        let mut processes = Vec::new();
        for (number, (hang, count)) in cases.iter().enumerate() {
            let noted = std::fs::read_to_string(at(number, "processes")).unwrap();
            assert_eq!(noted.lines().count(), *count, "{hang}: {noted}");
            processes.extend(noted.lines().map(str::to_owned));
        }
        let is_over = |process: &str| {
            let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // Who adopted the child may not have taken note of its end yet.
            state.is_empty() || state.contains(") Z ")
        };
        for process in &processes {
            // A killed program takes a moment to go; sleep takes ten minutes.
            let mut looks = 0..1_000;
            while looks.next().is_some() && !is_over(process) {
                thread::sleep(Duration::from_millis(5));
            }
            assert!(is_over(process), "{process}");
        }
    }
}
