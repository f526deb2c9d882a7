//! What the resolver has done since it started.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! statistics {
    ($($(#[$documentation:meta])* $field:ident,)*) => {
        /// Counts since the start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Statistics {
            $($(#[$documentation])* pub $field: u64,)*
        }

        /// The same, shared by all doors. A door counts a batch on its own and adds it at once.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($field: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn add(&self, batch: &Statistics) {
                $(if batch.$field > 0 { self.$field.fetch_add(batch.$field, Ordering::Relaxed); })*
            }

            pub(crate) fn read(&self) -> Statistics {
                Statistics { $($field: self.$field.load(Ordering::Relaxed),)* }
            }
        }
    };
}

statistics! {
    /// Replies of any kind.
    answered,
    /// Replies for names of the box, and for names that never leave it.
    local,
    /// Replies for names that the policy refuses, or that lead to what it refuses.
    blocked,
    /// Replies that say that the web is closed.
    closed,
    /// Queries for which there was a kept answer.
    cached,
    /// Queries for which there was only a kept answer past its time.
    stale,
    /// Questions put to an upstream.
    forwarded,
    /// Replies that say that there is no answer to be had.
    failed,
    /// Packets that were no plain query, and queries for names that no host can have.
    malformed,
    /// Queries left unanswered because their client, or all clients, had too many waiting.
    dropped,
    /// Queries left unanswered because their device asks more than anybody needs.
    limited,
    /// Replies that the kernel did not take: to clients that cannot be reached, or with too many of these waiting.
    unsent,
}
