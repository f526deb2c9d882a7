//! Times, of this process and of programs that it runs.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time, and programs")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::resource::{UsageWho, getrusage};

/// What a program did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ran {
    /// From its start to its end.
    pub seconds: f64,
    /// From its start to its first line; as long as all of it where there was none.
    pub first_line_s: f64,
    /// Lines that it printed.
    pub lines: u64,
    /// The most memory that it had, in bytes.
    pub peak_bytes: u64,
}

/// Runs something, and tells how many seconds it took.
pub fn time<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed().as_secs_f64())
}

/// Seconds of processor time of this process so far, all threads.
///
/// # Errors
/// The system does not say.
pub fn processor_s() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| {
        let (whole, micro) = (i32::try_from(time.tv_sec()), i32::try_from(time.tv_usec()));
        Ok::<f64, anyhow::Error>(f64::from(whole?) + f64::from(micro?) / 1e6)
    };
    Ok(seconds(usage.user_time())? + seconds(usage.system_time())?)
}

/// Bytes that this process has had written to disks so far (proc_pid_io(5)).
///
/// # Errors
/// The system does not say.
pub fn written_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.context("/proc/self/io")?.parse()?)
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be run, or fails.
pub fn run(mut command: Command) -> Result<Ran> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("no output")?;
    let (process, is_over) = (child.id(), AtomicBool::new(false));
    let mut ran = Ran::default();
    thread::scope(|scope| -> Result<()> {
        let watcher = scope.spawn(|| watch_peak(process, &is_over));
        let outcome = read_lines(output, start, &mut ran);
        let status = child.wait()?;
        ran.seconds = start.elapsed().as_secs_f64();
        is_over.store(true, Ordering::Release);
        ran.peak_bytes = watcher.join().unwrap_or_default();
        ensure!(status.code().is_some_and(|code| code <= 1), "{command:?} fails: {status}");
        outcome
    })?;
    if ran.lines == 0 {
        ran.first_line_s = ran.seconds;
    }
    Ok(ran)
}

fn read_lines(output: impl Read, start: Instant, ran: &mut Ran) -> Result<()> {
    let mut output = BufReader::with_capacity(1 << 16, output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        if ran.lines == 0 {
            ran.first_line_s = start.elapsed().as_secs_f64();
        }
        ran.lines += 1;
        line.clear();
    }
    Ok(())
}

/// Looks again and again how much memory a process has had: once it has ended, nobody can tell.
fn watch_peak(process: u32, is_over: &AtomicBool) -> u64 {
    const PAUSE: Duration = Duration::from_millis(2);
    let mut peak = 0;
    while !is_over.load(Ordering::Acquire) {
        peak = peak.max(peak_of(process).unwrap_or(0));
        thread::sleep(PAUSE);
    }
    peak
}

/// The most that was resident of a process, in bytes (proc_pid_status(5)); `None` once it has ended.
fn peak_of(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}

/// Has the kernel forget what it has in memory of the files of a folder.
///
/// # Errors
/// They cannot be opened.
pub fn make_cold(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            make_cold(&path)?;
        } else {
            let file = File::open(&path)?;
            file.sync_all()?;
            posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
        }
    }
    Ok(())
}

/// Brings the files of a folder into the kernel's memory.
///
/// # Errors
/// They cannot be read.
pub fn make_warm(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            make_warm(&path)?;
        } else {
            let mut file = File::open(&path)?;
            let mut buffer = vec![0; 1 << 20];
            while file.read(&mut buffer)? > 0 {}
        }
    }
    Ok(())
}

/// How long the files of a folder are together.
///
/// # Errors
/// They cannot be listed.
pub fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.path().is_dir() { folder_bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
