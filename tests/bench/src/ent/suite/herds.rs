//! Many at once, of which some are slow, late, in a hurry or gone.

use std::io::Read as _;
use std::thread;

use anyhow::{Context, Result, ensure};

use super::{Case, Ground, expect_bytes, expect_part, expect_whole};
use crate::ent::client::Answer;
use crate::ent::stage::Object;

/// Longer than what buffers on the way hold of it.
const LENGTH: usize = 12_000_003;
/// Bytes a second of a line that is slow enough to come late.
const SLOW: f64 = 4e6;
/// Clients of a herd.
const HERD: usize = 50;
/// Beyond each byte once: what was on its way when a transfer ended where another had begun, a sixteenth.
const SLACK_PART: u64 = 16;
/// The same of many transfers, each of which ends so: an eighth. What the parts of a mixed herd have of it is twice as much.
const MIXED_SLACK_PART: u64 = 8;
/// Bytes of a part that somebody of a mixed herd wants.
const PART: usize = 200_000;

pub(super) const CASES: &[Case] = &[
    Case { name: "herd", what: "50 whole: each byte comes once", run: herd },
    Case {
        name: "mixed-herd",
        what: "50 whole, from the start and parts: each byte comes once",
        run: mixed_herd,
    },
    Case { name: "late-joiner", what: "who comes late is served at once", run: late_joiner },
    Case { name: "range-joins", what: "a part of what is on its way", run: range_joins },
    Case { name: "jump", what: "the end of what has just begun, long before the rest", run: jump },
    Case { name: "slow-leader", what: "a first one who does not read holds nobody up", run: slow_leader },
    Case { name: "leader-leaves", what: "a first one who leaves takes nothing along", run: leader_leaves },
];

fn expect_once(ground: &Ground<'_>) -> Result<()> {
    expect_once_but(ground, SLACK_PART)
}

/// The same, with so large a part of it beyond.
fn expect_once_but(ground: &Ground<'_>, slack_part: u64) -> Result<()> {
    let length = u64::try_from(LENGTH)?;
    let sent = ground.sent();
    ensure!(sent <= length + length / slack_part, "{sent} bytes came of {length}");
    Ok(())
}

/// No more than so many of it had come: whoever was served by then has not waited for the rest. The server has its pace by the clock, and a machine
/// that is busy is late with what it sends as with what it serves.
fn expect_at_most(sent: u64, bytes: usize) -> Result<()> {
    ensure!(sent < u64::try_from(bytes)?, "it waited until {sent} bytes of {LENGTH} had come");
    Ok(())
}

fn herd(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1).at(SLOW);
    ground.offer(&object);
    let answers = at_once(HERD, |_| ground.get(&[]))?;
    answers.iter().try_for_each(|answer| expect_whole(answer, &object))?;
    expect_once(ground)
}

fn mixed_herd(ground: &Ground<'_>) -> Result<()> {
    // Several transfers at once: slow enough for a busy machine to take all that comes as it comes.
    let object = Object::new(LENGTH, 1).at(SLOW / 8.0);
    ground.offer(&object);
    let span = |number: usize| (number * PART, number * PART + PART);
    let answers = at_once(HERD, |number| match number % 3 {
        0 => ground.get(&[]),
        1 => ground.range("bytes=0-"),
        _ => {
            let (start, end) = span(number);
            ground.range(&format!("bytes={start}-{}", end - 1))
        }
    })?;
    for (number, answer) in answers.iter().enumerate() {
        match number % 3 {
            0 => expect_whole(answer, &object)?,
            1 => expect_part(answer, &object, 0, LENGTH)?,
            _ => expect_part(answer, &object, span(number).0, span(number).1)?,
        }
    }
    expect_once_but(ground, MIXED_SLACK_PART)
}

fn late_joiner(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1).at(SLOW / 2.0);
    ground.offer(&object);
    let sent = while_one_reads(ground, &object, LENGTH / 3, || {
        let late = ground.client.begin("GET", &ground.path, &[])?;
        let sent = ground.sent();
        expect_whole(&late.finish()?, &object)?;
        Ok(sent)
    })?;
    // Whoever waits for all of it has its head when all has come.
    expect_at_most(sent, LENGTH - LENGTH / 10)?;
    expect_once(ground)
}

fn range_joins(ground: &Ground<'_>) -> Result<()> {
    // Some transfers, as above.
    let object = Object::new(LENGTH, 1).at(SLOW / 4.0);
    ground.offer(&object);
    while_one_reads(ground, &object, 1, || {
        for (start, end) in [(500_000, 500_100), (1, 5), (6_000_000, 6_100_000)] {
            expect_part(&ground.range(&format!("bytes={start}-{}", end - 1))?, &object, start, end)?;
        }
        Ok(())
    })?;
    expect_once(ground)
}

fn jump(ground: &Ground<'_>) -> Result<()> {
    // All of it takes twelve seconds: whoever waits for its turn waits nearly so long.
    let object = Object::new(LENGTH, 1).at(1e6);
    ground.offer(&object);
    let sent = while_one_reads(ground, &object, 1, || {
        let answer = ground.range("bytes=-1000")?;
        let sent = ground.sent();
        expect_part(&answer, &object, LENGTH - 1_000, LENGTH)?;
        Ok(sent)
    })?;
    expect_at_most(sent, LENGTH / 2)
}

fn slow_leader(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH * 2, 1);
    ground.offer(&object);
    let mut slow = ground.client.begin("GET", &ground.path, &[])?;
    slow.read_some(1)?;
    // It holds its connection, and does not read on.
    let answer = ground.get(&[])?;
    expect_whole(&answer, &object)?;
    drop(slow);
    Ok(())
}

fn leader_leaves(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1).at(SLOW);
    ground.offer(&object);
    let mut first = ground.client.begin("GET", &ground.path, &[])?;
    first.read_some(1)?;
    let mut second = ground.client.begin("GET", &ground.path, &[])?;
    let mut whole = second.read_some(1)?;
    drop(first);
    second.read_to_end(&mut whole).context("the second one broke off")?;
    expect_bytes(&whole, &object.bytes)?;
    expect_once(ground)
}

/// Does something once a first client has so many bytes; it reads on meanwhile, and has to get all of it.
fn while_one_reads<T>(
    ground: &Ground<'_>,
    object: &Object,
    bytes: usize,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let mut first = ground.client.begin("GET", &ground.path, &[])?;
    let mut whole = first.read_some(bytes)?;
    thread::scope(|scope| {
        let reading = scope.spawn(move || first.read_to_end(&mut whole).map(|_| whole));
        let outcome = work();
        let whole = reading.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        expect_bytes(&whole.context("the first one broke off")?, &object.bytes)?;
        outcome
    })
}

fn at_once(count: usize, ask: impl Fn(usize) -> Result<Answer> + Sync) -> Result<Vec<Answer>> {
    let ask = &ask;
    thread::scope(|scope| {
        let asking: Vec<_> = (0..count).map(|number| scope.spawn(move || ask(number))).collect();
        let join = |asked: thread::ScopedJoinHandle<'_, Result<Answer>>| {
            asked.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?
        };
        asking.into_iter().map(join).collect()
    })
}
