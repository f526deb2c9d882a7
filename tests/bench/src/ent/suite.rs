//! Ranges and herds: what must hold of a cache whatever the ENT's server does, byte by byte.
//!
//! One description of the cases; the tests run them against the box, and the benchmark against its peers as well. A case has a
//! path of its own, so that none meets what another left.

mod herds;
mod ranges;
mod troubles;

use anyhow::{Context, Result, ensure};

use super::client::{Answer, Client};
use super::contender::Contender;
use super::origin::{Origin, Then};
use super::stage::Object;

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// What must hold.
    pub what: &'static str,
    run: fn(&Ground<'_>) -> Result<()>,
}

/// Where a case takes place.
pub struct Ground<'g> {
    client: &'g Client,
    origin: &'g Origin,
    path: String,
}

/// All of them.
#[must_use]
pub fn cases() -> Vec<Case> {
    [ranges::CASES, herds::CASES, troubles::CASES].concat()
}

impl Case {
    /// Plays it with a cache.
    ///
    /// # Errors
    /// What does not hold.
    pub fn play(&self, contender: &Contender) -> Result<()> {
        contender.visit(|client| {
            let path = format!("/suite/{}", self.name);
            (self.run)(&Ground { client, origin: &contender.origin, path })
        })
    }
}

impl Ground<'_> {
    /// Has the server be a good one from now on.
    fn offer(&self, object: &Object) {
        let object = object.clone();
        self.origin
            .script(&self.path, move |question, wire| object.answer(question, wire).map(|()| Then::GoOn));
    }

    fn get(&self, fields: &[(&str, &str)]) -> Result<Answer> {
        self.client.get(&self.path, fields)
    }

    fn range(&self, range: &str) -> Result<Answer> {
        self.get(&[("Range", range)])
    }

    /// Bytes of bodies that the server has sent for this path.
    fn sent(&self) -> u64 {
        self.origin.tally(&self.path).bytes
    }
}

/// The whole of it, as 200.
fn expect_whole(answer: &Answer, object: &Object) -> Result<()> {
    ensure!(answer.status == 200, "{} in place of 200", answer.status);
    ensure!(answer.is_whole, "cut after {} bytes", answer.body.len());
    expect_bytes(&answer.body, &object.bytes)
}

/// This part of it, as 206 with the right `Content-Range`.
fn expect_part(answer: &Answer, object: &Object, start: usize, end: usize) -> Result<()> {
    ensure!(answer.status == 206, "{} in place of 206", answer.status);
    let range = format!("bytes {start}-{}/{}", end - 1, object.bytes.len());
    let said = answer.field("content-range").unwrap_or_default();
    ensure!(said == range, "`{said}` in place of `{range}`");
    ensure!(answer.is_whole, "cut after {} bytes", answer.body.len());
    expect_bytes(&answer.body, object.bytes.get(start..end).unwrap_or_default())
}

/// A range that need not be heeded (RFC 9110 section 14.2): the part, or the whole.
fn expect_part_or_whole(answer: &Answer, object: &Object, start: usize, end: usize) -> Result<()> {
    match answer.status {
        200 => expect_whole(answer, object),
        _ => expect_part(answer, object, start, end),
    }
}

fn expect_bytes(found: &[u8], expected: &[u8]) -> Result<()> {
    ensure!(found.len() == expected.len(), "{} bytes in place of {}", found.len(), expected.len());
    let first = found.iter().zip(expected).position(|(found, expected)| found != expected);
    ensure!(first.is_none(), "another byte at {}", first.unwrap_or_default());
    Ok(())
}

/// What came is the beginning of one of these, and what claims to be whole is.
fn expect_one_of(answer: &Answer, objects: &[&Object]) -> Result<()> {
    if answer.status >= 500 {
        return Ok(());
    }
    ensure!(answer.status == 200, "{} in place of 200", answer.status);
    let fits = |object: &&&Object| object.bytes.starts_with(&answer.body);
    let object = objects.iter().find(fits).context("bytes of two versions")?;
    ensure!(
        !answer.is_whole || answer.body.len() == object.bytes.len(),
        "{} of {} bytes, as if they were all",
        answer.body.len(),
        object.bytes.len()
    );
    Ok(())
}
