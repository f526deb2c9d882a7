//! The tables of sealed days, with what is left of each.

use std::collections::BTreeSet;
use std::io;

use archive::{Field, Form, Identity, Log, Seal, SealedFile, Table, TableError, decrypt, join_apart};

use super::{Folder, SealedOnDisk};

/// What reads the tables of seals. What is deleted was looked up once: a log is long, and a search opens a file for each day.
#[derive(Clone, Debug)]
pub struct Tables<'f> {
    folder: &'f Folder,
    deleted: BTreeSet<(u64, Field)>,
    identities: &'f [Identity],
}

impl<'f> Tables<'f> {
    pub(super) fn new(folder: &'f Folder, log: &Log, identities: &'f [Identity]) -> Self {
        Self { folder, deleted: log.expiries().into_keys().collect(), identities }
    }

    /// The table of a seal, of which only what is asked for is read, unless it was taken apart; `None` where it is encrypted
    /// to others than the owners of the keys.
    ///
    /// # Errors
    /// A file is not what was sealed, or cannot be read.
    pub fn open(&self, seal: &Seal) -> Result<Option<Table>, TableError> {
        if seal.parts.is_empty() {
            let file = SealedOnDisk(self.folder.open_file(&seal.file_name())?);
            return Table::open_sealed(seal, file, self.identities);
        }
        self.read(seal)?.map(Table::open).transpose()
    }

    /// The table of one of a seal's files, as it was sealed; `None` where it is encrypted to others than the owners of the keys.
    ///
    /// # Errors
    /// It is not what was sealed, or cannot be read.
    pub fn open_file(&self, seal: &Seal, field: Field) -> Result<Option<Table>, TableError> {
        if seal.parts.is_empty() {
            return self.open(seal);
        }
        let file = seal.files().find(|(of, _, _)| *of == field);
        let (_, file, name) = file.ok_or(TableError::Changed)?;
        self.decrypt(file, &name)?.map(Table::open).transpose()
    }

    /// The whole table of a seal, put together of the files that are not deleted; `None` where it is encrypted to others than
    /// the owners of the keys.
    ///
    /// # Errors
    /// A file is not what was sealed, or cannot be read.
    pub fn read(&self, seal: &Seal) -> io::Result<Option<Vec<u8>>> {
        let mut tables = Vec::new();
        for (field, file, name) in seal.files() {
            if self.deleted.contains(&(seal.number, field)) {
                continue;
            }
            let Some(table) = self.decrypt(file, &name)? else { return Ok(None) };
            tables.push(table);
        }
        let is_who_apart = seal.file(Field::Who).is_some();
        join_apart(tables, is_who_apart).map(Some).map_err(io::Error::other)
    }

    fn decrypt(&self, file: &SealedFile, name: &str) -> io::Result<Option<Vec<u8>>> {
        match file.form {
            Form::Plain => self.folder.read_file(name, file).map(Some),
            // Without keys there is no need to read it.
            Form::Encrypted if self.identities.is_empty() => Ok(None),
            Form::Encrypted => {
                decrypt(&self.folder.read_file(name, file)?, self.identities).map_err(io::Error::other)
            }
        }
    }

    /// The files of a seal that are not deleted, as they were sealed, with their names.
    ///
    /// # Errors
    /// A file is not what was sealed, or cannot be read.
    pub(crate) fn read_files(&self, seal: &Seal) -> io::Result<Vec<(String, Vec<u8>)>> {
        let is_left = |field: Field| !self.deleted.contains(&(seal.number, field));
        let files = seal.files().filter(|(field, _, _)| is_left(*field));
        files.map(|(_, file, name)| self.folder.read_file(&name, file).map(|bytes| (name, bytes))).collect()
    }
}
