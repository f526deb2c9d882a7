//! A machine in QEMU that runs one script.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

/// How long a machine may run: ten times what the slowest test takes on two cores. One that hangs must fail the test.
const SECONDS_MAX: &str = "400";
/// Its memory, in MB: the file system is in it, too.
const MEMORY_MB: &str = "768";
/// The script prints this with its exit status at its very end.
const END: &str = "GUEST-EXIT=";
/// A line of a file that the guest sends home: name, then base64.
const FILE: &str = "GUEST-FILE ";
/// Where Debian's programs are.
const PROGRAM_FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What the kernel starts. The test's script runs in bash: busybox's own shell takes its applets for `ip`.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs tmp /tmp
/bin/busybox mount -t tmpfs run /run
/bin/busybox --install -s /bin
export PATH=/sbin:/bin HOME=/tmp
cd /tmp
/sbin/bash /script
echo "GUEST-EXIT=$?"
poweroff -f
"#;
/// What a script can use besides programs.
const PRELUDE: &str = r#"
set -u
# send FILE: the test reads it from the report.
send() { echo "GUEST-FILE ${1##*/} $(base64 -w 0 "$1")"; }
# await SECONDS COMMAND...: until the command succeeds.
await() {
    local looks=$(($1 * 5)) command=("${@:2}")
    while ! "${command[@]}" >/dev/null 2>&1; do
        looks=$((looks - 1))
        if ((looks < 0)); then echo "waited in vain for: ${command[*]}"; return 1; fi
        sleep 0.2
    done
}
"#;

/// A machine that is being put together.
pub struct Guest {
    folder: TempDir,
    kernel: PathBuf,
    release: String,
}

/// What a machine said.
#[derive(Debug)]
pub struct Report {
    /// All that it printed, without the files.
    pub log: String,
    /// The exit status of its script.
    pub status: i32,
    /// What it sent home, by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Guest {
    /// A machine with nothing but busybox and bash.
    ///
    /// # Errors
    /// The kernel or a program is missing, or the disk fails.
    pub fn new() -> Result<Self> {
        let (kernel, release) = find_kernel()?;
        let guest = Self { folder: TempDir::new()?, kernel, release };
        for folder in ["bin", "sbin", "lib", "etc", "proc", "sys", "dev", "tmp", "run", "usr"] {
            fs::create_dir_all(guest.root().join(folder))?;
        }
        fs::copy(find_program("busybox")?, guest.root().join("bin/busybox"))?;
        // The kernel loads modules by this name.
        symlink("/bin/busybox", guest.root().join("sbin/modprobe"))?;
        guest.put("etc/passwd", b"root:x:0:0:root:/tmp:/bin/bash\n")?;
        guest.program("bash")
    }

    /// Gives it a program of the host's, with its libraries.
    ///
    /// # Errors
    /// It is missing, or the disk fails.
    pub fn program(self, name: &str) -> Result<Self> {
        let program = find_program(name)?;
        self.copy(&program, &Path::new("sbin").join(name))?;
        self.copy_libraries(&program)?;
        Ok(self)
    }

    /// Gives it a program of the house's, without what only debuggers read: the file system is in the machine's memory.
    ///
    /// # Errors
    /// It is missing, or the disk fails.
    pub fn own_program(self, program: &Path, name: &str) -> Result<Self> {
        let place = self.root().join("sbin").join(name);
        run(host("strip").arg("-o").arg(&place).arg(program))?;
        self.copy_libraries(program)?;
        Ok(self)
    }

    fn copy_libraries(&self, program: &Path) -> Result<()> {
        let printed = run(host("ldd").arg(program))?;
        for library in printed.split_ascii_whitespace().filter(|word| word.starts_with('/')) {
            let place = library.trim_start_matches('/');
            if !self.root().join(place).exists() {
                self.copy(Path::new(library), Path::new(place))?;
            }
        }
        Ok(())
    }

    /// Gives it a module of the kernel, with those that it needs.
    ///
    /// # Errors
    /// It is missing, or the disk fails.
    pub fn module(self, name: &str) -> Result<Self> {
        let mut command = host("modprobe");
        let printed = run(command.args(["--show-depends", "--set-version", &self.release, name]))?;
        for file in printed.lines().filter_map(|line| line.strip_prefix("insmod ")) {
            let file = file.split(' ').next().unwrap_or(file).trim();
            self.copy(Path::new(file), Path::new(file.trim_start_matches('/')))?;
        }
        Ok(self)
    }

    /// Gives it a file.
    ///
    /// # Errors
    /// The disk fails.
    pub fn file(self, place: &str, bytes: &[u8]) -> Result<Self> {
        self.put(place.trim_start_matches('/'), bytes)?;
        Ok(self)
    }

    /// Starts it, and waits for the end of its script.
    ///
    /// # Errors
    /// It cannot be started, or ends before its script does.
    pub fn run(self, script: &str) -> Result<Report> {
        self.put("script", format!("{PRELUDE}{script}").as_bytes())?;
        self.put("init", INIT.as_bytes())?;
        self.finish_modules()?;
        let image = self.folder.path().join("image");
        let pack =
            "cd root && find . -print0 | cpio --null --create --format=newc --quiet | gzip -1 > ../image";
        run(host("sh").args(["-c", pack]).current_dir(self.folder.path()))?;
        let mut qemu = host("timeout");
        qemu.args([
            "--kill-after=5",
            SECONDS_MAX,
            "qemu-system-x86_64",
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
        ]);
        qemu.args([
            "-smp",
            "1",
            "-m",
            MEMORY_MB,
            "-nographic",
            "-nodefaults",
            "-serial",
            "stdio",
            "-no-reboot",
        ]);
        qemu.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(&image);
        qemu.args(["-append", "console=ttyS0 quiet panic=-1 loglevel=3"]).stdin(Stdio::null());
        let output = qemu.output().context("cannot start QEMU")?;
        read_report(&String::from_utf8_lossy(&output.stdout), &String::from_utf8_lossy(&output.stderr))
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn put(&self, place: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.root().join(place);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let path = self.root().join(to);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::copy(from, &path).with_context(|| format!("cannot copy {}", from.display()))?;
        Ok(())
    }

    /// Has modules find each other by name.
    fn finish_modules(&self) -> Result<()> {
        let folder = Path::new("lib/modules").join(&self.release);
        if !self.root().join(&folder).exists() {
            return Ok(());
        }
        for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
            self.copy(&Path::new("/").join(&folder).join(list), &folder.join(list))?;
        }
        run(host("depmod").arg("--basedir").arg(self.root()).arg(&self.release)).map(|_| ())
    }
}

/// The newest of Debian's kernels on this machine, and its release.
fn find_kernel() -> Result<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/boot").context("cannot look for a kernel")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let release = name.strip_prefix("vmlinuz-").map(str::to_owned);
        found.extend(release.filter(|release| Path::new("/lib/modules").join(release).is_dir()));
    }
    found.sort();
    let release = found.pop().context("no kernel: the Debian package linux-image-amd64 brings one")?;
    Ok((Path::new("/boot").join(format!("vmlinuz-{release}")), release))
}

fn find_program(name: &str) -> Result<PathBuf> {
    let mut places = PROGRAM_FOLDERS.iter().map(|folder| Path::new(folder).join(name));
    places
        .find(|place| place.is_file())
        .with_context(|| format!("{name} is not installed: `./dev test` does it"))
}

#[expect(clippy::disallowed_methods, reason = "a test's machine is a program of the host's")]
fn host(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", PROGRAM_FOLDERS.join(":"));
    command
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {stderr}");
    Ok(String::from_utf8(output.stdout)?)
}

fn read_report(printed: &str, said_by_qemu: &str) -> Result<Report> {
    let (mut files, mut log, mut status) = (BTreeMap::new(), String::new(), None);
    for line in printed.lines().map(|line| line.trim_end_matches('\r')) {
        if let Some((name, text)) = line.strip_prefix(FILE).and_then(|rest| rest.split_once(' ')) {
            files.insert(name.to_owned(), STANDARD.decode(text)?);
        } else if let Some(number) = line.strip_prefix(END) {
            status = Some(number.parse()?);
        } else {
            log += line;
            log.push('\n');
        }
    }
    match status {
        Some(status) => Ok(Report { log, status, files }),
        None => bail!("the machine ended before its script did:\n{log}\n{said_by_qemu}"),
    }
}
