//! How long a device may leave an HTTP/1.1 connection between two requests, or in the middle of a head.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use seats::Pulse;
use tokio::time::{Instant, sleep_until};

/// The time since the last answer of a connection. A request only notes that it came and went: no timer is made or moved for it,
/// as hyper's own would be for each.
#[derive(Default)]
pub(super) struct Lull {
    under_way: AtomicUsize,
    /// Beats with the end of each answer.
    answered: Pulse,
}

/// A request that is under way until it is dropped.
pub(super) struct UnderWay(Arc<Lull>);

impl Lull {
    /// The head of a request has come.
    pub(super) fn end(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Ends once no head of a request has come for `limit` since the connection or the last answer was over.
    pub(super) async fn outlast(&self, limit: Duration) {
        loop {
            let is_quiet = self.under_way.load(Ordering::Relaxed) == 0;
            let since = if is_quiet { self.answered.last() } else { Instant::now() };
            let deadline = since + limit;
            if is_quiet && deadline <= Instant::now() {
                return;
            }
            sleep_until(deadline).await;
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.answered.beat();
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(15);

    #[tokio::test(start_paused = true)]
    async fn it_is_over_when_no_head_came_for_the_limit() {
        let start = Instant::now();
        Arc::new(Lull::default()).outlast(LIMIT).await;
        assert_eq!(start.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn it_begins_anew_with_the_end_of_each_answer() {
        let (start, lull) = (Instant::now(), Arc::new(Lull::default()));
        let asking = async {
            for answer in [Duration::from_millis(3), 3 * LIMIT] {
                sleep(LIMIT - Duration::from_millis(1)).await;
                let _request = lull.end();
                sleep(answer).await;
            }
        };
        let outlasting = async {
            lull.outlast(LIMIT).await;
            start.elapsed()
        };
        let ((), ended) = tokio::join!(asking, outlasting);
        // However long an answer takes, it is no lull.
        assert_eq!(ended, 6 * LIMIT + Duration::from_millis(1));
    }
}
