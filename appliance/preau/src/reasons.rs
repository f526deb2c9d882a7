//! Why a verdict is what it is, in one cell of a table.

use model::Reason;

/// The reason's word, with what decided.
pub(crate) fn describe(reason: &Reason) -> String {
    match reason {
        Reason::Listed { category, entry } => format!("{category}: {}", printable(entry)),
        Reason::WhiteListed { category, entry } | Reason::Locked { category, entry } => {
            format!("{} {category}: {}", reason.as_str(), printable(entry))
        }
        Reason::Workspace { entry } => format!("{}: {}", reason.as_str(), printable(entry)),
        Reason::Ruled(ruling) => {
            format!("{} of {}: {}", reason.as_str(), ruling.author, printable(&ruling.entry))
        }
        Reason::Service(name) => format!("{}: {name}", reason.as_str()),
        Reason::NotListed
        | Reason::NotWhiteListed
        | Reason::ClosedHours
        | Reason::Narrowed(_)
        | Reason::Fault(_) => reason.as_str().to_owned(),
    }
}

/// A list line comes from outside, and must not command a terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_commands_no_terminal() {
        let category = "gambling".parse().unwrap();
        let listed = Reason::Listed { category, entry: "a\u{1b}[2Jb".into() };
        assert_eq!(describe(&listed), "gambling: a\u{fffd}[2Jb");
        assert_eq!(describe(&Reason::ClosedHours), "closed-hours");
    }
}
