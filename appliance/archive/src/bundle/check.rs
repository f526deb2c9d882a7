//! Verification of an extract: offline, by anybody, with nothing but the extract and the box's public key.

mod compare;
mod origin;
mod report;
mod rows;

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use crate::bundle::manifest::{Manifest, PackedFile};
use crate::bundle::name;
use crate::bundle::packer::{MANIFEST_BYTES_MAX, read_hashes};
use crate::bundle::zip::{Unzipped, ZipReader};
use crate::checkpoint::Checkpoint;
use crate::crypt::Identity;
use crate::hash::Hash;
use crate::key::VerifierKey;
use crate::note::Note;
use crate::tree::is_growth;
use crate::witness::Witnessed;
pub use report::{BundleFinding, BundleRemark, BundleReport};

/// What a verification goes by.
#[derive(Debug, Default)]
pub struct BundleTrust {
    /// The box's key; without it, the one in the extract.
    pub signer: Option<VerifierKey>,
    /// The key of a witness, where somebody asks for that.
    pub witness: Option<VerifierKey>,
    /// Keys of readers: with them the records are compared with encrypted sealed files, too.
    pub identities: Vec<Identity>,
}

/// Verifies an extract.
pub fn verify_bundle(input: impl Read + Seek, trust: &BundleTrust) -> BundleReport {
    let mut report = BundleReport::default();
    match ZipReader::open(input) {
        Ok(archive) => {
            let mut check = Check { archive, trust, report: &mut report };
            if let Err(error) = check.carry_out() {
                report.findings.push(BundleFinding::Archive(error));
            }
        }
        Err(error) => report.findings.push(BundleFinding::Archive(error)),
    }
    report
}

struct Check<'c, R> {
    archive: ZipReader<R>,
    trust: &'c BundleTrust,
    report: &'c mut BundleReport,
}

impl<R: Read + Seek> Check<'_, R> {
    fn carry_out(&mut self) -> Result<(), Unzipped> {
        let Some(signer) = self.find_signer()? else { return Ok(()) };
        let Some(manifest) = self.read_manifest(&signer)? else { return Ok(()) };
        self.check_files(&manifest)?;
        let checkpoint = self.check_checkpoint(&manifest, &signer)?;
        let origin = self.find_origin(&manifest, checkpoint.as_ref())?;
        self.check_witness(checkpoint.as_ref())?;
        self.check_rows(&manifest, &origin)?;
        self.report.cover = self.read_text(name::COVER)?;
        self.report.signer = Some(signer);
        self.report.manifest = Some(manifest);
        Ok(())
    }

    fn find(&mut self, finding: BundleFinding) {
        self.report.findings.push(finding);
    }

    /// The key that counts.
    fn find_signer(&mut self) -> Result<Option<VerifierKey>, Unzipped> {
        let own = self.read_text(name::KEY)?.and_then(|text| text.strip_suffix('\n')?.parse().ok());
        match (self.trust.signer.clone(), own) {
            (Some(known), own) => {
                if own.as_ref() != Some(&known) {
                    self.find(BundleFinding::OtherKey);
                }
                Ok(Some(known))
            }
            (None, Some(own)) => {
                self.report.remarks.push(BundleRemark::OwnKey);
                Ok(Some(own))
            }
            (None, None) => {
                self.find(BundleFinding::NoKey);
                Ok(None)
            }
        }
    }

    fn read_manifest(&mut self, signer: &VerifierKey) -> Result<Option<Manifest>, Unzipped> {
        let text = self.read_text(name::MANIFEST)?;
        let Some(note) = text.and_then(|text| Note::read_up_to(&text, MANIFEST_BYTES_MAX).ok()) else {
            self.find(BundleFinding::NoManifest);
            return Ok(None);
        };
        if !note.is_signed_by(signer) || note.signatures().len() != 1 {
            self.find(BundleFinding::Signature(signer.name().to_owned()));
            // What a stranger has signed is not worth reading on.
            return Ok(None);
        }
        match note.text().parse::<Manifest>() {
            Ok(manifest) => {
                if manifest.log != signer.name() {
                    self.find(BundleFinding::Signature(signer.name().to_owned()));
                }
                Ok(Some(manifest))
            }
            Err(error) => {
                self.find(BundleFinding::Manifest(error));
                Ok(None)
            }
        }
    }

    /// Each file is the one that was signed, and there is no other.
    fn check_files(&mut self, manifest: &Manifest) -> Result<(), Unzipped> {
        let unique: BTreeSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
        if unique.len() != manifest.files.len() {
            self.find(BundleFinding::Order);
            return Ok(());
        }
        let found: Vec<String> = self.archive.names().map(str::to_owned).collect();
        let signed = manifest.files.iter().map(|file| file.name.as_str()).chain([name::MANIFEST]);
        if !found.iter().map(String::as_str).eq(signed.clone()) {
            for stranger in found.iter().filter(|name| !signed.clone().any(|signed| signed == *name)) {
                self.find(BundleFinding::Added(stranger.clone()));
            }
            if found.len() >= manifest.files.len() {
                self.find(BundleFinding::Order);
            }
        }
        for PackedFile { name, bytes, hash } in &manifest.files {
            match self.archive.read(name)? {
                None => self.find(BundleFinding::Missing(name.clone())),
                Some((found, _)) if found.len() as u64 != *bytes || Hash::of(&found) != *hash => {
                    self.find(BundleFinding::Changed(name.clone()));
                }
                Some((_, is_right)) if !is_right => self.find(BundleFinding::Checksum(name.clone())),
                Some(_) => {}
            }
        }
        if self.archive.read(name::MANIFEST)?.is_some_and(|(_, is_right)| !is_right) {
            self.find(BundleFinding::Checksum(name::MANIFEST.to_owned()));
        }
        Ok(())
    }

    fn check_checkpoint(
        &mut self,
        manifest: &Manifest,
        signer: &VerifierKey,
    ) -> Result<Option<Checkpoint>, Unzipped> {
        let Some(text) = self.read_text(name::CHECKPOINT)? else {
            if manifest.seals > 0 {
                self.find(BundleFinding::Checkpoint("it is missing"));
            }
            return Ok(None);
        };
        let note = Note::read(&text).ok().filter(|note| note.is_signed_by(signer));
        let checkpoint = note.and_then(|note| Checkpoint::read(note.text()).ok());
        match &checkpoint {
            None => self.find(BundleFinding::Checkpoint("it is not signed by the box, or was changed")),
            Some(checkpoint) if (&checkpoint.origin, checkpoint.size) != (&manifest.log, manifest.seals) => {
                self.find(BundleFinding::Checkpoint("it is of another log, or of another state"));
            }
            Some(_) => {}
        }
        Ok(checkpoint)
    }

    fn check_witness(&mut self, checkpoint: Option<&Checkpoint>) -> Result<(), Unzipped> {
        let Some(witness) = &self.trust.witness else { return Ok(()) };
        let note = self.read_text(name::WITNESSED)?.unwrap_or_default();
        let Ok(witnessed) = Witnessed::read(&note, witness) else {
            self.find(BundleFinding::Witness("the extract has nothing that the witness has signed"));
            return Ok(());
        };
        let (growth, before) = (self.read_text(name::GROWTH)?.unwrap_or_default(), witnessed.checkpoint());
        let is_grown = checkpoint.is_some_and(|checkpoint| {
            let proof = read_hashes(&growth).unwrap_or_default();
            let is_same_log = checkpoint.origin == before.origin;
            is_same_log && is_growth((checkpoint.size, checkpoint.root), (before.size, before.root), &proof)
        });
        if is_grown {
            self.report.remarks.push(BundleRemark::Witnessed(before.size));
        } else {
            self.find(BundleFinding::Witness(
                "the log is not one that has grown from what the witness has signed",
            ));
        }
        Ok(())
    }

    /// A small file of text. What is no text is a text that is none of ours.
    fn read_text(&mut self, name: &str) -> Result<Option<String>, Unzipped> {
        let bytes = self.archive.read(name)?;
        Ok(bytes.map(|(bytes, _)| {
            let bytes = bytes.get(..bytes.len().min(MANIFEST_BYTES_MAX)).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        }))
    }
}
