//! What an HTTP cache may keep, for whom, for how long, and which bytes of it: RFC 9111 as a shared cache, with RFC 9110's
//! conditions and ranges, and RFC 5861, 8246, 9211 and 9213.
//!
//! Strict: nothing has a lifetime that does not say so, what is said twice or wrongly is stale, and what answers one
//! person is never another's unless it says so itself. Decisions are values; whoever has the disk and the line carries
//! them out.
//!
//! Invariant: no file, no clock, no socket. Heads come in as fields, bodies as spans of bytes, the time as an argument.

mod directives;
mod eviction;
mod family;
mod fields;
mod file;
mod invalidation;
mod key;
mod ledger;
mod line;
mod lookup;
mod plan;
mod range;
mod record;
mod sealing;
mod servers;
mod span;
mod status;
mod storability;
mod stored;
mod terms;
mod validator;

pub use eviction::Shelf;
pub use family::{Family, FileName, OFFLINE_DAYS_MAX, PATTERNS_MAX, PathPattern, PatternError};
pub use file::{is_authorised, judge_file};
pub use invalidation::{invalidated, is_safe, is_same_as_head};
pub use key::{BROWSER_CODINGS, Key, POSTER, Vary, languages_by_weight};
pub use ledger::{GRANTS_MAX, Grant, LEDGER_BYTES_MAX, Ledger, LedgerDamage, SessionKeys};
pub use line::{Line, PROBE_WAIT, SILENCE};
pub use lookup::{Cause, Failure, Lookup, is_for, look_up, may_serve_prepared, may_serve_stale};
pub use plan::{NEAR_BYTES, STREAMS_MAX, Situation, Step, Stream};
pub use range::{ContentRange, Multipart, RangeSet, Resolved, content_length, range_field};
pub use record::{
    BLOCK_BYTES, Damage, Kept, VARIANTS_MAX, block_place, check_block, read_record, seal_block, write_record,
};
pub use sealing::{FileKey, KEY_BYTES, Sealing};
pub use servers::{ADDRESSES_MAX, Reached, SERVERS_BYTES_MAX, SERVERS_MAX, Servers, ServersDamage};
pub use span::{Span, SpanMap};
pub use status::CacheStatus;
pub use storability::{
    Exchange, Unstorable, is_of_person, is_personal, judge, judge_posted, wants_nothing_kept,
};
pub use stored::{Audience, Newer, Stored, Validity, keepable};
pub use terms::{TARGETS, Terms};
pub use validator::{Validator, is_known_to_client, is_range_wanted};

#[cfg(test)]
mod laws;
