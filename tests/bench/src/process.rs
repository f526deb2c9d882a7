//! Programs that are measured: started, watched, and stopped whatever happens.

use std::fs::{self, File};
use std::iter::Sum;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running program. It is killed when this value goes.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Memory of a process, in bytes (proc_pid_status(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it that is resident.
    pub resident: u64,
    /// What is its own.
    pub anonymous: u64,
    /// Pages of files, which the kernel takes back when it needs room.
    pub file: u64,
    /// The most that was resident, since the start or since [`Program::forget_peak`].
    pub peak: u64,
}

/// What programs take of memory, each shared page counted once (PSS, proc_pid_smaps(5)), in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// All of it.
    pub all: u64,
    /// What of it is files, the programs' own among them: the kernel's page cache, which it takes back when it needs it.
    pub files: u64,
}

impl Sum for Shares {
    fn sum<I: Iterator<Item = Self>>(shares: I) -> Self {
        shares.fold(Self::default(), |sum, one| Self { all: sum.all + one.all, files: sum.files + one.files })
    }
}

impl Program {
    /// Starts a program; what it says goes to `NAME.log` in `folder`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Waits until `is_ready`; a large list takes a program half a minute.
    ///
    /// # Errors
    /// It ends instead, or takes too long.
    pub fn wait_until(&mut self, seconds_max: u32, mut is_ready: impl FnMut() -> bool) -> Result<()> {
        let outcome = wait_until(seconds_max, || {
            let is_ready = is_ready();
            ensure!(is_ready || self.is_running()?, "it ended");
            Ok(is_ready)
        });
        outcome.with_context(|| format!("{} does not answer:\n{}", self.name, self.log()))
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Time of processors that it has used so far, all threads, in seconds (proc_pid_stat(5)).
    ///
    /// # Errors
    /// It has ended.
    pub fn processor_s(&self) -> Result<f64> {
        read_stat(self.child.id()).map(|(_, processor_s)| processor_s)
    }

    /// The same with the processes that it has started and that run now.
    ///
    /// # Errors
    /// It has ended.
    pub fn family_processor_s(&self) -> Result<f64> {
        let family = self.family()?;
        Ok(family
            .iter()
            .filter_map(|process| read_stat(*process).ok())
            .map(|(_, processor_s)| processor_s)
            .sum())
    }

    /// Its memory and that of the processes that it has started, in bytes; a page that several share counts once for all of
    /// them (Pss, proc_pid_smaps(5)).
    ///
    /// # Errors
    /// It has ended.
    pub fn family_memory(&self) -> Result<Shares> {
        let share = |process: &u32| {
            let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
            let bytes = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name))?;
                Some(line.trim_matches([' ', 'k', 'B']).parse::<u64>().ok()? * 1_024)
            };
            Some(Shares { all: bytes("Pss:")?, files: bytes("Pss_File:")? })
        };
        Ok(self.family()?.iter().filter_map(share).sum())
    }

    /// It, and all that it has started, or that these have.
    fn family(&self) -> Result<Vec<u32>> {
        let mut parents = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // One that ends meanwhile is none.
            parents.extend(read_stat(process).ok().map(|(parent, _)| (process, parent)));
        }
        let mut family = vec![self.child.id()];
        let mut seen = 0;
        while let Some(parent) = family.get(seen).copied() {
            family.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(process, _)| *process));
            seen += 1;
        }
        Ok(family)
    }

    /// Its memory now.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&self) -> Result<Memory> {
        let status = self.read("status")?;
        let field = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("status")?;
            Ok(line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<u64>()? * 1_024)
        };
        Ok(Memory {
            resident: field("VmRSS")?,
            anonymous: field("RssAnon")?,
            file: field("RssFile")?,
            peak: field("VmHWM")?,
        })
    }

    /// Has [`Memory::peak`] begin anew (proc_pid_clear_refs(5)).
    ///
    /// # Errors
    /// It has ended.
    pub fn forget_peak(&self) -> Result<()> {
        const RESET_PEAK: &str = "5";
        let path = format!("/proc/{}/clear_refs", self.child.id());
        fs::write(path, RESET_PEAK).with_context(|| format!("{} has ended", self.name))
    }

    /// Has it read its configuration anew, as daemons do.
    ///
    /// # Errors
    /// It has ended.
    pub fn hang_up(&self) -> Result<()> {
        let process = Pid::from_raw(self.child.id().try_into()?);
        kill(process, Signal::SIGHUP).with_context(|| format!("{} has ended", self.name))
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(path).with_context(|| format!("{} has ended", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already, which is as well.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The parent of a process, and the time of processors that it has used, in seconds (proc_pid_stat(5)).
fn read_stat(process: u32) -> Result<(u32, f64)> {
    /// The kernel counts in hundredths towards programs, on every machine (USER_HZ).
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is a name in brackets that may hold anything; the parent is 4, user and system time are 14 and 15.
    let (_, fields) = stat.rsplit_once(')').context("stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).context("stat");
    let ticks: u32 = field(14)?.parse::<u32>()? + field(15)?.parse::<u32>()?;
    Ok((field(4)?.parse()?, f64::from(ticks) / TICKS_A_SECOND))
}

/// Waits until `is_ready`.
///
/// # Errors
/// Those of `is_ready`; or it takes too long.
pub fn wait_until(seconds_max: u32, mut is_ready: impl FnMut() -> Result<bool>) -> Result<()> {
    const LOOKS_A_SECOND: u32 = 20;
    for _ in 0..seconds_max * LOOKS_A_SECOND {
        if is_ready()? {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(1) / LOOKS_A_SECOND);
    }
    bail!("it takes more than {seconds_max} s")
}

/// A program of this machine, administration programs among them.
#[must_use]
pub fn command(program: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "peers are programs")]
    let mut command = Command::new(program);
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started, or fails.
pub fn run(command: Command) -> Result<()> {
    output(command).map(drop)
}

/// The same, for what it prints.
///
/// # Errors
/// It cannot be started, or fails, with all that it said: a benchmark tells what did not hold among its figures.
pub fn output(mut command: Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {errors}\n{printed}");
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_measured_and_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let mut sleep = command("sleep");
        sleep.arg("60");
        let program = Program::start("sleep", sleep, folder.path()).unwrap();
        let memory = program.memory().unwrap();
        assert!(memory.resident >= memory.anonymous + memory.file && memory.resident > 0);
        assert!(program.processor_s().unwrap() < 60.0);
        let process = PathBuf::from(format!("/proc/{}", program.child.id()));
        drop(program);
        assert!(!process.exists());
    }

    #[test]
    fn a_program_that_ends_is_no_program_that_is_ready() {
        let folder = tempfile::tempdir().unwrap();
        let mut ended = Program::start("true", command("true"), folder.path()).unwrap();
        assert!(ended.wait_until(10, || false).is_err());
    }
}
