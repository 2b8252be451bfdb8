//! Hashes: a sha256 that goes on in another request, and the checksums of uploads.

use sha1::Sha1;
use sha2::digest::Digest;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};

/// The sha256 of bytes that come in several requests.
#[derive(Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The state, to go on later from here.
    pub fn state(&self) -> Vec<u8> {
        self.0.serialize().to_vec()
    }

    /// Goes on from a state of [`Self::state`]; `None` when it is none.
    pub fn from_state(state: &[u8]) -> Option<Self> {
        let state = SerializedState::<sha2::Sha256>::try_from(state).ok()?;
        sha2::Sha256::deserialize(&state).ok().map(Self)
    }

    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    pub fn hex(self) -> String {
        hex::encode(self.finish())
    }
}

/// A checksum by one of the algorithms that uploads may name.
#[derive(Clone)]
pub enum Checksum {
    Sha1(Sha1),
    Sha256(Sha256),
}

/// The names of the algorithms, as `Tus-Checksum-Algorithm` lists them.
pub const ALGORITHMS: &str = "sha1,sha256";

impl Checksum {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1(Sha1::new())),
            "sha256" => Some(Self::Sha256(Sha256::default())),
            _ => None,
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    pub fn is(self, expected: &[u8]) -> bool {
        match self {
            Self::Sha1(hash) => hash.finalize().as_slice() == expected,
            Self::Sha256(hash) => hash.finish() == expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as1_a_hash_goes_on_from_its_state_at_every_cut() {
        let bytes: Vec<u8> = (0..300_u32).map(|n| (n * 7) as u8).collect();
        let mut whole = Sha256::default();
        whole.update(&bytes);
        let whole = whole.hex();
        for cut in 0..=bytes.len() {
            let mut first = Sha256::default();
            first.update(&bytes[..cut]);
            let mut second = Sha256::from_state(&first.state()).expect("a state");
            second.update(&bytes[cut..]);
            assert_eq!(second.hex(), whole, "cut at {cut}");
        }
        assert!(Sha256::from_state(b"nonsense").is_none());
    }

    #[test]
    fn as1_checksums_by_their_names() {
        let sha1 = hex::decode("a9993e364706816aba3e25717850c26c9cd0d89d").expect("hex");
        let sha256 =
            hex::decode("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
                .expect("hex");
        for (name, expected) in [("sha1", sha1), ("sha256", sha256)] {
            let mut checksum = Checksum::named(name).expect("known");
            checksum.update(b"ab");
            checksum.update(b"c");
            assert!(checksum.clone().is(&expected), "{name}");
            checksum.update(b"d");
            assert!(!checksum.is(&expected), "{name}");
        }
        assert!(Checksum::named("md5").is_none());
    }
}
