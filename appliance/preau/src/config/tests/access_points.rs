//! The school's Wi-Fi in the configuration.

use wifi::{KeyPolicy, Kind, Security};

use super::{Config, SCHOOL, problems_of};

const NETWORK: &str = "[[wifi.network]]\nroom = 'CM2'\nssid = 'tilleul'\n";
const POINT: &str = "[[access_point]]\nname = 'borne-cm2'\nroom = 'CM2'\nkind = 'hostapd'\ninterface = 'wlan0'\nchannel = 36\n";

#[test]
fn a_room_with_a_radio_of_the_box_and_one_with_openwrt() {
    let fingerprint = format!("{}:ff", "AB".repeat(31));
    let text = format!(
        "{SCHOOL}[wifi]\ncountry = 'RE'\npower = 13\nlistener = 'mon0'\n{NETWORK}keys = 'device'\n{POINT}\
         [[wifi.network]]\nroom = 'CM1'\nssid = 'hetre'\nisolate = true\n\
         [[access_point]]\nname = 'borne-cm1'\nroom = 'CM1'\nkind = 'openwrt'\naddress = '10.77.0.21'\n\
         certificate = '{fingerprint}'\npassword_file = '/etc/preau/borne'\nchannel = 6\n"
    );
    let wifi = Config::parse(&text).unwrap().wifi;
    assert_eq!(
        (wifi.country.as_str(), wifi.power.dbm(), wifi.listener.map(|it| it.to_string())),
        ("RE", 13, Some("mon0".to_owned()))
    );
    let [devices, shared] = wifi.networks.as_slice() else { panic!("{:?}", wifi.networks) };
    assert_eq!((devices.keys, devices.security), (KeyPolicy::Device, Security::Wpa2));
    assert_eq!((shared.keys, shared.security), (KeyPolicy::Room, Security::Transition));
    assert!(shared.isolates_stations && !devices.isolates_stations);
    let [radio, remote] = wifi.access_points.as_slice() else { panic!("{:?}", wifi.access_points) };
    assert_eq!(radio.kind, Kind::Hostapd { interface: "wlan0".to_owned(), bridge: None });
    let Kind::OpenWrt { address, certificate, radio, user, .. } = &remote.kind else { panic!("{remote:?}") };
    assert_eq!(
        (address.to_string().as_str(), radio.as_str(), user.as_str()),
        ("10.77.0.21:443", "radio0", "preau")
    );
    assert_eq!((certificate[0], certificate[31]), (0xab, 0xff));
}

#[test]
fn weak_or_contradictory_wifi_is_refused_with_the_reason() {
    let check = |text: &str, expected: &str| {
        let problems = problems_of(&format!("{SCHOOL}{text}"));
        assert!(problems.contains(expected), "{expected}: {problems}");
    };
    let point = |key: &str, value: &str| {
        let lines = POINT.lines().filter(|line| !line.starts_with(key));
        format!("{NETWORK}{}\n{key} = {value}\n", lines.collect::<Vec<_>>().join("\n"))
    };
    for channel in ["52", "100", "0", "14"] {
        check(&point("channel", channel), "the radio listens for a minute first");
    }
    check(&point("kind", "'mikrotik'"), "an access point is a radio of the box");
    check(&point("room", "'CP'"), "the room `CP` has no network");
    check(&point("name", "'Borne CM2'"), "small letters, digits");
    check(&point("interface", "'a b'"), "not an interface name");
    check(&point("address", "'10.0.0.1'"), "unknown key `address`");
    check(&format!("{NETWORK}{POINT}{POINT}"), "described twice");
    check(&format!("{NETWORK}{POINT}{POINT}"), "two access points with one radio");
    check(&format!("{NETWORK}{NETWORK}"), "the room `CM2` has two networks");
    let other = NETWORK.replace("CM2", "CM1");
    check(&format!("{NETWORK}{other}"), "two rooms with the network `tilleul`");
    check(&NETWORK.replace("tilleul", "Livebox-12"), "many networks have");
    check(&NETWORK.replace("tilleul", "ferry-eleves"), "children are here");
    check(&format!("{NETWORK}keys = 'device'\nwpa3 = true\n"), "WPA3 knows one key for all");
    check(&format!("{NETWORK}keys = 'pupil'\n"), "keys are those of the `room`");
    check(&format!("[wifi]\ncountry = 'France'\n{NETWORK}"), "two capital letters");
    check(&format!("[wifi]\npower = 30\n{NETWORK}"), "1 to 20 dBm");
    let openwrt =
        "[[access_point]]\nname = 'a'\nroom = 'CM2'\nkind = 'openwrt'\naddress = '10.77.0.21'\nchannel = 6\n";
    check(&format!("{NETWORK}{openwrt}certificate = 'abc'\n"), "`preau wifi adopt` prints it");
    check(&format!("{NETWORK}{openwrt}"), "needs `password_file`");
    let whole = format!("certificate = '{}'\npassword_file = 'a'\n", "ab".repeat(32));
    check(&format!("{NETWORK}keys = 'device'\n{openwrt}{whole}"), "only radios of the box");
    let many: String = (0..33).map(|number| POINT.replace("wlan0", &format!("wlan{number}"))).collect();
    check(&format!("{NETWORK}{many}"), "more than 32 access points");
}

const LINE: &str = "[lan]\ninterface = 'lan0'\nipv4_network = '10.77.0.0/24'\nipv4_address = '10.77.0.1'\n\
    [wan]\ninterface = 'wan0'\n";
const APART: &str =
    "[[lan.apart]]\ninterface = 'br-adultes'\nipv4_network = '10.77.8.0/24'\nipv4_address = '10.77.8.1'\n";

#[test]
fn two_networks_under_one_name() {
    let text = format!(
        "{SCHOOL}{LINE}{APART}pool = '10.77.8.100-10.77.8.199'\n{NETWORK}keys = 'device'\n\
         [[wifi.network.apart]]\nbridge = 'br-adultes'\nprofiles = ['adulte']\n{POINT}"
    );
    let config = Config::parse(&text).unwrap();
    let network = config.network.unwrap();
    let lans: Vec<_> = network.firewall.intent().lans().iter().map(ToString::to_string).collect();
    assert_eq!(lans, ["lan0", "br-adultes"]);
    assert_eq!(network.school.apart[0].pool.unwrap().to_string(), "10.77.8.100-10.77.8.199");
    let apart = &config.wifi.networks[0].apart;
    assert_eq!((apart.len(), apart[0].bridge.as_str()), (1, "br-adultes"));
}

#[test]
fn what_cannot_be_apart_is_refused_with_the_reason() {
    let check = |text: &str, expected: &str| {
        let problems = problems_of(&format!("{SCHOOL}{text}"));
        assert!(problems.contains(expected), "{expected}: {problems}");
    };
    let lan = |from: &str, to: &str| format!("{LINE}{}", APART.replace(from, to));
    check(&lan("br-adultes", "lan0"), "two networks of the school have the same interface");
    check(&lan("10.77.8.0/24", "10.77.0.0/16"), "overlap");
    check(&lan("10.77.8.1'", "10.77.9.1'"), "outside the network");
    check(&lan("interface = 'br-adultes'\n", ""), "interface");
    check(&format!("{LINE}{APART}pool = '10.77.8.1-10.77.8.9'\n"), "not all of devices");
    check(&format!("{LINE}{}", APART.repeat(5)), "more than 4 networks apart");
    let wifi = |keys: &str, bridge: &str, profiles: &str| {
        format!(
            "{LINE}{APART}{NETWORK}keys = '{keys}'\n[[wifi.network.apart]]\nbridge = '{bridge}'\nprofiles = {profiles}\n{POINT}"
        )
    };
    check(&wifi("room", "br-adultes", "['adulte']"), "needs `keys = \"device\"`");
    check(&wifi("device", "br-invites", "['adulte']"), "the interface of no [[lan.apart]]");
    check(&wifi("device", "br-adultes", "['nobody']"), "there is no profile `nobody`");
    check(&wifi("device", "br-adultes", "['adulte', 'adulte']"), "put apart twice");
    check(&wifi("device", "br-adultes", "[]"), "`profiles` names those");
    let long = wifi("device", "br-adultes", "['adulte']").replace("wlan0", "wlp0s20f3000aa");
    check(&long, "too long for a network apart");
}

#[test]
fn a_box_begins_without_the_communes_key_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let text = format!("{SCHOOL}[wifi]\nadoption_key_file = '{}'\n{NETWORK}", path.display());
    let file = folder.path().join("preau.toml");
    std::fs::write(&file, &text).unwrap();
    let check = |expected: &str| {
        let wifi = Config::parse(&text).unwrap().wifi;
        let fault = wifi.adoption_key_fault.unwrap();
        assert!(wifi.adoption_key.is_none() && fault.contains(expected), "{expected}: {fault}");
        let error = crate::check_command::check(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    };
    check("No such file");
    std::fs::write(&path, "secret\n").unwrap();
    check("64 hexadecimal digits");
    std::fs::write(&path, format!("{}\n", "a1".repeat(32))).unwrap();
    let wifi = Config::parse(&text).unwrap().wifi;
    assert!(wifi.adoption_key.is_some() && wifi.adoption_key_fault.is_none());
}
