//! Encryption at rest: each value is bound to the cell that it belongs to.
//!
//! A cell is a tenant, a table, a row and a column. Its key is derived from the installation's key for that tenant and
//! that purpose, and the cell's name is authenticated with the value, so a value that was moved to another row, table
//! or tenant does not open. Not promised: that a cell holds its newest value; whoever can write to the database can put
//! back an older one.

use std::fmt;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use hkdf::Hkdf;
use m365_model::{Entropy, Surroundings, TenantId};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use thiserror::Error;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

const FORMAT: u8 = 1;
const KEY_ID: usize = 4;
const NONCE: usize = 12;
const HEADER: usize = 1 + KEY_ID + NONCE;

/// A 256-bit key of the installation.
#[derive(Clone, ZeroizeOnDrop)]
pub struct MasterKey {
    bytes: [u8; 32],
    #[zeroize(skip)]
    id: [u8; KEY_ID],
}

/// A text that is no key. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected 64 hexadecimal digits (32 bytes), as `openssl rand -hex 32` prints them")]
pub struct InvalidKey;

impl MasterKey {
    /// Reads 64 hex digits.
    ///
    /// # Errors
    /// [`InvalidKey`] for anything else.
    ///
    /// # Panics
    /// Never: four bytes can always be derived.
    pub fn from_hex(text: &SecretString) -> Result<Self, InvalidKey> {
        let mut bytes = [0_u8; 32];
        let decoded = hex::decode_to_slice(text.expose_secret().trim(), &mut bytes);
        decoded.map_err(|_| InvalidKey)?;
        let mut id = [0_u8; KEY_ID];
        Hkdf::<Sha256>::new(None, &bytes).expand(b"m365-connector key id", &mut id).expect("four bytes can be derived");
        let key = Self { bytes, id };
        bytes.zeroize();
        Ok(key)
    }

    fn cipher(&self, cell: &Cell<'_>) -> Aes256Gcm {
        let mut derived = Zeroizing::new([0_u8; 32]);
        let info = [b"m365-connector".as_slice(), cell.tenant.as_str().as_bytes(), cell.table.as_bytes()].join(&0);
        Hkdf::<Sha256>::new(None, &self.bytes).expand(&info, derived.as_mut_slice()).expect("32 bytes can be derived");
        Aes256Gcm::new(&Key::<Aes256Gcm>::from(*derived))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// The place that a value belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// Whose value it is.
    pub tenant: &'a TenantId,
    /// The table.
    pub table: &'static str,
    /// The row's key, as text.
    pub row: &'a str,
    /// The column.
    pub column: &'static str,
}

impl Cell<'_> {
    fn name(&self) -> Vec<u8> {
        [self.tenant.as_str(), self.table, self.row, self.column].join("\u{0}").into_bytes()
    }
}

/// A value that [`Crypter::seal`] made: the only thing that the store takes for an encrypted column.
#[derive(Clone)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_row(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// Why a value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    /// It was sealed under a key that is not among those given.
    #[error(
        "a stored value was encrypted under another key: give that key in CONNECTOR_ENCRYPTION_KEY_PREVIOUS, \
         or check that this database belongs to this installation"
    )]
    UnknownKey,
    /// The key is known, but the value was changed or moved.
    #[error("a stored encrypted value is damaged, or was moved from another row: restore a backup or connect again")]
    Damaged,
}

/// Seals and opens values. One key encrypts; older ones decrypt.
#[derive(Clone, Debug)]
pub struct Crypter {
    current: MasterKey,
    previous: Vec<MasterKey>,
}

impl Crypter {
    /// A crypter that encrypts under `current` and can still read what the `previous` keys encrypted.
    pub fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        Self { current, previous }
    }

    /// Encrypts `plain` for `cell` under a random nonce.
    ///
    /// # Panics
    /// When `plain` is longer than AES-GCM allows (64 GiB).
    pub fn seal(&self, cell: &Cell<'_>, plain: &[u8], entropy: &dyn Entropy) -> Sealed {
        let mut nonce = [0_u8; NONCE];
        entropy.fill(&mut nonce);
        let name = cell.name();
        let payload = Payload { msg: plain, aad: &name };
        let body = self.current.cipher(cell).encrypt(&Nonce::from(nonce), payload).expect("a value of sane length");
        let mut out = Vec::with_capacity(HEADER + body.len());
        out.push(FORMAT);
        out.extend_from_slice(&self.current.id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&body);
        Sealed(out)
    }

    /// Decrypts what was sealed for `cell`.
    ///
    /// # Errors
    /// [`OpenError::UnknownKey`] and [`OpenError::Damaged`] are told apart: the remedies differ.
    pub fn open(&self, cell: &Cell<'_>, sealed: &Sealed) -> Result<SecretString, OpenError> {
        let plain = self.open_bytes(cell, sealed)?;
        std::str::from_utf8(&plain).map(|text| text.to_owned().into()).map_err(|_| OpenError::Damaged)
    }

    /// Decrypts what was sealed for `cell`, when it is no text. The bytes are wiped when they are dropped.
    ///
    /// # Errors
    /// As [`Crypter::open`].
    pub fn open_bytes(&self, cell: &Cell<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let bytes = sealed.as_bytes();
        if bytes.len() < HEADER || bytes[0] != FORMAT {
            return Err(OpenError::Damaged);
        }
        let (id, nonce) = bytes[1..HEADER].split_at(KEY_ID);
        let key = std::iter::once(&self.current).chain(&self.previous).find(|key| key.id == id);
        let key = key.ok_or(OpenError::UnknownKey)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| OpenError::Damaged)?;
        let name = cell.name();
        let payload = Payload { msg: &bytes[HEADER..], aad: &name };
        let plain = key.cipher(cell).decrypt(&Nonce::from(nonce), payload).map_err(|_| OpenError::Damaged)?;
        Ok(Zeroizing::new(plain))
    }

    /// Whether a value is under the key that encrypts.
    pub(crate) fn is_current(&self, sealed: &Sealed) -> bool {
        sealed.as_bytes().get(1..1 + KEY_ID) == Some(self.current.id.as_slice())
    }
}

/// Seals what leaves this installation for another's keeping, such as a queue's: the keeper sees ciphertext.
#[derive(Clone, Debug)]
pub struct Envelopes {
    crypter: Crypter,
    surroundings: Surroundings,
    purpose: &'static str,
    nobody: TenantId,
}

impl Envelopes {
    /// Envelopes of one purpose; those of another do not open as such.
    ///
    /// # Panics
    /// Never: the name that stands for no tenant is a well-formed one.
    pub(crate) fn new(crypter: Crypter, surroundings: Surroundings, purpose: &'static str) -> Self {
        Self { crypter, surroundings, purpose, nobody: "installation".parse().expect("a well-formed id") }
    }

    fn cell(&self) -> Cell<'_> {
        Cell { tenant: &self.nobody, table: self.purpose, row: "", column: "" }
    }

    /// Seals under the current key.
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        self.crypter.seal(&self.cell(), plain, &*self.surroundings.entropy).0
    }

    /// Opens what was sealed under the current key or one before it.
    ///
    /// # Errors
    /// When it was sealed under another key or for another purpose, or was changed.
    pub fn open(&self, sealed: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.crypter.open_bytes(&self.cell(), &Sealed(sealed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m365_model::SeededEntropy;

    fn key(digit: char) -> MasterKey {
        MasterKey::from_hex(&String::from_iter([digit; 64]).into()).unwrap()
    }

    /// Fails when `Cell::name` leaves out any part of the cell, or `cipher` the tenant.
    #[test]
    fn a_value_opens_in_its_own_cell_alone() {
        let (ours, theirs): (TenantId, TenantId) = ("ours".parse().unwrap(), "theirs".parse().unwrap());
        let crypter = Crypter::new(key('a'), vec![]);
        let home = Cell { tenant: &ours, table: "delta_state", row: "7", column: "sealed_link" };
        let sealed = crypter.seal(&home, b"secret", &SeededEntropy::new(1));
        assert_eq!(crypter.open(&home, &sealed).unwrap().expose_secret(), "secret");
        for elsewhere in [
            Cell { tenant: &theirs, ..home },
            Cell { table: "token_cache", ..home },
            Cell { row: "8", ..home },
            Cell { column: "sealed", ..home },
        ] {
            assert_eq!(crypter.open(&elsewhere, &sealed).unwrap_err(), OpenError::Damaged, "{elsewhere:?}");
        }
    }

    #[test]
    fn a_lost_key_is_told_apart_from_a_damaged_value() {
        let tenant: TenantId = "t".parse().unwrap();
        let cell = Cell { tenant: &tenant, table: "token_cache", row: "graph", column: "sealed" };
        let sealed = Crypter::new(key('a'), vec![]).seal(&cell, b"secret", &SeededEntropy::new(1));
        assert_eq!(Crypter::new(key('b'), vec![]).open(&cell, &sealed).unwrap_err(), OpenError::UnknownKey);
        let both = Crypter::new(key('b'), vec![key('a')]);
        assert_eq!(both.open(&cell, &sealed).unwrap().expose_secret(), "secret");
        for at in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert!(both.open(&cell, &Sealed::from_row(bytes)).is_err(), "a flipped bit at {at} went unnoticed");
        }
    }

    #[test]
    fn a_key_is_64_hex_digits_and_its_error_repeats_nothing() {
        for bad in ["", "abc", &"g".repeat(64), &"a".repeat(63)] {
            let error = MasterKey::from_hex(&bad.to_owned().into()).unwrap_err();
            assert!(bad.is_empty() || !error.to_string().contains(bad));
        }
    }
}
