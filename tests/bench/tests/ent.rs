//! The box itself under ranges and herds, as `./dev bench ent` has its peers.

use std::path::Path;

use bench::process::{command, output};

/// Each case has its name in what is printed; a case that does not hold fails, and says why.
#[test]
fn ranges_and_herds_hold_byte_by_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mut play = command(env!("CARGO_BIN_EXE_ent-bench"));
    // The sandbox finds the box beside itself.
    play.arg(Path::new(folder.path())).args(["suite", "preau"]);
    let printed = output(play).unwrap();
    let held = printed.matches("| yes |").count();
    assert_eq!(held, bench::ent::suite::cases().len(), "{printed}");
}
