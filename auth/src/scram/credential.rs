//! `ScramCredential`: what a server keeps of a password.

use std::fmt;

use super::hash::ScramHash;
use crate::secret::Secret;

/// What a server keeps of a user's password. It lets the server check the user, and the user the
/// server; it does not let its thief log in.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramCredential {
    /// Mixed into the password.
    pub salt: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: u32,
    /// Checks the client's proof.
    pub stored_key: Vec<u8>,
    /// Signs for the server.
    pub server_key: Vec<u8>,
}

impl ScramCredential {
    /// The credential of a password. Takes as long as its iterations.
    ///
    /// Any number of iterations will do, so that tests can have servers that ask for too few.
    #[must_use]
    pub fn derive(hash: ScramHash, password: &Secret, salt: &[u8], iterations: u32) -> Self {
        let salted = hash.salted(password.reveal().as_bytes(), salt, iterations);
        Self::from_salted(hash, &salted, salt, iterations)
    }

    /// The credential of a salted password, which is what `AlterUserScramCredentials` carries.
    #[must_use]
    pub fn from_salted(hash: ScramHash, salted: &[u8], salt: &[u8], iterations: u32) -> Self {
        Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: hash.digest(&hash.hmac(salted, CLIENT_KEY)).to_vec(),
            server_key: hash.hmac(salted, SERVER_KEY).to_vec(),
        }
    }
}

impl fmt::Debug for ScramCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramCredential")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// The salted password, which a client sends in `AlterUserScramCredentials` (KIP-554). It is as
/// good as the password. Takes as long as its iterations.
#[must_use]
pub fn salted_password(
    hash: ScramHash,
    password: &Secret,
    salt: &[u8],
    iterations: u32,
) -> Vec<u8> {
    hash.salted(password.reveal().as_bytes(), salt, iterations).to_vec()
}

pub(super) const CLIENT_KEY: &[u8] = b"Client Key";
pub(super) const SERVER_KEY: &[u8] = b"Server Key";
