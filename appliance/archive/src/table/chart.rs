//! The chart of a table: all that a search has to know of a file before it reads rows. It is the last thing that a file says
//! of itself, and the first that is read: whoever has compared it with the seal can compare every block of the file with it.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::outline::{BOUNDED, Extent, Outline};
use super::{COLUMN_BYTES_MAX, COLUMNS_MIN, GROUP_ROWS_MAX, GROUPS_MAX, TableError};
use crate::hash::Hash;
use crate::pieces::BLOCK_BYTES;
use crate::row::MADE;
use crate::sieve::Sieves;

/// The first line: what it is, and in which version.
const FIRST_LINE: &str = "PREAU CHART 1";
/// The last line.
const LAST_LINE: &str = "end";
/// What is not said.
const NOTHING: &str = "-";

/// Where everything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chart {
    pub(super) groups: Vec<Outline>,
    /// Where the sieves begin.
    pub(super) sieves_at: u64,
    pub(super) sieves: Sieves,
    /// The hash of each block of the file up to the end of the sieves.
    pub(super) blocks: Vec<Hash>,
}

impl Chart {
    /// Its name among what a Parquet file says of itself.
    pub(super) const KEY: &str = "preau.chart";

    /// Reads the chart with which these bytes begin; they lie at this place of the table. `None` where there is none, or it says
    /// what cannot be.
    pub(super) fn read(bytes: &[u8], at: u64) -> Option<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| std::str::from_utf8(line).ok());
        if lines.next()?? != FIRST_LINE {
            return None;
        }
        let (mut groups, mut blocks) = (Vec::new(), Vec::new());
        let mut words = Words::of(lines.next()??, "sieves")?;
        let (sieves_at, count): (u64, usize) = (words.next()?, words.next()?);
        loop {
            let line = lines.next()??;
            if line == LAST_LINE {
                break;
            }
            match Words::of(line, "group") {
                Some(_) if groups.len() >= GROUPS_MAX => return None,
                Some(words) => groups.push(read_group(words)?),
                None => blocks.push(Words::of(line, "block")?.next()?),
            }
        }
        let sieves = Sieves { groups: groups.len(), blocks: count };
        let chart = Self { groups, sieves_at, sieves, blocks };
        chart.is_possible(at).then_some(chart)
    }

    /// Where that ends of which each block has a hash.
    pub(super) fn end(&self) -> Option<u64> {
        self.sieves_at.checked_add(self.sieves.length()?)
    }

    /// What blocks are compared with.
    pub(super) fn compared(&self) -> Result<(&[Hash], u64), TableError> {
        let end = self.end().ok_or(TableError::Layout("its chart says what cannot be"))?;
        Ok((&self.blocks, end))
    }

    fn is_possible(&self, at: u64) -> bool {
        let Some(end) = self.end() else { return false };
        let hashed = u64::try_from(self.blocks.len());
        let starts = self.groups.iter().map(|group| group.extent().0);
        let ends = starts.skip(1).chain([self.sieves_at]);
        let is_in_order = |(group, end): (&Outline, u64)| {
            let (start, bytes) = group.extent();
            start.checked_add(bytes).is_some_and(|until| until <= end)
        };
        end <= at
            && self.sieves.blocks > 0
            && hashed == Ok(end.div_ceil(BLOCK_BYTES))
            && self.groups.iter().zip(ends).all(is_in_order)
    }
}

/// The words of a line after its name.
struct Words<'l>(std::str::Split<'l, char>);

impl<'l> Words<'l> {
    fn of(line: &'l str, name: &str) -> Option<Self> {
        Some(Self(line.strip_prefix(name)?.strip_prefix(' ')?.split(' ')))
    }

    fn next<T: FromStr>(&mut self) -> Option<T> {
        self.0.next()?.parse().ok()
    }

    /// A number, or nothing.
    fn next_or_nothing(&mut self) -> Option<Option<i64>> {
        match self.0.next()? {
            NOTHING => Some(None),
            word => word.parse().ok().map(Some),
        }
    }
}

fn read_group(mut words: Words<'_>) -> Option<Outline> {
    let rows = words.next().filter(|rows| *rows <= GROUP_ROWS_MAX)?;
    let is_certain = words.next::<u8>()? == 1;
    let mut at: u64 = words.next()?;
    let mut bounds = [None; BOUNDED.len()];
    for bounds in &mut bounds {
        *bounds = words.next_or_nothing()?.zip(words.next_or_nothing()?);
    }
    let mut columns = Vec::new();
    for word in words.0.take(COLUMNS_MIN + MADE.len() + 1) {
        // One in which no row has a value has a length below zero.
        let length: i64 = word.parse().ok()?;
        let bytes = length.unsigned_abs();
        if bytes > COLUMN_BYTES_MAX as u64 {
            return None;
        }
        columns.push(Extent { at, bytes, is_empty: length < 0 });
        at = at.checked_add(bytes)?;
    }
    let is_right = (COLUMNS_MIN..=COLUMNS_MIN + MADE.len()).contains(&columns.len());
    is_right.then_some(Outline { rows, is_certain, bounds, columns })
}

impl Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        writeln!(f, "sieves {} {}", self.sieves_at, self.sieves.blocks)?;
        for group in &self.groups {
            let (at, _) = group.extent();
            write!(f, "group {} {} {at}", group.rows, u8::from(group.is_certain))?;
            for bounds in group.bounds {
                match bounds {
                    Some((least, greatest)) => write!(f, " {least} {greatest}")?,
                    None => write!(f, " {NOTHING} {NOTHING}")?,
                }
            }
            for Extent { bytes, is_empty, .. } in &group.columns {
                write!(f, " {}{bytes}", if *is_empty { "-" } else { "" })?;
            }
            writeln!(f)?;
        }
        self.blocks.iter().try_for_each(|hash| writeln!(f, "block {hash}"))?;
        writeln!(f, "{LAST_LINE}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let column = |place: u64| Extent { at: 4 + 10 * place, bytes: 10, is_empty: place.is_multiple_of(3) };
        let group = |start: u64| Outline {
            rows: 7,
            is_certain: true,
            bounds: [Some((-5, 9)), None, Some((i64::MIN, i64::MAX))],
            columns: (0..COLUMNS_MIN as u64).map(|place| column(place + start)).collect(),
        };
        let groups = vec![group(0), group(100)];
        let sieves = Sieves { groups: 2, blocks: 3 };
        Chart { groups, sieves_at: 16_300, sieves, blocks: vec![Hash::of(b"a"), Hash::of(b"b")] }
    }

    #[test]
    fn a_chart_is_read_as_it_was_written() {
        let text = chart().to_string();
        let beside = [text.as_bytes(), b"\x19\x2c\xffnoise"].concat();
        assert_eq!(Chart::read(&beside, 20_000).as_ref(), Some(&chart()));
        for end in 0..text.len() - 1 {
            assert_eq!(Chart::read(&text.as_bytes()[..end], 20_000), None, "cut at {end}");
        }
    }

    #[test]
    fn a_chart_that_cannot_be_is_none() {
        let check = |what: &str, at: u64, change: &dyn Fn(&mut Chart)| {
            let mut chart = chart();
            change(&mut chart);
            assert_eq!(Chart::read(chart.to_string().as_bytes(), at), None, "{what}");
        };
        check("it is before what it tells of", 16_000, &|_| {});
        check("no blocks", 20_000, &|chart| chart.sieves.blocks = 0);
        check("too long", 20_000, &|chart| chart.sieves.blocks = usize::MAX);
        check("a hash too few", 20_000, &|chart| chart.blocks.truncate(1));
        check("a hash too many", 20_000, &|chart| chart.blocks.push(Hash::of(b"c")));
        check("groups in another order", 20_000, &|chart| chart.groups.reverse());
        check("a group in the sieves", 20_000, &|chart| chart.sieves_at = 500);
        check("too many rows", 20_000, &|chart| chart.groups[0].rows = GROUP_ROWS_MAX + 1);
        check("a column too few", 20_000, &|chart| chart.groups[1].columns.truncate(COLUMNS_MIN - 1));
    }
}
