//! How much of the line what nobody waits for may take.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Longest pause for one piece: whoever asks for the pace of nothing gets a slow one.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// So many bytes a second, for all transfers that keep to it.
#[derive(Debug)]
pub struct Pace {
    bytes_per_second: u64,
    /// From when on the next piece may come.
    free: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most so many bytes a second.
    #[must_use]
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), free: Mutex::default() }
    }

    /// Waits until these bytes, which have come, have had their time.
    pub(super) async fn keep(&self, bytes: usize) {
        let micros =
            u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000_000) / self.bytes_per_second;
        let pause = Duration::from_micros(micros).min(PAUSE_MAX);
        let until = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let until = free.map_or(now, |free| free.max(now)) + pause;
            *free = Some(until);
            until
        };
        sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_bytes_take_so_long_whoever_brings_them() {
        let pace = Pace::new(1_000_000);
        let start = Instant::now();
        for _ in 0..10 {
            tokio::join!(pace.keep(100_000), pace.keep(100_000));
        }
        let took = start.elapsed();
        assert!((1_990..2_100).contains(&took.as_millis()), "{took:?}");
        // Time in which nothing came is not saved up.
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        pace.keep(1_000_000).await;
        assert!(start.elapsed() >= Duration::from_millis(990));
    }
}
