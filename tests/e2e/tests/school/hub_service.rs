//! The hub as systemd runs it: it says when it listens, that it lives, and ends when it is told to.

use anyhow::Result;
use harness::{Lab, preau_binary};

use crate::probe::Dialogue;

/// The program that stands in for systemd.
const SUPERVISE: &str = env!("CARGO_BIN_EXE_supervise");

#[test]
fn a_hub_tells_whoever_watches_over_it_that_it_serves() -> Result<()> {
    let lab = Lab::new()?;
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("notify").display().to_string();
    let (binary, data) =
        (preau_binary()?.display().to_string(), folder.path().join("data").display().to_string());
    let arguments = [&socket, &binary, "hub", "--listen", "127.0.0.1:8443", "--data", &data];
    let mut systemd = Dialogue::start_program(&lab.appliance, SUPERVISE, &arguments)?;
    for _ in 0..2 {
        assert_eq!(systemd.say("start")?, "ready, 0 sockets");
        let asked =
            ["curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}"];
        let url = "https://127.0.0.1:8443/api/v1/openapi.json";
        let answer = lab.appliance.run(&[&asked[..], &[url]].concat())?;
        assert_eq!(answer.stdout, "200", "it listens when it says so: {answer:#?}");
        assert_eq!(systemd.say("signs")?, "it lives");
        assert_eq!(systemd.say("TERM")?, "exit status: 0");
    }
    Ok(())
}
