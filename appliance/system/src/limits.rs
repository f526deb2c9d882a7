//! The process's resource limits, and who may look into it.

use std::io;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the number of descriptors that the process may hold to what the administrator allows, and returns
/// it. A spliced connection holds six of them; the usual soft limit of 1,024 is for programs that use
/// select(2).
///
/// # Errors
/// The kernel's error.
pub fn raise_open_files() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// Keeps what this process holds in memory from a dump of it, and from other processes of its user: keys of readers are
/// there. Root may look all the same; and what the kernel writes to a swap is not kept from it.
///
/// # Errors
/// The kernel's error.
pub fn guard_memory() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(set_dumpable(false)?)
}

/// Bounds the memory of this process: whoever needs more gets none, and ends. For a command that reads what anybody may have
/// made.
///
/// # Errors
/// The kernel's error.
pub fn limit_memory(bytes_max: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_AS)?;
    let bytes = bytes_max.min(hard);
    Ok(setrlimit(Resource::RLIMIT_AS, bytes, bytes)?)
}

#[cfg(test)]
mod tests {
    use nix::sys::prctl::get_dumpable;

    use super::*;

    #[test]
    fn memory_is_dumped_nowhere() {
        guard_memory().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
        assert!(!get_dumpable().unwrap());
    }

    #[test]
    fn memory_is_bounded() {
        // More than other tests of this process ever take.
        let bytes_max = 1 << 46;
        limit_memory(bytes_max).unwrap();
        let (soft, hard) = getrlimit(Resource::RLIMIT_AS).unwrap();
        assert!(soft == hard && soft <= bytes_max, "{soft} {hard}");
        limit_memory(u64::MAX).unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_AS).unwrap(), (soft, hard), "it is never raised");
    }

    #[test]
    fn soft_limit_becomes_the_hard_limit() {
        let files = raise_open_files().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (files, files));
    }
}
