//! DNS packets from the school's network.

use wire::dns::{ExtendedError, Objection, Query, RecordType, Records, Reply, ResponseCode, write_objection};

/// The most that the box sends over UDP.
const UDP_BYTES_MAX: u16 = 1232;

/// Reads any bytes as a query and writes the replies that it could get: none breaks its limit, and each
/// repeats the question as the client wrote it. Then reads the bytes as a message of an upstream.
///
/// # Panics
/// When a reply breaks these rules.
pub fn run(data: &[u8]) {
    let mut bytes = Vec::new();
    match Query::read(data) {
        Ok(query) => {
            let limit = query.udp_bytes_max(UDP_BYTES_MAX);
            let error = ExtendedError::plain(ExtendedError::BLOCKED, "catégorie gambling");
            Reply::to(&query, &mut bytes).answer(RecordType::A, 5, &[192, 0, 2, 1]).finish(
                ResponseCode::NoError,
                limit,
                Some(error),
            );
            assert!(bytes.len() <= usize::from(limit), "longer than the client takes");
            let name = query.question.name.as_bytes();
            assert_eq!(bytes.get(12..12 + name.len()), Some(name), "another question than the client's");
            if let Ok(domain) = query.question.name.to_domain() {
                assert_eq!(domain.as_str().len() + 2, name.len(), "another name than the client's");
            }
        }
        Err(Objection::Answer { header, question, code }) => {
            write_objection(header, question, code, &mut bytes);
            assert!(bytes.len() <= data.len(), "a reply to nonsense amplifies it");
        }
        Err(Objection::Silence) => {}
    }
    if let Ok(records) = Records::cut(data, ResponseCode::NoError) {
        assert!(records.bytes.len() <= 2 * data.len(), "records grew");
    }
}
