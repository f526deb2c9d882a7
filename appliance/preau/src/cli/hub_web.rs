//! Options of `preau hub name` and `preau hub certificate`.

use std::path::PathBuf;

use clap::Subcommand;
use model::{DomainName, Uai};

use super::hub::HubData;

/// Subcommands of `preau hub name`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubNameCommand {
    /// Give a name that the commune owns to a school's box, which asks for a certificate of it in its next night.
    Add {
        /// The school's national identifier.
        uai: Uai,
        /// The name, as in ferry.ecoles.commune.example; in the zone that the hub changes, where it changes one.
        name: DomainName,
        #[command(flatten)]
        data: HubData,
    },
    /// List the names: school, name.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Take a name back.
    Remove {
        /// The name.
        name: DomainName,
        #[command(flatten)]
        data: HubData,
    },
}

/// Subcommands of `preau hub certificate`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubCertificateCommand {
    /// List what boxes have asked for: school, when, until when it is good; or when it was tried to have it certified, when it is again, and what has failed.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Print the request of a school's box (RFC 2986), in PEM, for the authority that shall certify it.
    Request {
        /// The school's national identifier.
        uai: Uai,
        #[command(flatten)]
        data: HubData,
    },
    /// Take what the authority made of it: a chain in PEM, the certificate of the names first. The box fetches it in its next night.
    Put {
        /// The school's national identifier.
        uai: Uai,
        /// The chain.
        chain: PathBuf,
        #[command(flatten)]
        data: HubData,
    },
}
