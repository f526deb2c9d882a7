//! What the commune may decide of a box's configuration, and what it may not: by the same reading as `preau check`.
//!
//! Invariant: nothing that it decides cuts a box from its hub, leads a device past its filter, names a file of the box's machine, or lets anybody read
//! the journal. It opens sites by `[[ent]]` alone, and none that is locked, or that a list closes to whoever asks.

use hub::configurations::Fault;
use model::Uai;
use replication::limits::CONFIGURATION_BYTES_MAX;
use toml_span::value::{Key, Table};
use toml_span::{Span, Value};
use wifi::Kind;

use super::halves::{BEGINNING, join};
use super::report::{Problem, place_of, problems};
use super::{Config, EMBEDDED};

/// The keys that it may decide. Of `[[ent]]`, `[[wifi.network]]` and `[[access_point]]` the whole lists are its own then.
const DECIDED: [&str; 33] = [
    "version",
    "school.name",
    "school.uai",
    "school.helpdesk",
    "school.contacts",
    "school.timezone",
    "school.holidays",
    "portal.name",
    "portal.controller",
    "portal.dpo",
    "selftest.site",
    "selftest.at",
    "selftest.profiles",
    "lesson.minutes",
    "lesson.spared",
    "ent.hosts",
    "ent.served_to",
    "ent.upstream",
    "ent.family",
    "ent_cache.gib",
    "ent_cache.prepare_mbit",
    "wifi.country",
    "wifi.network.room",
    "wifi.network.ssid",
    "wifi.network.keys",
    "wifi.network.wpa3",
    "wifi.network.isolate",
    "access_point.name",
    "access_point.room",
    "access_point.kind",
    "access_point.channel",
    "access_point.interface",
    "access_point.bridge",
];

/// Judges what somebody at the hub has written for a school, before it is kept: as if the box had nothing of its own but a name. The sites that it opens
/// to the whole school: those of its workspaces.
///
/// # Errors
/// Every mistake in it, by its place.
pub(crate) fn check_sent(text: &str, uai: &Uai) -> Result<Vec<String>, Vec<Fault>> {
    check_decided(text, EMBEDDED, uai)?;
    let config = Config::parse(&join(EMBEDDED, Some((1, text))));
    let config = config.map_err(|problems| problems.into_iter().map(of_problem).collect::<Vec<_>>())?;
    Ok(config.filter.workspace.iter().map(ToString::to_string).collect())
}

/// Judges what the commune has sent, beside the box's `own` half.
///
/// # Errors
/// Every mistake in it, by its place.
pub(crate) fn check_decided(text: &str, own: &str, uai: &Uai) -> Result<(), Vec<Fault>> {
    if text.len() > CONFIGURATION_BYTES_MAX {
        let kib = CONFIGURATION_BYTES_MAX >> 10;
        let french = format!("plus de {kib} Kio : une école en a quelques-uns");
        return Err(vec![fault((1, 1), french, format!("more than {kib} KiB: a school has some"))]);
    }
    let is_unseen = |(_, it): &(usize, char)| it.is_control() && !matches!(*it, '\n' | '\t');
    if let Some((offset, _)) = text.char_indices().find(is_unseen) {
        let french = "un caractère de contrôle, que personne ne voit : effacez-le".to_owned();
        let english = "a control character, which nobody sees: remove it".to_owned();
        return Err(vec![fault(place_of(text, Span::new(offset, offset)), french, english)]);
    }
    let is_long = |line: &&str| line.contains("\"\"\"") || line.contains("'''");
    if let Some((line, _)) = (1..).zip(text.lines()).find(|(_, line)| is_long(line)) {
        let french = "un texte sur plusieurs lignes : aucune de ces clés n’en a".to_owned();
        let english = "a text of several lines: none of these keys has one".to_owned();
        return Err(vec![fault((line, 1), french, english)]);
    }
    let value = match toml_span::parse(text) {
        Ok(value) => value,
        Err(error) => return Err(problems(text, error.into()).into_iter().map(of_problem).collect()),
    };
    let mut faults = Vec::new();
    if let Some(table) = value.as_table() {
        refuse_others(text, "", table, &mut faults);
    }
    faults.extend(refuse_other_school(text, &value, uai));
    // Only then: the reader opens the files that a configuration names.
    if faults.is_empty() {
        faults = read_whole(text, &value, own);
    }
    faults.sort_by_key(|fault| (fault.line, fault.column));
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// What is no business of the commune's.
fn refuse_others(text: &str, path: &str, table: &Table<'_>, faults: &mut Vec<Fault>) {
    for (key, value) in table {
        let path = if path.is_empty() { key.name.to_string() } else { format!("{path}.{}", key.name) };
        if DECIDED.contains(&path.as_str()) {
            continue;
        }
        let below = format!("{path}.");
        if !DECIDED.iter().any(|decided| decided.starts_with(&below)) {
            faults.push(refuse(text, &path, key));
        } else if let Some(table) = value.as_table() {
            refuse_others(text, &path, table, faults);
        } else {
            let tables = value.as_array().into_iter().flatten().filter_map(Value::as_table);
            tables.for_each(|table| refuse_others(text, &path, table, faults));
        }
    }
}

fn refuse(text: &str, path: &str, key: &Key<'_>) -> Fault {
    let (french, english) = reason(path);
    let french = format!("« {path} » ne s’envoie pas : {french}");
    fault(place_of(text, key.span), french, format!("`{path}` is not sent: {english}"))
}

/// Why something stays with the box.
fn reason(path: &str) -> (&'static str, &'static str) {
    let table = path.split('.').next().unwrap_or(path);
    let is_file = path.ends_with("_file") || path.ends_with(".charter");
    match table {
        _ if is_file => (
            "cela nomme un fichier de cette machine, que le hub n’a pas",
            "it names a file of that machine, which the hub has not",
        ),
        "lan" | "wan" | "dhcp" | "dns" | "gate" => (
            "le réseau et la ligne restent au boîtier, une erreur le couperait du hub",
            "network and line stay with the box: a mistake would cut it from the hub",
        ),
        "journal" => (
            "qui lit le journal et combien de temps il est gardé ne se décide pas depuis le hub",
            "who reads the journal, and how long it is kept, is not decided from the hub",
        ),
        "commune" | "profile" | "service" => (
            "cela ouvre ou ferme des sites sans motif ni fin : passez par les pages Règles et Catégories",
            "it opens or closes without a reason and an end: use rules and categories of the hub",
        ),
        "lists" => (
            "d’où le boîtier prend ses listes lui reste, sans elles il n’a plus de filtre à jour",
            "where the box has its lists from stays with it: without them its filter grows old",
        ),
        "portal" => (
            "les portes du boîtier et les téléphones exigés lui restent",
            "the box's doors, and whose telephones it asks for, stay with it",
        ),
        "access_point" => (
            "une borne OpenWrt s’adopte en la branchant, sur la page Bornes du boîtier",
            "an access point with OpenWrt is adopted by plugging it in, on the box's own page",
        ),
        "wifi" => ("cela dépend des ports de cette machine", "it depends on the ports of that machine"),
        _ => ("le boîtier n’attend pas cette clé du hub", "a box does not take this key from a hub"),
    }
}

/// A text that was written for another school.
fn refuse_other_school(text: &str, value: &Value<'_>, uai: &Uai) -> Option<Fault> {
    let named = value.pointer("/school/uai")?;
    if named.as_str()? == uai.as_str() {
        return None;
    }
    let french = format!("ce n’est pas l’identifiant de cette école, qui est {uai}");
    Some(fault(place_of(text, named.span), french, format!("this is another school than {uai}")))
}

/// What the reader of the whole file says. There, each line that the commune decides stands behind some letters.
fn read_whole(text: &str, value: &Value<'_>, own: &str) -> Vec<Fault> {
    let whole = join(own, Some((1, text)));
    let lines_above = whole.lines().count().saturating_sub(text.lines().count());
    let problems = match Config::parse(&whole) {
        Ok(config) => return refuse_ways_round(text, value, &config, own),
        Err(problems) => problems,
    };
    let told = problems.into_iter().map(|problem| match problem.line.checked_sub(lines_above) {
        Some(line @ 1..) => {
            let column = problem.column.saturating_sub(BEGINNING.len()).max(1);
            of_problem(Problem { line, column, ..problem })
        }
        Some(0) | None => {
            let Problem { line, message, .. } = problem;
            let french = format!("cela ne va pas avec la ligne {line} du boîtier : {}", translate(&message));
            fault((1, 1), french, format!("it does not go with the box's own line {line}: {message}"))
        }
    });
    told.collect()
}

/// What the reader takes from people of the box, who know its ports, and the box takes from nobody else: a radio whose devices come past the filter, or
/// that takes the line away; devices of teachers among those of pupils.
fn refuse_ways_round(text: &str, value: &Value<'_>, config: &Config, own: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(network) = config.network.as_ref().filter(|_| value.pointer("/access_point").is_some()) {
        let intent = network.firewall.intent();
        let lans = intent.lans();
        let is_lan = |port: &str| lans.iter().any(|lan| lan.as_str() == port);
        for point in &config.wifi.access_points {
            let Kind::Hostapd { interface, bridge } = &point.kind else { continue };
            if let Some(bridge) = bridge.as_deref().filter(|&bridge| !is_lan(bridge)) {
                let french = format!("« {bridge} » n’est pas un réseau de l’école sur ce boîtier");
                let english = format!("`{bridge}` is no network of the school on this box");
                faults.push(fault(find(text, bridge), french, english));
            }
            if is_lan(interface) || intent.wan.as_str() == interface {
                let french =
                    format!("« {interface} » est le réseau ou la ligne de ce boîtier, pas une radio");
                let english = format!("`{interface}` is this box's network or its line, and no radio");
                faults.push(fault(find(text, interface), french, english));
            }
        }
    }
    let is_apart = |config: &Config| config.wifi.networks.iter().any(|network| !network.apart.is_empty());
    if Config::parse(own).is_ok_and(|own| is_apart(&own)) && !is_apart(config) {
        let french = "ce boîtier sépare des appareils ([[wifi.network.apart]]), ce qui ne s’envoie pas : ses réseaux Wi-Fi lui restent";
        let english = "this box puts devices apart ([[wifi.network.apart]]), which is not sent: its Wi-Fi networks stay with it";
        faults.push(fault(find(text, "network"), french.to_owned(), english.to_owned()));
    }
    faults
}

/// Where a word stands first.
fn find(text: &str, word: &str) -> (usize, usize) {
    text.find(word).map_or((1, 1), |offset| place_of(text, Span::new(offset, offset)))
}

fn of_problem(Problem { line, column, message }: Problem) -> Fault {
    fault((line, column), translate(&message), message)
}

fn fault((line, column): (usize, usize), french: String, english: String) -> Fault {
    Fault { line, column, french, english }
}

/// The reader's most frequent words in French; the others as it says them.
fn translate(message: &str) -> String {
    let between = |start: &str, end: &str| message.strip_prefix(start)?.strip_suffix(end);
    let unknown = message.strip_prefix("unknown key ").and_then(|it| it.split_once("; known here: "));
    if let Some((key, known)) = unknown {
        return format!("clé inconnue {key} ; connues ici : {known}");
    }
    if let Some(key) = between("the key ", " is missing here") {
        return format!("il manque ici la clé {key}");
    }
    if let Some(profile) = between("there is no profile ", "") {
        return format!("il n’y a pas de profil {profile}");
    }
    if let Some(profile) = between("`served_to` names the profile ", ", which there is not") {
        return format!("`served_to` nomme le profil {profile}, qui n’existe pas");
    }
    if let Some(zone) = between("", " is no time zone, as Europe/Paris or Indian/Reunion are") {
        return format!("{zone} n’est pas un fuseau horaire, comme Europe/Paris ou Indian/Reunion");
    }
    format!("l’analyseur du boîtier dit : {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "version = 1\n[school]\nname = \"Boîtier\"\nhelpdesk = \"01 23\"\n\
                       [lan]\ninterface = \"lan0\"\nipv4_network = \"10.77.0.0/24\"\nipv4_address = \"10.77.0.1\"\n\
                       [wan]\ninterface = \"wan0\"\n[[ent]]\nhosts = [\"old.example\"]\n";
    const SENT: &str = "[school]\nname = \"École Jules-Ferry\"\nuai = \"0750655E\"\ntimezone = \"Indian/Reunion\"\n\
                        [[ent]]\nhosts = [\"ent.example\"]\nserved_to = [\"elementaire\"]\n\
                        [wifi]\ncountry = \"RE\"\n[[wifi.network]]\nroom = \"CM2\"\nssid = \"libellule\"\n";

    fn uai() -> Uai {
        "0750655E".parse().unwrap()
    }

    fn tell(text: &str) -> Vec<String> {
        let faults = check_sent(text, &uai()).err().unwrap_or_default();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_decided_stands_over_what_the_box_has_and_the_rest_stays() {
        assert_eq!(tell(SENT), [""; 0]);
        check_decided(SENT, OWN, &uai()).unwrap();
        let config = Config::parse(&join(OWN, Some((7, SENT)))).unwrap();
        assert_eq!(config.school.name, "École Jules-Ferry");
        assert_eq!(config.school.helpdesk.as_deref(), Some("01 23"), "its own");
        assert_eq!(config.school.timezone.iana_name(), Some("Indian/Reunion"));
        let hosts: Vec<&str> = config.filter.workspace.iter().map(|host| host.as_str()).collect();
        assert_eq!(hosts, ["ent.example"], "a list is replaced whole");
        // What the hub has named is no way round the lists; what the box's own people have is theirs.
        let barred = config.rulebook().barred.unwrap();
        assert!(barred.iter().any(|category| category.as_str() == "drogue"), "{barred:?}");
        for text in ["", "[school]\nname = \"École\"\n"] {
            assert_eq!(Config::parse(&join(OWN, Some((7, text)))).unwrap().rulebook().barred, None);
        }
        assert_eq!((config.wifi.networks.len(), config.served_workspaces.len()), (1, 1));
        assert!(config.network.is_some());
        // What is taken back is as it was.
        let own = Config::parse(&join(OWN, Some((8, "")))).unwrap();
        assert_eq!((own.school.name.as_str(), own.wifi.networks.len()), ("Boîtier", 0));
    }

    #[test]
    fn what_would_cut_the_box_off_or_open_it_is_refused_with_its_place() {
        let check = |text: &str, place: &str, word: &str| {
            let told = tell(text);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(place) && told[0].contains(word), "{told:?}");
        };
        check("[wan]\ninterface = \"eth9\"\n", "1:", "cut it from the hub");
        check("\n[gate]\ntls_port = 1\n", "2:", "cut it from the hub");
        check("[journal]\nreaders = [\"nobody\"]\n", "1:", "who reads the journal");
        check("[[commune.exception]]\nsite = \"a.example\"\n", "1:", "rules");
        check("[commune]\nlocked = []\n", "1:", "rules");
        check("[[profile]]\nname = \"elementaire\"\n", "1:", "rules");
        check("[lists]\nmirror = \"hub\"\n", "1:", "lists");
        check("[portal]\ntelephones = []\n", "2:1", "telephones");
        check("[wifi]\nlistener = \"wlan9\"\n", "2:1", "ports of that machine");
        check("[wifi]\nadoption_key_file = \"/x\"\n", "2:1", "a file");
        check("[[ent]]\nhosts = [\"ent.example\"]\nca_file = \"/etc/shadow\"\n", "3:1", "a file");
        check("[school]\nname = \"É\"\nuai = \"0911234X\"\n", "3:", "another school");
        check("[school]\nnmae = \"É\"\n", "2:1", "does not take this key");
        check("name = \n", "1:", "");
        check("[school]\nname = \"a\u{1b}\"\n", "2:", "control character");
        check("[school]\nname = \"\"\"\nÉ\"\"\"\n", "2:1", "several lines");
        check("[school]\nname = '''É'''\n", "2:1", "several lines");
        check(&"#".repeat(CONFIGURATION_BYTES_MAX + 1), "1:1", "KiB");
    }

    #[test]
    fn mistakes_are_those_of_the_check_and_are_told_in_french() {
        let text = "[school]\ntimezone = \"Europe/Pari\"\n[[ent]]\nserved_to = [\"elementaire\"]\n\
                    [lesson]\nminutes = \"x\"\n";
        let faults = check_sent(text, &uai()).unwrap_err();
        assert_eq!((faults.len(), faults[0].line, faults[2].line), (3, 2, 6), "{faults:?}");
        assert!(faults[0].french.contains("n’est pas un fuseau horaire"), "{faults:?}");
        assert!(faults[1].english.contains("needs `hosts`"), "{faults:?}");
        let faults =
            check_sent("[[ent]]\nhosts = [\"ent.example\"]\nserved_to = [\"nobody\"]\n", &uai()).unwrap_err();
        assert!(faults[0].french.contains("le profil `nobody`, qui n’existe pas"), "{faults:?}");
        let check = |english: &str, french: &str| assert_eq!(translate(english), french);
        check("there is no profile `nobody`", "il n’y a pas de profil `nobody`");
        check("the key `hosts` is missing here", "il manque ici la clé `hosts`");
        check("unknown key `a`; known here: b, c", "clé inconnue `a` ; connues ici : b, c");
        check("strange", "l’analyseur du boîtier dit : strange");
    }

    /// A hub that is broken into leads no radio past the filter, takes no line away, and puts no teacher's tablet among those of pupils.
    #[test]
    fn ways_round_the_filter_are_refused() {
        let point = |interface: &str, bridge: &str| {
            format!(
                "[[wifi.network]]\nroom = \"CM2\"\nssid = \"libellule\"\n[[access_point]]\nname = \"a\"\n\
                 room = \"CM2\"\nkind = \"hostapd\"\nchannel = 36\ninterface = \"{interface}\"\nbridge = \"{bridge}\"\n"
            )
        };
        assert_eq!(check_decided(&point("wlan0", "lan0"), OWN, &uai()), Ok(()));
        for (interface, bridge, place, word) in [
            ("wlan0", "wan0", "10:", "no network of the school"),
            ("wan0", "lan0", "9:", "no radio"),
            ("lan0", "lan0", "9:", "no radio"),
        ] {
            let told = check_decided(&point(interface, bridge), OWN, &uai()).unwrap_err();
            let told: Vec<String> = told.iter().map(ToString::to_string).collect();
            assert!(told.len() == 1 && told[0].starts_with(place) && told[0].contains(word), "{told:?}");
        }
        let apart = format!(
            "{OWN}[[lan.apart]]\ninterface = \"br-adultes\"\nipv4_network = \"10.78.0.0/24\"\nipv4_address = \"10.78.0.1\"\n\
             [[wifi.network]]\nroom = \"CM2\"\nssid = \"hetre\"\nkeys = \"device\"\n\
             [[wifi.network.apart]]\nbridge = \"br-adultes\"\nprofiles = [\"adulte\"]\n"
        );
        Config::parse(&apart).unwrap();
        assert_eq!(check_decided("[school]\nname = \"École\"\n", &apart, &uai()), Ok(()));
        let told = check_decided(&point("wlan0", "lan0"), &apart, &uai()).unwrap_err()[0].to_string();
        assert!(told.starts_with("1:") && told.contains("puts devices apart"), "{told}");
    }

    #[test]
    fn the_sites_that_a_text_opens_are_told() {
        assert_eq!(check_sent(SENT, &uai()).unwrap(), ["ent.example"]);
        assert_eq!(check_sent("", &uai()).unwrap(), [""; 0]);
    }

    /// The files of a real box are its own: what it sends of its own half is no fault of the commune's.
    #[test]
    fn what_does_not_go_with_the_box_is_told_with_its_line() {
        let own = "version = 1\n[school]\nname = \"É\"\n[wan]\ninterface = \"wan0\"\n";
        let told = check_decided(SENT, own, &uai()).unwrap_err()[0].to_string();
        assert!(told.contains("does not go with the box's own line"), "{told}");
    }
}
