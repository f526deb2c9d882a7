//! The configuration file, mistake by mistake.

mod access_points;
mod notices;

use std::net::Ipv4Addr;

use super::*;

const SCHOOL: &str = "version = 1\n[school]\nname = \"École Jules-Ferry\"\n";

/// The problems of a text, one a line.
fn problems_of(text: &str) -> String {
    let problems = Config::parse(text).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_embedded_default_is_valid_and_stays_on_loopback() {
    let config = Config::load_or_default(None).unwrap();
    assert_eq!(config.network, None);
    assert_eq!((config.dns.port, config.portal.port), (5300, 8000));
    assert_eq!((config.gate.tls_port, config.gate.http_port, config.gate.proxy_port), (8443, 8080, 3128));
}

#[test]
fn an_absent_file_is_named() {
    let error = Config::load(Path::new("/nonexistent/preau.toml")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/preau.toml"), "{error}");
}

#[test]
fn a_whole_school() {
    let config = Config::parse(include_str!("../../../../docs/preau.example.toml")).unwrap();
    let network = config.network.unwrap();
    let intent = network.firewall.intent();
    assert_eq!((intent.lan.to_string().as_str(), intent.wan.to_string().as_str()), ("lan0", "wan0"));
    assert_eq!(intent.box_ipv4, Ipv4Addr::new(10, 77, 0, 1));
    assert_eq!(intent.networks.len(), 2);
    assert_eq!((config.dns.port, config.dns.questions_per_second), (53, 200));
    assert_eq!((config.served_workspaces.len(), config.cache_bytes_max), (1, 20 << 30));
    assert_eq!(config.dns.upstreams.iter().map(|upstream| upstream.port).collect::<Vec<_>>(), [853, 53]);
    assert_eq!(config.school.uai.unwrap().as_str(), "0750655E");
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    let text = "version = 1
colour = 'blue'

[school]
name = 12
uai = '0750655F'
timezone = 'Europe/Pari'

[lan]
interface = 'lan0'
ipv4_network = '10.77.0.0/24'
ipv4_address = '10.78.0.1'
ipv6_network = 'fd77::/64'

[wan]
interface = 'lan0'
speed = 8

[dns]
port = 70000

[[profile]]
name = 'Élémentaire'
refused = ['adult', 'jeux d argent']
";
    insta::assert_snapshot!(problems_of(text));
}

#[test]
fn addresses_for_devices_are_those_of_the_school() {
    const LINE: &str = "[lan]\ninterface = 'lan0'\nipv4_network = '10.77.0.0/24'\nipv4_address = '10.77.0.1'\n\
                        [wan]\ninterface = 'wan0'\n";
    let given = |dhcp: &str| {
        let config = Config::parse(&format!("{SCHOOL}{LINE}[dhcp]\n{dhcp}")).unwrap();
        let network = config.network.unwrap();
        assert!(network.firewall.gives_addresses());
        network.school.leases.map(|leases| (leases.pool.to_string(), leases.minutes))
    };
    let pool = "10.77.0.100-10.77.0.199";
    assert_eq!(given(&format!("pool = '{pool}'")), Some((pool.to_owned(), 240)));
    assert_eq!(given(&format!("pool = '{pool}'\nlease_minutes = 10")), Some((pool.to_owned(), 10)));
    let check = |line: &str, dhcp: &str, expected: &str| {
        let problems = problems_of(&format!("{SCHOOL}{line}[dhcp]\n{dhcp}"));
        assert!(problems.contains(expected), "{dhcp}: {problems}");
    };
    check("", &format!("pool = '{pool}'"), "it needs [lan] and [wan]");
    check(LINE, "", "pool");
    check(LINE, "pool = '10.77.0.100'", "a range of addresses is written as");
    check(LINE, "pool = '10.77.0.200-10.77.1.9'", "not all in the network 10.77.0.0/24");
    check(LINE, "pool = '10.77.0.1-10.77.0.9'", "10.77.0.1 is the box's own");
    check(LINE, "pool = '10.77.0.200-10.77.0.255'", "are of no machine");
    check(LINE, &format!("pool = '{pool}'\nlease_minutes = 9"), "from 10 to 10080");
    let wide = LINE.replace("10.77.0.0/24", "10.77.0.0/16");
    check(&wide, "pool = '10.77.1.0-10.77.200.0'", "more than 4096 addresses");
}

#[test]
fn tables_that_belong_together() {
    let check = |rest: &str, expected: &str| {
        let problems = problems_of(&format!("{SCHOOL}{rest}"));
        assert!(problems.contains(expected), "{rest}: {problems}");
    };
    check("[wan]\ninterface = 'wan0'\n", "[lan] and [wan] go together");
    check(
        "[lan]\ninterface = 'lan0'\nipv4_network = '10.77.0.0/24'\nipv4_address = '10.77.0.1'\n",
        "[lan] and [wan] go together",
    );
    check("[lan]\ninterface = 'lan0'\n[wan]\ninterface = 'wan0'\n", "`ipv4_network`");
    let same = "[lan]\ninterface = 'lan0'\nipv4_network = '10.77.0.0/24'\nipv4_address = '10.77.0.1'\n\
                [wan]\ninterface = 'lan0'\n";
    check(same, "9:14: the school's network and the Internet line have the same interface");
    check("[gate]\ntls_port = 3128\n", "5:12: the port 3128 is given to two services");
    check("[portal]\nport = 53\n[dns]\nport = 53\n", "5:8: the port 53 is given to two services");
    check("[dns]\nport = 8000\n", "5:8: the port 8000 is given to two services");
    check("[journal]\nreaders = ['age1x']\n", "5:13: `age1x`: not a public key of age");
    let key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    check(&format!("[journal]\nreaders = ['{key}']\n"), "`readers` and `recovery` belong together");
    check(&format!("[journal]\nrecovery = '{key}'\n"), "`readers` and `recovery` belong together");
    check("[lists]\nindex = ''\n", "5:9: `index` is empty");
    check("[dns]\nupstream = '9.9.9.9'\n", "5:13: `upstream` is a list of tables");
    check("[[dns]]\nport = 5\n", "4:1: expected a table, found array");
    check(
        "[gate]\nprivate_networks = ['10.1.0.0/16', '127.0.0.0/8']\n",
        "`127.0.0.0/8`: not a private network",
    );
    check("[gate]\ntls_port = 0\n", "a port is a number");
    check("[dns]\nquestions_per_second = 0\n", "5:24: a number of questions from 10 to 1000000");
    check("[lists]\ncategories = ['adult']\n", "`categories` has a meaning only with `mirror`");
    check("[lists]\nmirror = 'hub'\ncategories = ['adult']\n", "neither `categories` nor `ca_file`");
    check("[lists]\nmirror = 'ftp://a.example/'\n", "not the address of a folder on a web server");
    check("[lists]\nmirror = 'http://a.example/'\nca_file = '/x'\n", "begins with https");
    check("[lists]\nmirror = 'https://a.example/'\nca_file = '/nonexistent'\n", "cannot be read");
    check("[[dns.upstream]]\naddress = '9.9.9.9'\nca_file = '/x'\n", "only with `tls_name`");
    check("[[profile]]\nname = 'a'\n[[profile]]\nname = 'a'\n", "described twice");
    let profile = |keys: &str| format!("[[profile]]\nname = 'a'\n{keys}");
    check(&profile("mode = 'white-list'\n"), "a white list without `permitted`");
    check(&profile("mode = 'shut'\n"), "6:9: `shut`: a mode is");
    check(&profile("youtube = 'hard'\n"), "6:12: `hard`: YouTube is restricted");
    let hours = |keys: &str| profile(&format!("[[profile.hours]]\n{keys}"));
    check(&hours("from = '08:30'\nto = '24:30'\nmode = 'closed'\n"), "8:7: `24:30`: not a time of day");
    check(
        &hours("from = '18:00'\nto = '07:00'\nmode = 'closed'\n"),
        "6:1: these hours end before they begin",
    );
    check(&hours("from = '08:30'\nto = '09:30'\n"), "6:1: these hours change nothing");
    check(
        &hours("days = ['lun']\nfrom = '08:30'\nto = '09:30'\nmode = 'ent'\n"),
        "7:10: `lun`: a day is mon",
    );
    let exception = |keys: &str| format!("[[commune.exception]]\nauthor = 'DSI'\n{keys}");
    check(&exception("site = 'fr'\nreason = 'x'\n"), "6:9: `fr`: a top-level domain is nobody's site");
    check(&exception("site = 'a.fr'\nreason = ' '\n"), "7:11: an exception without a reason");
    check(&exception("site = 'a.fr'\nreason = 'x'\nverdict = 'open'\n"), "8:12: `open`: a verdict is");
    check(&exception("site = 'a.fr'\nreason = 'x'\nuntil = 'juin'\n"), "8:10: `juin`: a day is written as");
    check("[[ent]]\nhosts = []\n", "4:1: a workspace needs `hosts`");
    let ent = |keys: &str| format!("[[ent]]\nhosts = ['ent.example']\n{keys}");
    check(&ent("served_to = ['cm2']\n"), "4:1: `served_to` names the profile `cm2`, which there is not");
    check(&ent("served_to = ['inconnu']\n"), "4:1: `served_to` cannot be `inconnu`");
    check(&ent("upstream = '192.0.2.7'\n"), "4:1: `upstream` has a meaning only with `served_to`");
    check(&ent("family = 'entcore'\n"), "4:1: `family` has a meaning only with `served_to`");
    check(&ent("served_to = ['elementaire']\nfamily = 'x'\n"), "7:11: `x`: no family that is known");
    check(&ent("served_to = ['elementaire']\nfamily_file = 'none.toml'\n"), "`none.toml`: ");
    check("[ent_cache]\ngib = 1025\n", "5:7: a number of GiB from 0 to 1024");
    check(&ent("served_to = ['elementaire']\nupstream = 'ent'\n"), "7:13: `ent`: an address");
    check("holidays = ['2027-01-03/2026-12-19']\n", "4:14: `2027-01-03/2026-12-19`: not the first");
}

#[test]
fn a_workspace_that_the_box_serves() {
    let ent = "[[ent]]\nhosts = ['ent.example']\nserved_to = ['elementaire', 'projecteur']\n";
    for (upstream, expected) in [
        ("", None),
        ("upstream = '192.0.2.7'\n", Some("192.0.2.7:443")),
        ("upstream = '[2001:db8::7]:8443'\n", Some("[2001:db8::7]:8443")),
    ] {
        let config =
            Config::parse(&format!("{SCHOOL}{ent}{upstream}[[ent]]\nhosts = ['b.example']\n")).unwrap();
        assert_eq!(config.filter.workspace.len(), 2);
        let [served] = &config.served_workspaces[..] else { panic!("{:?}", config.served_workspaces) };
        assert_eq!(served.profiles.len(), 2);
        assert_eq!(served.upstream, expected.map(|text| text.parse().unwrap()));
    }
}

#[test]
fn what_commune_and_school_decide() {
    let text = format!(
        "{SCHOOL}holidays = ['2026-12-19/2027-01-03']
[commune]
locked = ['adult']
[[commune.exception]]
site = 'Musée.example'
reason = 'classé par erreur'
author = 'DSI'
[[commune.exception]]
site = 'concours.example'
verdict = 'refuse'
reason = 'concours fermé aux écoles'
author = 'DSI'
until = '2027-07-05'
[[ent]]
hosts = ['ent.example', 'docs.ent.example']
[[profile]]
name = 'maternelle'
mode = 'white-list'
permitted = ['child', 'liste_bu']
youtube = 'moderate'
[[profile.hours]]
days = ['sat', 'sun']
season = 'term'
from = '00:00'
to = '24:00'
mode = 'closed'
"
    );
    let rulebook = Config::parse(&text).unwrap().rulebook();
    insta::assert_debug_snapshot!((
        &rulebook.locked,
        &rulebook.rules,
        &rulebook.workspace,
        rulebook.profiles.iter().find(|profile| profile.name.as_str() == "maternelle"),
    ));
}

/// What is wrong inside a table hides nothing of what is wrong between tables.
#[test]
fn mistakes_inside_and_between_tables_are_told_together() {
    let text = "version = 1
[school]
name = ''
[lan]
interface = 'lan0'
colour = 'blue'
ipv4_network = '127.0.0.0/8'
ipv4_address = '127.0.0.1'
[wan]
interface = 'lan0'
speed = 8
[dns]
port = 3128
[[dns.upstream]]
address = '127.0.0.1'
port = 'no'
[[dns.upstream]]
address = '127.0.0.1'
[gate]
tls_port = 0
http_port = 8000
[lists]
index = ''
[[profile]]
refused = []
";
    insta::assert_snapshot!(problems_of(text));
}

#[test]
fn addresses_that_no_resolver_has() {
    let lan = "[lan]\ninterface = 'lan0'\nipv4_network = '10.77.0.0/24'\nipv4_address = '10.77.0.1'\n\
               ipv6_network = 'fd77::/64'\nipv6_address = 'fd77::1'\n[wan]\ninterface = 'wan0'\n";
    let check = |network: &str, upstream: &str, expected: &str| {
        let text = format!("{SCHOOL}[[dns.upstream]]\naddress = {upstream}\n{network}");
        let problems = Config::parse(&text).err().unwrap_or_default();
        let problems = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let expected = if expected.is_empty() { String::new() } else { format!("5:12: {expected}") };
        assert_eq!(problems, expected, "{upstream}");
    };
    for address in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "fe80::1"] {
        check("", &format!("'{address}'"), &format!("{address} is not the address of a resolver"));
    }
    check(lan, "'10.77.0.1'", "10.77.0.1 is this box: it cannot ask itself");
    check(lan, "'fd77::1'\nport = 5353", "fd77::1 is this box: it cannot ask itself");
    check(lan, "'::ffff:10.77.0.1'", "10.77.0.1 is this box: it cannot ask itself");
    check(lan, "'10.77.0.255'", "10.77.0.255 is the address of no machine of the school");
    check("", "'127.0.0.1'\nport = 5300", "127.0.0.1 is this box: it cannot ask itself");
    // Another resolver on the same machine, or in the school.
    check("", "'127.0.0.1'", "");
    check(lan, "'127.0.0.1'", "");
    check(lan, "'10.77.0.2'", "");
}

#[test]
fn files_that_the_configuration_names_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: Option<&[u8]>, expected: &str| {
        let file = folder.path().join(name);
        content.iter().for_each(|content| std::fs::write(&file, content).unwrap());
        let text = format!(
            "{SCHOOL}[[dns.upstream]]\naddress = '9.9.9.9'\ntls_name = 'a.example'\nca_file = '{}'\n",
            file.display()
        );
        let problems = problems_of(&text);
        assert!(problems.starts_with(&format!("7:12: `{}`: {expected}", file.display())), "{problems}");
    };
    check("absent.pem", None, "cannot be read: No such file");
    check("", None, "cannot be read: Is a directory");
    check("empty.pem", Some(b""), "holds no certificate");
    check("cut.pem", Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n"), "is no PEM file: ");
    check("key.pem", Some(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "holds no");
    check("large.pem", Some(&[b'\n'; (1 << 20) + 1]), "cannot be read: larger than 1 MiB");
}

#[test]
fn a_file_without_an_end_is_refused_at_once() {
    let error = anyhow::Error::from(Config::load(Path::new("/dev/zero")).unwrap_err());
    let expected = "cannot read the configuration file /dev/zero: larger than 1 MiB: is it another file?";
    assert_eq!(format!("{error:#}"), expected);
}

#[test]
fn addresses_that_do_not_fit_their_network() {
    let check = |network: &str, address: &str, expected: &str| {
        let text = format!(
            "{SCHOOL}[lan]\ninterface = 'lan0'\nipv4_network = '{network}'\nipv4_address = '{address}'\n\
             [wan]\ninterface = 'wan0'\n"
        );
        assert_eq!(problems_of(&text), expected);
    };
    check("10.77.0.0/24", "10.78.0.1", "7:17: the address 10.78.0.1 is outside the network 10.77.0.0/24");
    check("10.77.0.0/24", "10.77.0.0", "7:17: 10.77.0.0 is not an address of a machine in 10.77.0.0/24");
    check("10.77.0.0/24", "10.77.0.255", "7:17: 10.77.0.255 is not an address of a machine in 10.77.0.0/24");
    check("10.77.0.5/24", "10.77.0.1", "6:17: `10.77.0.5/24` has host bits: the network is 10.77.0.0/24");
}

#[test]
fn an_unknown_version_is_refused() {
    assert!(problems_of("version = 2\n[school]\nname = 'x'\n").contains("1:11: version 2"));
    assert!(problems_of("[school]\nname = 'x'\n").contains("`version` is missing"));
}

#[test]
fn a_broken_file_says_where() {
    assert!(problems_of("version = 1\n[school\n").starts_with("2:"));
}

#[test]
fn the_file_changes_a_built_in_profile_and_keeps_the_others() {
    let text = format!("{SCHOOL}[[profile]]\nname = 'adulte'\nrefused = ['malware']\n");
    let profiles = Config::parse(&text).unwrap().filter.profiles;
    let refused =
        |name: &str| profiles.iter().find(|profile| profile.name.as_str() == name).unwrap().refused.len();
    assert_eq!(refused("adulte"), 1);
    assert!(refused("elementaire") > 10);
}

#[test]
fn what_goes_into_certificates_and_answers_is_checked() {
    let school = SCHOOL.trim_end();
    for (text, expected) in [
        (format!("{school}\n[portal]\nname = 'fr'\n"), "a name of two parts at least"),
        (format!("{school}\n[portal]\ntls_port = 8000\n"), "given to two services"),
        (format!("{school}\n[dns]\ntls_port = 5300\n"), "given to two services"),
        (format!("{school}\ncontacts = ['01 23 45 67 89']\n"), "a contact is tel:+33123456789 or mailto:"),
        (format!("{school}\ncontacts = ['tel:0123456789']\n"), "a telephone number is + and"),
        (
            format!(
                "{school}\ncontacts = ['tel:+331', 'tel:+3312', 'tel:+3313', 'tel:+3314', 'tel:+3315']\n"
            ),
            "more than 3 contacts",
        ),
    ] {
        assert!(problems_of(&text).contains(expected), "{text}: {}", problems_of(&text));
    }
    let text = format!("{school}\ncontacts = ['tel:+33123456789', 'mailto:a@commune.example.fr']\n");
    assert_eq!(Config::parse(&text).unwrap().school.contacts.len(), 2);
}

const LINE: &str = "[lan]\ninterface = 'lan0'\nipv4_network = '10.77.0.0/24'\nipv4_address = '10.77.0.1'\n\
                    [wan]\ninterface = 'wan0'\n";

#[test]
fn services_are_named_with_all_that_they_need() {
    let text = format!(
        "{SCHOOL}{LINE}
[[service]]
name = 'imaps'
purpose = \" Le courrier de l'académie \"
tcp = [993, '587']
hosts = ['imap.example.fr', 'smtp.example.fr']
profiles = ['adulte']

[[service]]
name = 'visio'
purpose = 'Visioconférences'
udp = ['3478', '10000-20000']
networks = ['203.0.113.0/24', '172.20.5.9', '2001:db8:5::/48']
profiles = ['adulte', 'elementaire']
"
    );
    let config = Config::parse(&text).unwrap();
    let [imaps, visio] = config.filter.services.as_slice() else { panic!() };
    assert_eq!((imaps.name.as_str(), imaps.purpose.as_str()), ("imaps", "Le courrier de l'académie"));
    assert_eq!(imaps.tcp.iter().map(ToString::to_string).collect::<Vec<_>>(), ["993", "587"]);
    assert_eq!(visio.udp.iter().map(ToString::to_string).collect::<Vec<_>>(), ["3478", "10000-20000"]);
    let networks: Vec<_> = visio.networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["203.0.113.0/24", "172.20.5.9/32", "2001:db8:5::/48"]);
    assert_eq!(config.rulebook().services.len(), 2);
}

#[test]
fn connections_have_a_pace() {
    let text = |pace: u32| format!("{SCHOOL}{LINE}[gate]\nconnections_per_second = {pace}\n");
    let network = Config::parse(&text(1_000)).unwrap().network.unwrap();
    assert_eq!(network.firewall.intent().connections_per_second, 1_000);
    assert!(problems_of(&text(49)).contains("a number of connections from 50 to 1000000"));
}

#[test]
fn mistakes_in_services_are_told_together() {
    let text = format!(
        "{SCHOOL}{LINE}
[[service]]
name = 'IMAPS'
purpose = ' '
tcp = [443, 0, '20-10', '1-1000', 2000, '1999-2001', true]
hosts = ['fr', 'a..b']
networks = ['0.0.0.0/0', '10.77.0.128/25', '203.0.113.1/24', '127.0.0.1', 'ff02::1', '169.254.1.0/24', 'nowhere']
profiles = ['inconnu', 'Adulte']

[[service]]
name = 'ftp'
purpose = 'Fichiers'

[[service]]
name = 'ftp'
purpose = 'Fichiers'
udp = [853]
networks = ['10.0.0.0/8']
profiles = ['directeur']
speed = 3
"
    );
    insta::assert_snapshot!(problems_of(&text));
    let alone = format!(
        "{SCHOOL}[[service]]\nname = 'a'\npurpose = 'b'\ntcp = [1]\nhosts = ['a.b']\nprofiles = ['adulte']\n"
    );
    assert!(problems_of(&alone).contains("on loopback there is none"));
}

/// What a box cannot do, it says before it starts.
#[test]
fn services_that_cannot_work_are_refused() {
    let check = |key: &str, value: &str, expected: &str| {
        let key_of = |line: &str| line.split(' ').next().unwrap().to_owned();
        let lines = ["tcp = [993]", "hosts = ['imap.example.fr']", "profiles = ['adulte']"];
        let mut lines: Vec<String> =
            lines.into_iter().filter(|line| key_of(line) != key).map(str::to_owned).collect();
        lines.push(format!("{key} = {value}"));
        let service = format!("[[service]]\nname = 'a'\npurpose = 'b'\n{}\n", lines.join("\n"));
        let problems = Config::parse(&format!("{SCHOOL}{LINE}{service}")).err().unwrap_or_default();
        let problems = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(
            problems.contains(expected) && problems.is_empty() == expected.is_empty(),
            "{key}: {problems}"
        );
    };
    check("udp", "[]", "");
    check("tcp", "[]", "a service needs `tcp` or `udp`");
    check("tcp", "[993.0]", "`993.0`");
    check("hosts", "[]", "a service needs `hosts` or `networks`");
    check("profiles", "[]", "a service needs `profiles`");
    check("hosts", "['preau.lan']", "`preau.lan` is the box itself");
    check("hosts", "['a.preau.lan']", "`a.preau.lan` is the box itself");
    check("hosts", "['x.autotest.preau.test']", "a name of the box's self-test");
    check("hosts", "['use-application-dns.net']", "a way around the filter");
    check("networks", "[]", "");
    check("networks", "['198.18.112.7']", "the box's self-test has its devices there");
    check("networks", "['198.18.0.0/15']", "the box's self-test has its devices there");
    check("networks", "['fd70:7265:6175:7e57::/64']", "the box's self-test has its devices there");
    check("networks", "['11.0.0.0/8', '11.1.0.0/16', '2a00::/20']", "");
    check("networks", "['11.0.0.0/8', '12.1.0.0/16']", "together larger than the largest one may be");
    check("networks", "['2a00::/20', '2a01:1450::/32']", "together larger than the largest one may be");
}

#[test]
fn a_self_test_has_a_site_and_a_time() {
    let config = Config::parse(SCHOOL).unwrap();
    assert_eq!(config.selftest.site.as_str(), "www.education.gouv.fr");
    assert_eq!((config.selftest.at, config.selftest.profiles), (None, None));
    let table = "[selftest]\nsite = 'mediatheque.example'\nat = '05:30'\nprofiles = ['inconnu']\n";
    let config = Config::parse(&format!("{SCHOOL}{table}")).unwrap();
    assert_eq!(config.selftest.at, "05:30".parse().ok());
    assert_eq!(config.selftest.profiles, Some(vec![ProfileName::unknown()]));
    let table = "[selftest]\nsite = 'a b'\nat = '25:00'\nprofiles = ['A']\nspeed = 1\n";
    let problems = problems_of(&format!("{SCHOOL}{table}"));
    for problem in ["`a b`", "`25:00`", "`A`", "speed"] {
        assert!(problems.contains(problem), "{problem}: {problems}");
    }
    for (profiles, expected) in [
        ("['inconnu', 'nobody']", "5:25: there is no profile `nobody`"),
        ("[]", "5:12: `profiles` is empty: nobody would attack"),
    ] {
        assert_eq!(problems_of(&format!("{SCHOOL}[selftest]\nprofiles = {profiles}\n")), expected);
    }
}

#[test]
fn a_lesson_has_a_usual_length_and_spares_profiles() {
    let names = |config: &Config| config.lessons.spared.iter().map(ToString::to_string).collect::<Vec<_>>();
    let config = Config::parse(SCHOOL).unwrap();
    assert_eq!(
        (config.lessons.minutes, names(&config)),
        (55, vec!["adulte".to_owned(), "projecteur".to_owned()])
    );
    let config = Config::parse(&format!("{SCHOOL}[lesson]\nminutes = 45\nspared = ['invite']\n")).unwrap();
    assert_eq!((config.lessons.minutes, names(&config)), (45, vec!["invite".to_owned()]));
    assert_eq!(config.rulebook().spared, config.lessons.spared);
    let config = Config::parse(&format!("{SCHOOL}[lesson]\nspared = []\n")).unwrap();
    assert_eq!(names(&config), [""; 0]);
    for (keys, expected) in [
        ("minutes = 4", "a lesson lasts 5 to 480 minutes"),
        ("minutes = 481", "a lesson lasts 5 to 480 minutes"),
        ("spared = ['nobody']", "there is no profile `nobody`"),
        ("spared = ['A b']", "`A b`"),
        ("length = 1", "length"),
    ] {
        let problems = problems_of(&format!("{SCHOOL}[lesson]\n{keys}\n"));
        assert!(problems.contains(expected), "{keys}: {problems}");
    }
}

/// The box and its self-test count the same profiles, and every profile has two testers.
#[test]
fn every_profile_has_two_testers() {
    let config = Config::parse(SCHOOL).unwrap();
    let testers: Vec<_> = config.tester_profiles().collect();
    let each = config.testers_each();
    assert_eq!(testers.len(), 2 * each);
    assert_eq!(testers[..each], testers[each..]);
    assert!(testers.contains(&&ProfileName::unknown()));
}

#[test]
fn a_line_without_dhcp_is_beside_the_school() {
    let text = |wan: &str| {
        format!(
            "{SCHOOL}[lan]\ninterface = 'lan0'\nipv4_network = '10.77.0.0/24'\nipv4_address = '10.77.0.1'\n\
             [wan]\ninterface = 'wan0'\n{wan}"
        )
    };
    let keys = |address: &str, gateway: &str, dns: &str| {
        text(&format!("address = '{address}'\ngateway = '{gateway}'\ndns = ['{dns}']\n"))
    };
    let line = |text: &str| Config::parse(text).unwrap().network.unwrap().fixed_line;
    assert_eq!(line(&text("")), None);
    let fixed = line(&keys("192.0.2.10/24", "192.0.2.1", "192.0.2.53")).unwrap();
    assert_eq!((fixed.address().to_string().as_str(), fixed.resolvers().len()), ("192.0.2.10/24", 1));
    for (wrong, expected) in [
        (text("address = '192.0.2.10/24'\n"), "the key `gateway` is missing"),
        (keys("10.77.0.5/24", "10.77.0.254", "192.0.2.53"), "overlaps 10.77.0.0/24"),
        (keys("10.0.0.5/8", "10.0.0.1", "192.0.2.53"), "overlaps 10.77.0.0/24"),
        (keys("192.0.2.10/24", "192.0.3.1", "192.0.2.53"), "the gateway 192.0.3.1 is not in the prefix"),
        (keys("192.0.2.10", "192.0.2.1", "192.0.2.53"), "no address with its prefix"),
        (keys("192.0.2.10/24", "192.0.2.1", "10.77.0.1"), "where the box itself answers"),
        (text("dhcp = true\n"), "unknown key `dhcp`"),
    ] {
        assert!(problems_of(&wrong).contains(expected), "{wrong}: {}", problems_of(&wrong));
    }
}
