//! The reading of sealed tables. The box reads none whose hash is not in its log; whoever searches a copy may be given
//! anything.

use std::ops::ControlFlow;

use archive::{Filter, Form, Table};
use journal::Query;
use model::Host;

/// Reads `data` as a table: all of it, what is late in it, and what a filter finds.
pub fn run(data: &[u8]) {
    let Ok(table) = Table::open(data.to_vec()) else { return };
    let host = Host::parse("example").ok();
    for query in [Query::default(), Query { host, ..Query::default() }] {
        // What is damaged is an error, and no fault.
        table.search(&Filter::from(&query), |_| ControlFlow::Continue(())).ok();
    }
    // Nor is what is said of its end.
    let (_, _) = (table.tail(Form::Plain, data), table.tail(Form::Encrypted, data));
    table.read_late(|_| {}).ok();
}
