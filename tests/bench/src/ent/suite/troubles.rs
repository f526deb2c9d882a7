//! Servers and lines that fail, and servers that lie.

use anyhow::{Context, Result, ensure};

use super::{Case, Ground, expect_one_of, expect_part_or_whole, expect_whole};
use crate::ent::origin::Then;
use crate::ent::stage::Object;

const LENGTH: usize = 2_000_003;
const HALF: usize = LENGTH / 2;

pub(super) const CASES: &[Case] = &[
    Case { name: "cut", what: "a transfer that is cut half-way is gone on with", run: cut },
    Case { name: "cut-often", what: "one that is cut again and again", run: cut_often },
    Case {
        name: "cut-with-joiners",
        what: "cut while several read: all of them get all of it",
        run: cut_with_joiners,
    },
    Case { name: "black-hole", what: "a line that falls silent half-way", run: black_hole },
    Case {
        name: "changed-mid-way",
        what: "cut, and another version by then: never two in one",
        run: changed_mid_way,
    },
    Case {
        name: "changed-same-length",
        what: "the same, with a server that ignores If-Range",
        run: changed_same_length,
    },
    Case { name: "short-lie", what: "less than its length says is not all", run: short_lie },
    Case { name: "long-lie", what: "more than its length says is not taken", run: long_lie },
    Case { name: "other-range", what: "another range than was asked for is not that one", run: other_range },
    Case { name: "unasked-part", what: "a 206 that nobody asked for is not the whole", run: unasked_part },
    Case { name: "wrong-total", what: "a Content-Range that contradicts the bytes", run: wrong_total },
];

fn cut(ground: &Ground<'_>) -> Result<()> {
    cut_until(ground, 1)?;
    expect_whole(&ground.get(&[])?, &Object::new(LENGTH, 1))
}

fn cut_often(ground: &Ground<'_>) -> Result<()> {
    cut_until(ground, 5)
}

/// Each of the first `times` transfers is cut after a sixth of the whole.
fn cut_until(ground: &Ground<'_>, times: usize) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    let served = object.clone();
    ground.origin.script(&ground.path, move |question, wire| {
        if question.number >= times {
            return served.answer(question, wire).map(|()| Then::GoOn);
        }
        let range = question.field("range").and_then(|range| range.strip_prefix("bytes="));
        let start = range.and_then(|range| range.split('-').next()?.parse().ok()).unwrap_or(0);
        let end = LENGTH.min(start + LENGTH / 6);
        match start {
            0 => served.begin(wire)?,
            _ => wire.head(&format!(
                "206 Partial Content\r\n{}\r\nContent-Range: bytes {start}-{}/{LENGTH}\r\nContent-Length: {}",
                served.fields(),
                LENGTH - 1,
                LENGTH - start
            ))?,
        }
        served.send(wire, start, end)?;
        Ok(Then::Cut)
    });
    expect_whole(&ground.get(&[])?, &object)
}

/// The first transfer breaks off half-way; whoever asks again is given `then`.
fn break_off(ground: &Ground<'_>, first: &Object, then: &Object, how: Then) {
    let (first, then) = (first.clone(), then.clone());
    ground.origin.script(&ground.path, move |question, wire| {
        if question.number > 0 {
            return then.answer(question, wire).map(|()| Then::GoOn);
        }
        first.begin(wire)?;
        first.send(wire, 0, HALF)?;
        Ok(how)
    });
}

fn cut_with_joiners(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1).at(2e6);
    break_off(ground, &object, &object, Then::Cut);
    let mut readers = Vec::new();
    for _ in 0..5 {
        readers.push(ground.client.begin("GET", &ground.path, &[])?);
    }
    for reader in readers {
        expect_whole(&reader.finish()?, &object)?;
    }
    Ok(())
}

fn black_hole(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    break_off(ground, &object, &object, Then::Vanish);
    expect_whole(&ground.get(&[])?, &object)
}

fn changed_mid_way(ground: &Ground<'_>) -> Result<()> {
    let (old, new) = (Object::new(LENGTH, 1), Object::new(LENGTH + 10, 2));
    break_off(ground, &old, &new, Then::Cut);
    // No answer at all is honest, too.
    if let Ok(answer) = ground.get(&[]) {
        expect_one_of(&answer, &[&old, &new])?;
    }
    expect_whole(&ground.get(&[])?, &new)
}

fn changed_same_length(ground: &Ground<'_>) -> Result<()> {
    let (old, new) = (Object::new(LENGTH, 1), Object::new(LENGTH, 2));
    let (first, then) = (old.clone(), new.clone());
    ground.origin.script(&ground.path, move |question, wire| {
        if question.number == 0 {
            first.begin(wire)?;
            first.send(wire, 0, HALF)?;
            return Ok(Then::Cut);
        }
        let start = question.field("range").and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        match start {
            // It sends the part of another version, and its tag says so.
            Some(start) => {
                let size = LENGTH - start;
                wire.head(&format!(
                    "206 Partial Content\r\n{}\r\nContent-Range: bytes {start}-{}/{LENGTH}\r\nContent-Length: {size}",
                    then.fields(),
                    LENGTH - 1
                ))?;
                then.send(wire, start, LENGTH)?;
            }
            None => then.answer(question, wire)?,
        }
        Ok(Then::GoOn)
    });
    // No answer at all is honest, too.
    if let Ok(answer) = ground.get(&[]) {
        expect_one_of(&answer, &[&old, &new])?;
    }
    expect_whole(&ground.get(&[])?, &new)
}

fn short_lie(ground: &Ground<'_>) -> Result<()> {
    // It says more than it has, each time: a tag that nothing can be gone on with under.
    let object = Object::new(LENGTH, 1).without_tag();
    let served = object.clone();
    ground.origin.script(&ground.path, move |_, wire| {
        served.begin(wire)?;
        served.send(wire, 0, HALF)?;
        Ok(Then::Cut)
    });
    let answer = ground.get(&[])?;
    ensure!(!answer.is_whole || answer.status >= 500, "{} bytes, as if they were all", answer.body.len());
    ground.offer(&object);
    expect_whole(&ground.get(&[])?, &object)
}

fn long_lie(ground: &Ground<'_>) -> Result<()> {
    // Another answer, to whoever takes it for one. It comes with the last bytes: what comes after a cache has asked for something else is its
    // answer to everybody, and a busy server would be so late.
    const MORE: &[u8] =
        b"HTTP/1.1 200 OK\r\nCache-Control: public, max-age=600\r\nContent-Length: 4\r\n\r\nevil";
    const WITH_IT: usize = LENGTH - 1_000;
    let object = Object::new(LENGTH, 1);
    let served = object.clone();
    ground.origin.script(&ground.path, move |question, wire| {
        if question.field("range").is_some() {
            served.answer(question, wire)?;
            wire.body(MORE)?;
            return Ok(Then::GoOn);
        }
        served.begin(wire)?;
        served.send(wire, 0, WITH_IT)?;
        wire.body(&[served.bytes.get(WITH_IT..).unwrap_or_default(), MORE].concat())?;
        Ok(Then::GoOn)
    });
    expect_whole(&ground.get(&[])?, &object)?;
    let other = format!("{}/next", ground.path);
    let honest = Object::new(1_000, 2);
    let served = honest.clone();
    ground.origin.script(&other, move |question, wire| served.answer(question, wire).map(|()| Then::GoOn));
    for _ in 0..3 {
        let answer = ground.client.get(&other, &[])?;
        ensure!(answer.body != b"evil", "the end of one answer is taken for the next one");
        expect_whole(&answer, &honest)?;
    }
    Ok(())
}

fn other_range(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    let served = object.clone();
    ground.origin.script(&ground.path, move |question, wire| {
        if question.field("range").is_none() {
            return served.answer(question, wire).map(|()| Then::GoOn);
        }
        let range = format!("Content-Range: bytes 0-999/{LENGTH}");
        wire.head(&format!("206 Partial Content\r\n{}\r\n{range}\r\nContent-Length: 1000", served.fields()))?;
        served.send(wire, 0, 1_000)?;
        Ok(Then::GoOn)
    });
    // Passed on as what it is, or refused; never as what it is not.
    if let Ok(answer) = ground.range("bytes=5000-5999")
        && answer.status == 206
        && answer.field("content-range").is_some_and(|range| range.starts_with("bytes 5000-5999/"))
    {
        expect_part_or_whole(&answer, &object, 5_000, 6_000)?;
    }
    ground.offer(&object);
    expect_whole(&ground.get(&[])?, &object)?;
    expect_part_or_whole(&ground.range("bytes=5000-5999")?, &object, 5_000, 6_000)
}

fn unasked_part(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    let served = object.clone();
    ground.origin.script(&ground.path, move |_, wire| {
        let range = format!("Content-Range: bytes 0-999/{LENGTH}");
        wire.head(&format!("206 Partial Content\r\n{}\r\n{range}\r\nContent-Length: 1000", served.fields()))?;
        served.send(wire, 0, 1_000)?;
        Ok(Then::GoOn)
    });
    if let Ok(answer) = ground.get(&[]) {
        ensure!(answer.status != 200, "a part, as 200");
    }
    ground.offer(&object);
    expect_whole(&ground.get(&[])?, &object).context("afterwards")
}

fn wrong_total(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    let served = object.clone();
    ground.origin.script(&ground.path, move |question, wire| {
        if question.field("range").is_none() {
            return served.answer(question, wire).map(|()| Then::GoOn);
        }
        // A tenth of what there is, and other bytes than it says.
        let range = format!("Content-Range: bytes 1000-1999/{}", LENGTH / 10);
        wire.head(&format!("206 Partial Content\r\n{}\r\n{range}\r\nContent-Length: 500", served.fields()))?;
        served.send(wire, 1_000, 1_500)?;
        Ok(Then::GoOn)
    });
    let _whatever = ground.range("bytes=1000-1999");
    ground.offer(&object);
    expect_whole(&ground.get(&[])?, &object)?;
    expect_part_or_whole(&ground.range("bytes=1000-1999")?, &object, 1_000, 2_000)
}
