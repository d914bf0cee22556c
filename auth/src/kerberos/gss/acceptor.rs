//! The service's half of setting up a context. *Core.*

use super::context::{Context, Role};
use super::frame::{Kind, framed, unframed};
use super::initiator::{GSS_CHECKSUM, Subkey};
use crate::kerberos::crypto::Key;
use crate::kerberos::error::{Error, Refusal, shown};
use crate::kerberos::error::{
    KRB_AP_ERR_MODIFIED, KRB_AP_ERR_SKEW, KRB_AP_ERR_TKT_EXPIRED, KRB_AP_ERR_TKT_NYV,
};
use crate::kerberos::keytab::Keytab;
use crate::kerberos::messages::{ApReply, ApRequest, Authenticator, TicketPart, usage};
use crate::kerberos::moment::Moment;
use crate::kerberos::principal::Principal;

/// A client that was let in.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) client: Principal,
    pub(super) context: Context,
    /// The token that answers it, if it asked for one.
    pub(super) answer: Option<Vec<u8>>,
}

/// Takes in a client's first token, at a service whose keys are in `keytab`.
pub(super) fn accept(
    token: &[u8],
    keytab: &Keytab,
    subkey: Subkey,
    now: &Moment,
) -> Result<Accepted, Error> {
    let (Kind::Request, request) = unframed(token)? else {
        return Err(Error::malformed("GSS token", "it is not a request"));
    };
    let request = ApRequest::read(request)?;
    let ticket = open_ticket(&request, keytab)?;
    let service = &request.ticket.server;
    let authenticator = request.open(&ticket.key, usage::AP_AUTHENTICATOR)?;
    check_times(&ticket, &authenticator, service, now)?;
    if !authenticator.client.is(&ticket.client) {
        let (wanted, found) = (ticket.client.to_string(), authenticator.client.to_string());
        return Err(Error::mismatch("the client of the authenticator", &wanted, &found));
    }
    if authenticator.checksum.as_ref().is_none_or(|(kind, _)| *kind != GSS_CHECKSUM) {
        return Err(Error::malformed("GSS token", "its authenticator has no flags"));
    }
    let mutual = request.options & ApRequest::MUTUAL != 0;
    let sent = authenticator.sequence.unwrap_or(0);
    let own =
        (mutual && subkey == Subkey::Own).then(|| Key::from_random(ticket.key.kind(), &now.key()));
    // Without an answer the client knows no number of ours, and expects its own.
    let number = if mutual { now.number() } else { sent };
    let answer = mutual.then(|| {
        let reply = ApReply {
            seconds: authenticator.seconds,
            micros: authenticator.micros,
            subkey: own.clone(),
            sequence: Some(number),
        };
        framed(Kind::Reply, &reply.der(&ticket.key, now))
    });
    let context = Context {
        role: Role::Acceptor,
        acceptor_chose: own.is_some(),
        key: own.or(authenticator.subkey).unwrap_or(ticket.key),
        send: number.into(),
        receive: Some(sent.into()),
    };
    Ok(Accepted { client: ticket.client, context, answer })
}

/// Decrypts a ticket with the key of its service that it names, or with any of that type.
fn open_ticket(request: &ApRequest, keytab: &Keytab) -> Result<TicketPart, Error> {
    let sealed = &request.ticket.sealed;
    let service = &request.ticket.server;
    let keys = keytab.keys(service)?;
    let fitting = keys.iter().filter(|(_, key)| key.kind().number() == sealed.kind);
    let what = "a ticket";
    let opened = fitting.map(|(_, key)| sealed.open(key, usage::TICKET, what));
    match opened.reduce(Result::or) {
        Some(Ok(plain)) => TicketPart::read(&plain),
        Some(Err(Error::Integrity { .. })) => Err(refused(KRB_AP_ERR_MODIFIED, service, 0)),
        Some(Err(error)) => Err(error),
        None => {
            let problem = format!("the ticket is of encryption type {}", sealed.kind);
            Err(Error::no_key(service, problem))
        }
    }
}

fn check_times(
    ticket: &TicketPart,
    authenticator: &Authenticator,
    service: &Principal,
    now: &Moment,
) -> Result<(), Error> {
    let time = now.seconds();
    let code = if (authenticator.seconds - time).abs() > SKEW_MAX {
        KRB_AP_ERR_SKEW
    } else if ticket.end + SKEW_MAX < time {
        KRB_AP_ERR_TKT_EXPIRED
    } else if ticket.start - SKEW_MAX > time || ticket.flags & TicketPart::INVALID != 0 {
        KRB_AP_ERR_TKT_NYV
    } else {
        return Ok(());
    };
    Err(refused(code, service, time))
}

fn refused(code: i32, service: &Principal, server_time: i64) -> Error {
    Error::Refused(Box::new(Refusal {
        code,
        text: None,
        server: shown(&service.to_string()),
        client_realm: None,
        server_time,
        data: Vec::new(),
    }))
}

/// By how many seconds clocks may differ.
const SKEW_MAX: i64 = 300;
