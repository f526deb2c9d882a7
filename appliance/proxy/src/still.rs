//! Noticing that nothing moves.

use std::time::Duration;

/// How often a counter is looked at within the time that it may stand still.
const LOOKS: u32 = 4;

/// Ends once `count` has not changed for `limit`, or up to a quarter more. The hot path only counts: no timer
/// is moved for each byte.
pub(crate) async fn stand_still(count: impl Fn() -> u64, limit: Duration) {
    let mut last = count();
    let mut quiet = 0;
    while quiet < LOOKS {
        tokio::time::sleep(limit / LOOKS).await;
        let current = count();
        quiet = if current == last { quiet + 1 } else { 0 };
        last = current;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_nothing_moved_for_the_limit() {
        let limit = Duration::from_secs(40);
        let start = Instant::now();
        let looks = Cell::new(0);
        // The counter moves for 100 s, then stands.
        let count = || {
            looks.set(looks.get() + 1);
            Instant::now().duration_since(start).as_secs().min(100)
        };
        stand_still(count, limit).await;
        assert_eq!(Instant::now().duration_since(start).as_secs(), 140);
        assert_eq!(looks.get(), 15);
    }
}
