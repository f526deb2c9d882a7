//! A program in hostapd's place: its files, its socket, its life. The real one is tried in a machine of its own (`tests/vm`).

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::thread::JoinHandle;

use wifi::{Channel, Country, DeviceKey, Passphrase, Power, Security, Ssid};

use super::*;

/// Answers commands as hostapd does, by this table, until it is told to end. Gives back what it was asked.
fn answer(socket: &Path, table: Vec<(&'static str, Vec<&'static str>)>) -> JoinHandle<Vec<String>> {
    let socket = UnixDatagram::bind(socket).unwrap();
    thread::spawn(move || {
        let mut asked = Vec::new();
        loop {
            let mut bytes = [0; 512];
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            let command = String::from_utf8(bytes[..length].to_vec()).unwrap();
            let replies = table.iter().find(|(known, _)| *known == command).map(|(_, replies)| replies);
            for reply in replies.into_iter().flatten() {
                socket.send_to_addr(reply.as_bytes(), &from).unwrap();
            }
            asked.push(command);
            if asked.last().is_some_and(|command| command == "TERMINATE") {
                return asked;
            }
        }
    })
}

fn open(folder: &Path) -> Control {
    Control::open(&folder.join("wlan0"), folder.join("box")).unwrap()
}

#[test]
fn replies_are_told_from_what_nobody_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let table = vec![
        ("PING", vec!["<3>AP-STA-CONNECTED 02:00:00:00:01:00 keyid=k7", "<3>AP-ENABLED ", "PONG\n"]),
        ("STOP_AP", vec!["FAIL\n"]),
        ("TERMINATE", vec!["OK\n", "<3>AP-STA-DISCONNECTED 02:00:00:00:01:00"]),
    ];
    let hostapd = answer(&folder.path().join("wlan0"), table);
    let mut control = open(folder.path());
    assert_eq!(control.ask("PING").unwrap(), "PONG\n");
    assert!(control.order("STOP_AP").unwrap_err().to_string().contains("FAIL"));
    control.order("TERMINATE").unwrap();
    hostapd.join().unwrap();
    let mac = "02:00:00:00:01:00".parse().unwrap();
    let key = Some(wifi::KeyId::new(7));
    assert_eq!(control.take_events(), [Event::Join(Station { mac, key }), Event::Leave(mac)]);
    assert_eq!(control.take_events(), []);
    drop(control);
    assert!(!folder.path().join("box").exists());
}

#[test]
fn a_hostapd_that_does_not_answer_is_no_endless_wait() {
    let folder = tempfile::tempdir().unwrap();
    let _mute = UnixDatagram::bind(folder.path().join("wlan0")).unwrap();
    // As a box left it that was killed.
    drop(UnixDatagram::bind(folder.path().join("box")).unwrap());
    let start = monotonic();
    assert_eq!(open(folder.path()).ask("PING").unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(monotonic().duration_since(start) >= ANSWER_WITHIN);
}

/// What hostapd answers after it, as it is told to begin.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

fn setup(ssid: &str) -> Setup {
    let (ssid, passphrase): (Ssid, Passphrase) =
        (ssid.parse().unwrap(), "k7pm-x2hd-9tqv-ej4w-ab3c".parse().unwrap());
    Setup {
        keys: vec![DeviceKey::new("k7", &passphrase, &ssid)],
        ssid,
        security: Security::Wpa2,
        passphrase: Some(passphrase),
        channel: Channel::new(36).unwrap(),
        country: Country::FRANCE,
        power: Power::default(),
        isolates_stations: false,
        bridges: vec![],
    }
}

/// The loopback interface has a carrier always: as a radio that another program uses.
fn radio(folder: &Path, program: &str) -> HostapdRadio {
    HostapdRadio { program: program.into(), ..HostapdRadio::new(folder, "lo".parse().unwrap(), None) }
}

#[test]
fn what_hostapd_says_at_its_end_is_told_and_its_files_are_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("hostapd");
    fs::write(&script, "#!/bin/sh\necho 'Could not configure driver mode'\nexit 1\n").unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let mut radio = radio(folder.path(), &script.display().to_string());
    let error = radio.apply(Step::SetUp, Some(&setup("tilleul"))).unwrap_err();
    assert!(error.to_string().contains("Could not configure driver mode"), "{error}");
    for file in ["hostapd.conf", "hostapd.keys"] {
        let metadata = fs::metadata(radio.folder.join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
    let mode = fs::metadata(&radio.folder).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    assert_eq!(radio.look(None).unwrap().setup, None);
}

#[test]
fn a_radio_that_another_program_uses_is_not_taken_for_ours() {
    let folder = tempfile::tempdir().unwrap();
    let mut radio = radio(folder.path(), "no-such-program");
    assert!(radio.look(None).unwrap().is_sending);
    let error = radio.apply(Step::Silence, None).unwrap_err();
    assert!(error.to_string().contains("another program uses lo"), "{error}");
}

#[test]
fn a_missing_radio_or_program_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut absent = HostapdRadio::new(folder.path(), "wlan-absent".parse().unwrap(), None);
    let cause = |error: DriveError| std::error::Error::source(&error).unwrap().to_string();
    assert!(cause(absent.look(None).unwrap_err()).contains("no interface wlan-absent"));
    let error = radio(folder.path(), "no-such-program").apply(Step::SetUp, Some(&setup("a"))).unwrap_err();
    assert!(cause(error).contains("no-such-program"));
}

#[test]
fn another_key_is_another_stamp_and_another_name_another_setup() {
    let folder = tempfile::tempdir().unwrap();
    let radio = radio(folder.path(), "hostapd");
    let before = radio.stamps(&setup("tilleul"));
    assert_eq!(radio.stamps(&setup("tilleul")), before);
    let mut rekeyed = setup("tilleul");
    rekeyed.keys.clear();
    let after = radio.stamps(&rekeyed);
    assert!(after.setup == before.setup && after.keys != before.keys);
    assert_ne!(radio.stamps(&setup("hetre")).setup, before.setup);
}

/// hostapd has no word for it: the kernel is told, and without that the radio sends as loud as the country allows.
#[test]
fn the_kernel_is_told_how_loud_a_radio_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let (script, told) = (folder.path().join("iw"), folder.path().join("told"));
    fs::write(&script, format!("#!/bin/sh\necho \"$*\" > '{}'\n", told.display())).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let mut radio = HostapdRadio { power_program: script.into(), ..radio(folder.path(), "hostapd") };
    radio.limit_power(Power::new(13).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(&told).unwrap(), "dev lo set txpower fixed 1300\n");
    radio.power_program = "/bin/false".into();
    assert!(radio.limit_power(Power::default()).unwrap_err().to_string().contains("/bin/false"));
    radio.power_program = "no-such-program".into();
    assert!(radio.limit_power(Power::default()).unwrap_err().to_string().contains("no-such-program"));
}

#[test]
fn names_are_shown_as_hostapd_shows_them() {
    assert_eq!(control::show("a \"b\\".as_bytes()), "a \\\"b\\\\");
    assert_eq!(control::show("é".as_bytes()), "\\xc3\\xa9");
    assert_eq!(control::field("state=ENABLED\nssid[0]=a\n", "state"), Some("ENABLED"));
    assert_eq!(control::field("estate=x\n", "state"), None);
}

#[test]
fn a_daemon_ends_with_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("hostapd");
    // Deaf to the polite signal, as one that is stuck.
    fs::write(&script, "#!/bin/sh\ntrap '' TERM\necho $$ > \"$1\"\nexec sleep 60\n").unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let (pid, start) = (folder.path().join("pid"), monotonic());
    let mut daemon = Daemon::start(script.as_os_str(), &pid).unwrap();
    while fs::read_to_string(&pid).map_or(true, |text| !text.ends_with('\n')) {
        assert!(monotonic().duration_since(start) < START_WITHIN, "it never began");
        thread::sleep(LOOK_PAUSE);
    }
    assert!(daemon.is_running());
    let process = format!("/proc/{}", fs::read_to_string(&pid).unwrap().trim());
    assert!(Path::new(&process).exists());
    drop(daemon);
    assert!(!Path::new(&process).exists());
}

fn put_program(folder: &Path, script: &str) -> PathBuf {
    let program = folder.join("hostapd");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    program
}

/// A keeper in its unit's place: it takes one connection, and plays a script in hostapd's.
fn keep_by(folder: &Path, script: &str, sign_within: Duration) -> JoinHandle<io::Result<()>> {
    let program = put_program(folder, script);
    let (door, folder) = (UnixListener::bind(folder.join(DOOR)).unwrap(), folder.to_owned());
    thread::spawn(move || {
        let (connection, _) = door.accept().unwrap();
        keeper::keep_program(program.as_os_str(), connection, &folder, sign_within)
    })
}

/// Prints and stays, deaf to the polite signal, as one that is stuck; its number is in a file beside it.
const DEAF: &str = "#!/bin/sh\ntrap '' TERM\necho $$ > \"$0.pid\"\necho 'wlan0: here'\nexec sleep 60\n";

fn process_of(folder: &Path) -> PathBuf {
    let (pid, start) = (folder.join("hostapd.pid"), monotonic());
    loop {
        match fs::read_to_string(&pid) {
            Ok(text) if text.ends_with('\n') => return Path::new("/proc").join(text.trim()),
            _ => assert!(monotonic().duration_since(start) < START_WITHIN, "it never began"),
        }
        thread::sleep(LOOK_PAUSE);
    }
}

#[test]
fn a_unit_ends_when_the_box_no_longer_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keep_by(folder.path(), DEAF, START_WITHIN);
    let mut daemon = Daemon::ask_for(&folder.path().join(DOOR), &"lo".parse().unwrap()).unwrap();
    let process = process_of(folder.path());
    assert!(daemon.is_running() && process.exists());
    drop(daemon);
    // It has ended already: the next one wants the interface.
    assert!(!process.exists());
    keeper.join().unwrap().unwrap();
}

/// What is between box and keeper is closed by the kernel, whatever ends the box.
#[test]
fn a_box_that_is_killed_takes_its_units_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keep_by(folder.path(), DEAF, START_WITHIN);
    let mut connection = UnixStream::connect(folder.path().join(DOOR)).unwrap();
    connection.write_all(b"lo\n").unwrap();
    let process = process_of(folder.path());
    drop(connection);
    keeper.join().unwrap().unwrap();
    assert!(!process.exists());
}

#[test]
fn a_box_that_hangs_takes_its_units_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keep_by(folder.path(), DEAF, Duration::from_millis(300));
    let mut connection = UnixStream::connect(folder.path().join(DOOR)).unwrap();
    connection.write_all(b"lo\n").unwrap();
    let process = process_of(folder.path());
    keeper.join().unwrap().unwrap();
    assert!(!process.exists());
    // It was told what hostapd had said, and that nobody is there any more.
    let mut said = String::new();
    connection.read_to_string(&mut said).unwrap();
    assert_eq!(said, "wlan0: here\n");
}

#[test]
fn a_unit_that_ends_or_cannot_begin_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut radio = HostapdRadio::of_unit(folder.path(), "lo".parse().unwrap(), None);
    let cause = |error: DriveError| std::error::Error::source(&error).unwrap().to_string();
    let error = cause(radio.apply(Step::SetUp, Some(&setup("tilleul"))).unwrap_err());
    assert!(error.starts_with("nobody keeps radios at ") && error.contains("door"), "{error}");

    let keeper = keep_by(folder.path(), "#!/bin/sh\necho 'Could not read interface'\nexit 1\n", START_WITHIN);
    let error = radio.apply(Step::SetUp, Some(&setup("tilleul"))).unwrap_err().to_string();
    assert!(error.contains("Could not read interface"), "{error}");
    keeper.join().unwrap().unwrap();

    fs::remove_file(folder.path().join(DOOR)).unwrap();
    let keeper = keep_by(folder.path(), "no program", START_WITHIN);
    fs::remove_file(folder.path().join("hostapd")).unwrap();
    let error = radio.apply(Step::SetUp, Some(&setup("tilleul"))).unwrap_err().to_string();
    assert!(error.contains("cannot run"), "{error}");
    keeper.join().unwrap().unwrap_err();
}

/// systemd holds the keeper's end until it has seen the end of the unit.
#[test]
fn who_else_holds_a_connection_delays_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let program = put_program(folder.path(), "#!/bin/sh\nprintf 'no \\033[2J\\rradio'\n");
    let door = UnixListener::bind(folder.path().join(DOOR)).unwrap();
    let mut daemon = Daemon::ask_for(&folder.path().join(DOOR), &"lo".parse().unwrap()).unwrap();
    let (connection, _) = door.accept().unwrap();
    let held = connection.try_clone().unwrap();
    keeper::keep_program(program.as_os_str(), connection, folder.path(), START_WITHIN).unwrap();
    assert_eq!(daemon.last_words(), "no  [2J radio");
    assert!(!daemon.is_running());
    drop(held);
}

/// A unit that could not begin, whose connection systemd closes.
#[test]
fn a_unit_that_says_nothing_has_a_place_to_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let door = UnixListener::bind(folder.path().join(DOOR)).unwrap();
    let daemon = Daemon::ask_for(&folder.path().join(DOOR), &"lo".parse().unwrap()).unwrap();
    drop(door.accept().unwrap());
    assert!(daemon.last_words().contains("journalctl -u 'preau-hostapd@*'"));
}

/// What the kernel has room for would be full before a machine that is just starting has begun the unit.
#[test]
fn a_unit_that_is_slow_to_begin_is_awaited() {
    let folder = tempfile::tempdir().unwrap();
    let door = UnixListener::bind(folder.path().join(DOOR)).unwrap();
    let mut daemon = Daemon::ask_for(&folder.path().join(DOOR), &"lo".parse().unwrap()).unwrap();
    let (mut connection, _) = door.accept().unwrap();
    assert!((0..1_000).all(|_| daemon.is_running()));
    connection.set_read_timeout(Some(START_WITHIN)).unwrap();
    let mut said = [0; 4];
    connection.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"lo\n.");
    connection.shutdown(std::net::Shutdown::Both).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let units = folder.path().join("units");
    fs::write(&units, "").unwrap();
    let mut radio = HostapdRadio::of_unit(&units, "lo".parse().unwrap(), None);
    let error = radio.apply(Step::SetUp, Some(&setup("tilleul"))).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with(&format!("cannot make {}/lo: ", units.display())), "{cause}");
}

#[test]
fn a_keeper_takes_no_path_for_an_interface() {
    for line in ["../etc\n", "\n", "sixteen-bytes-000", "wlan0 \n"] {
        let (mut asking, connection) = UnixStream::pair().unwrap();
        asking.write_all(line.as_bytes()).unwrap();
        let kept = keeper::keep_program("no-such-program".as_ref(), connection, Path::new("/"), START_WITHIN);
        assert_eq!(kept.unwrap_err().kind(), io::ErrorKind::InvalidData, "{line:?}");
    }
}

/// hostapd of a unit is another user of the box's group: it reads its files, and makes nothing but its socket.
#[test]
fn a_unit_may_read_its_files_and_make_its_socket_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut radio = HostapdRadio::of_unit(folder.path(), "lo".parse().unwrap(), None);
    radio.apply(Step::SetUp, Some(&setup("tilleul"))).unwrap_err();
    let mode = |name: &str| fs::metadata(radio.folder.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("control")), (0o750, 0o770));
    assert_eq!(
        (mode(CONFIGURATION_FILE), mode("hostapd.keys"), mode("hostapd.vlans")),
        (0o640, 0o640, 0o640)
    );
}
