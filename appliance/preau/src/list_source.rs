//! Where a box's lists come from: a mirror that is named, or the hub at which it is enrolled.

use std::path::Path;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use sync::{HubFolder, Identity};
use system::updates::Source;

/// Where lists come from.
#[derive(Clone, Debug)]
pub(crate) enum ListSource {
    /// This mirror.
    Mirror(Source),
    /// The hub at which the box is enrolled, by the authority that it has pinned.
    Hub,
}

impl ListSource {
    /// The mirror itself.
    ///
    /// # Errors
    /// The box is enrolled at no hub.
    pub(crate) fn find(&self, data: &Path) -> anyhow::Result<Source> {
        match self {
            Self::Mirror(source) => Ok(source.clone()),
            Self::Hub => {
                let identity = HubFolder::new(data).read()?;
                of_hub(
                    &identity
                        .context("the lists come from the hub, and this box is not enrolled: preau enrol")?,
                )
            }
        }
    }
}

fn of_hub(identity: &Identity) -> anyhow::Result<Source> {
    Ok(Source {
        mirror: format!("{}/lists/", identity.url).parse()?,
        categories: Vec::new(),
        authorities: vec![CertificateDer::from(identity.authority.clone())],
    })
}
