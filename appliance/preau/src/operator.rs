//! Whoever gives a command on the box itself. The name that she gives is what she says: records, seals, covers and pages tell
//! it as that, with the machine's user beside it, so that it is not taken for somebody who signed in.

use model::PersonName;
use system::operator::process_user;

/// What commands are called in records: who looks, where nobody says so.
pub(crate) const COMMAND_LINE: &str = "ligne de commande";
/// Longest name of a user that is told, in characters: longer ones leave the name that was given no room.
const USER_CHARACTERS_MAX: usize = 16;
/// What stands for the rest of a name. An ellipsis is spelled so in names, too.
const CUT: &str = "...";
/// Longest name of a person, in characters.
const NAME_CHARACTERS_MAX: usize = 64;

/// The author of a command, as everybody shall read it.
pub(crate) fn attribute(claimed: Option<&PersonName>) -> anyhow::Result<PersonName> {
    let claimed = claimed.map_or(COMMAND_LINE, PersonName::as_str);
    Ok(describe(claimed, &user()).parse()?)
}

fn describe(claimed: &str, user: &str) -> String {
    if claimed == COMMAND_LINE {
        return claimed.to_owned();
    }
    let user: String = user.chars().filter(|c| !c.is_control()).take(USER_CHARACTERS_MAX).collect();
    let mark = format!(" ({COMMAND_LINE}, {user})");
    let room = NAME_CHARACTERS_MAX.saturating_sub(mark.chars().count());
    if claimed.chars().count() <= room {
        return format!("{claimed}{mark}");
    }
    let start: String = claimed.chars().take(room.saturating_sub(CUT.len())).collect();
    format!("{}{CUT}{mark}", start.trim_end())
}

/// Who signed in to this machine: of root, whoever became it by sudo.
fn user() -> String {
    #[expect(clippy::disallowed_methods, reason = "sudo tells in the environment who became root")]
    let sudo = std::env::var("SUDO_USER").ok().filter(|name| !name.trim().is_empty());
    sudo.unwrap_or_else(process_user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_given_is_told_as_what_somebody_said() {
        assert_eq!(describe("Mme Durand", "bob"), "Mme Durand (ligne de commande, bob)");
        assert_eq!(describe(COMMAND_LINE, "bob"), "ligne de commande", "nobody gave one");
        // A name that has the mark already is no way around it.
        let twice = describe("Mme Durand (ligne de commande, bob)", "eve");
        assert!(twice.ends_with("(ligne de commande, eve)"), "{twice}");
        for (claimed, user) in [("é".repeat(64), "x".repeat(99)), ("a b ".repeat(16), "\u{7}".to_owned())] {
            let told = describe(&claimed, &user);
            assert!(told.contains("... (ligne de commande, "), "{told}");
            told.parse::<PersonName>().unwrap();
        }
        let hers: PersonName = "Mme Durand".parse().unwrap();
        assert!(attribute(Some(&hers)).unwrap().as_str().starts_with("Mme Durand (ligne de commande, "));
        assert_eq!(attribute(None).unwrap().as_str(), COMMAND_LINE);
    }
}
