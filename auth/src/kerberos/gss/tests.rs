//! Both halves against each other, and tokens that must not be accepted.

use super::context::{Context, Role};
use super::initiator::{INITIATOR_FLAGS, Initiator, MUTUAL, Subkey};
use super::*;
use crate::error::Error;
use crate::kerberos::crypto::{EncryptionType, Key};
use crate::mechanism::{Mechanism, Step};

fn context(kind: EncryptionType, subkey: Subkey, role: Role) -> Context {
    let acceptor_chose = subkey == Subkey::Own;
    let key = Key::from_random(kind, &[7; 32]);
    Context { role, key, acceptor_chose, send: 5, receive: Some(5) }
}

const OFFER: [u8; 4] = [1, 0, 0, 0];

/// An offer that an acceptor wraps, with a checksum or sealed, and who should unwrap it.
fn offers() -> impl Iterator<Item = (Vec<u8>, impl Fn() -> Context)> {
    let kinds = EncryptionType::ALL.into_iter();
    let choices = kinds.flat_map(|kind| [(kind, Subkey::None), (kind, Subkey::Own)]);
    choices.flat_map(|(kind, chose)| {
        let make = move || context(kind, chose, Role::Acceptor);
        let tokens = [make().wrap(&OFFER), make().wrap_sealed(&OFFER)];
        tokens.map(|token| (token, move || context(kind, chose, Role::Initiator)))
    })
}

#[test]
fn offers_are_unwrapped_however_they_are_rotated() {
    for (token, initiator) in offers() {
        for turns in 0..40_u16 {
            let mut turned = token.clone();
            turned[6..8].copy_from_slice(&turns.to_be_bytes());
            let length = turned.len() - 16;
            turned[16..].rotate_right(usize::from(turns) % length);
            assert_eq!(initiator().unwrap(&turned).unwrap(), OFFER);
        }
    }
}

#[test]
fn no_altered_offer_is_unwrapped() {
    for (token, initiator) in offers() {
        for i in 0..token.len() {
            for bit in 0..8 {
                let mut altered = token.clone();
                altered[i] ^= 1 << bit;
                if let Ok(message) = initiator().unwrap(&altered) {
                    // Only the count of turns is not covered: a full turn changes nothing.
                    assert!(message == OFFER && (6..8).contains(&i), "byte {i}, bit {bit}");
                }
            }
        }
        for length in 0..token.len() {
            assert!(initiator().unwrap(&token[..length]).is_err());
        }
    }
}

#[test]
fn an_offer_without_a_checksum_is_forged() {
    for (token, initiator) in offers() {
        let mut forged = token[..16].to_vec();
        forged[2] &= !2;
        forged[4..6].fill(0);
        forged.extend_from_slice(&OFFER);
        let error = initiator().unwrap(&forged).unwrap_err().to_string();
        assert!(error.contains("length of its checksum"), "{error}");
    }
}

#[test]
fn reflected_and_repeated_messages_are_refused() {
    let mut own = context(EncryptionType::Aes256Sha1, Subkey::None, Role::Initiator);
    let sent = own.wrap(b"mine");
    assert!(own.unwrap(&sent).is_err(), "reflected");
    let mut acceptor = context(EncryptionType::Aes256Sha1, Subkey::None, Role::Acceptor);
    assert_eq!(acceptor.unwrap(&sent).unwrap(), b"mine");
    assert!(acceptor.unwrap(&sent).unwrap_err().to_string().contains("out of sequence"));
    let mut chose = context(EncryptionType::Aes256Sha1, Subkey::Own, Role::Acceptor);
    assert!(chose.unwrap(&sent).is_err(), "a key that was not negotiated");
}

mod with_kdc;

/// Lets both halves talk until both are done, or one fails.
fn talk(client: &mut dyn Mechanism, server: &mut dyn Mechanism) -> Result<usize, Error> {
    let mut answer = Vec::new();
    for round in 0.. {
        match client.step(&answer)? {
            Step::Done(token) => {
                let last = server.step(&token)?;
                assert_eq!(last, Step::Done(Vec::new()), "the client is done before the server");
                return Ok(round + 1);
            }
            Step::Continue(token) => match server.step(&token)? {
                Step::Continue(token) => answer = token,
                Step::Done(_) => panic!("the server is done before the client"),
            },
        }
    }
    unreachable!()
}
