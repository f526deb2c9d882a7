//! The configuration file, mistake by mistake.

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
    assert_eq!(config.dns.port, 53);
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
    check(same, "4:1: the school's network and the Internet line have the same interface");
    check("[gate]\ntls_port = 3128\n", "the port 3128 is given to two services");
    check(
        "[gate]\nprivate_networks = ['10.1.0.0/16', '127.0.0.0/8']\n",
        "`127.0.0.0/8`: not a private network",
    );
    check("[gate]\ntls_port = 0\n", "a port is a number");
    check("[[dns.upstream]]\naddress = '9.9.9.9'\nca_file = '/x'\n", "only with `tls_name`");
    check("[[profile]]\nname = 'a'\n[[profile]]\nname = 'a'\n", "described twice");
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
    let profiles = Config::parse(&text).unwrap().profiles;
    let refused =
        |name: &str| profiles.iter().find(|profile| profile.name.as_str() == name).unwrap().refused.len();
    assert_eq!(refused("adulte"), 1);
    assert!(refused("elementaire") > 10);
}
