//! `[oidc]` of a hub: the provider by which people of the commune sign in at its pages.

use hub::oidc::{ClientSecret, ProviderSettings, is_address};

use super::hub::{read_authorities, read_secret};
use super::section::Section;

/// By what people are found where nobody says by what: the address of mail that they have at the commune.
const CLAIM: &str = "email";
/// The word for two factors where nobody says another (RFC 8176).
const SECOND_FACTOR: &str = "mfa";
/// Where browsers come back to.
const RETURN: &str = "/connexion/retour";

/// The provider; `url` is where the hub's pages are.
pub(super) fn read_provider(oidc: &mut Section<'_>, url: Option<&str>) -> Option<ProviderSettings> {
    let span = oidc.span();
    let issuer = oidc.required_spanned::<String>("issuer");
    let client_id = oidc.required_spanned::<String>("client_id");
    let client_secret = read_secret(oidc, "client_secret_file", false).map(ClientSecret);
    let claim = oidc.optional_spanned::<String>("claim");
    let second_factor = oidc.optional::<Vec<String>>("second_factor");
    let authorities = read_authorities(oidc);
    if let Some(wrong) =
        issuer.as_ref().filter(|issuer| !is_address(&issuer.value) || issuer.value.contains('?'))
    {
        oidc.reject(wrong.span, "`issuer` is the address that the provider gives itself: https://...");
    }
    for (key, text) in [("client_id", &client_id), ("claim", &claim)] {
        if let Some(wrong) = text.as_ref().filter(|text| text.value.is_empty() || !is_word(&text.value)) {
            oidc.reject(wrong.span, format!("`{key}` is a word without spaces"));
        }
    }
    if url.is_none() {
        oidc.reject(span, "the provider leads back to the hub's pages: `url` says where they are");
    }
    Some(ProviderSettings {
        issuer: issuer?.value,
        client_id: client_id?.value,
        client_secret,
        claim: claim.map_or_else(|| CLAIM.to_owned(), |claim| claim.value),
        second_factor: second_factor.unwrap_or_else(|| vec![SECOND_FACTOR.to_owned()]),
        authorities,
        redirect: format!("{}{RETURN}", url?.trim_end_matches('/')),
    })
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::hub::HubConfig;

    const BEGIN: &str = "version = 1\nurl = 'https://hub.commune.example:8443/'\n[oidc]\n";

    #[test]
    fn a_provider_is_read_with_what_nobody_has_to_say() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "hidden\n").unwrap();
        let text = format!(
            "{BEGIN}issuer = 'https://id.commune.example/realms/a'\nclient_id = 'preau-hub'\nclient_secret_file = '{}'\n",
            secret.display()
        );
        let provider = HubConfig::parse(&text).unwrap().provider.unwrap();
        assert_eq!(provider.redirect, "https://hub.commune.example:8443/connexion/retour");
        assert_eq!(
            (provider.claim.as_str(), provider.second_factor.as_slice()),
            ("email", &["mfa".to_owned()][..])
        );
        assert_eq!(provider.client_secret.unwrap().0, "hidden");
        let none = text + "claim = 'sub'\nsecond_factor = []\n";
        let provider = HubConfig::parse(&none).unwrap().provider.unwrap();
        assert_eq!(
            (provider.claim.as_str(), provider.second_factor.len()),
            ("sub", 0),
            "the telephone's code is asked for"
        );
        assert!(HubConfig::parse("version = 1\n").unwrap().provider.is_none());
    }

    #[test]
    fn mistakes_are_told_together() {
        let told = |text: &str| {
            let problems = HubConfig::parse(text).unwrap_err();
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let wrong = format!(
            "{BEGIN}issuer = 'http://id.commune.example'\nclient_id = ''\nclaim = 'a b'\nscope = 'x'\n"
        );
        let wrong = told(&wrong);
        for words in [
            "4:",
            "`issuer` is the address",
            "`client_id` is a word",
            "`claim` is a word",
            "unknown key `scope`",
        ] {
            assert!(wrong.contains(words), "{words}: {wrong}");
        }
        let nowhere = told("version = 1\n[oidc]\nissuer = 'https://id.commune.example'\n");
        assert!(nowhere.contains("`url` says where they are") && nowhere.contains("client_id"), "{nowhere}");
    }
}
