//! What the commune decides of the configuration of a school's box: kept by versions, said with the school's sheet.
//!
//! What may stand in it, the program that has the box's own parser says: a hub keeps nothing that a box would not take.

use std::fmt;

use model::Uai;

/// A mistake in what somebody has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1 on.
    pub line: usize,
    /// From 1 on, in characters.
    pub column: usize,
    /// What is wrong, in French.
    pub french: String,
    /// The same in English.
    pub english: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.english)
    }
}

/// Looks for mistakes in what was written for a school: all of them, by their places. Where there is none: the sites that it opens to the whole school.
pub type Check = fn(&str, &Uai) -> Result<Vec<String>, Vec<Fault>>;

/// Whoever looks after boxes opens no site by the way: those that a text opens, and the one before it did not.
#[must_use]
pub(crate) fn refuse_opening(text: &str, opened: &[String], before: &[String]) -> Vec<Fault> {
    let refuse = |site: &String| Fault {
        line: (1..).zip(text.lines()).find(|(_, line)| line.contains(site)).map_or(1, |(line, _)| line),
        column: 1,
        french: format!(
            "un ENT s’ouvre à toute l’école : pour y ajouter « {site} », il faut aussi le rôle « règles de la commune »"
        ),
        english: format!(
            "a workspace is open to the whole school: whoever adds `{site}` needs the role for the commune's rules as well"
        ),
    };
    opened.iter().filter(|site| !before.contains(site)).map(refuse).collect()
}

/// What a browser or an editor has sent, as it is kept: lines end with `\n` alone, the last one too.
#[must_use]
pub fn tidy(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    match text.trim_end() {
        "" => String::new(),
        kept => format!("{kept}\n"),
    }
}

/// The text of one school as another one may have it: without the line of its national identifier.
#[must_use]
pub fn without_school(text: &str) -> String {
    let is_own = |line: &&str| {
        let rest = line.trim_start().strip_prefix("uai");
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.split_inclusive('\n').filter(|line| !is_own(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_school_has_another_identifier() {
        let text = "[school]\n uai = \"0750655E\"\nname = \"uai = 1\"\n";
        assert_eq!(without_school(text), "[school]\nname = \"uai = 1\"\n");
    }

    #[test]
    fn what_a_text_opens_besides_is_told_by_its_line() {
        let text = "[[ent]]\nhosts = [\"ent.example\"]\n[[ent]]\nhosts = [\"casino.example\"]\n";
        let [ent, casino] = ["ent.example", "casino.example"].map(str::to_owned);
        let opened = [ent.clone(), casino.clone()];
        let told = |before: &[String]| -> Vec<usize> {
            refuse_opening(text, &opened, before).into_iter().map(|fault| fault.line).collect()
        };
        assert_eq!((told(&[]), told(&[ent]), told(&[casino])), (vec![2, 4], vec![4], vec![2]));
        assert!(told(&opened).is_empty() && refuse_opening("", &[], &opened).is_empty());
    }

    #[test]
    fn lines_end_as_a_box_reads_them() {
        assert_eq!(tidy("a = 1\r\nb = 2"), "a = 1\nb = 2\n");
        assert_eq!((tidy("a = 1\n\n\n").as_str(), tidy(" \r\n").as_str()), ("a = 1\n", ""));
    }
}
