//! Files that follow from the configuration or the state, for programs beside the box.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::Builder;

/// They are read by programs that run as others.
const MODE: u32 = 0o644;
/// Some are read by the box's own user alone.
const PRIVATE_MODE: u32 = 0o600;

/// Makes `path` have this text: in one step, so that nobody reads half of it, and only where it has another, so that nobody
/// is told of a change that is none. Whether it was written.
///
/// It is not made durable: after a power cut it is written anew.
///
/// # Errors
/// The system's error; what stood before still stands.
pub fn write_derived(path: &Path, text: &str) -> io::Result<bool> {
    write(path, text, MODE)
}

/// The same for a file that is nobody else's to read.
///
/// # Errors
/// The system's error; what stood before still stands.
pub fn write_private(path: &Path, text: &str) -> io::Result<bool> {
    write(path, text, PRIVATE_MODE)
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<bool> {
    if fs::read(path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(false);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file =
        Builder::new().prefix(".preau-").permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    // The mask of the process may have taken some of it away.
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.persist(path)?;
    Ok(true)
}

/// Has nothing at `path`.
///
/// # Errors
/// The system's error.
pub fn remove_derived(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_file_is_written_when_its_text_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dhcp-hosts");
        assert!(write_derived(&path, "one\n").unwrap());
        let first = fs::metadata(&path).unwrap();
        assert_eq!(first.permissions().mode() & 0o777, MODE);
        assert!(!write_derived(&path, "one\n").unwrap());
        assert_eq!(fs::metadata(&path).unwrap().ino(), first.ino());
        assert!(write_derived(&path, "").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        remove_derived(&path).unwrap();
        remove_derived(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_private_file_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        for text in ["[]", "[1]"] {
            assert!(write_private(&path, text).unwrap());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE_MODE);
        }
        assert!(!write_private(&path, "[1]").unwrap());
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_derived(&folder.path().join("absent/file"), "").is_err());
    }
}
