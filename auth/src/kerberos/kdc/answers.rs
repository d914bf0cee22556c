//! What the KDC answers to whom. *Core.*

use super::codec::{Grant, Question, refusal};
use super::database::Database;
use crate::kerberos::credential::RENEWABLE;
use crate::kerberos::crypto::{EncryptionType, Key};
use crate::kerberos::der::{self, Reader};
use crate::kerberos::error::{
    Error, KDC_ERR_C_PRINCIPAL_UNKNOWN, KDC_ERR_ETYPE_NOSUPP, KDC_ERR_PREAUTH_FAILED,
    KDC_ERR_PREAUTH_REQUIRED, KDC_ERR_S_PRINCIPAL_UNKNOWN, KRB_AP_ERR_BAD_INTEGRITY,
    KRB_AP_ERR_SKEW, KRB_AP_ERR_TKT_EXPIRED,
};
use crate::kerberos::exchange::Lifetimes;
use crate::kerberos::keytab::Keytab;
use crate::kerberos::messages::{
    ApRequest, KdcRequest, PaData, PaKind, Sealed, TicketPart, option, pa_data_der, usage,
};
use crate::kerberos::moment::Moment;
use crate::kerberos::principal::Principal;

/// A KDC of one realm.
#[derive(Debug)]
pub struct Kdc {
    realm: Box<str>,
    database: Database,
    /// For how long tickets are good at most, and can be renewed.
    pub lifetimes: Lifetimes,
    /// Ends of host names, and the realms that their services are referred to.
    referrals: Vec<(Box<str>, Box<str>)>,
}

impl Kdc {
    /// A KDC that knows nobody yet.
    #[must_use]
    pub fn new(realm: &str, random: &[u8; 32]) -> Self {
        let mut kdc = Self {
            realm: realm.into(),
            database: Database::default(),
            lifetimes: Lifetimes::default(),
            referrals: Vec::new(),
        };
        let granter = Principal::ticket_granter(realm.as_bytes(), realm.as_bytes());
        kdc.database.put(granter, vec![Key::from_random(EncryptionType::Aes256Sha1, random)]);
        kdc
    }

    /// Adds a principal such as `alice` or `kafka/broker1` with keys of all encryption types from
    /// a password; one that is known gets new keys.
    ///
    /// # Errors
    ///
    /// [`Error::Principal`]: the name cannot be understood.
    pub fn add(&mut self, name: &str, password: &str) -> Result<(), Error> {
        self.add_with(name, password, &EncryptionType::ALL)
    }

    /// Adds a principal with keys of these encryption types alone.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_with(
        &mut self,
        name: &str,
        password: &str,
        kinds: &[EncryptionType],
    ) -> Result<(), Error> {
        let principal = Principal::parse(name, Some(&self.realm))?;
        let salt = [principal.realm.clone(), principal.parts.concat()].concat();
        let key = |kind: &EncryptionType| Key::from_password(*kind, password.as_bytes(), &salt);
        let keys = kinds.iter().map(key).collect();
        self.database.put(principal, keys);
        Ok(())
    }

    /// Forgets a principal.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn remove(&mut self, name: &str) -> Result<(), Error> {
        self.database.remove(&Principal::parse(name, Some(&self.realm))?);
        Ok(())
    }

    /// Lets this realm's clients into another one, whose KDC gets the same call. `clients` is the
    /// realm of the clients, `services` that of the services; they share a password.
    pub fn trust(&mut self, clients: &str, services: &str, password: &str) {
        let granter = Principal::ticket_granter(services.as_bytes(), clients.as_bytes());
        let salt = [&granter.realm[..], &granter.parts.concat()].concat();
        let key = Key::from_password(EncryptionType::Aes256Sha1, password.as_bytes(), &salt);
        self.database.put(granter, vec![key]);
    }

    /// Refers clients who ask for a service of a host whose name ends so to another realm.
    pub fn refer(&mut self, host_end: &str, realm: &str) {
        self.referrals.push((host_end.into(), realm.into()));
    }

    /// A keytab with the keys of a principal.
    ///
    /// # Errors
    ///
    /// [`Error::NoKey`] if it is not known.
    pub fn keytab(&self, name: &str) -> Result<Keytab, Error> {
        self.database.keytab(&Principal::parse(name, Some(&self.realm))?)
    }

    /// Answers one request; every request gets an answer.
    #[must_use]
    pub fn handle(&self, request: &[u8], now: &Moment) -> Vec<u8> {
        let Ok(question) = Question::read(request) else {
            return refusal(GENERIC, &self.granter(), &[], now);
        };
        let answer = match question.request {
            KdcRequest::As => self.first_ticket(&question, now),
            KdcRequest::Tgs => self.other_ticket(&question, now),
        };
        answer.unwrap_or_else(|no| refusal(no.code, &question.server, &no.data, now))
    }

    fn granter(&self) -> Principal {
        Principal::ticket_granter(self.realm.as_bytes(), self.realm.as_bytes())
    }

    fn first_ticket(&self, question: &Question<'_>, now: &Moment) -> Result<Vec<u8>, No> {
        let client =
            question.client.as_ref().ok_or_else(|| No::new(KDC_ERR_C_PRINCIPAL_UNKNOWN))?;
        let entry =
            self.database.find(client).ok_or_else(|| No::new(KDC_ERR_C_PRINCIPAL_UNKNOWN))?;
        let held: Vec<_> = question.kinds.iter().filter_map(|kind| entry.key(*kind)).collect();
        let first = *held.first().ok_or_else(|| No::new(KDC_ERR_ETYPE_NOSUPP))?;
        let proof = question.data.iter().find(|d| d.kind == PaKind::ENCRYPTED_TIMESTAMP);
        let proof = proof.ok_or_else(|| No::with_hints(&held))?;
        let sealed = Sealed::read(Reader::new(&proof.value))?;
        let key = held.iter().find(|key| key.kind().number() == sealed.kind);
        let key = *key.ok_or_else(|| No::new(KDC_ERR_PREAUTH_FAILED))?;
        let plain = sealed.open(key, usage::TIMESTAMP, "a timestamp");
        let plain = plain.map_err(|_| No::new(KDC_ERR_PREAUTH_FAILED))?;
        let time = Reader::new(&plain).sequence()?.context(0)?.time()?;
        check_skew(time, now)?;
        let limits = Limits { end: i64::MAX, renewable: None };
        self.grant(question, client, first, &limits, now)
    }

    fn other_ticket(&self, question: &Question<'_>, now: &Moment) -> Result<Vec<u8>, No> {
        let proof = question.data.iter().find(|data| data.kind == PaKind::TGS_REQUEST);
        let proof = proof.ok_or_else(|| No::new(KDC_ERR_PREAUTH_FAILED))?;
        let shown = ApRequest::read(&proof.value)?;
        let granter = self.database.find(&shown.ticket.server);
        let granter = granter.ok_or_else(|| No::new(KDC_ERR_S_PRINCIPAL_UNKNOWN))?;
        let keys = granter.keys.iter();
        let opened = keys.map(|(_, key)| shown.ticket.sealed.open(key, usage::TICKET, "a ticket"));
        let plain =
            opened.reduce(Result::or).ok_or_else(|| No::new(KRB_AP_ERR_BAD_INTEGRITY))??;
        let ticket = TicketPart::read(&plain)?;
        let authenticator = shown.open(&ticket.key, usage::TGS_AUTHENTICATOR)?;
        check_skew(authenticator.seconds, now)?;
        let sum = authenticator.checksum.map(|(_, sum)| sum).unwrap_or_default();
        if !ticket.key.verify(usage::TGS_CHECKSUM, question.body, &sum) {
            return Err(No::new(KRB_AP_ERR_BAD_INTEGRITY));
        }
        if ticket.end < now.seconds() {
            return Err(No::new(KRB_AP_ERR_TKT_EXPIRED));
        }
        let renews = question.options & option::RENEW != 0;
        if renews && (ticket.flags & RENEWABLE == 0 || ticket.renew_till < now.seconds()) {
            return Err(No::new(KRB_AP_ERR_TKT_EXPIRED));
        }
        let limits = if renews {
            Limits { end: ticket.renew_till, renewable: Some(ticket.renew_till) }
        } else {
            Limits { end: ticket.end, renewable: Some(0) }
        };
        self.grant(question, &ticket.client, &ticket.key, &limits, now)
    }

    fn grant(
        &self,
        question: &Question<'_>,
        client: &Principal,
        reply_key: &Key,
        limits: &Limits,
        now: &Moment,
    ) -> Result<Vec<u8>, No> {
        let entry = self.database.find(&question.server).or_else(|| {
            let host = String::from_utf8_lossy(question.server.parts.get(1)?);
            let (_, realm) = self.referrals.iter().find(|(end, _)| host.ends_with(&**end))?;
            let at = self.realm.as_bytes();
            self.database.find(&Principal::ticket_granter(realm.as_bytes(), at))
        });
        let entry = entry.ok_or_else(|| No::new(KDC_ERR_S_PRINCIPAL_UNKNOWN))?;
        let service_key = entry.keys.first().ok_or_else(|| No::new(KDC_ERR_ETYPE_NOSUPP))?;
        let kind = question.kinds.first().ok_or_else(|| No::new(KDC_ERR_ETYPE_NOSUPP))?;
        let start = now.seconds();
        let end = question.till.min(limits.end).min(start + self.lifetimes.ticket);
        let wanted = match limits.renewable {
            None => question.renew_till.map(|till| till.min(start + self.lifetimes.renew)),
            Some(till) => Some(till),
        };
        let renew_till = wanted.filter(|till| *till > end);
        let grant = Grant {
            client,
            server: &entry.principal,
            session: Key::from_random(*kind, &now.key()),
            flags: renew_till.map_or(0, |_| RENEWABLE),
            start,
            end,
            renew_till,
        };
        Ok(grant.reply(question, service_key, reply_key, now))
    }
}

/// What a ticket that was shown allows.
struct Limits {
    end: i64,
    /// Until when the ticket may be renewable; none if the KDC decides.
    renewable: Option<i64>,
}

/// Why there is no ticket.
#[derive(Debug)]
struct No {
    code: i32,
    data: Vec<u8>,
}

impl No {
    fn new(code: i32) -> Self {
        Self { code, data: Vec::new() }
    }

    /// Asks for a proof by one of these keys.
    fn with_hints(keys: &[&Key]) -> Self {
        let kind = |key: &&Key| der::context(0, &der::integer(key.kind().number()));
        let types: Vec<_> = keys.iter().map(|key| der::sequence(&[kind(key)])).collect();
        let data = pa_data_der(&[
            PaData { kind: PaKind::ENCRYPTED_TIMESTAMP, value: Vec::new() },
            PaData { kind: PaKind::ENCRYPTION_TYPES, value: der::sequence(&types) },
        ]);
        Self { code: KDC_ERR_PREAUTH_REQUIRED, data }
    }
}

impl From<Error> for No {
    fn from(error: Error) -> Self {
        match error {
            Error::Integrity { .. } => Self::new(KRB_AP_ERR_BAD_INTEGRITY),
            _ => Self::new(GENERIC),
        }
    }
}

fn check_skew(time: i64, now: &Moment) -> Result<(), No> {
    if (time - now.seconds()).abs() > SKEW_MAX { Err(No::new(KRB_AP_ERR_SKEW)) } else { Ok(()) }
}

/// KRB_ERR_GENERIC.
const GENERIC: i32 = 60;
/// By how many seconds clocks may differ.
const SKEW_MAX: i64 = 300;
