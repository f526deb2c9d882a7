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

/// What a factory configures has no names of its own; somebody may have given some.
#[test]
fn at_its_first_boot_an_access_point_silences_all_that_the_factory_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["bin", "etc/init.d"] {
        fs::create_dir_all(path(name)).unwrap();
    }
    let shown = "wireless.radio0=wifi-device\nwireless.radio0.type='mac80211'\nwireless.@wifi-iface[0]=wifi-iface\n\
        wireless.@wifi-iface[0].device='radio0'\nwireless.@wifi-iface[12]=wifi-iface\n\
        wireless.default_radio1=wifi-iface\nwireless.default_radio1.disabled='0'\n";
    fs::write(path("shown"), shown).unwrap();
    // A file whose name the pattern `@wifi-iface[0]` finds.
    fs::write(path("@wifi-iface0"), "").unwrap();
    fs::write(path("etc/preau.hash"), "$6$hash\n").unwrap();
    fs::write(path("etc/shadow"), "root::0:0:99999:7:::\ndaemon:*:0:0:99999:7:::\n").unwrap();
    fs::write(path("logins"), "").unwrap();
    for service in ["preau", "dropbear"] {
        put_program(&path("etc/init.d").join(service), &format!("#!/bin/sh\necho \"{service} $1\" >> log\n"));
    }
    let uci = "#!/bin/sh\n[ \"$2\" = show ] && exec cat shown\n[ \"$2\" = get ] && { [ -e logins ]; exit; }\n\
        shift\n[ \"$*\" = 'delete rpcd.@login[0]' ] && rm logins\necho \"$*\" >> log\n";
    put_program(&path("bin/uci"), uci);
    // Its files are the test's: it says where they are from the root on.
    let script = fs::read_to_string(file("95-preau")).unwrap().replace("/etc/", "etc/");
    #[expect(clippy::disallowed_methods, reason = "the access point's own script, as its shell runs it")]
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]).current_dir(folder.path());
    let output = command.env("PATH", format!("{}:/usr/bin:/bin", path("bin").display())).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let log = fs::read_to_string(path("log")).unwrap();
    let silenced: Vec<&str> = log.lines().filter(|line| line.starts_with("set wireless.")).collect();
    let sections = ["@wifi-iface[0]", "@wifi-iface[12]", "default_radio1"];
    assert_eq!(silenced, sections.map(|section| format!("set wireless.{section}.disabled=1")));
    assert!(log.contains("set rpcd.preau.password=$6$hash\n"), "{log}");
    assert!(log.ends_with("commit\npreau enable\n") && !path("etc/preau.hash").exists(), "{log}");
    assert!(log.contains("delete rpcd.@login[0]\n") && log.contains("dropbear disable\n"), "{log}");
    let shadow = fs::read_to_string(path("etc/shadow")).unwrap();
    assert!(shadow.starts_with("root:*:0"), "root has no password, and nobody is root: {shadow}");
    // rpcd takes any password where the hash is empty.
    for wrong in ["", "\n", "secret\n"] {
        fs::write(path("etc/preau.hash"), wrong).unwrap();
        fs::write(path("log"), "").unwrap();
        #[expect(clippy::disallowed_methods, reason = "the access point's own script, as its shell runs it")]
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script]).current_dir(folder.path());
        command.env("PATH", format!("{}:/usr/bin:/bin", path("bin").display()));
        assert_eq!(command.output().unwrap().status.code(), Some(1), "{wrong:?}");
        assert_eq!(fs::read_to_string(path("log")).unwrap(), "", "{wrong:?}");
    }
}

/// The announcement of the script is one that the box believes, and its password is the one that the box makes.
#[test]
fn an_access_point_proves_that_it_has_the_communes_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["bin", "etc", "tmp", "sys/class/net/br-lan"] {
        fs::create_dir_all(path(name)).unwrap();
    }
    let key = "0123456789abcdef".repeat(4);
    fs::write(path("etc/preau.key"), format!("{key}\n")).unwrap();
    fs::write(path("etc/uhttpd.crt"), b"\x30\x82\x00\x00certificate").unwrap();
    fs::write(path("sys/class/net/br-lan/address"), "02:aa:00:00:00:01\n").unwrap();
    let uci = "#!/bin/sh\ncase \"$2 $3\" in\n'show wireless') printf 'wireless.radio0=wifi-device\\nwireless.a=wifi-iface\\nwireless.radio1=wifi-device\\n' ;;\n\
        'get wireless.radio0.band') echo 2g ;;\n'get wireless.radio1.band') echo 5g ;;\nesac\n";
    put_program(&path("bin/uci"), uci);
    put_program(
        &path("bin/uclient-fetch"),
        &format!("#!/bin/sh\necho \"$*\" >> '{}'\n", path("said").display()),
    );
    let run = |word: &str| -> String {
        #[expect(clippy::disallowed_methods, reason = "the access point's own script, as its shell runs it")]
        let mut command = Command::new("/bin/sh");
        command.arg(file("preau-announce")).arg(word).env("PREAU_ROOT", folder.path());
        let output =
            command.env("PATH", format!("{}:/usr/bin:/bin", path("bin").display())).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let key: wifi::AdoptionKey = key.parse().unwrap();
    assert_eq!(run("password"), key.password("02:aa:00:00:00:01".parse().unwrap()));
    run("say");
    let said = fs::read_to_string(path("said")).unwrap();
    assert!(said.trim_end().ends_with("http://preau.lan/borne"), "{said}");
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
    fs::write(path("tmp/preau.heard"), "heard\n").unwrap();
    run("say");
    assert_eq!(fs::read_to_string(path("said")).unwrap(), said);
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
