//! The TGS exchange: a ticket for a service, or a renewed one, by means of a ticket. *Core.*
//!
//! ```text
//! start -> asked --ticket for the service--> done
//!            | ticket for another realm: ask there, unless that realm was visited before
//!            | "your clock is wrong": take the KDC's time, ask again, once
//! ```

use super::action::Action;
use crate::kerberos::credential::{Credential, RENEWABLE};
use crate::kerberos::crypto::EncryptionType;
use crate::kerberos::error::{Error, KRB_AP_ERR_SKEW};
use crate::kerberos::messages::{
    ApRequest, Authenticator, Body, Expected, KdcReply, KdcRequest, PaData, PaKind, option, usage,
};
use crate::kerberos::moment::Moment;
use crate::kerberos::principal::Principal;

/// One conversation that ends in a ticket for a service, or in a renewed ticket.
#[derive(Debug)]
pub struct TicketSearch {
    /// The ticket granting ticket of the realm that is asked.
    granting: Credential,
    goal: Goal,
    /// Whether the service is in no other realm than the first guess.
    keeps_realm: bool,
    kinds: Vec<EncryptionType>,
    /// What was asked for last.
    asked: Option<Principal>,
    /// The realms that were asked.
    visited: Vec<Vec<u8>>,
    clock_offset: i64,
    clock_set: bool,
    nonce: u32,
}

#[derive(Debug)]
enum Goal {
    /// A ticket for this service. Its realm changes when the KDC refers to another one.
    Service(Principal),
    /// The same ticket, good for longer.
    Renewal,
}

impl TicketSearch {
    /// A search for a ticket for `service`, whose realm is the first guess, in the name and with
    /// the ticket of a client.
    #[must_use]
    pub fn new(granting: &Credential, service: Principal, kinds: &[EncryptionType]) -> Self {
        Self::with_goal(granting, Goal::Service(service), kinds)
    }

    /// The same search, for a service whose realm is known: no KDC may refer to another one.
    #[must_use]
    pub fn in_its_realm(self) -> Self {
        Self { keeps_realm: true, ..self }
    }

    /// The renewal of a ticket granting ticket.
    #[must_use]
    pub fn renewal(granting: &Credential, kinds: &[EncryptionType]) -> Self {
        Self::with_goal(granting, Goal::Renewal, kinds)
    }

    fn with_goal(granting: &Credential, goal: Goal, kinds: &[EncryptionType]) -> Self {
        Self {
            granting: granting.clone(),
            goal,
            keeps_realm: false,
            kinds: kinds.to_vec(),
            asked: None,
            visited: Vec::new(),
            clock_offset: 0,
            clock_set: false,
            nonce: 0,
        }
    }

    /// The first question. `clock_offset` is what is known so far: see
    /// [`clock_offset`](Self::clock_offset).
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] if the ticket that it begins with grants no tickets.
    pub fn start(&mut self, clock_offset: i64, now: Moment) -> Result<Action, Error> {
        self.clock_offset = clock_offset;
        self.ask(&now.ahead_by(clock_offset))
    }

    /// Seconds to add to our clock to have the KDC's.
    #[must_use]
    pub fn clock_offset(&self) -> i64 {
        self.clock_offset
    }

    /// Takes in an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the KDC refuses, [`Error::Endless`] if KDCs refer to each other in a
    /// circle, [`Error::Integrity`], [`Error::Mismatch`], [`Error::Malformed`].
    pub fn handle(&mut self, reply: &[u8], now: Moment) -> Result<Action, Error> {
        let now = now.ahead_by(self.clock_offset);
        match KdcReply::read(reply, KdcRequest::Tgs) {
            Ok(reply) => self.open(reply, &now),
            Err(Error::Refused(refusal)) if refusal.code == KRB_AP_ERR_SKEW && !self.clock_set => {
                let ahead = refusal.server_time.saturating_sub(now.seconds());
                self.clock_offset = self.clock_offset.saturating_add(ahead);
                self.clock_set = true;
                self.visited.pop();
                self.ask(&now.ahead_by(ahead))
            }
            Err(error) => Err(error),
        }
    }

    fn ask(&mut self, now: &Moment) -> Result<Action, Error> {
        let granter = &self.granting.server;
        let realm = granter.grants_for().map(<[u8]>::to_vec).ok_or_else(|| {
            let (what, wanted) = ("the ticket to begin with", "a ticket granting ticket");
            Error::mismatch(what, wanted, &granter.to_string())
        })?;
        if self.visited.contains(&realm) || self.visited.len() == REALMS_MAX {
            return Err(Error::Endless { what: "referrals", rounds: self.visited.len() });
        }
        let (asked, options) = match &self.goal {
            // A ticket on the way to a realm that was named, or the one that is wanted.
            Goal::Service(service) if service.realm != realm => {
                (Principal::ticket_granter(&service.realm, &realm), option::CANONICALIZE)
            }
            Goal::Service(service) => (service.clone(), option::CANONICALIZE),
            Goal::Renewal => (granter.clone(), option::RENEW | RENEWABLE),
        };
        let renews = matches!(self.goal, Goal::Renewal);
        self.nonce = now.number();
        let body = Body {
            options,
            client: None,
            server: &asked,
            till: if renews { self.granting.renew_till } else { self.granting.end },
            renew_till: renews.then_some(self.granting.renew_till),
            nonce: self.nonce,
            kinds: &self.kinds,
        };
        let body = body.der();
        let proof = PaData { kind: PaKind::TGS_REQUEST, value: self.ticket_shown(&body, now) };
        let request = KdcRequest::Tgs.der(&[proof], &body);
        self.asked = Some(asked);
        self.visited.push(realm.clone());
        Ok(Action::Ask { realm, request })
    }

    /// The ticket granting ticket, with a checksum of the body that it is for.
    fn ticket_shown(&self, body: &[u8], now: &Moment) -> Vec<u8> {
        let key = &self.granting.key;
        let sum = key.checksum(usage::TGS_CHECKSUM, body);
        let authenticator = Authenticator {
            client: self.granting.client.clone(),
            checksum: Some((key.kind().checksum_type(), sum)),
            seconds: now.seconds(),
            micros: now.micros(),
            subkey: None,
            sequence: None,
        };
        let usage = usage::TGS_AUTHENTICATOR;
        ApRequest::der(&self.granting, 0, usage, &authenticator, &now.confounder())
    }

    fn open(&mut self, reply: KdcReply, now: &Moment) -> Result<Action, Error> {
        let expected = Expected {
            nonce: self.nonce,
            client: &self.granting.client,
            server: match self.goal {
                Goal::Renewal => self.asked.as_ref(),
                Goal::Service(_) => None,
            },
            kinds: &self.kinds,
        };
        let credential = reply.open(&self.granting.key, &expected)?;
        let Goal::Service(service) = &mut self.goal else {
            return Ok(Action::Done(Box::new(credential)));
        };
        let asked_for_service = self.asked.as_ref().is_some_and(|asked| asked.is(service));
        match credential.server.grants_for() {
            // What grants no tickets is the service, perhaps by another of its names.
            None if asked_for_service => return Ok(Action::Done(Box::new(credential))),
            None => {
                let realm = String::from_utf8_lossy(&service.realm);
                let wanted = format!("a ticket for realm {realm}");
                let found = credential.server.to_string();
                return Err(Error::mismatch("what the KDC gave", &wanted, &found));
            }
            Some(next) if asked_for_service && self.keeps_realm => {
                let wanted = String::from_utf8_lossy(&service.realm);
                let found = String::from_utf8_lossy(next);
                return Err(Error::mismatch("the realm of the service", &wanted, &found));
            }
            Some(next) if asked_for_service => service.realm = next.to_vec(),
            Some(_) => {}
        }
        self.granting = credential;
        self.ask(now)
    }
}

/// How many realms may be asked.
const REALMS_MAX: usize = 10;
