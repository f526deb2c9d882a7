//! The machine that figures come from.

use std::fs;
use std::io::{self, Write};

/// Says what machine this is and how busy: figures of a busy one are worth less.
///
/// # Errors
/// Standard output is closed.
pub fn print() -> io::Result<()> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let (kernel, load) = (read("/proc/sys/kernel/osrelease"), read("/proc/loadavg"));
    let load: Vec<&str> = load.split(' ').take(3).collect();
    writeln!(
        io::stdout(),
        "\n{cores} cores, {}; Linux {}; load {}",
        model.trim_matches([' ', '\t', ':']),
        kernel.trim(),
        load.join(" ")
    )
}
