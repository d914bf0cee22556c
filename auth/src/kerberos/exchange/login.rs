//! The AS exchange: a first ticket, for keys from a keytab. *Core.*
//!
//! ```text
//! start -> asked --ticket--> done
//!            | "prove your key": ask again with the encrypted time, once
//!            | "your clock is wrong": take the KDC's time, ask again, once
//!            | "another realm": ask there
//! ```

use super::action::{Action, Lifetimes};
use crate::kerberos::credential::RENEWABLE;
use crate::kerberos::crypto::{EncryptionType, VersionedKey};
use crate::kerberos::der::Reader;
use crate::kerberos::error::{
    Error, KDC_ERR_PREAUTH_REQUIRED, KDC_ERR_WRONG_REALM, KRB_AP_ERR_SKEW, Refusal,
};
use crate::kerberos::keytab::Keytab;
use crate::kerberos::messages::{
    Body, Expected, KdcReply, KdcRequest, PaData, PaKind, encrypted_timestamp, encryption_types_of,
    option, pa_data_of,
};
use crate::kerberos::moment::Moment;
use crate::kerberos::principal::Principal;

/// One conversation that ends in a ticket granting ticket.
#[derive(Debug)]
pub struct Login {
    client: Principal,
    /// Newest version first.
    keys: Vec<VersionedKey>,
    kinds: Vec<EncryptionType>,
    lifetimes: Lifetimes,
    clock_offset: i64,
    proof: Vec<PaData>,
    /// The version of the key that was used last.
    version: Option<u32>,
    proven: bool,
    clock_set: bool,
    rounds: usize,
    nonce: u32,
}

impl Login {
    /// A login of `client` with its keys in `keytab`, of which those of the types `kinds` are
    /// used.
    ///
    /// # Errors
    ///
    /// [`Error::NoKey`] if there is no such key.
    pub fn new(
        client: Principal,
        keytab: &Keytab,
        kinds: &[EncryptionType],
        lifetimes: Lifetimes,
    ) -> Result<Self, Error> {
        let mut keys = keytab.keys(&client)?;
        let mut types: Vec<_> = keys.iter().map(|(_, key)| key.kind().name()).collect();
        types.sort_unstable();
        types.dedup();
        keys.retain(|(_, key)| kinds.contains(&key.kind()));
        if keys.is_empty() {
            let problem = format!("krb5.conf permits none of {}", types.join(", "));
            return Err(Error::no_key(&client, problem));
        }
        // Only what there is a key for is offered, or the KDC might choose something else.
        let held = |kind: &EncryptionType| keys.iter().any(|(_, key)| key.kind() == *kind);
        let kinds = kinds.iter().copied().filter(held).collect();
        Ok(Self {
            client,
            keys,
            kinds,
            lifetimes,
            clock_offset: 0,
            proof: Vec::new(),
            version: None,
            proven: false,
            clock_set: false,
            rounds: 0,
            nonce: 0,
        })
    }

    /// The first question. `clock_offset` is what is known so far: see
    /// [`clock_offset`](Self::clock_offset).
    ///
    /// # Errors
    ///
    /// [`Error::Endless`]: never at the first one.
    pub fn start(&mut self, clock_offset: i64, now: Moment) -> Result<Action, Error> {
        self.clock_offset = clock_offset;
        self.ask(&now.ahead_by(clock_offset))
    }

    /// Seconds to add to our clock to have the KDC's.
    #[must_use]
    pub fn clock_offset(&self) -> i64 {
        self.clock_offset
    }

    /// The version of the key that the KDC was shown, for an error to name.
    #[must_use]
    pub fn key_version(&self) -> Option<u32> {
        self.version
    }

    /// Takes in an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the KDC refuses, [`Error::Integrity`] if the answer was made with
    /// another key, [`Error::Mismatch`] if it is to another question, [`Error::Malformed`],
    /// [`Error::NoKey`], [`Error::Endless`].
    pub fn handle(&mut self, reply: &[u8], now: Moment) -> Result<Action, Error> {
        let now = now.ahead_by(self.clock_offset);
        match KdcReply::read(reply, KdcRequest::As) {
            Ok(reply) => self.open(reply),
            Err(Error::Refused(refusal)) => self.handle_refusal(refusal, now),
            Err(error) => Err(error),
        }
    }

    fn ask(&mut self, now: &Moment) -> Result<Action, Error> {
        if self.rounds == ROUNDS_MAX {
            return Err(Error::Endless { what: "the KDC's conditions", rounds: ROUNDS_MAX });
        }
        self.rounds += 1;
        self.nonce = now.number();
        let body = Body {
            // No forwardable ticket: Kafka needs none, and some KDCs then refuse other requests.
            options: RENEWABLE | option::RENEWABLE_OK,
            client: Some(&self.client),
            server: &self.granter(),
            till: now.seconds() + self.lifetimes.ticket.clamp(0, LIFETIME_MAX),
            renew_till: Some(now.seconds() + self.lifetimes.renew.clamp(0, LIFETIME_MAX)),
            nonce: self.nonce,
            kinds: &self.kinds,
        };
        let request = KdcRequest::As.der(&self.proof, &body.der());
        Ok(Action::Ask { realm: self.client.realm.clone(), request })
    }

    fn granter(&self) -> Principal {
        Principal::ticket_granter(&self.client.realm, &self.client.realm)
    }

    fn open(&mut self, reply: KdcReply) -> Result<Action, Error> {
        let kind = reply.sealed.kind;
        let wanted = reply.sealed.version;
        let fitting = || self.keys.iter().filter(|(_, key)| key.kind().number() == kind);
        let same = fitting().find(|(version, _)| wanted == Some(*version));
        let (version, key) = same.or_else(|| fitting().next()).ok_or_else(|| {
            Error::no_key(&self.client, format!("the KDC chose encryption type {kind}"))
        })?;
        self.version = Some(*version);
        let granter = self.granter();
        let expected = Expected {
            nonce: self.nonce,
            client: &self.client,
            server: Some(&granter),
            kinds: &self.kinds,
        };
        Ok(Action::Done(Box::new(reply.open(key, &expected)?)))
    }

    fn handle_refusal(&mut self, refusal: Box<Refusal>, now: Moment) -> Result<Action, Error> {
        match (refusal.code, &refusal.client_realm) {
            (KDC_ERR_PREAUTH_REQUIRED, _) if !self.proven => {
                self.prove(&refusal.data, &now)?;
                self.ask(&now)
            }
            (KRB_AP_ERR_SKEW, _) if !self.clock_set => {
                let ahead = refusal.server_time.saturating_sub(now.seconds());
                self.clock_offset = self.clock_offset.saturating_add(ahead);
                self.clock_set = true;
                self.forget_proof();
                self.ask(&now.ahead_by(ahead))
            }
            (KDC_ERR_WRONG_REALM, Some(realm)) if *realm != self.client.realm => {
                self.client.realm.clone_from(realm);
                self.forget_proof();
                self.ask(&now)
            }
            _ => Err(Error::Refused(refusal)),
        }
    }

    fn forget_proof(&mut self) {
        self.proven = false;
        self.proof.clear();
    }

    /// Chooses a key by the KDC's hints, which are not authenticated, among our own.
    fn prove(&mut self, hints: &[u8], now: &Moment) -> Result<(), Error> {
        let hints = match hints {
            [] => Vec::new(),
            some => pa_data_of(Reader::new(some))?,
        };
        let info = hints.iter().find(|hint| hint.kind == PaKind::ENCRYPTION_TYPES);
        let offered = info.map(|info| encryption_types_of(&info.value)).transpose()?;
        let key_of = |kind: &i32| self.keys.iter().find(|(_, key)| key.kind().number() == *kind);
        let chosen = match &offered {
            Some(kinds) => kinds.iter().find_map(key_of),
            None => self.keys.first(),
        };
        let (version, key) = chosen.ok_or_else(|| {
            let kinds = offered.as_deref().unwrap_or_default();
            let named = kinds.get(..KINDS_NAMED_MAX).unwrap_or(kinds);
            Error::no_key(&self.client, format!("the KDC has keys of the types {named:?}"))
        })?;
        let kind = PaKind::ENCRYPTED_TIMESTAMP;
        let proof = PaData { kind, value: encrypted_timestamp(key, now) };
        let cookie = hints.iter().find(|hint| hint.kind == PaKind::COOKIE).cloned();
        self.version = Some(*version);
        self.proof = std::iter::once(proof).chain(cookie).collect();
        self.proven = true;
        Ok(())
    }
}

/// The plain question, the proof, both again after the clock was set, and a change of realm.
const ROUNDS_MAX: usize = 6;
/// How many encryption types of a KDC an error names.
const KINDS_NAMED_MAX: usize = 16;
/// The longest life of a ticket that is asked for, in seconds: ten years.
const LIFETIME_MAX: i64 = 10 * 366 * 86_400;
