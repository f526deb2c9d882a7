//! What either side takes of the other: whoever breaks in on one side cannot fill the memory or the disk of the other.

/// Most bytes of a message: the longest has a proof of 64 hashes, or the names of a school's rooms.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Most bytes of the commune's policy with its signature: a hundred rules with long reasons. As JSON in a message it grows a little.
pub const POLICY_BYTES_MAX: usize = 56 << 10;
/// Most bytes of an answer that lists what the hub keeps of a box: [`FILES_MAX`] hashes.
pub const LIST_BYTES_MAX: usize = 1 << 20;
/// Most bytes that go in one request: what a cut line costs at most, and what the hub holds in memory for a box.
pub const PIECE_BYTES_MAX: u64 = 1 << 20;
/// Most bytes of a file: what the box itself takes for a sealed one.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Most files that a hub keeps of a box: a year has 365 days, and a day some parts.
pub const FILES_MAX: usize = 4_096;
/// Most hashes of a proof that the log grew: twice the height of a tree of 2^63 leaves.
pub const PROOF_HASHES_MAX: usize = 128;
/// Most letters of a name of a school or a room.
pub const NAME_LENGTH_MAX: usize = 200;
/// Most categories of a list, as lists themselves have it.
pub const CATEGORIES_MAX: usize = 128;
/// Most rooms of a school.
pub const ROOMS_MAX: usize = 200;
/// Most bytes of a snapshot of a box's state, packed and encrypted: a large school's has a few hundred kilobytes.
pub const SNAPSHOT_BYTES_MAX: u64 = 32 << 20;
/// Most bytes of what the commune says to a school, with its signature: a hundred rules and answers, two hundred places.
pub const SHEET_BYTES_MAX: usize = 256 << 10;
/// Most requests of a school that the commune has not answered: whoever has more to say telephones.
pub const REQUESTS_MAX: usize = 50;
/// How long a hub lets a box wait for something new, in milliseconds: below the patience of most that stands between them.
pub const WAIT_MS: u64 = 50_000;
/// Most names of a school's that the commune owns: the box's pages, the workspace (ENT), and room for some.
pub const WEB_NAMES_MAX: usize = 10;
/// Most bytes of a request for a certificate: ten long names, a key and a signature.
pub const CERTIFICATE_REQUEST_BYTES_MAX: usize = 4 << 10;
/// Most releases that a box tells of as failed: the last ones.
pub const RELEASES_FAILED_MAX: usize = 5;
/// Most letters of why one failed: some lines of the system's log.
pub const REASON_LENGTH_MAX: usize = 500;
/// Most bytes of what the commune decides of a box's configuration: that of a large school has some six thousand.
pub const CONFIGURATION_BYTES_MAX: usize = 32 << 10;
