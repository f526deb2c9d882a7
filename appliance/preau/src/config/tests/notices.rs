//! What the school says of its network: a charter in a file, two lines.

use super::*;

fn read(portal: &str) -> Result<Config, Vec<Problem>> {
    Config::parse(&format!("{SCHOOL}[portal]\n{portal}\n"))
}

#[test]
fn a_charter_is_read_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("charte.md");
    std::fs::write(&file, "# Notre charte\n\n- un\n").unwrap();
    let place = file.display();
    let config =
        read(&format!("charter = '{place}'\ncontroller = 'Commune'\ndpo = 'dpo@c.example'")).unwrap();
    assert_eq!(config.portal.charter, portal::CharterText::parse("# Notre charte\n- un").ok());
    assert_eq!(
        (config.portal.controller.as_deref(), config.portal.officer.as_deref()),
        (Some("Commune"), Some("dpo@c.example"))
    );
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(format!("{:?}", read(&format!("charter = '{place}'")).unwrap_err()).contains("no UTF-8"));
    std::fs::write(&file, "  ").unwrap();
    assert!(format!("{:?}", read(&format!("charter = '{place}'")).unwrap_err()).contains("there is no text"));
}

#[test]
fn what_cannot_be_shown_is_a_mistake() {
    for (portal, expected) in [
        ("charter = '/nonexistent/charte.md'", "/nonexistent/charte.md"),
        ("controller = ' '", "`controller` is one line"),
        ("dpo = \"a\\nb\"", "`dpo` is one line"),
    ] {
        let problems = format!("{:?}", read(portal).unwrap_err());
        assert!(problems.contains(expected), "{problems}");
    }
}

#[test]
fn some_roles_have_to_have_a_telephone() {
    use model::Role::{Head, Officer, Technician};
    let of = |line: &str| Config::parse(&format!("{SCHOOL}{line}")).map(|config| config.portal.telephones);
    assert_eq!(of("").unwrap(), [Technician]);
    assert_eq!(of("[portal]\nport = 8001\n").unwrap(), [Technician]);
    assert_eq!(of("[portal]\ntelephones = []\n").unwrap(), []);
    assert_eq!(of("[portal]\ntelephones = ['head', 'officer']\n").unwrap(), [Head, Officer]);
    for wrong in ["'teacher'", "'pupil'", "7"] {
        assert!(of(&format!("[portal]\ntelephones = [{wrong}]\n")).is_err(), "{wrong}");
    }
}
