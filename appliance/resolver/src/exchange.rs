//! The reply to one question.

use std::net::IpAddr;

use model::DomainName;
use wire::dns::{ExtendedError, Query, RecordType, Reply, ResponseCode, write_name};

use crate::cache::Entry;
use crate::explanation::SUBSTITUTE;
use crate::local::write_addresses;

/// Time to live of everything that the filter says, in seconds: a teacher's unblocking works within it.
const FILTER_TTL_S: u32 = 5;
/// Time to live of the addresses of a service, in seconds: the firewall lets them through for much longer.
const SERVICE_TTL_S: u32 = 30;
/// Time to live of the refusal to list everything (RFC 8482), in seconds.
const ANY_TTL_S: u32 = 3_600;
/// The data of that refusal: CPU "RFC8482", no operating system.
const ANY_DATA: &[u8] = b"\x07RFC8482\0";

/// A query and the room for its reply.
#[derive(Clone, Copy)]
pub(crate) struct Exchange<'q> {
    pub(crate) query: &'q Query<'q>,
    pub(crate) bytes_max: u16,
}

impl Exchange<'_> {
    /// Gives an answer's records, each TTL put through `age`.
    pub(crate) fn give(
        self,
        entry: &Entry,
        age: impl Fn(u32) -> u32,
        error: Option<ExtendedError<'_>>,
        bytes: &mut Vec<u8>,
    ) {
        let records = entry.records();
        Reply::to(self.query, bytes).records(&records, age).finish(records.code, self.bytes_max, error);
    }

    /// Gives the addresses of another name for those of the one that is asked for.
    pub(crate) fn substitute(
        self,
        other: &DomainName,
        entry: &Entry,
        error: Option<ExtendedError<'_>>,
        bytes: &mut Vec<u8>,
    ) {
        let mut name = Vec::new();
        write_name(other, &mut name);
        let addresses: Vec<IpAddr> = entry.addresses().collect();
        let reply = Reply::to(self.query, bytes).alias(FILTER_TTL_S, &name);
        write_addresses(reply, self.kind(), &addresses, self.name_bytes(), FILTER_TTL_S).finish(
            entry.records().code,
            self.bytes_max,
            error,
        );
    }

    /// Gives the box's own addresses: whoever asks is led to a page that tells why.
    pub(crate) fn lead_home(self, addresses: &[IpAddr], error: ExtendedError<'_>, bytes: &mut Vec<u8>) {
        let reply = Reply::to(self.query, bytes);
        write_addresses(reply, self.kind(), addresses, self.name_bytes(), FILTER_TTL_S).finish(
            ResponseCode::NoError,
            self.bytes_max,
            Some(error),
        );
    }

    /// Gives the addresses of a service.
    pub(crate) fn tell(self, addresses: &[IpAddr], bytes: &mut Vec<u8>) {
        let reply = Reply::to(self.query, bytes);
        write_addresses(reply, self.kind(), addresses, self.name_bytes(), SERVICE_TTL_S).finish(
            ResponseCode::NoError,
            self.bytes_max,
            None,
        );
    }

    /// Says for a moment that there is no such record, or no such name.
    pub(crate) fn deny(self, code: ResponseCode, error: Option<ExtendedError<'_>>, bytes: &mut Vec<u8>) {
        let reply = Reply::to(self.query, bytes).start_of_authority(self.name_bytes(), FILTER_TTL_S);
        reply.finish(code, self.bytes_max, error);
    }

    /// What tells that another name's addresses stand for those of the one that is asked for. A program that reads objects
    /// must not be told so (draft-ietf-dnsop-structured-dns-error section 5.2).
    pub(crate) fn forged(self) -> Option<ExtendedError<'static>> {
        (!self.query.wants_structured_errors()).then_some(SUBSTITUTE)
    }

    /// Declines to list all records of a name.
    pub(crate) fn decline_any(self, bytes: &mut Vec<u8>) {
        let reply = Reply::to(self.query, bytes).answer(RecordType::HINFO, ANY_TTL_S, ANY_DATA);
        reply.finish(ResponseCode::NoError, self.bytes_max, None);
    }

    /// Gives no record, only a code.
    pub(crate) fn fail(self, code: ResponseCode, error: Option<ExtendedError<'_>>, bytes: &mut Vec<u8>) {
        Reply::to(self.query, bytes).finish(code, self.bytes_max, error);
    }

    fn kind(self) -> RecordType {
        self.query.question.kind
    }

    fn name_bytes(self) -> usize {
        self.query.question.name.as_bytes().len()
    }
}
