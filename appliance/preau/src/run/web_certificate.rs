//! The certificate for names that the commune owns: looked for beside the box's own, and shown once it is there.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use pki::Identity;
use sync::HubFolder;

/// Between two looks: a night brings one, at most.
const PERIOD: Duration = Duration::from_secs(2);

/// Shows it while it is there, until told to stop.
pub(crate) fn keep(identity: &Arc<Identity>, folder: &HubFolder, stopped: &Receiver<()>) {
    let (mut shown, mut failed) = (None, None);
    loop {
        let stamp = folder.web_stamp();
        if stamp != shown {
            match folder.web() {
                Ok(web) => {
                    if let Some(web) = &web {
                        let (_, until) = web.chain().validity();
                        tracing::info!(
                            until_ms = until.unix_ms(),
                            "a certificate that browsers trust is shown for the names that the commune owns"
                        );
                    }
                    identity.show_web(web);
                    shown = stamp;
                }
                // What was shown before is shown on; it is read again at the next look, and told of once.
                Err(error) if failed != stamp => {
                    failed = stamp;
                    tracing::warn!(
                        "the certificate of the commune's names: {:#}",
                        anyhow::Error::from(error)
                    );
                }
                Err(_) => {}
            }
        }
        if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
