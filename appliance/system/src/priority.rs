//! How little a process matters beside others.

use std::io;

use nix::sys::prctl;
use nix::sys::signal::Signal;

/// The class of I/O that is served when nobody else asks (ioprio_set(2)).
const IOPRIO_CLASS_IDLE: libc::c_int = 3;
const IOPRIO_CLASS_SHIFT: libc::c_int = 13;
const IOPRIO_WHO_PROCESS: libc::c_int = 1;
/// The kindest of processes (setpriority(2)).
const NICEST: libc::c_int = 19;
/// The first to go when memory is short (proc_pid_oom_score_adj(5)).
const OOM_SCORE_ADJ_MAX: &str = "1000";

/// Makes this process one that yields to all others, and that ends with the one that started it: processor, disk
/// and memory are for the school. To be called before there are other threads: each has a niceness of its own, and
/// inherits it from the one that starts it.
///
/// # Errors
/// The kernel's error, where it does not know one of these; the others are in force then.
pub fn yield_to_all() -> io::Result<()> {
    let ends = prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from);
    let nice = be_nice();
    let idle = be_idle();
    let first = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJ_MAX);
    ends.and(nice).and(idle).and(first)
}

fn be_nice() -> io::Result<()> {
    #[expect(unsafe_code, reason = "no crate of the house wraps setpriority(2)")]
    // SAFETY: plain numbers, about this process.
    let outcome = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICEST) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn be_idle() -> io::Result<()> {
    let class = IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT;
    #[expect(unsafe_code, reason = "no crate of the house wraps ioprio_set(2)")]
    // SAFETY: plain numbers, about this process.
    let outcome = unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, class) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run by the test below in a process of its own: this one keeps its priority.
    #[test]
    fn child_yields() {
        #[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to do")]
        if std::env::var_os("PREAU_TEST_YIELD").is_none() {
            return;
        }
        yield_to_all().unwrap();
        let read = |file: &str| std::fs::read_to_string(format!("/proc/thread-self/{file}")).unwrap();
        // proc_pid_stat(5): the 19th field, the 17th after the name.
        let stat = read("stat");
        let nice = stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().to_owned();
        println!("nice {nice}, first to go {}", read("oom_score_adj").trim());
    }

    #[test]
    fn a_process_that_yields_is_the_last_served_and_the_first_to_go() {
        #[expect(clippy::disallowed_methods, reason = "this room runs programs")]
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let child = command.args(["--exact", "priority::tests::child_yields", "--nocapture"]);
        let output = child.env("PREAU_TEST_YIELD", "yes").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("nice 19, first to go 1000"), "{said}");
    }
}
