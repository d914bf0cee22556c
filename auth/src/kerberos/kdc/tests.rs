//! Conversations between our client and the KDC.

use super::*;
use crate::kerberos::Credential;
use crate::kerberos::crypto::EncryptionType;
use crate::kerberos::error::Error;
use crate::kerberos::exchange::{Action, Login, TicketSearch};
use crate::kerberos::keytab::Keytab;
use crate::kerberos::moment::Moment;
use crate::kerberos::principal::Principal;

const NOW: i64 = 1_800_000_000;

fn moment(seconds: i64, seed: u8) -> Moment {
    Moment::new(seconds * 1_000_000 + 5, [seed; Moment::RANDOM_BYTES])
}

fn kdc() -> Kdc {
    let mut kdc = Kdc::new("TEST", &[1; 32]);
    kdc.add_with("alice", "wonderland", &[EncryptionType::Aes128Sha1]).unwrap();
    kdc.add_with("kafka/b", "secret", &[EncryptionType::Aes256Sha1]).unwrap();
    kdc
}

fn name(text: &str) -> Principal {
    Principal::parse(text, Some("TEST")).unwrap()
}

/// Lets KDCs answer until there is a ticket. Their clocks show `there`, ours `here`.
fn converse(
    kdcs: &[(&str, &Kdc)],
    (here, there): (i64, i64),
    mut action: Result<Action, Error>,
    mut handle: impl FnMut(&[u8], Moment) -> Result<Action, Error>,
) -> Result<Credential, Error> {
    let mut seed = 10;
    loop {
        match action? {
            Action::Done(credential) => return Ok(*credential),
            Action::Ask { realm, request } => {
                let kdc = kdcs.iter().find(|(name, _)| name.as_bytes() == realm).unwrap().1;
                let reply = kdc.handle(&request, &moment(there, seed));
                action = handle(&reply, moment(here, seed + 1));
                seed += 2;
            }
        }
    }
}

fn log_in(kdc: &Kdc, keytab: &Keytab, times: (i64, i64)) -> Result<(Credential, i64), Error> {
    let kinds = EncryptionType::ALL;
    let mut login = Login::new(name("alice"), keytab, &kinds, kdc.lifetimes)?;
    let first = login.start(0, moment(times.0, 3));
    let handle = |reply: &[u8], now| login.handle(reply, now);
    let credential = converse(&[("TEST", kdc)], times, first, handle)?;
    Ok((credential, login.clock_offset()))
}

fn search(
    kdcs: &[(&str, &Kdc)],
    granting: &Credential,
    service: &str,
) -> Result<Credential, Error> {
    let mut search = TicketSearch::new(granting, name(service), &EncryptionType::ALL);
    let first = search.start(0, moment(NOW, 4));
    converse(kdcs, (NOW, NOW), first, |reply, now| search.handle(reply, now))
}

#[test]
fn a_keytab_gives_a_ticket_and_that_one_for_the_service() {
    let kdc = kdc();
    let keytab = kdc.keytab("alice").unwrap();
    let (granting, offset) = log_in(&kdc, &keytab, (NOW, NOW)).unwrap();
    assert_eq!(granting.server.to_string(), "krbtgt/TEST@TEST");
    assert_eq!((granting.end, offset), (NOW + 86_400, 0));
    let ticket = search(&[("TEST", &kdc)], &granting, "kafka/b").unwrap();
    assert_eq!(ticket.server.to_string(), "kafka/b@TEST");
    assert_eq!(ticket.client.to_string(), "alice@TEST");
    assert_eq!(ticket.ticket_encryption(), Some(18));
}

#[test]
fn a_wrong_clock_is_set_by_the_kdc() {
    let kdc = kdc();
    let keytab = kdc.keytab("alice").unwrap();
    for ahead in [400, -400, 100_000] {
        let (granting, offset) = log_in(&kdc, &keytab, (NOW, NOW + ahead)).unwrap();
        assert_eq!(offset, ahead);
        let service = name("kafka/b");
        let mut search = TicketSearch::new(&granting, service, &EncryptionType::ALL);
        let first = search.start(0, moment(NOW, 4));
        let kdcs = [("TEST", &kdc)];
        let handle = |reply: &[u8], now| search.handle(reply, now);
        converse(&kdcs, (NOW, NOW + ahead), first, handle).unwrap();
        assert_eq!(search.clock_offset(), ahead);
    }
}

#[test]
fn refusals_have_their_codes() {
    let mut kdc = kdc();
    let keytab = kdc.keytab("alice").unwrap();
    let (granting, _) = log_in(&kdc, &keytab, (NOW, NOW)).unwrap();
    let unknown = search(&[("TEST", &kdc)], &granting, "kafka/c").unwrap_err();
    assert_eq!(unknown.code(), Some(7));
    assert!(unknown.to_string().contains("kafka/c@TEST"), "{unknown}");
    kdc.add_with("alice", "looking glass", &[EncryptionType::Aes128Sha1]).unwrap();
    let stale = log_in(&kdc, &keytab, (NOW, NOW)).unwrap_err();
    assert_eq!(stale.code(), Some(24));
    assert!(stale.to_string().contains("older than the password"), "{stale}");
    kdc.remove("alice").unwrap();
    assert_eq!(log_in(&kdc, &keytab, (NOW, NOW)).unwrap_err().code(), Some(6));
}

#[test]
fn a_ticket_can_be_renewed_until_it_cannot() {
    let mut kdc = kdc();
    kdc.lifetimes.ticket = 100;
    kdc.lifetimes.renew = 150;
    let (granting, _) = log_in(&kdc, &kdc.keytab("alice").unwrap(), (NOW, NOW)).unwrap();
    assert!(granting.is_renewable());
    let renew = |time: i64| {
        let mut search = TicketSearch::renewal(&granting, &EncryptionType::ALL);
        let first = search.start(0, moment(time, 4));
        let handle = |reply: &[u8], now| search.handle(reply, now);
        converse(&[("TEST", &kdc)], (time, time), first, handle)
    };
    let renewed = renew(NOW + 90).unwrap();
    assert_eq!((renewed.end, renewed.renew_till), (NOW + 150, 0));
    assert_eq!(renew(NOW + 101).unwrap_err().code(), Some(32));
}

/// Three realms in a row: clients of TEST get to FAR by way of MID.
fn realms() -> [Kdc; 3] {
    let (mut test, mut mid, mut far) =
        (kdc(), Kdc::new("MID", &[2; 32]), Kdc::new("FAR", &[3; 32]));
    far.add_with("kafka/b.far", "secret", &[EncryptionType::Aes256Sha1]).unwrap();
    for kdc in [&mut test, &mut mid] {
        kdc.trust("TEST", "MID", "one");
    }
    for kdc in [&mut mid, &mut far] {
        kdc.trust("MID", "FAR", "two");
    }
    test.refer(".far", "MID");
    mid.refer(".far", "FAR");
    [test, mid, far]
}

#[test]
fn referrals_are_followed_to_another_realm() {
    let [test, mid, far] = realms();
    let kdcs = [("TEST", &test), ("MID", &mid), ("FAR", &far)];
    let (granting, _) = log_in(&test, &test.keytab("alice").unwrap(), (NOW, NOW)).unwrap();
    let ticket = search(&kdcs, &granting, "kafka/b.far").unwrap();
    assert_eq!(ticket.server.to_string(), "kafka/b.far@FAR");
    assert_eq!(ticket.client.to_string(), "alice@TEST");
}

#[test]
fn a_service_whose_realm_is_known_is_looked_for_nowhere_else() {
    let [test, mid, far] = realms();
    let kdcs = [("TEST", &test), ("MID", &mid), ("FAR", &far)];
    let (granting, _) = log_in(&test, &test.keytab("alice").unwrap(), (NOW, NOW)).unwrap();
    let find = |service: &str| {
        let search = TicketSearch::new(&granting, name(service), &EncryptionType::ALL);
        let mut search = search.in_its_realm();
        let first = search.start(0, moment(NOW, 4));
        converse(&kdcs, (NOW, NOW), first, |reply, now| search.handle(reply, now))
    };
    let text = find("kafka/b.far@TEST").unwrap_err().to_string();
    assert!(text.contains("the realm of the service") && text.contains("MID"), "{text}");
    assert_eq!(find("kafka/b@TEST").unwrap().server.to_string(), "kafka/b@TEST");
}

#[test]
fn an_answer_to_a_question_that_another_search_asked_is_refused() {
    let kdc = kdc();
    let (granting, _) = log_in(&kdc, &kdc.keytab("alice").unwrap(), (NOW, NOW)).unwrap();
    let begun = |service: &str, kinds: &[EncryptionType]| {
        let mut search = TicketSearch::new(&granting, name(service), kinds);
        let Action::Ask { request, .. } = search.start(0, moment(NOW, 4)).unwrap() else {
            panic!()
        };
        (search, request)
    };
    let (_, request) = begun("kafka/b@TEST", &[EncryptionType::Aes256Sha1]);
    let reply = kdc.handle(&request, &moment(NOW, 5));
    let rows = [
        ("kafka/b@FAR", EncryptionType::Aes256Sha1, "a ticket for realm FAR"),
        ("kafka/b@TEST", EncryptionType::Aes128Sha1, "encryption type of the ticket's key"),
    ];
    for (service, kind, wanted) in rows {
        // By chance, or by intent, it has the same number.
        let (mut search, _) = begun(service, &[kind]);
        let text = search.handle(&reply, moment(NOW, 6)).unwrap_err().to_string();
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn referrals_in_a_circle_come_to_an_end() {
    let [mut test, mut mid, far] = realms();
    for kdc in [&mut mid, &mut test] {
        kdc.trust("MID", "TEST", "three");
    }
    test.refer(".circle", "MID");
    mid.refer(".circle", "TEST");
    let kdcs = [("TEST", &test), ("MID", &mid), ("FAR", &far)];
    let (granting, _) = log_in(&test, &test.keytab("alice").unwrap(), (NOW, NOW)).unwrap();
    let error = search(&kdcs, &granting, "kafka/b.circle").unwrap_err();
    assert!(matches!(error, Error::Endless { rounds: 2, .. }), "{error}");
}

#[test]
fn an_answer_to_another_question_is_refused() {
    let kdc = kdc();
    let keytab = kdc.keytab("alice").unwrap();
    let mut login =
        Login::new(name("alice"), &keytab, &EncryptionType::ALL, kdc.lifetimes).unwrap();
    let mut replies = Vec::new();
    let mut action = login.start(0, moment(NOW, 3)).unwrap();
    while let Action::Ask { request, .. } = action {
        let reply = kdc.handle(&request, &moment(NOW, 4));
        action = login.handle(&reply, moment(NOW, 5)).unwrap();
        replies.push(reply);
    }
    let mut other =
        Login::new(name("alice"), &keytab, &EncryptionType::ALL, kdc.lifetimes).unwrap();
    other.start(0, moment(NOW, 99)).unwrap();
    let error = other.handle(replies.last().unwrap(), moment(NOW, 6)).unwrap_err();
    assert!(error.to_string().contains("nonce"), "{error}");
}

#[test]
fn no_altered_answer_gives_a_ticket() {
    let kdc = kdc();
    let keytab = kdc.keytab("alice").unwrap();
    let start = || {
        let kinds = EncryptionType::ALL;
        let mut login = Login::new(name("alice"), &keytab, &kinds, kdc.lifetimes).unwrap();
        let Action::Ask { request, .. } = login.start(0, moment(NOW, 3)).unwrap() else { panic!() };
        let hints = kdc.handle(&request, &moment(NOW, 4));
        let Action::Ask { request, .. } = login.handle(&hints, moment(NOW, 3)).unwrap() else {
            panic!()
        };
        (login, request)
    };
    let (mut login, request) = start();
    let reply = kdc.handle(&request, &moment(NOW, 4));
    let Action::Done(real) = login.handle(&reply, moment(NOW, 5)).unwrap() else { panic!() };
    for i in 0..reply.len() {
        for bit in [1, 0x10, 0x80] {
            let mut altered = reply.clone();
            altered[i] ^= bit;
            let (mut login, _) = start();
            if let Ok(Action::Done(taken)) = login.handle(&altered, moment(NOW, 5)) {
                // The ticket itself is the service's to check; nothing else may differ.
                assert_eq!(taken.key.reveal(), real.key.reveal());
                assert_eq!(taken.server.to_string(), real.server.to_string());
                assert_eq!(taken.client.to_string(), real.client.to_string());
            }
        }
    }
}
