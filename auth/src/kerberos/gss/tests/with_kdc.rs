//! Logins with tickets of a KDC.

use super::*;
use crate::kerberos::exchange::{Action, Login, TicketSearch};
use crate::kerberos::kdc::Kdc;
use crate::kerberos::moment::Moment;
use crate::kerberos::{Credential, Keytab, Principal};

const NOW: i64 = 1_800_000_000;

fn moment(seed: u8) -> Moment {
    Moment::new(NOW * 1_000_000, [seed; Moment::RANDOM_BYTES])
}

/// A ticket for `kafka/b` with all keys of one type, and the service's keytab.
fn ticket(kind: EncryptionType) -> (Credential, Keytab) {
    let mut kdc = Kdc::new("TEST", &[1; 32]);
    kdc.add_with("alice", "wonderland", &[kind]).unwrap();
    kdc.add_with("kafka/b", "secret", &[kind]).unwrap();
    let alice = Principal::parse("alice@TEST", None).unwrap();
    let keytab = kdc.keytab("alice").unwrap();
    let mut login = Login::new(alice, &keytab, &[kind], kdc.lifetimes).unwrap();
    let mut action = login.start(0, moment(2)).unwrap();
    let granting = loop {
        match action {
            Action::Done(credential) => break credential,
            Action::Ask { request, .. } => {
                let reply = kdc.handle(&request, &moment(3));
                action = login.handle(&reply, moment(4)).unwrap();
            }
        }
    };
    let service = Principal::service("kafka", "b", b"TEST");
    let mut search = TicketSearch::new(&granting, service, &[kind]);
    let Action::Ask { request, .. } = search.start(0, moment(5)).unwrap() else { panic!() };
    let reply = kdc.handle(&request, &moment(6));
    let Action::Done(ticket) = search.handle(&reply, moment(7)).unwrap() else { panic!() };
    (*ticket, kdc.keytab("kafka/b").unwrap())
}

#[test]
fn both_halves_agree_whatever_each_of_them_chooses() {
    for kind in EncryptionType::ALL {
        let (ticket, keytab) = ticket(kind);
        for mut server in servers(&keytab) {
            let mut client = GssapiClient::new(&ticket, &moment(8));
            assert_eq!(talk(&mut client, &mut server).unwrap(), 3);
            assert_eq!(server.client().unwrap().to_string(), "alice@TEST");
            assert!(matches!(client.step(b""), Err(Error::Over { .. })));
        }
    }
}

/// A server without a key of its own, and one with.
fn servers(keytab: &Keytab) -> [GssapiServer; 2] {
    let (without, with) = (GssapiServer::new, GssapiServer::with_subkey);
    [without(keytab.clone(), moment(9)), with(keytab.clone(), moment(9))]
}

/// Other clients ask for no proof of the service, send no key, or say as whom they act.
#[test]
fn a_client_that_chooses_otherwise_is_let_in() {
    let (ticket, keytab) = ticket(EncryptionType::Aes256Sha1);
    let flags = INITIATOR_FLAGS & !MUTUAL;
    for (subkey, mut server) in [Subkey::None, Subkey::Own].into_iter().zip(servers(&keytab)) {
        let (initiator, request) = Initiator::start(&ticket, flags, subkey, &moment(8));
        let mut context = initiator.finish_unanswered();
        let Step::Continue(offer) = server.step(&request).unwrap() else { panic!() };
        assert_eq!(context.unwrap(&offer).unwrap(), [1, 0, 0, 0]);
        let choice = context.wrap(b"\x01\0\0\0alice@TEST");
        assert_eq!(server.step(&choice).unwrap(), Step::Done(Vec::new()));
        assert_eq!(server.client().unwrap().to_string(), "alice@TEST");
    }
}

#[test]
fn a_service_with_an_older_key_says_so() {
    let (ticket, _) = ticket(EncryptionType::Aes256Sha1);
    let mut other = Keytab::default();
    let key = Key::from_random(EncryptionType::Aes256Sha1, &[8; 32]);
    other.push(ticket.server.clone(), 1, key);
    let mut client = GssapiClient::new(&ticket, &moment(8));
    let mut server = GssapiServer::new(other, moment(9));
    let error = talk(&mut client, &mut server).unwrap_err();
    assert!(matches!(error, Error::Kerberos { code: Some(41), .. }), "{error}");
    assert!(error.to_string().contains("keytab may be outdated"), "{error}");
}

#[test]
fn a_service_that_could_not_read_the_ticket_is_refused() {
    let (ticket, keytab) = ticket(EncryptionType::Aes256Sha1);
    let mut old = GssapiClient::new(&ticket, &moment(8));
    let Step::Continue(request) = old.step(b"").unwrap() else { panic!() };
    let mut server = GssapiServer::new(keytab, moment(9));
    let Step::Continue(reply) = server.step(&request).unwrap() else { panic!() };
    // The same ticket a second later: the answer is a repeated one.
    let later = Moment::new((NOW + 1) * 1_000_000, [8; Moment::RANDOM_BYTES]);
    let mut new = GssapiClient::new(&ticket, &later);
    new.step(b"").unwrap();
    let error = new.step(&reply).unwrap_err().to_string();
    assert!(error.contains("time in the service's answer"), "{error}");
    for i in 0..reply.len() {
        let mut altered = reply.clone();
        altered[i] ^= 1;
        let mut client = GssapiClient::new(&ticket, &moment(8));
        client.step(b"").unwrap();
        let _ = client.step(&altered);
    }
}

#[test]
fn an_offer_of_layers_alone_is_refused() {
    let (ticket, keytab) = ticket(EncryptionType::Aes256Sha1);
    for (offer, problem) in [(&[6, 1, 0, 0][..], "security layer"), (&[1], "four bytes")] {
        let mut client = GssapiClient::new(&ticket, &moment(8));
        let Step::Continue(request) = client.step(b"").unwrap() else { panic!() };
        let accepted = acceptor::accept(&request, &keytab, Subkey::None, &moment(9));
        let mut accepted = accepted.unwrap();
        client.step(&accepted.answer.unwrap()).unwrap();
        let error = client.step(&accepted.context.wrap(offer)).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn an_authenticator_of_another_time_is_refused() {
    let (ticket, keytab) = ticket(EncryptionType::Aes256Sha1);
    let mut client = GssapiClient::new(&ticket, &moment(8));
    let late = Moment::new((NOW + 301) * 1_000_000, [9; Moment::RANDOM_BYTES]);
    let error = talk(&mut client, &mut GssapiServer::new(keytab, late)).unwrap_err();
    assert!(matches!(error, Error::Kerberos { code: Some(37), .. }), "{error}");
}
