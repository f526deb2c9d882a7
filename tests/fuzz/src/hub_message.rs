//! What box and hub read of each other, the state of a box among it, and the code that people type.

use replication::{
    AuthorityHash, Begin, Begun, BoxExchange, CodeNumber, CommunePolicy, Encoded, Enrolled, EnrolmentCode,
    Growth, Health, HubExchange, Kept, LogState, Proof, Proved, Refusal, School, SchoolRequests, SchoolSheet,
    Signed, Snapshot, SnapshotState, Tide, WebRequest, WebState, read_json,
};
use serde::{Deserialize, Serialize};

/// Reads each line of `data` as every message: what is read comes back the same. As a code: it is spelled one way. As a message of the
/// exchange: it may be none.
///
/// # Panics
/// When one of these does not hold.
pub fn run(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        check::<Begin>(line);
        check::<Begun>(line);
        check::<Proof>(line);
        check::<Proved>(line);
        check::<Enrolled>(line);
        check::<School>(line);
        check::<LogState>(line);
        check::<Growth>(line);
        check::<Signed>(line);
        check::<Kept>(line);
        check::<Health>(line);
        check::<Refusal>(line);
        check::<SnapshotState>(line);
        check::<SchoolRequests>(line);
        check::<Tide>(line);
        check::<WebState>(line);
        check::<WebRequest>(line);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(code) = text.parse::<EnrolmentCode>() {
            assert_eq!(code.to_string().parse().as_ref(), Ok(&code));
        }
        if let Some(policy) = CommunePolicy::read(text) {
            assert_eq!(CommunePolicy::read(&policy.write()), Some(policy));
        }
        if let Some(sheet) = SchoolSheet::read(text) {
            assert_eq!(SchoolSheet::read(&sheet.write()), Some(sheet));
        }
        if let Ok(number) = text.parse::<CodeNumber>() {
            assert_eq!(number.as_str().parse().as_ref(), Ok(&number));
        }
        if let Some(bytes) = Encoded::parse(text) {
            assert_eq!(bytes.to_string(), text);
        }
    }
    if let Ok(snapshot) = Snapshot::read(data) {
        let written = snapshot.write().unwrap_or_default();
        assert!(Snapshot::read(&written).is_ok_and(|read| read == snapshot));
    }
    let Some(code) = EnrolmentCode::from_chance(&[7; 64]) else { return };
    let authority = AuthorityHash::of(b"authority");
    let _either = BoxExchange::start(&code, authority).0.finish(data).is_ok()
        || HubExchange::start(&code, authority).0.finish(data).is_ok();
}

fn check<T: Serialize + for<'t> Deserialize<'t> + PartialEq + std::fmt::Debug>(line: &[u8]) {
    let Some(read) = read_json::<T>(line) else { return };
    let written = serde_json::to_vec(&read).unwrap_or_default();
    assert_eq!(read_json::<T>(&written), Some(read));
}
