use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A good one of hostapd.
const HOSTAPD: &str = "interface=wlan0
country_code=FR
hw_mode=a
channel=36
ssid=tilleul
wpa=2
wpa_key_mgmt=WPA-PSK SAE
rsn_pairwise=CCMP
ieee80211w=1
wpa_passphrase=k7pm-x2hd-9tqv-ej4w-ab3c
start_disabled=1
";

/// A good one of OpenWrt.
const UCI: &str = "config wifi-device 'radio0'
\toption type 'mac80211'
\toption band '5g'
\toption channel '36'
\toption country 'FR'

config wifi-iface 'room'
\toption device 'radio0'
\toption mode 'ap'
\toption ssid 'tilleul'
\toption encryption 'psk2+ccmp'
\toption key 'k7pm-x2hd-9tqv-ej4w-ab3c'
\toption ieee80211w '1'
\toption disabled '1'
";

fn place() -> Place {
    Place::new(["École Jean-Jaurès", "0750655E"])
}

/// `changes`: in place of the line that begins with the first, the second.
fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (start, line) in changes {
        let place = lines.iter().position(|line| line.trim_start().starts_with(start)).unwrap();
        lines[place] = (*line).to_owned();
    }
    lines.join("\n")
}

fn findings(text: &str) -> Vec<(usize, Rule)> {
    check(text, &place()).unwrap().into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

#[test]
fn hostapd_line_by_line() {
    let check = |changes: &[(&str, &str)], expected: &[(usize, Rule)]| {
        assert_eq!(findings(&changed(HOSTAPD, changes)), expected, "{changes:?}");
    };
    check(&[], &[]);
    check(&[("wpa=", "wpa=3")], &[(6, Rule::Wpa1), (6, Rule::Tkip)]);
    check(&[("wpa=", "wpa=0")], &[(6, Rule::Open)]);
    check(&[("wpa=", "# wpa=2")], &[(5, Rule::Open)]);
    check(&[("wpa=", "wep_key0=1234567890")], &[(6, Rule::Wep)]);
    // What is left out is TKIP.
    check(&[("rsn_pairwise=", "")], &[(6, Rule::Tkip)]);
    check(&[("rsn_pairwise=", "wpa_pairwise=CCMP")], &[]);
    check(&[("rsn_pairwise=", "rsn_pairwise=CCMP TKIP")], &[(8, Rule::Tkip)]);
    check(&[("rsn_pairwise=", "rsn_pairwise=GCMP-256")], &[]);
    check(&[("ieee80211w=", "ieee80211w=0")], &[(9, Rule::Unprotected)]);
    check(&[("ieee80211w=", "")], &[(5, Rule::Unprotected)]);
    check(&[("interface=", "wps_state=2")], &[(1, Rule::Wps)]);
    check(&[("wpa_passphrase=", "wpa_passphrase=Tilleul2026Tilleul2026")], &[(10, Rule::GuessableKey)]);
    check(&[("wpa_passphrase=", "wpa_passphrase=012345678901234567890")], &[(10, Rule::GuessableKey)]);
    check(&[("wpa_passphrase=", "wpa_passphrase=k7pm-x2hd-9tqv")], &[(10, Rule::ShortKey)]);
    check(&[("wpa_passphrase=", "sae_password=k7pm-x2hd|mac=ff:ff:ff:ff:ff:ff")], &[(10, Rule::ShortKey)]);
    check(&[("wpa_passphrase=", "wpa_psk_file=/etc/keys")], &[]);
    check(&[("ssid=", "ssid=Livebox-12F4")], &[(5, Rule::DefaultName)]);
    check(&[("ssid=", "ssid2=6a61757265732d636d32")], &[(5, Rule::TellingName)]);
    check(&[("ssid=", "ssid2=\"jaures-cm2\"")], &[(5, Rule::TellingName)]);
    check(&[("ssid=", "ssid=jaures-cm2")], &[(5, Rule::TellingName)]);
    check(&[("interface=", "ignore_broadcast_ssid=1")], &[(1, Rule::Hidden)]);
    check(&[("start_disabled=", "")], &[(5, Rule::StartsOn)]);
    check(&[("country_code=", "")], &[(5, Rule::NoCountry)]);
    check(&[("channel=", "channel=100")], &[(4, Rule::RadarChannel)]);
    check(&[("channel=", "channel=0")], &[(4, Rule::RadarChannel)]);
    check(&[("channel=", "channel=acs_survey"), ("hw_mode=", "hw_mode=g")], &[]);
}

#[test]
fn each_network_of_a_radio_is_judged() {
    let text = format!("{HOSTAPD}bss=wlan0_1\nssid=invites\nwpa=1\nwpa_passphrase=bonjour1\n");
    let found = findings(&text);
    let expected = [
        (13, Rule::Tkip),
        (13, Rule::StartsOn),
        (14, Rule::Wpa1),
        (15, Rule::ShortKey),
        (15, Rule::GuessableKey),
    ];
    let rules = |found: &[(usize, Rule)]| found.iter().map(|(_, rule)| *rule).collect::<BTreeSet<_>>();
    assert_eq!(rules(&found), rules(&expected), "{found:?}");
    assert!(found.iter().all(|(line, _)| *line >= 13), "the first network is good: {found:?}");
}

#[test]
fn openwrt_line_by_line() {
    let check = |changes: &[(&str, &str)], expected: &[(usize, Rule)]| {
        assert_eq!(findings(&changed(UCI, changes)), expected, "{changes:?}");
    };
    check(&[], &[]);
    check(&[("option encryption", "option encryption none")], &[(11, Rule::Open)]);
    check(&[("option encryption", "# option encryption 'psk2'")], &[(7, Rule::Open)]);
    check(&[("option encryption", "option encryption 'wep+open'")], &[(11, Rule::Wep)]);
    check(&[("option encryption", "option encryption 'psk'")], &[(11, Rule::Wpa1), (11, Rule::Tkip)]);
    check(
        &[("option encryption", "option encryption 'psk-mixed+tkip+ccmp'")],
        &[(11, Rule::Wpa1), (11, Rule::Tkip)],
    );
    check(&[("option encryption", "option encryption \"sae-mixed\""), ("option ieee80211w", "")], &[]);
    check(&[("option ieee80211w", "")], &[(11, Rule::Unprotected)]);
    check(&[("option ieee80211w", "option ieee80211w '0'")], &[(13, Rule::Unprotected)]);
    check(&[("option mode", "option wps_pushbutton '1'")], &[(9, Rule::Wps)]);
    check(&[("option disabled", "option disabled '0'")], &[(14, Rule::StartsOn)]);
    check(&[("option type", "option disabled '1'"), ("option disabled '1'", "option disabled '1'")], &[]);
    check(&[("option ssid", "option ssid 'école # 1'")], &[(10, Rule::TellingName)]);
    check(&[("option country", "")], &[(7, Rule::NoCountry)]);
    check(&[("option channel", "option channel 'auto'")], &[(4, Rule::RadarChannel)]);
    check(&[("option key", "option key '12345678'")], &[(12, Rule::ShortKey), (12, Rule::GuessableKey)]);
    // A station of another network is none of the school's.
    let station = changed(UCI, &[("option mode", "option mode 'sta'")]);
    assert_eq!(super::check(&station, &place()), Err(Unreadable::NoNetwork));
}

#[test]
fn what_is_no_configuration() {
    for text in ["", "hello", "interface=wlan0\n", "\u{0}=\u{0}"] {
        assert_eq!(check(text, &place()), Err(Unreadable::NoNetwork), "{text:?}");
    }
}

#[test]
fn every_rule_has_its_words_and_can_be_broken() {
    let explanations: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.explanation()).collect();
    assert_eq!(explanations.len(), Rule::ALL.len());
    assert!(Rule::ALL.iter().all(|rule| !rule.source().is_empty()));
    assert!(Rule::ALL.iter().any(|rule| rule.severity() == Severity::Advise));
    let bad = [
        "hw_mode=a\nssid=Livebox-ecole\nwpa=3\nwps_state=1\nignore_broadcast_ssid=1\nwpa_passphrase=12345678\n",
        "ssid=a\n",
        "ssid=a\nwep_key0=1\n",
    ];
    let broken: BTreeSet<_> = bad.iter().flat_map(|text| findings(text)).map(|(_, rule)| rule).collect();
    assert_eq!(broken, Rule::ALL.into_iter().collect());
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in r#"((config|option|list|ssid|wpa|bss|key)[ =']{0,2}[a-z0-9'"=#é\n]{0,12}){0,20}"#) {
        let lines = text.lines().count();
        for finding in check(&text, &place()).unwrap_or_default() {
            prop_assert!((1..=lines).contains(&finding.line), "{finding:?}");
        }
    }
}
