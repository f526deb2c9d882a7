//! Tells of connections that were opened too fast, and who opened them, where that is known.

use access::Desk;
use model::Mac;
use system::nft::Counts;

/// Tells now and then, in one line, however many there are.
pub(super) fn tell(hasty: &Counts, desk: &Desk) {
    let connections: u64 = hasty.values().sum();
    if connections == 0 {
        return;
    }
    match culprit(hasty) {
        Some((sender, count)) => tracing::warn!(
            connections,
            "connections were dropped, because a device opens more of them than any class does; most of them, {count}, \
             from {}",
            desk.name_machine(sender)
        ),
        None => tracing::warn!(
            connections,
            devices = hasty.len(),
            "connections were dropped, because many devices open more of them than any class does: perhaps one with \
             made-up hardware addresses"
        ),
    }
}

/// Whoever opened at least half of them. Of a flood from made-up hardware addresses each has a small part, and the
/// largest part may be that of somebody whom the flood holds up.
fn culprit(counts: &Counts) -> Option<(Mac, u64)> {
    let sum: u64 = counts.values().sum();
    let (sender, count) = counts.iter().max_by_key(|(_, count)| **count)?;
    (count.saturating_mul(2) >= sum).then_some((*sender, *count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_device_that_opened_half_of_them_is_named() {
        let mac = |number: u16| {
            let [high, low] = number.to_be_bytes();
            Mac::new([6, 0, 0, 0, high, low])
        };
        let counts =
            |counts: &[u64]| (0..).zip(counts).map(|(number, count)| (mac(number), *count)).collect();
        for (found, expected) in [
            (counts(&[]), None),
            (counts(&[7]), Some((mac(0), 7))),
            (counts(&[7, 900, 3]), Some((mac(1), 900))),
            (counts(&[40, 41]), Some((mac(1), 41))),
            (counts(&[7; 4_000]), None),
        ] {
            assert_eq!(culprit(&found), expected);
        }
    }
}
