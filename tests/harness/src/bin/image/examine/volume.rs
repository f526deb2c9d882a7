//! The encrypted volume: LUKS2 (its format is described in cryptsetup's `docs/on-disk-format-luks2.pdf`), opened by the empty
//! passphrase, in this program: the kernel that it runs on need not have a device mapper.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use aes::Aes256;
use aes::cipher::{BlockDecrypt as _, BlockEncrypt as _, KeyInit as _};
use anyhow::{Context as _, Result, bail, ensure};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::pbkdf2;
use serde_json::Value;

/// How much the headers take, with the keys: what systemd-repart sets aside.
pub(crate) const HEADERS_BYTES: u64 = 16 << 20;
/// The magic of the header, and of its copy.
const MAGICS: [&[u8]; 2] = [b"LUKS\xba\xbe", b"SKUL\xba\xbe"];
/// Bytes of the binary part of a header, and where the sum is in it.
const BINARY_BYTES: usize = 4_096;
const SUM: std::ops::Range<usize> = 448..512;
/// How long a header may be, with its text.
const HEADER_BYTES: RangeInclusive<usize> = 16 << 10..=4 << 20;
const CIPHER: &str = "aes-xts-plain64";
/// Bytes of a key of AES-256 in XTS, and of a sector.
const KEY_BYTES: usize = 64;
const SECTOR: usize = 512;
/// More is no work for a box's start: bounds of what a damaged header may ask for.
const ITERATIONS_MAX: u32 = 10_000_000;
const MEMORY_KIB_MAX: u32 = 4 << 20;
const STRIPES_MAX: usize = 4_000;

/// A volume that is open.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key([u8; KEY_BYTES]);

/// Opens one volume after another. What makes a key of a passphrase takes long, and is done once for each of its parameters.
#[derive(Default)]
pub(crate) struct Opener {
    derived: BTreeMap<String, [u8; KEY_BYTES]>,
}

impl Opener {
    /// Opens a volume by its headers and the empty passphrase: by whichever header is newer of those that are whole, as cryptsetup
    /// does.
    ///
    /// # Errors
    /// No header is whole, it asks for something that is not known here, or no passphrase that is empty opens it.
    pub(crate) fn open(&mut self, headers: &[u8]) -> Result<Key> {
        let first = read_header(headers, MAGICS[0], 0);
        let places = std::iter::successors(Some(*HEADER_BYTES.start()), |at| Some(at * 2));
        let mut copies = places.take_while(|at| HEADER_BYTES.contains(at));
        let copy = copies.find_map(|at| read_header(headers, MAGICS[1], at).ok());
        let header = match (first, copy) {
            (Ok(first), Some(copy)) if copy.0 > first.0 => copy,
            (Ok(first), _) => first,
            (Err(_), Some(copy)) => copy,
            (Err(damage), None) => return Err(damage.context("neither header is whole")),
        };
        let said = header.1;
        let segment = said.pointer("/segments/0").context("no segment")?;
        let offset = HEADERS_BYTES.to_string();
        ensure!(
            segment["encryption"] == CIPHER
                && segment["sector_size"] == SECTOR
                && segment["iv_tweak"] == "0"
                && segment["offset"] == offset.as_str(),
            "another kind of volume: {segment}"
        );
        let slots = said.get("keyslots").and_then(Value::as_object).context("no keys")?;
        let digests = said.get("digests").and_then(Value::as_object);
        for slot in slots.values() {
            let key = self.open_slot(headers, slot)?;
            if digests.is_some_and(|all| all.values().any(|known| is_of(&key, known))) {
                return Ok(Key(key));
            }
        }
        bail!("{} keys, none of which is for the empty passphrase", slots.len())
    }

    /// What a slot has for the empty passphrase: the volume's key, or noise.
    fn open_slot(&mut self, headers: &[u8], slot: &Value) -> Result<[u8; KEY_BYTES]> {
        let (area, af) = (&slot["area"], &slot["af"]);
        ensure!(
            slot["key_size"] == KEY_BYTES
                && area["key_size"] == KEY_BYTES
                && area["encryption"] == CIPHER
                && af["type"] == "luks1"
                && af["hash"] == "sha256",
            "another kind of key"
        );
        let stripes = count(&af["stripes"])?;
        ensure!((1..=STRIPES_MAX).contains(&stripes), "{stripes} stripes");
        let start: usize = area["offset"].as_str().context("no place")?.parse()?;
        let bytes = (stripes * KEY_BYTES).next_multiple_of(SECTOR);
        let mut split =
            headers.get(start..start.saturating_add(bytes)).context("a key beyond its place")?.to_vec();
        let kdf = slot["kdf"].to_string();
        let key = match self.derived.get(&kdf) {
            Some(known) => *known,
            None => derive(&slot["kdf"])?,
        };
        self.derived.insert(kdf, key);
        Xts::new(&key).decrypt(0, &mut split);
        Ok(merge(split.as_chunks::<KEY_BYTES>().0.get(..stripes).context("too few stripes")?))
    }
}

impl Key {
    /// Decrypts whole sectors, of which the first has that number.
    pub(crate) fn decrypt(&self, sector: u64, bytes: &mut [u8]) {
        Xts::new(&self.0).decrypt(sector, bytes);
    }
}

/// The number of a header's state, and what its text says.
fn read_header(headers: &[u8], magic: &[u8], at: usize) -> Result<(u64, Value)> {
    let binary = headers.get(at..at + BINARY_BYTES).context("no room for a header")?;
    ensure!(binary.starts_with(magic) && binary.get(6..8) == Some(&[0, 2]), "no header of LUKS2");
    let number =
        |at: usize| -> Option<u64> { Some(u64::from_be_bytes(binary.get(at..at + 8)?.try_into().ok()?)) };
    let bytes = usize::try_from(number(8).context("no size")?)?;
    ensure!(HEADER_BYTES.contains(&bytes), "a header of {bytes} bytes");
    ensure!(number(256) == Some(at as u64), "a header of another place");
    let mut whole = headers.get(at..at + bytes).context("a header that ends early")?.to_vec();
    let sum = whole.get_mut(SUM).context("no sum")?;
    let said = sum.to_vec();
    sum.fill(0);
    ensure!(said.starts_with(digest(&SHA256, &whole).as_ref()), "the header's sum is wrong");
    let text = whole.get(BINARY_BYTES..).unwrap_or_default();
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok((number(16).context("no number")?, serde_json::from_slice(text)?))
}

/// The key that the empty passphrase gives.
fn derive(kdf: &Value) -> Result<[u8; KEY_BYTES]> {
    let salt = STANDARD.decode(kdf["salt"].as_str().context("no salt")?)?;
    let mut key = [0; KEY_BYTES];
    match kdf["type"].as_str() {
        Some("pbkdf2") if kdf["hash"] == "sha256" => stretch(&salt, count(&kdf["iterations"])?, &mut key)?,
        Some("argon2id") => {
            let [memory, time, lanes] = ["memory", "time", "cpus"].map(|name| count(&kdf[name]));
            let [memory, time, lanes] = [memory?, time?, lanes?].map(u32::try_from);
            let (memory, time, lanes) = (memory?, time?, lanes?);
            ensure!(memory <= MEMORY_KIB_MAX && time <= ITERATIONS_MAX, "{memory} KiB, {time} times");
            let parameters = Params::new(memory, time, lanes, Some(KEY_BYTES))
                .map_err(|error| anyhow::anyhow!("parameters of a key: {error}"))?;
            Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
                .hash_password_into(b"", &salt, &mut key)
                .map_err(|error| anyhow::anyhow!("a key: {error}"))?;
        }
        other => bail!("a key by {other:?}"),
    }
    Ok(key)
}

/// PBKDF2 of a key that is empty.
fn stretch(salt: &[u8], iterations: usize, key: &mut [u8]) -> Result<()> {
    stretch_key(b"", salt, iterations, key)
}

fn stretch_key(secret: &[u8], salt: &[u8], iterations: usize, key: &mut [u8]) -> Result<()> {
    let iterations = u32::try_from(iterations).ok().filter(|count| *count <= ITERATIONS_MAX);
    let iterations = iterations.and_then(std::num::NonZeroU32::new).context("a number of iterations")?;
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, secret, key);
    Ok(())
}

/// Whether a key is the volume's.
fn is_of(key: &[u8; KEY_BYTES], known: &Value) -> bool {
    let check = || -> Result<bool> {
        let decode = |name: &str| -> Result<Vec<u8>> {
            Ok(STANDARD.decode(known[name].as_str().context("no text")?)?)
        };
        let (salt, said) = (decode("salt")?, decode("digest")?);
        let mut found = vec![0; said.len()];
        stretch_key(key, &salt, count(&known["iterations"])?, &mut found)?;
        Ok(!said.is_empty() && known["hash"] == "sha256" && found == said)
    };
    check().unwrap_or(false)
}

fn count(value: &Value) -> Result<usize> {
    Ok(usize::try_from(value.as_u64().context("no number")?)?)
}

/// Puts together what was split so that no part of it alone tells anything (LUKS1's splitter).
fn merge(stripes: &[[u8; KEY_BYTES]]) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    for (at, stripe) in stripes.iter().enumerate() {
        if at > 0 {
            diffuse(&mut key);
        }
        key.iter_mut().zip(stripe).for_each(|(byte, other)| *byte ^= other);
    }
    key
}

fn diffuse(key: &mut [u8; KEY_BYTES]) {
    for (number, part) in (0_u32..).zip(key.as_chunks_mut::<32>().0) {
        let hashed = digest(&SHA256, &[&number.to_be_bytes(), part.as_slice()].concat());
        part.copy_from_slice(hashed.as_ref());
    }
}

/// AES-256 in the mode XTS (IEEE 1619), with the number of a sector as its tweak.
struct Xts {
    data: Aes256,
    tweak: Aes256,
}

impl Xts {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        let (data, tweak) = key.split_at(KEY_BYTES / 2);
        Self { data: Aes256::new(data.into()), tweak: Aes256::new(tweak.into()) }
    }

    fn decrypt(&self, first: u64, bytes: &mut [u8]) {
        for (number, sector) in (first..).zip(bytes.chunks_mut(SECTOR)) {
            let tweaks = self.tweaks(number);
            let (blocks, _) = sector.as_chunks_mut::<16>();
            mask(blocks, &tweaks);
            for block in blocks.iter_mut() {
                self.data.decrypt_block(block.into());
            }
            mask(blocks, &tweaks);
        }
    }

    /// A sector's tweak for each of its blocks.
    fn tweaks(&self, sector: u64) -> [u128; SECTOR / 16] {
        let mut first = u128::from(sector).to_le_bytes();
        self.tweak.encrypt_block((&mut first).into());
        let mut tweak = u128::from_le_bytes(first);
        std::array::from_fn(|_| {
            let now = tweak;
            tweak = (now << 1) ^ ((now >> 127) * 0x87);
            now
        })
    }
}

fn mask(blocks: &mut [[u8; 16]], tweaks: &[u128]) {
    for (block, tweak) in blocks.iter_mut().zip(tweaks) {
        *block = (u128::from_le_bytes(*block) ^ tweak).to_le_bytes();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn encrypt(key: &[u8; KEY_BYTES], first: u64, bytes: &mut [u8]) {
        let xts = Xts::new(key);
        for (number, sector) in (first..).zip(bytes.chunks_mut(SECTOR)) {
            let tweaks = xts.tweaks(number);
            let (blocks, _) = sector.as_chunks_mut::<16>();
            mask(blocks, &tweaks);
            blocks.iter_mut().for_each(|block| xts.data.encrypt_block(block.into()));
            mask(blocks, &tweaks);
        }
    }

    /// Headers of a volume with this key, which the empty passphrase opens, by `kdf`.
    fn headers(key: [u8; KEY_BYTES], kdf: &Value) -> Vec<u8> {
        let mut last = [5; KEY_BYTES];
        diffuse(&mut last);
        last.iter_mut().zip(key).for_each(|(byte, other)| *byte ^= other);
        let mut area = [[5; KEY_BYTES], last].concat();
        area.resize(SECTOR, 0);
        encrypt(&derive(kdf).unwrap(), 0, &mut area);
        let mut known = [0; 32];
        stretch_key(&key, b"salt", 3, &mut known).unwrap();
        let text = serde_json::json!({
            "keyslots": { "1": {
                "type": "luks2", "key_size": 64, "kdf": kdf,
                "af": { "type": "luks1", "stripes": 2, "hash": "sha256" },
                "area": { "type": "raw", "offset": "32768", "size": "512", "encryption": CIPHER, "key_size": 64 },
            } },
            "segments": { "0": {
                "type": "crypt", "offset": "16777216", "encryption": CIPHER, "sector_size": 512, "iv_tweak": "0",
            } },
            "digests": { "0": {
                "type": "pbkdf2", "hash": "sha256", "iterations": 3,
                "salt": STANDARD.encode("salt"), "digest": STANDARD.encode(known),
            } },
        });
        let mut all = vec![0; 65_536];
        all[32_768..33_280].copy_from_slice(&area);
        for (magic, at) in MAGICS.into_iter().zip([0, 16_384]) {
            let header = &mut all[at..at + 16_384];
            header[..6].copy_from_slice(magic);
            header[7] = 2;
            header[8..16].copy_from_slice(&16_384_u64.to_be_bytes());
            header[23] = 1;
            header[256..264].copy_from_slice(&(at as u64).to_be_bytes());
            let text = text.to_string();
            header[BINARY_BYTES..BINARY_BYTES + text.len()].copy_from_slice(text.as_bytes());
            let sum = digest(&SHA256, header);
            header[448..480].copy_from_slice(sum.as_ref());
        }
        all
    }

    fn pbkdf2() -> Value {
        serde_json::json!({ "type": "pbkdf2", "hash": "sha256", "iterations": 10, "salt": STANDARD.encode("grain") })
    }

    /// The beginning of vector 10 of IEEE 1619-2007, annex B: AES-256, sector 0xff.
    #[test]
    fn sectors_are_decrypted_as_the_standard_says() {
        let key = "27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592";
        let bytes = |text: &str| -> Vec<u8> {
            text.as_bytes()
                .chunks(2)
                .map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap())
                .collect()
        };
        let key = Key(bytes(key).try_into().unwrap());
        let mut sector = bytes("1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b");
        key.decrypt(0xff, &mut sector);
        assert_eq!(sector, (0..32).collect::<Vec<u8>>());
    }

    #[test]
    fn the_empty_passphrase_opens_a_volume_by_either_header() {
        let key: [u8; KEY_BYTES] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let argon = serde_json::json!({
            "type": "argon2id", "time": 1, "memory": 32, "cpus": 1, "salt": STANDARD.encode("sixteen bytes ..")
        });
        for kdf in [pbkdf2(), argon] {
            let whole = headers(key, &kdf);
            assert!(Opener::default().open(&whole).unwrap() == Key(key));
            for damaged in [5_000, 20_000] {
                let mut headers = whole.clone();
                headers[damaged] ^= 1;
                assert!(Opener::default().open(&headers).unwrap() == Key(key), "the other header is whole");
            }
        }
    }

    #[test]
    fn what_is_damaged_opens_nothing() {
        let whole = headers([7; KEY_BYTES], &pbkdf2());
        let check = |places: &[usize]| {
            let mut headers = whole.clone();
            places.iter().for_each(|place| headers[*place] ^= 1);
            assert!(Opener::default().open(&headers).is_err(), "{places:?}");
        };
        check(&[32_768]);
        check(&[5_000, 20_000]);
        assert!(
            Opener::default().open(&whole[..40_000]).is_ok()
                && Opener::default().open(&whole[..33_000]).is_err()
        );
        assert!(Opener::default().open(&[]).is_err() && Opener::default().open(&vec![0; 65_536]).is_err());
    }
}
