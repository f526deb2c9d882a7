//! The reading of sealed tables. The box reads none whose hash is not in its log; whoever searches a copy may be given
//! anything, and a seal that whoever wrote it has made himself.

use std::ops::ControlFlow;

use archive::{Filter, Form, Hash, Seal, SealedFile, Table, Tail};
use journal::{Query, Tally};
use model::Host;

/// With what a chart begins.
const CHART: &[u8] = b"PREAU CHART 1\n";

/// Reads `data` as a table that is in memory as a whole, and, where it has a chart, as a sealed file of which a search reads that
/// first: all of it, what is late in it, and what a filter finds.
pub fn run(data: &[u8]) {
    if let Ok(table) = Table::open(data.to_vec()) {
        read(&table);
        // What is said of its end is no fault either.
        let (_, _) = (table.tail(Form::Plain, data), table.tail(Form::Encrypted, data));
    }
    if let Some(Ok(Some(table))) = seal(data).map(|seal| Table::open_sealed(&seal, data.to_vec(), &[])) {
        read(&table);
    }
}

fn read(table: &Table) {
    let host = Host::parse("example").ok();
    for query in [Query::default(), Query { host, ..Query::default() }] {
        // What is damaged is an error, and no fault.
        table.search(&Filter::from(&query), |_| ControlFlow::Continue(())).ok();
    }
    table.read_late(|_| {}).ok();
    table.read_clock_ties(|_| {}).ok();
}

/// The seal of these bytes, with the last chart in them as the beginning of what a search reads first.
fn seal(data: &[u8]) -> Option<Seal> {
    let at = data.windows(CHART.len()).rposition(|window| window == CHART)?;
    let end = data.get(at..)?;
    let bytes = u64::try_from(data.len()).ok()?;
    let file = SealedFile { form: Form::Plain, bytes, hash: Hash::of(data), rows: 0 };
    let tail =
        Tail { at: u64::try_from(at).ok()?, bytes: u64::try_from(end.len()).ok()?, hash: Hash::of(end) };
    let seal = Seal::new(&Tally::default(), 0, (1, 1), "2026-11-23".to_owned(), file);
    Some(Seal { tail: Some(tail), ..seal })
}
