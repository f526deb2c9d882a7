//! The tasks of one connection, which end with it.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::rt::Executor;
use tokio::task::JoinSet;

/// Runs the requests of an HTTP/2 connection. When the last handle is dropped, because the client is gone, the connection
/// has to leave or what it does is no longer permitted, so are they.
#[derive(Clone, Default)]
pub(super) struct Nursery(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Nursery {
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
