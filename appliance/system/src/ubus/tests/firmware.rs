//! What goes onto access points: the access control list, and the watchdog by which one is silent that nobody tells to send.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware-config/openwrt").join(name)
}

/// Every call that the driver makes stands in the list, and nothing else does.
#[test]
fn the_box_has_the_rights_that_it_uses_and_no_others() {
    let list: Value = serde_json::from_slice(&fs::read(file("preau.json")).unwrap()).unwrap();
    let mut permitted: Vec<String> = Vec::new();
    for side in ["read", "write"] {
        for (object, methods) in list["preau"][side]["ubus"].as_object().unwrap() {
            let methods = methods.as_array().unwrap().iter();
            permitted.extend(methods.map(|method| format!("{object} {}", method.as_str().unwrap())));
        }
        assert_eq!(list["preau"][side]["uci"], serde_json::json!(["wireless"]));
    }
    let sources = [include_str!("../../ubus.rs"), include_str!("../session.rs")].concat();
    let mut used: Vec<String> = sources
        .split("\"session\", \"destroy\"")
        .flat_map(|part| part.split("call(\""))
        .skip(1)
        .filter_map(|part| {
            let mut words = part.split('"');
            let (object, method) = (words.next()?, words.nth(1)?);
            Some(format!("{object} {method}"))
        })
        .chain(["session destroy".to_owned()])
        .collect();
    used.sort();
    used.dedup();
    permitted.sort();
    assert_eq!(permitted, used);
    assert_eq!(list["preau"]["write"]["file"][super::HEARD_FILE], serde_json::json!(["write"]));
}

/// The watchdog on a machine whose `uci`, `wifi`, `date` and `logger` are the test's.
struct Watched {
    folder: tempfile::TempDir,
}

/// Keeps options in files, one each; says what it is asked in the words of OpenWrt's.
const UCI: &str = r#"#!/bin/sh
cd "$FLASH" || exit 1
[ "$1" = -q ] && shift
case "$1" in
  show) for f in wireless.*; do [ -e "$f" ] && echo "$f='$(cat "$f")'"; done ;;
  get) cat "$2" 2>/dev/null ;;
  set) printf %s "${2#*=}" > "${2%%=*}" ;;
  commit) echo commit >> "$LOG" ;;
esac
"#;
/// The time is a file's; of another file, when it was written is a file's, too.
const DATE: &str = r#"#!/bin/sh
if [ "$1" = -r ]; then cat "$FLASH/heard" 2>/dev/null; else cat "$FLASH/now"; fi
"#;

impl Watched {
    fn new() -> Self {
        let watched = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in [
            ("uci", UCI),
            ("date", DATE),
            ("wifi", "#!/bin/sh\necho \"wifi $1\" >> \"$LOG\"\n"),
            ("logger", "#!/bin/sh\necho \"$3\" >> \"$LOG\"\n"),
            ("rm", "#!/bin/sh\nexit 0\n"),
        ] {
            put_program(&watched.path(name), text);
        }
        fs::create_dir(watched.path("flash")).unwrap();
        watched.put("wireless.preau_radio0.preau_until", "2000");
        watched.put("wireless.default_radio0.disabled", "1");
        watched
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, value: &str) {
        fs::write(self.path("flash").join(name), value).unwrap();
    }

    /// What it says and does at this time, having heard the box then; the network sends.
    fn run(&self, word: &str, now: u32, heard: Option<u32>) -> String {
        self.put("wireless.preau_radio0.disabled", "0");
        self.put("now", &now.to_string());
        let file = self.path("flash").join("heard");
        match heard {
            Some(heard) => fs::write(file, heard.to_string()).unwrap(),
            None => fs::write(file, "").unwrap(),
        }
        let log = self.path("log");
        fs::write(&log, "").unwrap();
        #[expect(clippy::disallowed_methods, reason = "the access point's own script, as its shell runs it")]
        let mut command = Command::new("/bin/sh");
        command.arg(self::file("preau-watchdog")).arg(word);
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        command.env("PATH", path).env("FLASH", self.path("flash")).env("LOG", &log);
        let output = command.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let is_off =
            fs::read_to_string(self.path("flash").join("wireless.preau_radio0.disabled")).unwrap() == "1";
        let said = fs::read_to_string(log).unwrap();
        assert_eq!(is_off, said.contains("commit"), "{said}");
        said.lines().collect::<Vec<_>>().join("; ")
    }
}

fn put_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The first boot of an access point as it comes from the factory, with the files of the folder `etc`.
struct FirstBoot {
    folder: tempfile::TempDir,
}

impl FirstBoot {
    fn new() -> Self {
        let boot = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["bin", "etc/init.d"] {
            fs::create_dir_all(boot.path(name)).unwrap();
        }
        let shown = "wireless.radio0=wifi-device\nwireless.radio0.type='mac80211'\nwireless.@wifi-iface[0]=wifi-iface\n\
            wireless.@wifi-iface[0].device='radio0'\nwireless.@wifi-iface[12]=wifi-iface\n\
            wireless.default_radio1=wifi-iface\nwireless.default_radio1.disabled='0'\n";
        fs::write(boot.path("shown"), shown).unwrap();
        // A file whose name the pattern `@wifi-iface[0]` finds.
        fs::write(boot.path("@wifi-iface0"), "").unwrap();
        fs::write(boot.path("etc/shadow"), "root::0:0:99999:7:::\ndaemon:*:0:0:99999:7:::\n").unwrap();
        fs::write(boot.path("logins"), "").unwrap();
        for service in ["preau", "dropbear"] {
            let text = format!("#!/bin/sh\necho \"{service} $1\" >> log\n");
            put_program(&boot.path("etc/init.d").join(service), &text);
        }
        let uci = "#!/bin/sh\n[ \"$2\" = show ] && exec cat shown\n[ \"$2\" = get ] && { [ -e logins ]; exit; }\n\
            shift\n[ \"$*\" = 'delete rpcd.@login[0]' ] && rm logins\necho \"$*\" >> log\n";
        put_program(&boot.path("bin/uci"), uci);
        boot
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its exit status, and what it did.
    fn run(&self) -> (Option<i32>, String) {
        // Its files are the test's: it says where they are from the root on.
        let script = fs::read_to_string(file("95-preau")).unwrap().replace("/etc/", "etc/");
        #[expect(clippy::disallowed_methods, reason = "the access point's own script, as its shell runs it")]
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script]).current_dir(self.folder.path());
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let output = command.env("PATH", path).output().unwrap();
        (output.status.code(), fs::read_to_string(self.path("log")).unwrap())
    }

    /// Root is nobody's, whatever came of the rest.
    fn assert_closed(&self, log: &str) {
        assert!(log.contains("delete rpcd.@login[0]\n") && log.contains("dropbear disable\n"), "{log}");
        assert!(log.contains("commit\npreau enable\n"), "{log}");
        let shadow = fs::read_to_string(self.path("etc/shadow")).unwrap();
        assert!(shadow.starts_with("root:*:0"), "root has no password, and nobody is root: {shadow}");
    }
}

/// What a factory configures has no names of its own; somebody may have given some.
#[test]
fn at_its_first_boot_an_access_point_silences_all_that_the_factory_switched_on() {
    let boot = FirstBoot::new();
    fs::write(boot.path("etc/preau.hash"), "$6$hash\n").unwrap();
    let (status, log) = boot.run();
    assert_eq!(status, Some(0), "{log}");
    let silenced: Vec<&str> = log.lines().filter(|line| line.starts_with("set wireless.")).collect();
    let sections = ["@wifi-iface[0]", "@wifi-iface[12]", "default_radio1"];
    assert_eq!(silenced, sections.map(|section| format!("set wireless.{section}.disabled=1")));
    boot.assert_closed(&log);
    assert!(log.contains("set rpcd.preau.password=$6$hash\n"), "{log}");
    assert!(log.ends_with("commit rpcd\n") && !boot.path("etc/preau.hash").exists(), "{log}");
}

#[test]
fn what_the_factory_left_open_is_closed_without_a_password_too() {
    // rpcd takes any password where the hash is empty.
    for wrong in [None, Some(""), Some("\n"), Some("secret\n")] {
        let boot = FirstBoot::new();
        if let Some(wrong) = wrong {
            fs::write(boot.path("etc/preau.hash"), wrong).unwrap();
        }
        let (status, log) = boot.run();
        assert_eq!(status, Some(1), "{wrong:?}");
        boot.assert_closed(&log);
        assert!(!log.contains("rpcd.preau"), "{wrong:?}: nobody gets in: {log}");
    }
    // With the commune's key there is no bridge yet, and so no address to make a password of: the account comes later.
    let boot = FirstBoot::new();
    fs::write(boot.path("etc/preau.key"), "0123456789abcdef".repeat(4)).unwrap();
    let (status, log) = boot.run();
    assert_eq!(status, Some(0), "{log}");
    boot.assert_closed(&log);
    assert!(!log.contains("rpcd.preau"), "{log}");
}

/// An access point with its bridge, whose radios and programs are the test's.
struct Announcing {
    folder: tempfile::TempDir,
}

impl Announcing {
    fn new(key: &str) -> Self {
        let point = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["bin", "etc", "tmp", "sys/class/net/br-lan"] {
            fs::create_dir_all(point.path(name)).unwrap();
        }
        fs::write(point.path("etc/preau.key"), format!("{key}\n")).unwrap();
        fs::write(point.path("etc/uhttpd.crt"), b"\x30\x82\x00\x00certificate").unwrap();
        fs::write(point.path("sys/class/net/br-lan/address"), "02:aa:00:00:00:01\n").unwrap();
        let uci = "#!/bin/sh\ncase \"$2 $3\" in\n'show wireless') printf 'wireless.radio0=wifi-device\\nwireless.a=wifi-iface\\nwireless.radio1=wifi-device\\n' ;;\n\
            'get wireless.radio0.band') echo 2g ;;\n'get wireless.radio1.band') echo 5g ;;\n'get rpcd.preau.preau_mac') cat \"$PREAU_ROOT/made\" 2>/dev/null ;;\n\
            *) shift; echo \"$*\" >> \"$PREAU_ROOT/set\" ;;\nesac\n";
        for (name, text) in [
            ("uci", uci),
            ("uclient-fetch", "#!/bin/sh\necho \"$*\" >> \"$PREAU_ROOT/said\"\n"),
            ("uhttpd", "#!/bin/sh\necho \"\\$1\\$of\\$$2\"\n"),
            (
                "ip",
                "#!/bin/sh\necho 'default via 10.77.0.1 dev br-lan  src 10.77.0.21 '\necho '10.77.0.0/24 dev br-lan'\n",
            ),
        ] {
            put_program(&point.path("bin").join(name), text);
        }
        point
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether it does so, and what it prints.
    fn run(&self, word: &str) -> (bool, String) {
        #[expect(clippy::disallowed_methods, reason = "the access point's own script, as its shell runs it")]
        let mut command = Command::new("/bin/sh");
        command.arg(file("preau-announce")).arg(word).env("PREAU_ROOT", self.folder.path());
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let output = command.env("PATH", path).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}

#[test]
fn an_account_for_the_box_is_made_of_the_key_and_of_the_address_of_a_bridge_that_is_there() {
    let key = "0123456789abcdef".repeat(4);
    let point = Announcing::new(&key);
    assert!(point.run("login").0);
    let set = fs::read_to_string(point.path("set")).unwrap();
    let password = key.parse::<wifi::AdoptionKey>().unwrap().password("02:aa:00:00:00:01".parse().unwrap());
    assert!(set.contains(&format!("set rpcd.preau.password=$1$of${password}\n")), "{set}");
    assert!(set.contains("set rpcd.preau.preau_mac=02:aa:00:00:00:01\n") && set.ends_with("commit rpcd\n"));
    // It is there.
    fs::write(point.path("made"), "02:aa:00:00:00:01\n").unwrap();
    assert!(point.run("login").0);
    assert_eq!(fs::read_to_string(point.path("set")).unwrap(), set);
    // Without an address, or with half a key, there is none.
    let without = Announcing::new(&key);
    fs::remove_file(without.path("sys/class/net/br-lan/address")).unwrap();
    let half = Announcing::new(&key[..32]);
    for point in [without, half] {
        for word in ["password", "login", "say"] {
            assert_eq!(point.run(word), (false, String::new()), "{word}");
        }
        assert!(!point.path("set").exists() && !point.path("said").exists());
    }
}

/// The announcement of the script is one that the box believes, and its password is the one that the box makes.
#[test]
fn an_access_point_proves_that_it_has_the_communes_key() {
    let key = "0123456789abcdef".repeat(4);
    let point = Announcing::new(&key);
    let key: wifi::AdoptionKey = key.parse().unwrap();
    assert_eq!(point.run("password"), (true, key.password("02:aa:00:00:00:01".parse().unwrap())));
    assert!(point.run("say").0);
    let said = fs::read_to_string(point.path("said")).unwrap();
    assert!(said.trim_end().ends_with("http://10.77.0.1/borne"), "{said}");
    let (_, form) = said.split_once("--post-data=").unwrap();
    let form = form.split(' ').next().unwrap().replace("%3A", ":").replace('+', " ");
    let field = |name: &str| {
        let found = form.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        found.unwrap().1.to_owned()
    };
    let read = wifi::Announcement::read(&field("mac"), &field("certificate"), &field("radios")).unwrap();
    assert!(key.proves(&read, &field("proof")), "{said}");
    assert_eq!(read.choose(&[]).unwrap().0, "radio1");
    // Once the box is heard, there is nothing to say.
    fs::write(point.path("tmp/preau.heard"), "heard\n").unwrap();
    assert!(point.run("say").0);
    assert_eq!(fs::read_to_string(point.path("said")).unwrap(), said);
}

#[test]
fn an_access_point_is_silent_that_nobody_tells_to_send() {
    let watched = Watched::new();
    let over = |why: &str| format!("the Wi-Fi goes off: {why}; commit; wifi reload");
    assert_eq!(watched.run("look", 1_500, Some(1_495)), "", "a lesson, and the box is there");
    assert_eq!(watched.run("look", 1_680, Some(1_500)), "", "the box restarts");
    assert_eq!(watched.run("look", 1_681, Some(1_500)), over("the box is silent"));
    assert_eq!(watched.run("look", 2_000, Some(1_995)), "");
    assert_eq!(watched.run("look", 2_001, Some(1_995)), over("the lesson is over"));
    assert_eq!(watched.run("look", 1_000, Some(1_500)), over("the box is silent"), "its clock was set back");
    assert_eq!(watched.run("look", 1_500, None), over("the box is silent"), "the box was never heard");
    // At boot the network is not there yet: there is nothing to reload.
    assert_eq!(watched.run("boot", 1_500, Some(1_495)), "the Wi-Fi goes off: it has been started; commit");
}
