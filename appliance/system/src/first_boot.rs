//! What makes an access point from the factory one of a box: the files of `firmware-config/openwrt` with an adoption key, packed as OpenWrt packs
//! its own backups, so that its own page unpacks them and starts it anew.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Each file with its place and its mode, as `docs/wifi.md` has them.
const FILES: [(&str, u32, &str); 5] = [
    ("usr/share/rpcd/acl.d/preau.json", 0o644, include_str!("../../../firmware-config/openwrt/preau.json")),
    ("usr/sbin/preau-watchdog", 0o755, include_str!("../../../firmware-config/openwrt/preau-watchdog")),
    ("usr/sbin/preau-announce", 0o755, include_str!("../../../firmware-config/openwrt/preau-announce")),
    ("etc/init.d/preau", 0o755, include_str!("../../../firmware-config/openwrt/preau.init")),
    ("etc/uci-defaults/95-preau", 0o755, include_str!("../../../firmware-config/openwrt/95-preau")),
];
/// Where the key is, for nobody but root.
const KEY: (&str, u32) = ("etc/preau.key", 0o600);

/// The files, packed. `key` is the adoption key in hexadecimal digits. The same key gives the same bytes.
///
/// # Errors
/// None that the system could have: it is made in memory.
pub fn pack(key: &str) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let key = format!("{key}\n");
    for (path, mode, text) in FILES.into_iter().chain([(KEY.0, KEY.1, key.as_str())]) {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(text.len()).map_err(io::Error::other)?);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        tar.append_data(&mut header, path, text.as_bytes())?;
    }
    tar.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_files_are_where_openwrt_looks_for_them() {
        let key = "a1".repeat(32);
        let packed = pack(&key).unwrap();
        assert_eq!(packed, pack(&key).unwrap());
        let mut found = BTreeMap::new();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let (path, mode) = (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap());
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.insert(path, (mode, text));
        }
        assert_eq!(found.len(), FILES.len() + 1);
        assert_eq!(found["etc/preau.key"], (0o600, format!("{key}\n")));
        for (path, mode, text) in FILES {
            assert_eq!(found[path], (mode, text.to_owned()), "{path}");
        }
        let init = &found["etc/init.d/preau"].1;
        assert!(
            init.starts_with("#!/bin/sh /etc/rc.common") && init.contains("/usr/sbin/preau-announce watch")
        );
    }
}
