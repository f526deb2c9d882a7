//! `preau ca`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use pki::Authority;
use system::authority;

use crate::data_folder;

/// Prints what a person compares before a device is told to trust the box.
pub(crate) fn show(data: &Path) -> anyhow::Result<ExitCode> {
    let authority = find(data)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "SHA-256\t{}", authority.fingerprint())?;
    for name in authority.names().texts() {
        writeln!(out, "good for\t{name}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the certificate to `out`, or to standard output.
pub(crate) fn export(data: &Path, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let authority = find(data)?;
    let certificate = authority.certificate_pem();
    match out {
        Some(out) => {
            std::fs::write(out, certificate).with_context(|| format!("cannot write {}", out.display()))?;
        }
        None => std::io::stdout().write_all(certificate.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn find(data: &Path) -> anyhow::Result<Authority> {
    let path = data.join(data_folder::AUTHORITY_FILE);
    match authority::find(&path)? {
        Some(authority) => Ok(authority),
        None => bail!("there is no certificate authority {}: the box makes it when it runs", path.display()),
    }
}
