//! Files from the commune that the box has for pupils, whether the line is up or down.

use model::LibraryFile;

/// Below which files lie on the box's own pages.
pub(crate) const LIBRARY_PATH: &str = "/ressources/";

/// Where a file is, on the box: by its sum; what it is called stands behind that, for whoever saves it.
#[must_use]
pub fn library_path(file: &LibraryFile) -> String {
    // In a path, a plus is a plus.
    let name: String = form_urlencoded::byte_serialize(file.name.as_str().as_bytes()).collect();
    format!("{LIBRARY_PATH}{}/{}", file.sha256, name.replace('+', "%20"))
}

/// The sum that a path asks for; `None` where it asks for no file.
pub(crate) fn sum_of(path: &str) -> Option<&str> {
    let (sum, _) = path.strip_prefix(LIBRARY_PATH)?.split_once('/')?;
    model::is_sum(sum).then_some(sum)
}

/// A file that shall be here, and how many of its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryLine {
    /// The file.
    pub file: LibraryFile,
    /// How many bytes of it are here; all of them once it may be opened.
    pub here: u64,
    /// Whether the disk has no room for the rest.
    pub has_no_room: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    #[test]
    fn a_file_is_found_by_its_sum_whatever_it_is_called() {
        let file = samples::library_file("été & 1+1.pdf");
        let path = library_path(&file);
        assert_eq!(path, format!("/ressources/{}/%C3%A9t%C3%A9%20%26%201%2B1.pdf", "ab".repeat(32)));
        assert_eq!(sum_of(&path), Some(file.sha256.as_str()));
        for none in ["/ressources/", "/ressources/../x/y", "/ressources/AB/x", &file.sha256, "/"] {
            assert_eq!(sum_of(none), None, "{none}");
        }
    }
}
