//! Whole seconds, as fine as TTLs are.

use tokio::time::Instant;

/// Seconds since the resolver was made. They never go back, whatever happens to the time of day.
pub(crate) type Seconds = u32;

/// A monotonic clock. The doors read it once per batch.
#[derive(Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now_s(&self) -> Seconds {
        Seconds::try_from(self.0.elapsed().as_secs()).unwrap_or(Seconds::MAX)
    }
}
