//! What was typed into a form, to be given back to the browser that sent it.
//!
//! Invariant: a form with a field for a secret is not read at all, and of files nothing but their names.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use form_urlencoded::parse;
use futures_util::{FutureExt as _, Stream, stream};
use multer::{Constraints, Multipart, SizeLimit};

use super::plea::FORM_BYTES_MAX;
use crate::pages::{Typed, TypedFile};

/// Fields of a form that are shown.
const FIELDS_MAX: usize = 200;
/// Words in the names of fields that are nobody's to see: a form with one of them is a sign-in, and is not shown.
const SECRETS: [&str; 5] = ["pass", "mdp", "pwd", "secret", "pin"];
/// Longest upload that is read for what was typed beside its files: an essay with its pictures, or a film of a minute. What is longer is
/// not read to its end.
const UPLOAD_BYTES_MAX: u64 = 64 << 20;

/// Why an upload cannot be read.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A form, as it came.
pub(super) enum Form {
    /// `application/x-www-form-urlencoded`.
    Plain(Bytes),
    /// `multipart/form-data` under this boundary.
    Parts(String, Bytes),
    /// It was read while it passed.
    Read(Fields),
}

/// What is in a form: names and values, and files by the names of their fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) typed: Vec<(String, String)>,
    files: Vec<TypedFile>,
    is_multipart: bool,
}

impl Form {
    /// What was typed, where it can be shown, and sent to `target` once more.
    pub(super) fn typed(&self, target: &str) -> Option<Typed> {
        let fields = match self {
            Self::Plain(bytes) => read_plain(bytes),
            // All of it is here: nothing is waited for.
            Self::Parts(boundary, bytes) => {
                let all = stream::iter([Ok::<_, std::io::Error>(bytes.clone())]);
                read_parts(all, boundary, &AtomicUsize::default()).now_or_never()??
            }
            Self::Read(fields) => fields.clone(),
        };
        let is_here = !target.starts_with("//") && !target.contains('\\');
        (is_here && fields.are_shown()).then(|| Typed {
            target: target.to_owned(),
            fields: fields.typed,
            files: fields.files,
            is_multipart: fields.is_multipart,
        })
    }
}

impl Fields {
    fn are_shown(&self) -> bool {
        let is_secret = |name: &str| SECRETS.iter().any(|word| name.to_ascii_lowercase().contains(word));
        // What is no UTF-8 would be sent again as something else.
        let is_text = |text: &str| !text.contains(char::REPLACEMENT_CHARACTER);
        let count = self.typed.len() + self.files.len();
        let are_fields =
            self.typed.iter().all(|(name, value)| !is_secret(name) && is_text(name) && is_text(value));
        let are_files = self.files.iter().all(|file| !is_secret(&file.field) && is_text(&file.field));
        (1..=FIELDS_MAX).contains(&count) && are_fields && are_files
    }
}

fn read_plain(bytes: &[u8]) -> Fields {
    let typed = parse(bytes).map(|(name, value)| (name.into_owned(), value.into_owned()));
    Fields { typed: typed.take(FIELDS_MAX + 1).collect(), ..Fields::default() }
}

/// `None` for what is no form, or more than is shown. `gap` is 0 again with each field, and each piece of one.
pub(super) async fn read_parts<E>(
    body: impl Stream<Item = Result<Bytes, E>> + Send,
    boundary: &str,
    gap: &AtomicUsize,
) -> Option<Fields>
where
    E: Into<Failure> + 'static,
{
    let limits = SizeLimit::new().whole_stream(UPLOAD_BYTES_MAX);
    let body = Box::pin(body);
    let mut parts = Multipart::with_constraints(body, boundary, Constraints::new().size_limit(limits));
    let mut fields = Fields { is_multipart: true, ..Fields::default() };
    let mut room = usize::try_from(FORM_BYTES_MAX).ok()?;
    while let Some(mut part) = parts.next_field().await.ok()? {
        gap.store(0, Ordering::Relaxed);
        let name = part.name()?.to_owned();
        room = room.checked_sub(name.len())?;
        if fields.typed.len() + fields.files.len() >= FIELDS_MAX {
            return None;
        }
        if let Some(file) = part.file_name().map(str::to_owned) {
            room = room.checked_sub(file.len())?;
            while part.chunk().await.ok()?.is_some() {
                gap.store(0, Ordering::Relaxed);
            }
            // Where nothing was chosen, there is nothing to choose again.
            if !file.is_empty() {
                fields.files.push(TypedFile { field: name, name: file });
            }
            continue;
        }
        let mut value = Vec::new();
        while let Some(chunk) = part.chunk().await.ok()? {
            gap.store(0, Ordering::Relaxed);
            room = room.checked_sub(chunk.len())?;
            value.extend_from_slice(&chunk);
        }
        fields.typed.push((name, String::from_utf8(value).ok()?));
    }
    Some(fields)
}

/// The boundary of an upload that a page of this very server sends.
pub(super) fn boundary_of(content_type: &str) -> Option<String> {
    multer::parse_boundary(content_type).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_shown_unless_it_is_a_secret() {
        let check = |form: &'static str, expected: Option<&[(&str, &str)]>| {
            let typed = Form::Plain(Bytes::from(form)).typed("/message?x=1");
            let fields = typed.as_ref().map(|typed| {
                assert_eq!((typed.target.as_str(), typed.is_multipart), ("/message?x=1", false));
                let pairs = typed.fields.iter();
                pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>()
            });
            assert_eq!(fields.as_deref(), expected, "{form}");
        };
        check(
            "titre=No%C3%ABl&texte=un%0D%0Adeux+trois",
            Some(&[("titre", "Noël"), ("texte", "un\r\ndeux trois")]),
        );
        check("login=lina&password=x", None);
        check("login=lina&mdp=", None);
        check("latin=%E9", None);
        check("", None);
        let many: &'static str = Box::leak("a=1&".repeat(FIELDS_MAX + 1).into_boxed_str());
        check(many, None);
        assert_eq!(Form::Plain(Bytes::from("a=1")).typed("//evil.example/"), None);
    }

    pub(in super::super) fn part(head: &str, body: &[u8]) -> Vec<u8> {
        [b"--b\r\nContent-Disposition: form-data; ", head.as_bytes(), b"\r\n\r\n", body, b"\r\n"].concat()
    }

    fn read(parts: &[Vec<u8>]) -> Option<Typed> {
        let body = [parts.concat().as_slice(), b"--b--\r\n"].concat();
        Form::Parts("b".to_owned(), body.into()).typed("/documents")
    }

    #[test]
    fn of_an_upload_the_text_is_kept_and_the_files_are_named() {
        let title = part("name=\"titre\"", "Le volcan\r\nde Lina".as_bytes());
        let file =
            part("name=\"fichier\"; filename=\"volcan.pdf\"\r\nContent-Type: application/pdf", &[0, 159, 7]);
        let none = part("name=\"autre\"; filename=\"\"", b"");
        let typed = read(&[title.clone(), file.clone(), none]).unwrap();
        assert_eq!(typed.fields, [("titre".to_owned(), "Le volcan\r\nde Lina".to_owned())]);
        let chosen = TypedFile { field: "fichier".to_owned(), name: "volcan.pdf".to_owned() };
        assert_eq!((typed.files, typed.is_multipart), (vec![chosen], true));
        // Not whole, a secret, no text, and too much of it.
        let cut = [title.clone(), b"--b\r\nContent-Disp".to_vec()].concat();
        assert_eq!(Form::Parts("b".to_owned(), cut.into()).typed("/documents"), None);
        assert_eq!(read(&[title.clone(), part("name=\"password\"", b"x")]), None);
        assert_eq!(read(&[title.clone(), part("name=\"latin\"", &[233])]), None);
        let long = vec![b'a'; usize::try_from(FORM_BYTES_MAX).unwrap()];
        assert_eq!(read(&[title.clone(), part("name=\"a\"", &long)]), None);
        assert_eq!(read(&vec![part("name=\"a\"", b"1"); FIELDS_MAX + 1]), None);
        assert!(read(&[title, part("name=\"f\"; filename=\"a\"", &vec![0; 1 << 20])]).is_some());
    }
}
