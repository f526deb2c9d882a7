//! `[lists]`.

use std::path::PathBuf;

use model::Category;
use rustls::pki_types::CertificateDer;
use system::mirror::MirrorUrl;
use system::updates::Source;
use toml_span::{DeserError, Deserialize, Value};

use crate::config::files::read_authorities;
use crate::config::section::Section;
use crate::list_source::ListSource;

/// In the place of a mirror's address: the hub at which the box is enrolled.
const HUB: &str = "hub";

#[derive(Default)]
pub(super) struct ListsKeys {
    pub(super) index: Option<PathBuf>,
    pub(super) source: Option<ListSource>,
}

impl<'de> Deserialize<'de> for ListsKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let index = table.path("index").map(|path| path.value);
        let has_mirror = table.contains("mirror");
        for key in ["categories", "ca_file"] {
            if !has_mirror && table.contains(key) {
                table.reject(table.span(), format!("`{key}` has a meaning only with `mirror`"));
            }
        }
        let mirror = table.optional_spanned::<String>("mirror");
        let categories = table.parse_list::<Category>("categories");
        let source = match mirror {
            Some(mirror) if mirror.value == HUB => {
                let file = table.path("ca_file");
                if !categories.is_empty() || file.is_some() {
                    table.reject(
                        mirror.span,
                        "with `mirror = \"hub\"`, neither `categories` nor `ca_file` has a meaning",
                    );
                }
                Some(ListSource::Hub)
            }
            mirror => {
                let mirror: Option<MirrorUrl> = mirror.and_then(|mirror| table.parse_text(&mirror));
                let is_plain = mirror.as_ref().is_some_and(|mirror| !mirror.is_tls());
                let authorities = read_ca_file(&mut table, is_plain);
                mirror.map(|mirror| ListSource::Mirror(Source { mirror, categories, authorities }))
            }
        };
        table.close(Some(Self { index, source }))
    }
}

/// Who signs a mirror's certificate.
pub(crate) fn read_ca_file(table: &mut Section<'_>, is_plain: bool) -> Vec<CertificateDer<'static>> {
    let Some(file) = table.path("ca_file") else { return vec![] };
    if is_plain {
        table.reject(file.span, "`ca_file` has a meaning only where `mirror` begins with https");
        return vec![];
    }
    read_authorities(&file.value).unwrap_or_else(|error| {
        table.reject(file.span, format!("`{}`: {error}", file.value.display()));
        vec![]
    })
}
