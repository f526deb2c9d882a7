//! Collecting a hello over TCP segments and TLS records (RFC 8446 section 5.1).

use super::cursor::Cursor;
use super::{ClientHello, HelloError};

/// Longest handshake message read as a hello. Real ones have 200 to 2,000 bytes, a few thousand with
/// post-quantum key shares and session tickets.
pub const HELLO_BYTES_MAX: usize = 16 * 1024;
/// Longest plaintext record (RFC 8446 section 5.1).
pub const RECORD_BYTES_MAX: usize = 1 << 14;
/// Longest stream read for one hello: a client may cut its hello into small records to hide the name, each
/// with five bytes of header; beyond twice the hello that serves no honest purpose.
pub const STREAM_BYTES_MAX: usize = 2 * HELLO_BYTES_MAX;

const RECORD_HEADER_BYTES: usize = 5;
const HANDSHAKE_HEADER_BYTES: usize = 4;
const HANDSHAKE_RECORD: u8 = 22;
const TLS_MAJOR_VERSION: u8 = 3;
const CLIENT_HELLO: u8 = 1;

/// Reads a hello from a stream that arrives in pieces of any size. Each byte is looked at once.
///
/// ```text
///   header (5 bytes) --complete--> payload (1..=16384 bytes) --used up--> header ...
///                                    '-- the message is complete at the end of a record --> hello
/// ```
#[derive(Debug, Default)]
pub struct HelloReader {
    header: Vec<u8>,
    payload_left: usize,
    message: Vec<u8>,
    seen: usize,
}

impl HelloReader {
    /// Takes the next bytes of the stream: `Ok(None)` while the hello is incomplete.
    ///
    /// Bytes behind the record that completes the hello are ignored: they are the server's business.
    ///
    /// # Errors
    /// [`HelloError`] as soon as the stream cannot become a hello with a name.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<ClientHello>, HelloError> {
        self.seen = self.seen.saturating_add(bytes.len());
        let mut cursor = Cursor::new(bytes);
        while !cursor.is_empty() {
            if self.payload_left == 0 {
                self.take_header(&mut cursor)?;
            } else if let Some(hello) = self.take_payload(&mut cursor)? {
                return Ok(Some(hello));
            }
        }
        if self.seen > STREAM_BYTES_MAX { Err(HelloError::TooLong) } else { Ok(None) }
    }

    fn take_header(&mut self, cursor: &mut Cursor<'_>) -> Result<(), HelloError> {
        let missing = RECORD_HEADER_BYTES.saturating_sub(self.header.len());
        let count = missing.min(cursor.rest().len());
        self.header.extend(cursor.take(count).unwrap_or_default());
        self.payload_left = self.check_header()?.unwrap_or(0);
        if self.payload_left > 0 {
            self.header.clear();
        }
        Ok(())
    }

    /// Judges what there is of a record header, so that the first wrong byte ends the reading: the payload's
    /// length once the header is complete.
    fn check_header(&self) -> Result<Option<usize>, HelloError> {
        let is_first = self.message.is_empty();
        let other = if is_first { HelloError::NotTls } else { HelloError::Malformed("record type") };
        let mut header = Cursor::new(&self.header);
        if header.u8().is_some_and(|kind| kind != HANDSHAKE_RECORD) {
            return Err(other);
        }
        if header.u8().is_some_and(|major| major != TLS_MAJOR_VERSION) {
            return Err(other);
        }
        let _minor = header.u8();
        match header.u16().map(usize::from) {
            None => Ok(None),
            // RFC 8446 section 5.1: no empty handshake fragments.
            Some(0) => Err(HelloError::Malformed("empty record")),
            Some(length) if length > RECORD_BYTES_MAX => Err(HelloError::TooLong),
            Some(length) => Ok(Some(length)),
        }
    }

    fn take_payload(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<ClientHello>, HelloError> {
        let count = self.payload_left.min(cursor.rest().len());
        self.message.extend(cursor.take(count).unwrap_or_default());
        self.payload_left = self.payload_left.saturating_sub(count);
        self.check_message()
    }

    fn check_message(&self) -> Result<Option<ClientHello>, HelloError> {
        let mut message = Cursor::new(&self.message);
        if message.u8().is_some_and(|kind| kind != CLIENT_HELLO) {
            return Err(HelloError::Malformed("not a client hello"));
        }
        let Some(length) = message.u24() else { return Ok(None) };
        if length > HELLO_BYTES_MAX.saturating_sub(HANDSHAKE_HEADER_BYTES) {
            return Err(HelloError::TooLong);
        }
        let length_announced = message.rest().len().saturating_add(self.payload_left);
        // Nothing may share the hello's last record: a second hello there would be read by some servers.
        if length_announced > length {
            return Err(HelloError::Malformed("bytes behind the hello"));
        }
        if message.rest().len() < length {
            return Ok(None);
        }
        ClientHello::parse(message.rest()).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl s_client -servername www.example.org` (OpenSSL 3.0).
    const OPENSSL: &[u8] = include_bytes!("samples/openssl.bin");
    /// The same with what browsers add: GREASE, an ML-KEM key share of 1,216 bytes, GREASE ECH.
    const LARGE: &[u8] = include_bytes!("samples/large.bin");

    fn read(pieces: &[&[u8]]) -> Result<Option<String>, HelloError> {
        let mut reader = HelloReader::default();
        for piece in pieces {
            if let Some(hello) = reader.push(piece)? {
                return Ok(Some(hello.server_name.to_string()));
            }
        }
        Ok(None)
    }

    fn named() -> Result<Option<String>, HelloError> {
        Ok(Some("www.example.org".to_owned()))
    }

    /// The same handshake message in records of at most `size` bytes.
    fn refragment(stream: &[u8], size: usize) -> Vec<u8> {
        stream[RECORD_HEADER_BYTES..]
            .chunks(size)
            .flat_map(|chunk| {
                let length = u16::try_from(chunk.len()).unwrap().to_be_bytes();
                [&[HANDSHAKE_RECORD, 3, 1], &length[..], chunk].concat()
            })
            .collect()
    }

    #[test]
    fn real_hellos_split_anywhere() {
        for sample in [OPENSSL, LARGE] {
            for at in 0..sample.len() {
                let (head, tail) = sample.split_at(at);
                assert_eq!(read(&[head]), Ok(None), "{at}");
                assert_eq!(read(&[head, tail]), named(), "{at}");
            }
            let bytes: Vec<&[u8]> = sample.chunks(1).collect();
            assert_eq!(read(&bytes), named());
        }
    }

    #[test]
    fn real_hellos_over_many_records() {
        for (sample, sizes) in [(OPENSSL, [1, 2, 3, 4, 5, 64, 100]), (LARGE, [1, 3, 4, 5, 7, 500, 1999])] {
            for size in sizes {
                let stream = refragment(sample, size);
                assert_eq!(read(&[&stream]), named(), "{size}");
                let pieces: Vec<&[u8]> = stream.chunks(3).collect();
                assert_eq!(read(&pieces), named(), "{size}");
            }
        }
    }

    #[test]
    fn bytes_behind_the_hello_are_the_servers_business() {
        let stream = [OPENSSL, &[20, 3, 3, 0, 1, 1], b"early data"].concat();
        assert_eq!(read(&[&stream]), named());
    }

    #[test]
    fn other_streams_are_refused_at_their_first_wrong_byte() {
        let check =
            |stream: &[u8], expected: HelloError| assert_eq!(read(&[stream]), Err(expected), "{stream:x?}");
        check(b"G", HelloError::NotTls);
        check(b"SSH-2.0-OpenSSH_9.2", HelloError::NotTls);
        // An SSL 2.0 hello, an SSL 2.0 record's version.
        check(&[0x80, 0x2e, 1, 3, 1], HelloError::NotTls);
        check(&[22, 2], HelloError::NotTls);
        // An alert, and application data, in place of the hello.
        check(&[21, 3, 3, 0, 2, 2, 40], HelloError::NotTls);
        check(&[23, 3, 3, 0, 1, 0], HelloError::NotTls);
        check(&[22, 3, 1, 0, 0], HelloError::Malformed("empty record"));
        check(&[22, 3, 1, 0x40, 1], HelloError::TooLong);
        // A server's hello.
        check(&[22, 3, 3, 0, 90, 2], HelloError::Malformed("not a client hello"));
        // A message of 16 MB.
        check(&[22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff], HelloError::TooLong);
        // Another record type in the middle of the message.
        check(&[22, 3, 1, 0, 1, 1, 21], HelloError::Malformed("record type"));
        check(&[22, 3, 1, 0, 1, 1, 22, 2], HelloError::Malformed("record type"));
        // Two messages in one record.
        check(&[22, 3, 1, 0, 9, 1, 0, 0, 1], HelloError::Malformed("bytes behind the hello"));
    }

    #[test]
    fn endless_small_records_come_to_an_end() {
        let mut reader = HelloReader::default();
        let first = [22, 3, 1, 0, 4, 1, 0, 0x30, 0];
        assert_eq!(reader.push(&first), Ok(None));
        let outcome =
            std::iter::repeat_with(|| reader.push(&[22, 3, 1, 0, 1, 0])).find(|step| step != &Ok(None));
        assert_eq!(outcome, Some(Err(HelloError::TooLong)));
    }

    proptest::proptest! {
        #[test]
        fn splitting_never_changes_the_outcome(
            stream in arbitrary_stream(), cuts in proptest::collection::vec(1_usize..40, 0..40)
        ) {
            let whole = read(&[&stream]);
            let mut pieces = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            proptest::prop_assert_eq!(read(&pieces), whole);
        }
    }

    /// Noise, and real hellos with a few bytes changed.
    fn arbitrary_stream() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
        use proptest::prelude::*;
        let noise = prop::collection::vec(any::<u8>(), 0..300);
        let edits = prop::collection::vec((0..OPENSSL.len(), any::<u8>()), 0..4);
        let mutants = (edits, 1_usize..400).prop_map(|(edits, size)| {
            let mut stream = OPENSSL.to_vec();
            for (at, value) in edits {
                stream[at] = value;
            }
            refragment(&stream, size)
        });
        prop_oneof![1 => noise, 3 => mutants]
    }
}
