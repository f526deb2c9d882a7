//! The namespaces that hold a lab, apart from the host.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail};

/// What the first process of the namespaces does: it waits for the end of a pipe, which comes with the end of the
/// process that holds the lab, however that ends. Then it ends all others, and removes their files.
const KEEP: &str = r#"echo ready; cat > /dev/null; kill -s KILL -- -1; rm -rf -- "$1""#;

/// The namespaces of one lab. They end, with every process in them, when this value goes, or the process that
/// has it.
#[derive(Debug)]
pub(crate) struct Namespaces {
    keeper: Keeper,
    is_root: bool,
}

impl Namespaces {
    /// Makes the namespaces: as root when root may, in a user namespace otherwise. `directory` goes with them.
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        if nix::unistd::geteuid().is_root()
            && let Ok(namespaces) = Self::make(true, directory)
        {
            return Ok(namespaces);
        }
        Self::make(false, directory).context(
            "cannot make namespaces: this needs root, or a kernel that lets users make user namespaces \
             (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)",
        )
    }

    fn make(is_root: bool, directory: &Path) -> Result<Self> {
        let mut command = program("unshare");
        if !is_root {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.args(["sh", "-c", KEEP, "lab"]).arg(directory);
        let (keeper, _) = Keeper::start(command)?;
        Ok(Self { keeper, is_root })
    }

    /// A command in these namespaces, still to be given its program and arguments.
    pub(crate) fn enter(&self) -> Command {
        let namespaces = format!("/proc/{}/ns", self.keeper.child.id());
        let mut command = program("nsenter");
        if !self.is_root {
            // Credentials stay: who made the namespace is its root, and may not become root once more.
            command.arg(format!("--user={namespaces}/user")).arg("--preserve-credentials");
        }
        // The keeper itself is outside its process-id namespace; its child is inside.
        command.arg(format!("--pid={namespaces}/pid_for_children"));
        command.arg(format!("--mount={namespaces}/mnt")).arg(format!("--net={namespaces}/net"));
        command.arg("--");
        command
    }
}

/// A process that keeps namespaces alive until its input ends.
#[derive(Debug)]
pub(crate) struct Keeper {
    child: Child,
    input: Option<ChildStdin>,
}

impl Keeper {
    /// Starts `command` and waits for the first line that it prints.
    pub(crate) fn start(mut command: Command) -> Result<(Self, String)> {
        let description = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {description}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let input = child.stdin.take();
        if line.is_empty() {
            drop(input);
            let output = child.wait_with_output()?;
            bail!("{description} ended: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok((Self { child, input }, line.trim_end().to_owned()))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.input.take());
        // Waits for the end, so that whoever looks afterwards finds nothing. It cannot fail usefully here.
        let _ended = self.child.wait();
    }
}

/// A program of the host.
pub(crate) fn program(name: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the lab is made of programs")]
    Command::new(name)
}
