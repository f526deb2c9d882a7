//! The HTTP doors: every request of a connection is decided on its own.
//!
//! A connection is a [`Session`](session::Session). hyper reads heads and frames bodies, and writes them anew
//! for the server: what two readers could frame in two ways does not get through. Bodies are streamed, and
//! header fields keep their order, their case and their values, but for those that RFC 9110 section 7.6.1 takes
//! away from an intermediary.

mod body;
mod connect;
mod fields;
mod forward;
mod reply;
mod session;
mod tunnel;
mod upstream;

pub(crate) use body::{Metered, discard};
pub(crate) use fields::{
    has_two_lengths, is_plainly_coded, leave_one_question, leave_out_named, prepare_request,
    prepare_response, wants_websocket,
};
pub(crate) use forward::{cause_of, check, status_of};
pub(crate) use reply::{Objection, page_reply};
pub(crate) use session::{FIELDS_MAX, HEAD_BYTES_MAX, accept_language, host_fields, serve};
pub(crate) use upstream::SendError;
