//! Figures of several rounds, and the tables that show them.

use std::fmt;
use std::io::{self, Write};

/// The same figure of several rounds. The machine is shared, so that one round says little.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// The figure of one more round.
    pub fn add(&mut self, figure: f64) {
        self.0.push(figure);
        self.0.sort_by(f64::total_cmp);
    }

    /// The one in the middle; 0 of none.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// Each round's figure here for the same round's there.
    #[must_use]
    pub fn ratios(own: &[f64], peer: &[f64]) -> Self {
        own.iter().zip(peer).map(|(own, peer)| own / peer).collect()
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        let mut rounds = Self::default();
        figures.into_iter().for_each(|figure| rounds.add(figure));
        rounds
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(least), Some(most)) = (self.0.first(), self.0.last()) else { return f.write_str("-") };
        write!(f, "{} ({}..{})", short(self.median()), short(*least), short(*most))
    }
}

/// Three digits that count, as people read them; what never came is no number.
#[must_use]
pub fn short(figure: f64) -> String {
    match figure.abs() {
        f64::INFINITY => "never".to_owned(),
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 0.1 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

/// Prints a table as Markdown has it.
///
/// # Errors
/// Standard output is closed.
pub fn print_table(title: &str, columns: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\n{title}\n\n| {} |", columns.join(" | "))?;
    writeln!(out, "|{}", " --- |".repeat(columns.len()))?;
    for row in rows {
        writeln!(out, "| {} |", row.join(" | "))?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_show_the_middle_and_the_ends() {
        let rounds: Rounds = [3.0, 1.0, 20.0].into_iter().collect();
        assert_eq!(rounds.to_string(), "3.00 (1.00..20.0)");
        assert_eq!(Rounds::default().to_string(), "-");
        assert_eq!(Rounds::ratios(&[1.0, 6.0], &[2.0, 3.0]).to_string(), "2.00 (0.50..2.00)");
    }

    #[test]
    fn three_digits_count() {
        for (figure, expected) in [
            (12_345.6, "12346"),
            (12.345, "12.3"),
            (0.456, "0.46"),
            (0.0456, "0.046"),
            (f64::INFINITY, "never"),
        ] {
            assert_eq!(short(figure), expected);
        }
    }
}
