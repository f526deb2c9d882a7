//! The gate as its clients and the servers see it: real sockets on loopback, a real desk, a journal in memory.

mod connect;
mod crowd;
mod framing;
mod front;
mod http;
mod raw;
mod school;
mod tls;
mod workspace;
