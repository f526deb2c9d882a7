//! The files by which devices join a network, as the command line and the technician's page give them out.

use std::net::IpAddr;
use std::path::Path;

use portal::JoinFile;
use system::authority;
use wifi::Network;
use wifi::joining::{
    Profile, Resolver, Trust, apple_profile, chromeos_configuration, qr_svg, windows_profile,
};

use crate::config::Config;
use crate::data_folder::AUTHORITY_FILE;

/// What stands in files besides the network itself.
#[derive(Clone, Debug)]
pub(crate) struct JoinDesk {
    title: String,
    organization: String,
    identifier: String,
    resolver: Option<Resolver>,
}

impl Default for JoinDesk {
    fn default() -> Self {
        Self {
            title: "Wi-Fi".to_owned(),
            organization: String::new(),
            identifier: "lan.preau".to_owned(),
            resolver: None,
        }
    }
}

impl JoinDesk {
    /// That of the school and the box of a configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let school = &config.school;
        let mut labels: Vec<&str> = config.portal.name.as_str().split('.').collect();
        labels.reverse();
        let uai = school.uai.as_ref().map(|uai| uai.as_str().to_lowercase());
        labels.extend(uai.as_deref());
        // A box on loopback answers no tablet.
        let resolver = config.network.as_ref().map(|network| {
            let intent = network.firewall.intent();
            let addresses: [Option<IpAddr>; 2] =
                [Some(intent.box_ipv4.into()), intent.box_ipv6.map(Into::into)];
            Resolver {
                url: format!("https://{}{}", config.portal.name, portal::Authority::NAMES_PATH),
                addresses: addresses.into_iter().flatten().collect(),
            }
        });
        Self {
            title: format!("Wi-Fi, {}", school.name),
            organization: school.name.clone(),
            identifier: labels.join("."),
            resolver,
        }
    }

    /// What devices are to trust of the box, where it has run and has an authority.
    pub(crate) fn find_trust(&self, data: &Path) -> anyhow::Result<Option<Trust>> {
        let authority = authority::find(&data.join(AUTHORITY_FILE))?;
        Ok(authority.map(|authority| Trust {
            certificate_der: authority.certificate_der(),
            resolver: self.resolver.clone(),
        }))
    }

    /// A file, which devices take off by themselves at the end, where they know how.
    pub(crate) fn write(
        &self,
        kind: JoinFile,
        network: &Network,
        trust: Option<&Trust>,
        removal: Option<jiff::Timestamp>,
    ) -> anyhow::Result<Vec<u8>> {
        Ok(match kind {
            JoinFile::Apple => {
                let (title, organization) = (self.title.clone(), self.organization.clone());
                let profile = Profile { title, organization, identifier: self.identifier.clone(), removal };
                apple_profile(network, &profile, trust)?
            }
            JoinFile::Windows => windows_profile(network)?.into_bytes(),
            JoinFile::Chromebook => chromeos_configuration(network, trust)?.into_bytes(),
            JoinFile::Picture => qr_svg(network)?.into_bytes(),
        })
    }
}
