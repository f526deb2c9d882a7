//! Search engines and their safe variants.
//!
//! An engine that offers a safe variant under a name of its own is reached by that name's addresses: the box
//! needs not to see what is searched. Sources: the engines' own pages for administrators.

use std::collections::HashMap;

use model::DomainName;

/// Which engines are led to their safe variants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SafeSearch {
    /// Engines of the web and of pictures.
    pub engines: bool,
    /// Videos.
    pub youtube: YouTube,
}

/// How far YouTube is restricted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum YouTube {
    /// Not at all.
    #[default]
    Off,
    /// Without what is not for minors.
    Moderate,
    /// Only what YouTube's strictest filter leaves.
    Strict,
}

impl std::str::FromStr for YouTube {
    type Err = YouTubeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "moderate" => Ok(Self::Moderate),
            "strict" => Ok(Self::Strict),
            _ => Err(YouTubeError),
        }
    }
}

/// The text is no degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("YouTube is restricted to a degree: `off`, `moderate` or `strict`")]
pub struct YouTubeError;

/// Engines by the names of their front doors. Other names of the same service lead around the variant, so they
/// stand here, too.
const ENGINES: &[(&str, &[&str])] = &[
    (
        "strict.bing.com",
        &["bing.com", "www.bing.com", "www2.bing.com", "cn.bing.com", "edgeservices.bing.com"],
    ),
    (
        "safe.duckduckgo.com",
        &[
            "duckduckgo.com",
            "www.duckduckgo.com",
            "start.duckduckgo.com",
            "html.duckduckgo.com",
            "lite.duckduckgo.com",
            "noai.duckduckgo.com",
            "duck.com",
            "www.duck.com",
        ],
    ),
    ("safeapi.qwant.com", &["api.qwant.com"]),
    ("forcesafe.search.brave.com", &["search.brave.com"]),
    ("strict-safe-search.ecosia.org", &["ecosia.org", "www.ecosia.org"]),
    ("safesearch.pixabay.com", &["pixabay.com", "www.pixabay.com"]),
    ("safe.startpage.com", &["startpage.com", "www.startpage.com"]),
];
/// The variant of every Google search.
const GOOGLE: &str = "forcesafesearch.google.com";
/// The doors of a Google search, before `google.` and a country's domain.
const GOOGLE_DOORS: &[&str] = &["", "www.", "images.", "ipv4.", "ipv6.", "encrypted."];
/// Second-level domains under which countries have Google.
const COUNTRY_SECOND_LEVELS: &[&str] = &["co", "com"];
/// What YouTube answers under.
const YOUTUBE: &[&str] = &[
    "youtube.com",
    "www.youtube.com",
    "m.youtube.com",
    "music.youtube.com",
    "youtubei.googleapis.com",
    "youtube.googleapis.com",
    "www.youtube-nocookie.com",
    "youtube-nocookie.com",
];

/// The table of variants, parsed once.
pub(crate) struct Variants {
    engines: HashMap<&'static str, DomainName>,
    google: Option<DomainName>,
    youtube_moderate: Option<DomainName>,
    youtube_strict: Option<DomainName>,
}

impl Variants {
    pub(crate) fn new() -> Self {
        let mut engines = HashMap::new();
        for (variant, doors) in ENGINES {
            for door in *doors {
                engines.extend(variant.parse().ok().map(|variant: DomainName| (*door, variant)));
            }
        }
        Self {
            engines,
            google: GOOGLE.parse().ok(),
            youtube_moderate: "restrictmoderate.youtube.com".parse().ok(),
            youtube_strict: "restrict.youtube.com".parse().ok(),
        }
    }

    /// The name by whose addresses this one is reached; `None`: its own.
    pub(crate) fn find(&self, name: &DomainName, safe_search: SafeSearch) -> Option<&DomainName> {
        let text = name.as_str();
        if safe_search.engines {
            let engine = self.engines.get(text);
            let google = self.google.as_ref().filter(|_| is_google_search(text));
            if let Some(found) = engine.or(google) {
                return Some(found);
            }
        }
        let youtube = match safe_search.youtube {
            YouTube::Off => None,
            YouTube::Moderate => self.youtube_moderate.as_ref(),
            YouTube::Strict => self.youtube_strict.as_ref(),
        };
        youtube.filter(|_| YOUTUBE.contains(&text))
    }
}

/// Whether this is a door of Google's search: `www.google.fr`, `google.co.uk`. Google adds countries now and
/// then, so that the shape of the name decides and no list of them.
fn is_google_search(name: &str) -> bool {
    let Some((door, country)) = name.split_once("google.") else { return false };
    let is_country = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_domain = match country.split_once('.') {
        Some((second, top)) => COUNTRY_SECOND_LEVELS.contains(&second) && is_country(top),
        None => country == "com" || country == "cat" || is_country(country),
    };
    is_domain && GOOGLE_DOORS.contains(&door)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str, engines: bool, youtube: YouTube) -> Option<String> {
        let variants = Variants::new();
        variants.find(&name.parse().unwrap(), SafeSearch { engines, youtube }).map(ToString::to_string)
    }

    #[test]
    fn every_variant_is_a_name() {
        let variants = Variants::new();
        let doors = ENGINES.iter().map(|(_, doors)| doors.len()).sum::<usize>();
        assert_eq!(variants.engines.len(), doors);
        assert!(variants.google.is_some());
        assert!(variants.youtube_moderate.is_some() && variants.youtube_strict.is_some());
    }

    #[test]
    fn engines_are_led_to_their_safe_variants() {
        for (name, expected) in [
            ("www.google.com", "forcesafesearch.google.com"),
            ("www.google.fr", "forcesafesearch.google.com"),
            ("google.co.uk", "forcesafesearch.google.com"),
            ("images.google.com.br", "forcesafesearch.google.com"),
            ("www.google.cat", "forcesafesearch.google.com"),
            ("www.bing.com", "strict.bing.com"),
            ("edgeservices.bing.com", "strict.bing.com"),
            ("duckduckgo.com", "safe.duckduckgo.com"),
            ("lite.duckduckgo.com", "safe.duckduckgo.com"),
            ("duck.com", "safe.duckduckgo.com"),
            ("api.qwant.com", "safeapi.qwant.com"),
            ("search.brave.com", "forcesafe.search.brave.com"),
            ("www.ecosia.org", "strict-safe-search.ecosia.org"),
            ("pixabay.com", "safesearch.pixabay.com"),
            ("startpage.com", "safe.startpage.com"),
        ] {
            assert_eq!(find(name, true, YouTube::Off).as_deref(), Some(expected), "{name}");
            assert_eq!(find(name, false, YouTube::Strict), None, "{name}");
        }
    }

    #[test]
    fn other_services_of_the_same_house_are_left_alone() {
        for name in [
            "mail.google.com",
            "docs.google.com",
            "forcesafesearch.google.com",
            "www.google.example",
            "www.google.co.example",
            "notgoogle.com",
            "www.notgoogle.fr",
            "google.com.evil.example",
            "fr.wikipedia.org",
            "strict.bing.com",
        ] {
            assert_eq!(find(name, true, YouTube::Strict), None, "{name}");
        }
    }

    #[test]
    fn youtube_has_two_degrees() {
        for name in YOUTUBE {
            assert_eq!(find(name, true, YouTube::Strict).as_deref(), Some("restrict.youtube.com"));
            assert_eq!(find(name, false, YouTube::Moderate).as_deref(), Some("restrictmoderate.youtube.com"));
            assert_eq!(find(name, true, YouTube::Off), None);
        }
    }
}
