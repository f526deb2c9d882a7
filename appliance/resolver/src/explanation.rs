//! Why an answer is what it is, in the words of people (RFC 8914), and for programs that show them
//! (draft-ietf-dnsop-structured-dns-error).

use model::{Category, Fault, Narrowing, Reason};
use serde::Serialize;
use wire::dns::{ErrorText, ExtendedError};

use crate::upstream::Failure;

/// What stands before the words, so that whoever reads them in a log knows who says it.
const SIGNATURE: &str = "Préau : ";
/// Most bytes of a justification: two lines on a screen. A list's own line could be longer.
const JUSTIFICATION_BYTES_MAX: usize = 200;
/// The language of all words here (RFC 5646).
const LANGUAGE: &str = "fr";

/// Whom a structured explanation names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// How to reach whoever can correct the filter: `tel:` and `mailto:` URIs, the schemes that clients take.
    pub contacts: Vec<String>,
    /// What people call the school.
    pub organization: String,
    /// Where the same is told at length.
    pub page: Option<String>,
}

/// An explanation in the making, in its two sizes.
pub(crate) struct Structured {
    full: String,
    short: String,
}

/// The names are those of the draft's section 4.1, in its order.
#[derive(Serialize)]
struct Object<'a> {
    #[serde(rename = "c", skip_serializing_if = "<[String]>::is_empty")]
    contacts: &'a [String],
    #[serde(rename = "j", skip_serializing_if = "Option::is_none")]
    justification: Option<&'a str>,
    #[serde(rename = "s")]
    sub_error: u8,
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    language: Option<&'static str>,
}

impl Explanation {
    /// A refusal for this reason, as an object.
    pub(crate) fn structure(&self, reason: &Reason) -> Structured {
        let mut words = tell(reason);
        words.truncate(words.floor_char_boundary(JUSTIFICATION_BYTES_MAX));
        if let Some(page) = &self.page {
            words.push_str(&format!(". Détails : {page}"));
        }
        let short = Object {
            contacts: &self.contacts,
            justification: None,
            sub_error: sub_error(reason),
            organization: None,
            language: None,
        };
        let organization = Some(self.organization.as_str()).filter(|name| !name.is_empty());
        let full = Object { justification: Some(&words), organization, language: Some(LANGUAGE), ..short };
        Structured { full: write(&full), short: write(&short) }
    }
}

impl Structured {
    pub(crate) fn error(&self) -> Option<ExtendedError<'_>> {
        let text = ErrorText::Structured { full: &self.full, short: &self.short };
        Some(ExtendedError { code: ExtendedError::BLOCKED, text })
    }
}

/// Texts and numbers always have a form; were it not so, an empty text says nothing wrong.
fn write(object: &Object<'_>) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

/// The draft's table of sub-errors, as far as the lists' categories say as much.
fn sub_error(reason: &Reason) -> u8 {
    /// What the operator of the local network has decided.
    const NETWORK_OPERATOR_POLICY: u8 = 5;
    match reason.category().map(Category::as_str) {
        Some("malware" | "cryptojacking") => 1,
        Some("phishing") => 2,
        Some("stalkerware") => 4,
        Some(_) | None => NETWORK_OPERATOR_POLICY,
    }
}

/// A service's host whose addresses the firewall does not let through yet.
pub(crate) const UNREADY: ExtendedError<'static> = ExtendedError::plain(
    ExtendedError::NOT_READY,
    "Préau : les adresses de ce service ne sont pas encore connues",
);
pub(crate) const CLOSED: ExtendedError<'static> = ExtendedError::plain(
    ExtendedError::NOT_READY,
    "Préau : le journal ne peut pas être écrit, l'accès au web est suspendu",
);
pub(crate) const FAILED_LATELY: ExtendedError<'static> = ExtendedError::plain(
    ExtendedError::CACHED_ERROR,
    "Préau : le serveur DNS n'a pas répondu il y a un instant",
);
pub(crate) const STALE: ExtendedError<'static> =
    ExtendedError::plain(ExtendedError::STALE_ANSWER, "Préau : réponse gardée, le serveur DNS ne répond pas");
pub(crate) const SUBSTITUTE: ExtendedError<'static> =
    ExtendedError::plain(ExtendedError::FORGED_ANSWER, "Préau : recherche protégée");

/// A refusal for this reason, as a line.
pub(crate) fn explain_refusal(reason: &Reason) -> String {
    format!("{SIGNATURE}{}", tell(reason))
}

fn tell(reason: &Reason) -> String {
    match reason {
        Reason::Listed { category, entry } => format!("catégorie {category}, ligne {entry}"),
        Reason::Locked { category, entry } => {
            format!("catégorie {category} fermée par la commune, ligne {entry}")
        }
        Reason::Ruled(ruling) => format!("fermé par décision de {}", ruling.author),
        Reason::NotWhiteListed => "hors de la liste de la classe".to_owned(),
        Reason::ClosedHours => "web fermé à cette heure".to_owned(),
        Reason::Narrowed(Narrowing::List) => "hors des sites choisis pour ce cours".to_owned(),
        Reason::Narrowed(Narrowing::Workspace) => "seul l'ENT est ouvert pendant ce cours".to_owned(),
        Reason::Narrowed(Narrowing::Closed) => "Internet est fermé pendant ce cours".to_owned(),
        Reason::NotListed | Reason::WhiteListed { .. } | Reason::Workspace { .. } | Reason::Service(_) => {
            "site refusé".to_owned()
        }
        Reason::Fault(fault) => explain_fault(*fault).to_owned(),
    }
}

fn explain_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Unnamed => "demande sans nom de site",
        Fault::AddressLiteral => "adresse au lieu d'un nom de site",
        Fault::NotTls | Fault::Malformed => "demande mal formée",
        Fault::Port => "port refusé",
        Fault::Evasion => "contournement du filtre",
        Fault::Tunnel => "trop de noms sous ce domaine",
        Fault::Inward => "le nom mène à une adresse interne",
        // No name is refused for what packets do.
        Fault::Quic
        | Fault::DnsOverTls
        | Fault::DnsOverQuic
        | Fault::NoService
        | Fault::Elsewhere
        | Fault::NotForProfile
        | Fault::Unready
        | Fault::Protocol
        | Fault::Flood => "connexion refusée",
    }
}

pub(crate) fn explain_failure(failure: Failure) -> ExtendedError<'static> {
    let (code, text) = match failure {
        Failure::NobodyAsked => {
            (ExtendedError::NO_REACHABLE_AUTHORITY, "Préau : aucun serveur DNS à interroger")
        }
        Failure::Busy => {
            (ExtendedError::NOT_READY, "Préau : trop de questions à la fois, réessayez dans un instant")
        }
        Failure::Silent => (ExtendedError::NO_REACHABLE_AUTHORITY, "Préau : aucun serveur DNS n'a répondu"),
        Failure::Refused => {
            (ExtendedError::NO_REACHABLE_AUTHORITY, "Préau : le serveur DNS n'a pas de réponse")
        }
    };
    ExtendedError::plain(code, text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Layer, Ruling};

    use super::*;

    fn explanation() -> Explanation {
        Explanation {
            contacts: vec!["tel:+33123456789".to_owned(), "mailto:info@commune.example".to_owned()],
            organization: "École \"Jaurès\"".to_owned(),
            page: Some("http://preau.lan/pourquoi".to_owned()),
        }
    }

    fn listed(category: &str) -> Reason {
        Reason::Listed { category: category.parse().unwrap(), entry: "site.example".into() }
    }

    #[test]
    fn an_object_says_whom_to_ask_and_why() {
        let structured = explanation().structure(&listed("gambling"));
        let contacts = r#""c":["tel:+33123456789","mailto:info@commune.example"]"#;
        let why = "catégorie gambling, ligne site.example. Détails : http://preau.lan/pourquoi";
        let full = format!(r#"{{{contacts},"j":"{why}","s":5,"o":"École \"Jaurès\"","l":"fr"}}"#);
        assert_eq!(structured.full, full);
        assert_eq!(structured.short, format!(r#"{{{contacts},"s":5}}"#));
        let nobody = Explanation::default().structure(&listed("gambling"));
        assert_eq!(nobody.full, r#"{"j":"catégorie gambling, ligne site.example","s":5,"l":"fr"}"#);
        assert_eq!(nobody.short, r#"{"s":5}"#);
    }

    #[test]
    fn a_danger_is_named_by_its_number() {
        let ruling = Ruling {
            layer: Layer::School,
            entry: "malware".into(),
            author: "Mme Martin".parse().unwrap(),
            until: None,
        };
        for (reason, expected) in [
            (listed("malware"), 1),
            (listed("phishing"), 2),
            (listed("stalkerware"), 4),
            (listed("gambling"), 5),
            (Reason::Ruled(Arc::new(ruling)), 5),
            (Reason::Fault(Fault::Evasion), 5),
        ] {
            assert_eq!(sub_error(&reason), expected, "{reason:?}");
        }
    }

    /// A list's line may be as long as a name, and longer in letters of another script.
    #[test]
    fn words_have_an_end() {
        let reason = Reason::Listed { category: "gambling".parse().unwrap(), entry: "é".repeat(500).into() };
        let object: serde_json::Value = serde_json::from_str(&explanation().structure(&reason).full).unwrap();
        let words = object["j"].as_str().unwrap();
        assert!(words.len() < 300 && words.ends_with("/pourquoi"), "{words}");
    }
}
