//! What a compilation has to say.

use crate::line::LineError;

/// Something that happens while a list is read.
#[derive(Debug)]
pub enum Event<'a> {
    /// A file has been read to its end.
    Read {
        /// Its place in the list: `adult/domains`.
        path: &'a str,
        /// Lines that are taken.
        accepted: u64,
        /// Lines that are not.
        rejected: u64,
    },
    /// A line is left out.
    Rejected {
        /// The file's place in the list.
        path: &'a str,
        /// The line's number, from 1 on.
        line: u64,
        /// What is wrong with it.
        reason: LineError,
        /// Its beginning, fit to be printed.
        excerpt: String,
    },
    /// Something that is no line is left out.
    Odd {
        /// Its place in the list.
        path: &'a str,
        /// What is wrong with it.
        oddity: Oddity,
    },
}

/// Why something that is not a line is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Oddity {
    /// A folder whose name no category can have.
    #[error("the folder's name cannot be a category: letters, digits, '-' and '_' only")]
    Category,
    /// A symbolic link to something that is no category of this list.
    #[error("the alias points to no category of this list")]
    DanglingAlias,
    /// Symbolic links that point at each other.
    #[error("the alias points to itself")]
    CircularAlias,
    /// A symbolic link with the name of a category.
    #[error("there is a category of the same name as the alias")]
    HiddenAlias,
    /// A list file that is a link or a device.
    #[error("neither a regular file nor a folder")]
    Kind,
}

/// What went into an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Different names.
    pub domains: usize,
    /// Different IPv4 addresses.
    pub addresses: usize,
    /// Different URLs.
    pub urls: usize,
    /// Lines that difference files took out again.
    pub removed: u64,
    /// Lines that were left out.
    pub rejected: u64,
    /// Categories.
    pub categories: usize,
    /// Other names of categories.
    pub aliases: usize,
    /// Regular expressions of the list, none of which is applied: they are about whole URLs, which a box that
    /// does not decrypt cannot see.
    pub expressions: u64,
    /// Length of the index.
    pub bytes: usize,
}
