//! Files that are files. A copy of a box that somebody hands over may have anything under a name: a pipe would keep its reader waiting for
//! ever, a link would lead out of the folder.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Neither follows a link nor waits for the other end of a pipe (open(2)).
pub(crate) const FLAGS: libc::c_int = libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// Opens a file for reading.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] where it is something else; else the system's error.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(FLAGS).open(path)?;
    check(&file)?;
    Ok(file)
}

/// Refuses what is no file.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`].
pub(crate) fn check(file: &File) -> io::Result<()> {
    let message = "it is no file: a folder, a pipe or a device has its name";
    if file.metadata()?.is_file() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, message)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        symlink(path("file"), path("link")).unwrap();
        symlink("/dev/zero", path("zeros")).unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        assert!(open(&path("file")).is_ok());
        for name in ["pipe", "link", "zeros", "folder"] {
            assert_ne!(open(&path(name)).unwrap_err().kind(), io::ErrorKind::NotFound, "{name}");
        }
        assert_eq!(open(&path("nothing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
