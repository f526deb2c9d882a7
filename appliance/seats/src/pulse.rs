//! When something last moved on a connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The last sign of life of a connection, to the millisecond. Whoever moves bytes only notes the time: no timer
/// is moved for them.
#[derive(Debug)]
pub struct Pulse {
    start: Instant,
    last_ms: AtomicU64,
}

impl Pulse {
    /// Something moves.
    pub fn beat(&self) {
        let since_start = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(since_start, Ordering::Relaxed);
    }

    /// When something last moved.
    pub fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }

    /// Ends once nothing has moved for `limit`.
    pub async fn stop(&self, limit: Duration) {
        loop {
            let last = self.last();
            sleep_until(last + limit).await;
            if self.last() == last {
                return;
            }
        }
    }
}

impl Default for Pulse {
    /// One that beats now.
    fn default() -> Self {
        Self { start: Instant::now(), last_ms: AtomicU64::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_nothing_moved_for_the_limit() {
        const LIMIT: Duration = Duration::from_secs(40);
        let pulse = Pulse::default();
        let start = Instant::now();
        let beating = async {
            for _ in 0..10 {
                sleep(LIMIT - Duration::from_millis(1)).await;
                pulse.beat();
            }
        };
        tokio::join!(beating, pulse.stop(LIMIT));
        assert_eq!(start.elapsed(), 11 * LIMIT - Duration::from_millis(10));
        assert_eq!(pulse.last() + LIMIT, Instant::now());
    }
}
