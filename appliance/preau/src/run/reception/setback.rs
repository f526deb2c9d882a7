//! What an error means for the people who stand before the box.

use std::io;

use portal::Setback;
use replication::Refusal;
use sync::SyncError;

/// In words that pages have, of a try to enrol, or to take over the state of the box before.
pub(in crate::run) fn setback(error: &anyhow::Error, is_inheriting: bool) -> Setback {
    if let Some(error) = error.downcast_ref::<SyncError>() {
        return of_hub(error);
    }
    let is_disk = error.chain().any(|cause| cause.is::<io::Error>());
    // What the hub gave is damaged, or another program's.
    if is_inheriting && !is_disk { Setback::State } else { Setback::Disk }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are errors of nights, which nobody enrols in")]
fn of_hub(error: &SyncError) -> Setback {
    match error {
        SyncError::Refused(refusal) => of_refusal(*refusal),
        SyncError::NoAnswer { .. } => Setback::Silent,
        SyncError::Clock => Setback::Clock,
        SyncError::Name(_) => Setback::Name,
        SyncError::Stranger(_) | SyncError::FalseHub(_) => Setback::Stranger,
        SyncError::Untaken(_) => Setback::Revoked,
        SyncError::HasState => Setback::HasState,
        SyncError::LostExchange => Setback::HubBroken,
        SyncError::Snapshot(_) => Setback::State,
        SyncError::Busy | SyncError::Stopped => Setback::Wait,
        SyncError::Disk { .. } | SyncError::Damaged(_) | SyncError::NotEnrolled => Setback::Disk,
        _ => Setback::NoHub,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are answers to what nights ask")]
fn of_refusal(refusal: Refusal) -> Setback {
    match refusal {
        Refusal::WrongCode => Setback::Wrong,
        Refusal::ExpiredCode => Setback::Expired,
        Refusal::UsedCode => Setback::Used,
        Refusal::BurntCode => Setback::Burnt,
        Refusal::TooOften => Setback::Often,
        Refusal::UnknownBox | Refusal::RevokedBox => Setback::Revoked,
        Refusal::Broken => Setback::HubBroken,
        _ => Setback::NoHub,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn what_a_technician_can_do_follows_from_the_error() {
        let check = |error: anyhow::Error, expected| assert_eq!(setback(&error, true), expected, "{error:#}");
        check(SyncError::Clock.into(), Setback::Clock);
        check(SyncError::FalseHub(String::new()).into(), Setback::Stranger);
        check(SyncError::Refused(Refusal::UsedCode).into(), Setback::Used);
        check(SyncError::Refused(Refusal::RevokedBox).into(), Setback::Revoked);
        check(SyncError::Policy.into(), Setback::NoHub);
        let full =
            Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull)).context("cannot be put in place");
        check(full.unwrap_err(), Setback::Disk);
        let damaged = anyhow::anyhow!("the state of the box before is damaged");
        assert_eq!(setback(&damaged, false), Setback::Disk);
        check(damaged, Setback::State);
    }
}
