//! Kernel pipes that bytes are spliced through.
//!
//! Invariant: a pipe in the pool is empty. One that still holds bytes is closed, never returned: they are
//! somebody's.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe2;

/// Bytes of a pipe. 64 pages move a large file at three quarters of the kernel's own forwarding rate; twice as
/// much brings nothing more.
pub(crate) const PIPE_BYTES: usize = 256 * 1024;
/// The same, as fcntl wants it.
const PIPE_BYTES_FCNTL: i32 = 256 * 1024;

/// Both ends of a pipe.
#[derive(Debug)]
pub(crate) struct Pipe {
    outlet: OwnedFd,
    inlet: OwnedFd,
}

impl Pipe {
    fn open() -> io::Result<Self> {
        let (outlet, inlet) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        // Beyond its share of pipe memory an unprivileged process keeps the small pipe it got: slower, not wrong.
        let _ = fcntl(&inlet, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES_FCNTL));
        Ok(Self { outlet, inlet })
    }

    /// Moves what `socket` has received into the pipe, as far as it fits: 0 at the end of the stream.
    pub(crate) fn fill(&self, socket: impl AsFd) -> io::Result<usize> {
        splice_once(socket, &self.inlet, PIPE_BYTES)
    }

    /// Moves up to `bytes` of the pipe to `socket`, as far as its buffer takes them.
    pub(crate) fn drain(&self, socket: impl AsFd, bytes: usize) -> io::Result<usize> {
        splice_once(&self.outlet, socket, bytes)
    }
}

fn splice_once(from: impl AsFd, to: impl AsFd, bytes: usize) -> io::Result<usize> {
    let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
    loop {
        match splice(from.as_fd(), None, to.as_fd(), None, bytes, flags) {
            Err(Errno::EINTR) => {}
            outcome => return outcome.map_err(io::Error::from),
        }
    }
}

/// Pipes that nobody uses at the moment, and how many there may be.
#[derive(Debug)]
pub(crate) struct Pipes {
    max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<Pipe>,
    lent: usize,
}

impl Pipes {
    /// At most `max` pipes, lent and free ones together.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, state: Mutex::default() }
    }

    /// An empty pipe; `None` when all are lent, or the process has no descriptor left.
    pub(crate) fn lend(&self) -> Option<Lent<'_>> {
        let mut state = self.lock();
        let pipe = match state.free.pop() {
            Some(pipe) => pipe,
            None if state.lent < self.max => Pipe::open().ok()?,
            None => return None,
        };
        state.lent += 1;
        Some(Lent { pipes: self, pipe: Some(pipe), held: 0 })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pipe in use, and how many bytes it holds. It goes back to the pool by itself when it is empty.
#[derive(Debug)]
pub(crate) struct Lent<'a> {
    pipes: &'a Pipes,
    /// There until the pipe is returned.
    pipe: Option<Pipe>,
    held: usize,
}

impl Lent<'_> {
    /// Bytes in the pipe.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Moves what `socket` has received into the pipe: 0 at the end of the stream.
    pub(crate) fn fill(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let moved = self.pipe()?.fill(socket)?;
        self.held = self.held.saturating_add(moved);
        Ok(moved)
    }

    /// Moves what the pipe holds to `socket`, as far as its buffer takes it.
    pub(crate) fn drain(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let moved = self.pipe()?.drain(socket, self.held)?;
        self.held = self.held.saturating_sub(moved);
        Ok(moved)
    }

    fn pipe(&self) -> io::Result<&Pipe> {
        self.pipe.as_ref().ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pipes.lock();
        state.lent = state.lent.saturating_sub(1);
        if let Some(pipe) = self.pipe.take().filter(|_| self.held == 0) {
            state.free.push(pipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    impl Pipes {
        /// How many are free, and how many lent.
        fn count(&self) -> (usize, usize) {
            let state = self.lock();
            (state.free.len(), state.lent)
        }
    }

    #[test]
    fn the_pool_is_bounded_and_reuses_pipes() {
        let pipes = Pipes::new(2);
        let (first, second) = (pipes.lend(), pipes.lend());
        assert!(first.is_some() && second.is_some());
        assert!(pipes.lend().is_none());
        drop((first, second));
        assert_eq!(pipes.count(), (2, 0));
        assert!(pipes.lend().is_some());
        assert_eq!(pipes.count(), (2, 0));
    }

    #[test]
    fn a_pipe_with_bytes_left_never_comes_back() {
        let pipes = Pipes::new(1);
        let (mut writer, reader) = UnixStream::pair().unwrap();
        writer.write_all(b"secret").unwrap();
        let mut lent = pipes.lend().unwrap();
        assert_eq!(lent.fill(&reader).unwrap(), 6);
        drop(lent);
        assert_eq!(pipes.count(), (0, 0));

        let (mut out, target) = UnixStream::pair().unwrap();
        let mut next = pipes.lend().unwrap();
        writer.write_all(b"own").unwrap();
        next.fill(&reader).unwrap();
        assert_eq!(next.drain(&target).unwrap(), 3);
        drop((next, target));
        let mut received = String::new();
        out.read_to_string(&mut received).unwrap();
        assert_eq!(received, "own");
        assert_eq!(pipes.count(), (1, 0));
    }
}
