//! Parts of what comes well.

use anyhow::{Result, bail, ensure};

use super::{Case, Ground, expect_bytes, expect_one_of, expect_part, expect_part_or_whole, expect_whole};
use crate::ent::stage::Object;

/// Odd, and longer than what any cache reads at once.
const LENGTH: usize = 300_007;

pub(super) const CASES: &[Case] = &[
    Case { name: "cold-range", what: "a part of something new", run: cold_range },
    Case { name: "cold-suffix", what: "the last bytes of something new", run: cold_suffix },
    Case { name: "cold-open-range", what: "something new from a byte on", run: cold_open_range },
    Case { name: "warm-ranges", what: "parts of what is kept", run: warm_ranges },
    Case { name: "several-ranges", what: "several parts at once", run: several_ranges },
    Case { name: "beyond-the-end", what: "416 with the length beyond the end", run: beyond_the_end },
    Case { name: "if-range", what: "If-Range with the tag and with another", run: if_range },
    Case { name: "part-then-whole", what: "a 206 is never replayed as 200", run: part_then_whole },
    Case { name: "part-then-other", what: "a 206 is never replayed as another range", run: part_then_other },
    Case { name: "part-then-head", what: "HEAD tells the length of the whole", run: part_then_head },
    Case { name: "tagless-parts", what: "parts without a tag are not put together", run: tagless_parts },
    Case { name: "weak-parts", what: "parts under a weak tag are not put together", run: weak_parts },
    Case {
        name: "changed-between",
        what: "parts of two versions are not put together",
        run: changed_between,
    },
];

fn cold_range(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    expect_part(&ground.range("bytes=100001-200000")?, &object, 100_001, 200_001)
}

fn cold_suffix(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    expect_part(&ground.range("bytes=-1000")?, &object, LENGTH - 1_000, LENGTH)
}

fn cold_open_range(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    expect_part(&ground.range("bytes=250000-")?, &object, 250_000, LENGTH)
}

fn warm_ranges(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    expect_whole(&ground.get(&[])?, &object)?;
    expect_part(&ground.range("bytes=0-0")?, &object, 0, 1)?;
    expect_part(&ground.range("bytes=16383-32768")?, &object, 16_383, 32_769)?;
    expect_part(&ground.range("bytes=299999-999999999")?, &object, 299_999, LENGTH)?;
    expect_part(&ground.range("bytes=-1")?, &object, LENGTH - 1, LENGTH)?;
    expect_part(&ground.range("bytes=-999999999")?, &object, 0, LENGTH)
}

fn several_ranges(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    expect_whole(&ground.get(&[])?, &object)?;
    let answer = ground.range("bytes=10-19,100000-100099")?;
    if answer.status == 200 {
        return expect_whole(&answer, &object);
    }
    ensure!(answer.status == 206 && answer.is_whole, "{} or cut", answer.status);
    let kind = answer.field("content-type").unwrap_or_default();
    let Some((_, boundary)) = kind.split_once("boundary=") else { bail!("one part only: {kind}") };
    for (start, end) in [(10, 20), (100_000, 100_100)] {
        let head = format!("bytes {start}-{}/{LENGTH}", end - 1);
        let place = find(&answer.body, head.as_bytes());
        let rest = place.and_then(|at| answer.body.get(at + head.len()..)).unwrap_or_default();
        let Some(body) = find(rest, b"\r\n\r\n").and_then(|at| rest.get(at + 4..)) else {
            bail!("no part {head}")
        };
        let size = end - start;
        expect_bytes(body.get(..size).unwrap_or_default(), object.bytes.get(start..end).unwrap_or_default())?;
        let delimiter = format!("\r\n--{}", boundary.trim_matches('"'));
        let rest = body.get(size..).unwrap_or_default();
        ensure!(rest.starts_with(delimiter.as_bytes()), "no end of {head}");
    }
    Ok(())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn beyond_the_end(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    expect_whole(&ground.get(&[])?, &object)?;
    let answer = ground.range(&format!("bytes={LENGTH}-"))?;
    ensure!(answer.status == 416, "{} in place of 416", answer.status);
    let said = answer.field("content-range").unwrap_or_default();
    ensure!(said == format!("bytes */{LENGTH}"), "`{said}`");
    Ok(())
}

fn if_range(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    expect_whole(&ground.get(&[])?, &object)?;
    let range = ("Range", "bytes=1000-1999");
    expect_part(&ground.get(&[range, ("If-Range", object.tag())])?, &object, 1_000, 2_000)?;
    expect_whole(&ground.get(&[range, ("If-Range", "\"another\"")])?, &object)?;
    expect_whole(&ground.get(&[range, ("If-Range", "W/\"v1\"")])?, &object)
}

fn part_then_whole(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    expect_part(&ground.range("bytes=1000-1999")?, &object, 1_000, 2_000)?;
    expect_whole(&ground.get(&[])?, &object)?;
    expect_whole(&ground.get(&[])?, &object)
}

fn part_then_other(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    for (start, last) in [(1_000, 1_999), (150_000, 150_009), (0, 1_500), (1_500, 160_000)] {
        let answer = ground.range(&format!("bytes={start}-{last}"))?;
        expect_part(&answer, &object, start, last + 1)?;
    }
    Ok(())
}

fn part_then_head(ground: &Ground<'_>) -> Result<()> {
    let object = Object::new(LENGTH, 1);
    ground.offer(&object);
    expect_part(&ground.range("bytes=1000-1999")?, &object, 1_000, 2_000)?;
    let answer = ground.client.begin("HEAD", &ground.path, &[])?;
    ensure!(answer.status == 200, "{} in place of 200", answer.status);
    let length = answer.field("content-length").unwrap_or_default();
    ensure!(length == LENGTH.to_string(), "a length of `{length}`");
    Ok(())
}

/// A part of one version and, without anything that tells them apart, a part of another.
fn parts_of_two(ground: &Ground<'_>, first: &Object, second: &Object) -> Result<()> {
    ground.offer(first);
    expect_part_or_whole(&ground.range("bytes=0-99999")?, first, 0, 100_000)?;
    ground.offer(second);
    // From what is kept whole of the first, or from the second.
    let answer = ground.range("bytes=100000-")?;
    let is_first = expect_part_or_whole(&answer, first, 100_000, LENGTH).is_ok();
    if !is_first {
        expect_part_or_whole(&answer, second, 100_000, LENGTH)?;
    }
    let answer = ground.get(&[])?;
    ensure!(answer.is_whole, "cut");
    expect_one_of(&answer, &[first, second])
}

fn tagless_parts(ground: &Ground<'_>) -> Result<()> {
    parts_of_two(ground, &Object::new(LENGTH, 1).without_tag(), &Object::new(LENGTH, 2).without_tag())
}

fn weak_parts(ground: &Ground<'_>) -> Result<()> {
    parts_of_two(ground, &Object::new(LENGTH, 1).weakly(), &Object::new(LENGTH, 2).weakly())
}

fn changed_between(ground: &Ground<'_>) -> Result<()> {
    parts_of_two(ground, &Object::new(LENGTH, 1), &Object::new(LENGTH, 2))
}
