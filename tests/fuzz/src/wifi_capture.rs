//! The reader of captures of Wi-Fi, and of the beacons in them.

use wifi::lint::{Place, check_capture};
use wire::wifi::Beacon;

/// Reads `data` as a frame, and as a capture of frames.
///
/// # Panics
/// When a name is longer than the standard has room for, however it is read: an element has 255 bytes, and what is no
/// UTF-8 is replaced by three bytes for one.
pub fn run(data: &[u8]) {
    if let Some(beacon) = Beacon::read(data) {
        assert!(beacon.ssid.len() <= 3 * 255, "{}", beacon.ssid.len());
    }
    let _read = check_capture(data, &Place::default());
}
