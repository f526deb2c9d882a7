//! Whom the kernel knows as the user of this process.

use nix::unistd::{Uid, User};

/// The name of the user, or `uid 1000` where the system has none for the number.
#[must_use]
pub fn process_user() -> String {
    let uid = Uid::current();
    let user = User::from_uid(uid).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_user() {
        let name = process_user();
        assert!(!name.is_empty());
        assert_eq!(name == "root", Uid::current().is_root());
    }
}
