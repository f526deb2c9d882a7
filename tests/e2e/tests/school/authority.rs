//! What programs make of the box's certificates, those of a thief among them.

use anyhow::Result;
use harness::{Lab, wait_until};

/// What each of the three verifiers says of a certificate for `names` under the box's authority, by somebody who has the
/// whole file of it. Each line: the verifier, and `accepts` or `refuses`.
const VERIFY: &str = r#"
set -e
names="$1" authority="$2"
openssl x509 -in "$authority" -out ca.pem
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n' "$names" > extensions
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj "/CN=preau.lan" -out request 2>/dev/null
openssl x509 -req -in request -CA "$authority" -CAkey "$authority" -days 5 -extfile extensions -out shown.pem 2>/dev/null
verdict() { if "$@" >/dev/null 2>&1; then echo accepts; else echo refuses; fi; }
echo "openssl $(verdict openssl verify -CAfile ca.pem -purpose sslserver -x509_strict shown.pem)"
echo "gnutls $(verdict certtool --verify --load-ca-certificate ca.pem --infile shown.pem)"
rm -rf nss && mkdir nss && certutil -N -d sql:nss --empty-password
certutil -A -d sql:nss -n box -t C,, -i ca.pem && certutil -A -d sql:nss -n shown -t ,, -i shown.pem
echo "nss $(verdict certutil -V -d sql:nss -u V -n shown)"
"#;

/// A second authority under the box's, which says of itself that it may vouch for anybody.
const DELEGATE: &str = r#"
set -e
authority="$1"
openssl x509 -in "$authority" -out ca.pem
make() { openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "/CN=$1" -out "$1.csr" 2>/dev/null; }
make second
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' > extensions
openssl x509 -req -in second.csr -CA "$authority" -CAkey "$authority" -days 5 -extfile extensions -out second.pem 2>/dev/null
make preau.lan
printf 'subjectAltName=DNS:preau.lan\nextendedKeyUsage=serverAuth\n' > extensions
openssl x509 -req -in preau.lan.csr -CA second.pem -CAkey second.key -days 5 -extfile extensions -out shown.pem 2>/dev/null
verdict() { if "$@" >/dev/null 2>&1; then echo accepts; else echo refuses; fi; }
echo "openssl $(verdict openssl verify -CAfile ca.pem -untrusted second.pem -purpose sslserver shown.pem)"
cat shown.pem second.pem > chain.pem
echo "gnutls $(verdict certtool --verify --load-ca-certificate ca.pem --infile chain.pem)"
"#;

fn verdicts(verdict: &str, verifiers: &[&str]) -> String {
    verifiers.iter().map(|verifier| format!("{verifier} {verdict}\n")).collect()
}

#[test]
fn a_stolen_authority_is_good_for_the_box_alone() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let authority = appliance.data().join("authority").display().to_string();
    let all = ["openssl", "gnutls", "nss"];
    // A name with an address: without any name GnuTLS takes the subject for one.
    for (names, expected) in [
        ("DNS:preau.lan", "accepts"),
        ("DNS:preau.lan,IP:10.77.0.1,IP:fd77::1", "accepts"),
        ("DNS:www.banque.example", "refuses"),
        ("DNS:preau.lan,DNS:www.banque.example", "refuses"),
        ("DNS:xpreau.lan", "refuses"),
        ("DNS:lan", "refuses"),
        ("DNS:*.example", "refuses"),
        ("DNS:preau.lan,IP:10.77.0.2", "refuses"),
        ("DNS:preau.lan,IP:8.8.8.8", "refuses"),
        ("DNS:preau.lan,IP:2001:db8::1", "refuses"),
        ("DNS:preau.lan,email:head@school.example", "refuses"),
    ] {
        let said = lab.pc1.run(&["sh", "-c", VERIFY, "sh", names, &authority])?.success()?;
        assert_eq!(said, verdicts(expected, &all), "{names}");
    }
    let said = lab.pc1.run(&["sh", "-c", DELEGATE, "sh", &authority])?.success()?;
    assert_eq!(said, verdicts("refuses", &["openssl", "gnutls"]), "no authority under it");
    Ok(())
}

#[test]
fn with_the_ent_it_is_good_for_the_ent_as_well_and_for_nothing_else() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, _) = crate::workspace::open(&lab)?;
    let authority = appliance.data().join("authority").display().to_string();
    for (names, expected) in [
        ("DNS:encyclopedie.example", "accepts"),
        ("DNS:www.encyclopedie.example", "accepts"),
        ("DNS:preau.lan,DNS:encyclopedie.example", "accepts"),
        ("DNS:mediatheque.example", "refuses"),
        ("DNS:xencyclopedie.example", "refuses"),
        ("DNS:example", "refuses"),
        ("DNS:encyclopedie.example,DNS:www.banque.example", "refuses"),
        ("DNS:encyclopedie.example,IP:198.51.100.11", "refuses"),
    ] {
        let said = lab.pc1.run(&["sh", "-c", VERIFY, "sh", names, &authority])?.success()?;
        assert_eq!(said, verdicts(expected, &["openssl", "gnutls", "nss"]), "{names}");
    }
    Ok(())
}

/// A server on the PC itself that shows the certificate `shown.pem`, and what a Chromium that trusts the box makes of it.
const BROWSE: &str = r#"
set -e
name="$1"
shift
rm -rf home && mkdir -p home/.pki/nssdb && certutil -N -d sql:home/.pki/nssdb --empty-password
certutil -A -d sql:home/.pki/nssdb -n box -t C,, -i ca.pem
openssl s_server -accept 44330 -cert shown.pem -key key.pem -www -quiet >/dev/null 2>&1 &
server=$!
until ss -Hltn 'sport = :44330' | grep -q .; do :; done
HOME="$PWD/home" timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
  --timeout=30000 --host-resolver-rules="MAP * 127.0.0.1" "$@" --dump-dom "https://$name:44330/" 2>/dev/null || true
kill "$server"
# The next one has the same port.
wait "$server" || true
"#;

#[test]
fn chromium_opens_the_box_and_nothing_else_that_claims_it() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let authority = appliance.data().join("authority").display().to_string();
    for (name, options, opens) in [
        ("preau.lan", &[][..], true),
        ("www.banque.example", &[], false),
        // It is the certificate that keeps the page away.
        ("www.banque.example", &["--ignore-certificate-errors"], true),
    ] {
        lab.pc1.run(&["sh", "-c", VERIFY, "sh", &format!("DNS:{name}"), &authority])?.success()?;
        let page = lab.pc1.run(&[&["sh", "-c", BROWSE, "sh", name], options].concat())?.success()?;
        // What the little server shows is its list of ciphers.
        assert_eq!(page.contains("Ciphers supported"), opens, "{name} {options:?}: {page}");
    }
    Ok(())
}

/// What the box itself shows is taken by all of them, and lasts for days.
#[test]
fn the_certificate_that_is_shown_is_short_lived_and_new_with_each_start() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    let authority = appliance.data().join("authority").display().to_string();
    let show = || {
        lab.pc1.shell(&format!(
            "set -e
            openssl x509 -in {authority} -out ca.pem
            openssl s_client -connect 10.77.0.1:443 -servername preau.lan -CAfile ca.pem -verify_return_error \
              </dev/null 2>/dev/null | openssl x509 -out shown.pem
            certtool --verify --load-ca-certificate ca.pem --infile shown.pem >&2
            openssl x509 -in shown.pem -noout -checkend 518400
            ! openssl x509 -in shown.pem -noout -checkend 1036800
            openssl x509 -in shown.pem -noout -serial
            openssl x509 -in ca.pem -noout -fingerprint -sha256"
        ))
    };
    let first = show()?.success()?;
    let fingerprint = appliance.run(&["ca", "show"])?.success()?;
    let told =
        fingerprint.lines().next().and_then(|line| line.split_once('\t')).map(|(_, told)| told.to_owned());
    assert!(told.is_some_and(|told| first.contains(&told)), "{fingerprint} {first}");
    for name in ["preau.lan", "10.77.0.1", "fd77::1"] {
        assert!(fingerprint.contains(&format!("good for\t{name}\n")), "{fingerprint}");
    }
    appliance.stop()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let second = show()?.success()?;
    assert_ne!(first.lines().nth(2), second.lines().nth(2), "another certificate");
    assert_eq!(first.lines().last(), second.lines().last(), "of the same authority");
    Ok(())
}

/// A file that is no authority is left alone: the box does what it can without one.
#[test]
fn a_damaged_authority_costs_the_encryption_and_nothing_else() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    let authority = appliance.data().join("authority");
    appliance.stop()?;
    let whole = std::fs::read(&authority)?;
    let half = whole.get(..whole.len() / 2).unwrap_or_default();
    std::fs::write(&authority, half)?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    assert!(appliance.log()?.contains("is damaged: put a copy of it back"), "{}", appliance.log()?);
    assert_eq!(std::fs::read(&authority)?, half);
    let fetch = |url: &str| lab.pc1.run(&["curl", "--silent", "--insecure", "--max-time", "5", url]);
    assert!(fetch("http://casino.example/")?.success()?.contains("Site bloqué"));
    assert!(fetch("https://mediatheque.example/")?.is_success());
    assert!(fetch("http://preau.lan/certificat")?.success()?.contains("pas disponible"));
    // At once, and not after a time-out.
    assert_eq!(fetch("https://preau.lan/")?.status, Some(35), "an alert");
    let knock = lab.pc1.run(&["kdig", "+tls", "+timeout=5", "+retry=0", "@10.77.0.1", "preau.lan"])?;
    assert!(knock.stderr.contains("can't connect"), "{knock:#?}");

    appliance.stop()?;
    std::fs::write(&authority, &whole)?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    wait_until("the portal by HTTPS", || Ok(fetch("https://preau.lan/")?.is_success()))
}
