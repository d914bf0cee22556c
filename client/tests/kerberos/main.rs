//! A client that logs in by Kerberos gets its tickets in time, and says what is wrong.

#![cfg(feature = "kerberos")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

#[path = "../capture/mod.rs"]
mod capture;
#[path = "../capture/hidden.rs"]
mod hidden;
mod world;
mod broker;

use std::sync::Arc;
use std::time::Duration;

use capture::listen;
use futures_util::future::join_all;
use hidden::assert_hides;
use kurier_auth::Mechanism;
use kurier_client::Error;
use kurier_client::security::kerberos::{Kerberos, KerberosConfig, TicketSource};
use tokio::time::sleep;
use world::{AS, Manner, TGS, World, cache_of};

fn by_keytab() -> KerberosConfig {
    KerberosConfig {
        source: TicketSource::Keytab(Some("/alice.keytab".into())),
        config_files: Some(vec!["/krb5.conf".into()]),
        ..KerberosConfig::default()
    }
}

fn by_cache() -> KerberosConfig {
    KerberosConfig { source: TicketSource::Cache(Some("/cache".into())), ..by_keytab() }
}

async fn mechanism(
    kerberos: &Kerberos,
    world: &Arc<World>,
    host: &str,
) -> Result<Box<dyn Mechanism>, Error> {
    kerberos.mechanism(host, &world.env()).await
}

async fn check_login(kerberos: &Kerberos, world: &Arc<World>, host: &str) {
    let mut client = mechanism(kerberos, world, host).await.unwrap();
    let host = host.to_ascii_lowercase();
    assert_eq!(world.lets_in(&host, &mut *client), Ok("alice@TEST".to_owned()));
}

/// What helps where the KDC does not know a service.
const WHICH_SERVICE: &str = "its principal is sasl.kerberos.service.name, a slash, and the host \
                             that was connected to, as bootstrap.servers or the broker's \
                             advertised.listeners has it";

async fn error_of(config: KerberosConfig, world: &Arc<World>, host: &str) -> Error {
    mechanism(&Kerberos::new(config), world, host).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn many_connections_to_a_broker_ask_the_kdc_once() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    let kerberos = Kerberos::new(by_keytab());
    join_all((0..20).map(|_| check_login(&kerberos, &world, "b"))).await;
    assert_eq!((world.count(AS), world.count(TGS)), (2, 1), "one login, with a proof; one ticket");
    check_login(&kerberos, &world, "B").await;
    check_login(&kerberos, &world, "c").await;
    assert_eq!((world.count(AS), world.count(TGS)), (2, 2));
}

#[test]
fn a_login_serves_one_runtime_after_another_and_one_beside_another() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let (gone, idle, busy) = (runtime(), runtime(), runtime());
    let world = World::new(&[("kdc", Manner::Good)], 0);
    let kerberos = Kerberos::new(by_keytab());
    gone.block_on(check_login(&kerberos, &world, "b"));
    drop(gone);
    // Nobody runs the task of this one afterwards.
    idle.block_on(check_login(&kerberos, &world, "b"));
    let login = async {
        check_login(&kerberos, &world, "b").await;
        check_login(&kerberos, &world, "b").await;
    };
    let patience = Duration::from_secs(60);
    busy.block_on(async { tokio::time::timeout(patience, login).await.unwrap() });
    assert_eq!(world.count(TGS), 3, "tickets are kept within a runtime");
}

#[tokio::test(start_paused = true)]
async fn a_dead_and_a_silent_kdc_cost_a_second_and_only_once() {
    let kdcs = [("dead", Manner::Refuses), ("mute", Manner::Silent), ("kdc", Manner::Good)];
    let world = World::new(&kdcs, 0);
    let kerberos = Kerberos::new(by_keytab());
    check_login(&kerberos, &world, "b").await;
    check_login(&kerberos, &world, "c").await;
    assert_eq!(world.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_address_of_a_kdc_costs_a_second_and_only_once() {
    for (datagrams_first, good) in [(false, Manner::Good), (true, Manner::Datagrams)] {
        let addresses = [("kdc", Manner::Silent), ("kdc", Manner::Refuses), ("kdc", good)];
        let world = World::new(&addresses, 0);
        let kerberos = Kerberos::new(KerberosConfig { datagrams_first, ..by_keytab() });
        check_login(&kerberos, &world, "b").await;
        check_login(&kerberos, &world, "c").await;
        assert_eq!(world.elapsed().as_secs(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn kdcs_that_are_silent_are_given_up_after_ten_seconds_and_named() {
    let world = World::new(&[("one", Manner::Silent), ("two", Manner::Refuses)], 0);
    let error = error_of(by_keytab(), &world, "b").await;
    assert_eq!(world.elapsed().as_secs(), 10);
    assert!(error.is_retriable());
    let text = error.to_string();
    assert!(text.contains("KDC tcp/one:88") && text.contains("KDC udp/two:88"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn datagrams_are_used_where_streams_are_refused_and_the_other_way_round() {
    let world = World::new(&[("kdc", Manner::Datagrams)], 0);
    check_login(&Kerberos::new(by_keytab()), &world, "b").await;
    let world = World::new(&[("kdc", Manner::TooBig)], 0);
    let config = KerberosConfig { datagrams_first: true, ..by_keytab() };
    check_login(&Kerberos::new(config), &world, "b").await;
    assert_eq!(world.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_kdc_that_cannot_serve_or_babbles_is_passed_over() {
    for manner in [Manner::Says(29), Manner::Babbles] {
        let world = World::new(&[("one", manner), ("two", Manner::Good)], 0);
        check_login(&Kerberos::new(by_keytab()), &world, "b").await;
        assert_eq!(world.elapsed(), Duration::ZERO, "{manner:?}");
    }
    // By datagrams a stray one is not even taken for an answer.
    let world = World::new(&[("kdc", Manner::Babbles)], 0);
    let config = KerberosConfig { datagrams_first: true, ..by_keytab() };
    check_login(&Kerberos::new(config), &world, "b").await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_is_retriable_and_another_one_is_not() {
    for (code, passes) in [(21, true), (29, true), (33, true), (34, true), (12, false)] {
        let world = World::new(&[("kdc", Manner::Says(code))], 0);
        let error = error_of(by_keytab(), &world, "b").await;
        assert_eq!(error.is_retriable(), passes, "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("KRB-ERROR {code}")), "{text}");
        assert!(text.contains("tcp/kdc:88"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_being_written_is_read_again() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    let cache = cache_of(&world.granting());
    world.put("/cache", cache[..cache.len() / 2].to_vec());
    let kerberos = Kerberos::new(by_cache());
    let kinit = async {
        sleep(Duration::from_millis(50)).await;
        world.put("/cache", cache);
    };
    tokio::join!(check_login(&kerberos, &world, "b"), kinit);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_encryption_types_that_leaves_none_is_told() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    let config = b"[libdefaults]\npermitted_enctypes = aes256-sah2\n".to_vec();
    world.put("/typo.conf", config);
    let files = Some(vec!["/typo.conf".into(), "/krb5.conf".into()]);
    let config = KerberosConfig { config_files: files, ..by_keytab() };
    let text = error_of(config, &world, "b").await.to_string();
    assert!(text.starts_with("krb5.conf: permitted_enctypes = aes256-sah2"), "{text}");
    assert_eq!(world.count(AS), 0);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_the_kdc_does_not_take_any_more_is_got_anew() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    let kerberos = Kerberos::new(by_keytab());
    check_login(&kerberos, &world, "b").await;
    world.change_key();
    let error = mechanism(&kerberos, &world, "c").await.unwrap_err();
    assert!(error.is_retriable(), "{error}");
    assert!(error.to_string().contains("KRB_AP_ERR_BAD_INTEGRITY"), "{error}");
    check_login(&kerberos, &world, "c").await;
    assert_eq!((world.count(AS), world.count(TGS)), (4, 3), "a second login, with a proof");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_does_not_matter() {
    for ahead in [400, -400, 100_000] {
        let world = World::new(&[("kdc", Manner::Good)], ahead);
        check_login(&Kerberos::new(by_keytab()), &world, "b").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_wrong_for_a_while_does_not_matter_afterwards() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    let kerberos = Kerberos::new(by_keytab());
    check_login(&kerberos, &world, "b").await;
    world.set_clock_wrong(3600);
    mechanism(&kerberos, &world, "b").await.unwrap();
    world.set_clock_wrong(0);
    check_login(&kerberos, &world, "b").await;
}

#[tokio::test(start_paused = true)]
async fn a_keytab_logs_in_again_after_four_fifths_of_a_ticket() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    world.kdc.lock().unwrap().lifetimes.ticket = 1000;
    let kerberos = Kerberos::new(by_keytab());
    check_login(&kerberos, &world, "b").await;
    sleep(Duration::from_secs(790)).await;
    assert_eq!(world.count(AS), 2);
    sleep(Duration::from_secs(70)).await;
    assert_eq!(world.count(AS), 4);
    sleep(Duration::from_secs(10_000)).await;
    check_login(&kerberos, &world, "b").await;
}

#[tokio::test(start_paused = true)]
async fn short_tickets_are_not_renewed_in_a_hurry() {
    for (lifetime, logins_max) in [(5, 61), (20, 39)] {
        let world = World::new(&[("kdc", Manner::Good)], 0);
        world.kdc.lock().unwrap().lifetimes.ticket = lifetime;
        let kerberos = Kerberos::new(by_keytab());
        check_login(&kerberos, &world, "b").await;
        sleep(Duration::from_secs(600)).await;
        assert!(world.count(AS) <= 2 * logins_max, "{lifetime}: {}", world.count(AS));
        check_login(&kerberos, &world, "b").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_old_ticket_is_used_to_its_end_while_no_kdc_answers() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    world.kdc.lock().unwrap().lifetimes.ticket = 1000;
    let kerberos = Kerberos::new(by_keytab());
    check_login(&kerberos, &world, "b").await;
    world.set_manner(Manner::Refuses);
    sleep(Duration::from_secs(950)).await;
    check_login(&kerberos, &world, "b").await;
    sleep(Duration::from_secs(60)).await;
    assert!(mechanism(&kerberos, &world, "b").await.unwrap_err().is_retriable());
    world.set_manner(Manner::Good);
    check_login(&kerberos, &world, "b").await;
}

#[tokio::test(start_paused = true)]
async fn a_ticket_from_a_cache_is_renewed_until_it_cannot_be() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    {
        let mut kdc = world.kdc.lock().unwrap();
        (kdc.lifetimes.ticket, kdc.lifetimes.renew) = (1000, 3000);
    }
    world.put("/cache", cache_of(&world.granting()));
    let kerberos = Kerberos::new(by_cache());
    for _ in 0..29 {
        check_login(&kerberos, &world, "b").await;
        sleep(Duration::from_secs(100)).await;
    }
    assert_eq!(world.count(AS), 0);
    sleep(Duration::from_secs(100)).await;
    let error = mechanism(&kerberos, &world, "b").await.unwrap_err();
    assert!(error.to_string().contains("run kinit") && error.is_retriable(), "{error}");
    // Somebody runs kinit.
    world.put("/cache", cache_of(&world.granting()));
    check_login(&kerberos, &world, "b").await;
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_others_renew_is_read_again() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    world.kdc.lock().unwrap().lifetimes.ticket = 1000;
    world.put("/cache", cache_of(&world.granting()));
    let kerberos = Kerberos::new(by_cache());
    check_login(&kerberos, &world, "b").await;
    sleep(Duration::from_secs(700)).await;
    world.put("/cache", cache_of(&world.granting()));
    sleep(Duration::from_secs(400)).await;
    let before = world.count(TGS);
    check_login(&kerberos, &world, "b").await;
    assert_eq!(world.count(TGS), before + 1, "a ticket for the broker, and no renewal");
}

/// `KRB5_CONFIG` and its kin are read where the world of a client is read, and nowhere else.
#[tokio::test(start_paused = true)]
async fn files_that_the_environment_names_are_used() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    let cache = cache_of(&world.granting());
    let keytab = world.kdc.lock().unwrap().keytab("alice").unwrap().to_bytes().unwrap();
    world.put("/etc/cache", cache);
    world.put("/etc/client.keytab", keytab.to_vec());
    let by_default = |source| KerberosConfig { source, ..KerberosConfig::default() };
    let config = [("KRB5_CONFIG", "/none:/krb5.conf")];
    let rows = [
        (TicketSource::Cache(None), "KRB5CCNAME", "FILE:/etc/cache"),
        (TicketSource::Keytab(None), "KRB5_CLIENT_KTNAME", "FILE:/etc/client.keytab"),
        (TicketSource::Keytab(None), "KRB5_KTNAME", "/etc/client.keytab"),
    ];
    for (source, name, value) in rows {
        let env = world.env().with_variables(config.into_iter().chain([(name, value)]));
        let kerberos = Kerberos::new(by_default(source.clone()));
        let mut client = kerberos.mechanism("b", &env).await.unwrap();
        assert_eq!(world.lets_in("b", &mut *client), Ok("alice@TEST".to_owned()), "{name}");
        let error = Kerberos::new(by_default(source)).mechanism("b", &world.env()).await;
        let text = error.unwrap_err().to_string();
        assert!(text.contains("there is no /etc/krb5.conf"), "{text}");
        assert!(text.ends_with("; to log in otherwise, set sasl.mechanism"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_name_file_principal_kdc_and_what_helps() {
    let world = World::new(&[("kdc", Manner::Good)], 0);
    world.put("/empty.conf", b"[libdefaults]\ndefault_realm = TEST\n".to_vec());
    let keytab = |path: &str| KerberosConfig {
        source: TicketSource::Keytab(Some(path.into())),
        ..by_keytab()
    };
    let cache = |name: &str| KerberosConfig {
        source: TicketSource::Cache(Some(name.into())),
        ..by_keytab()
    };
    let conf = |path: &str| KerberosConfig { config_files: Some(vec![path.into()]), ..by_keytab() };
    let bob = KerberosConfig { principal: Some("bob".into()), ..by_keytab() };
    let rows: [(KerberosConfig, &str, &[&str]); 8] = [
        (keytab("/none"), "b", &["sasl.kerberos.keytab", "/none cannot be read", "check keyTab="]),
        (keytab("/krb5.conf"), "b", &["/krb5.conf: malformed keytab"]),
        (
            bob,
            "b",
            &[
                "no key of bob@TEST",
                "keys of alice@TEST; set principal= to",
                "a keytab of bob@TEST",
            ],
        ),
        (cache("/none"), "b", &["/none cannot be read", "run kinit"]),
        (cache("KCM:0"), "b", &["KCM:0", "not supported", "FILE or DIR"]),
        (conf("/none"), "b", &["there is no /none", "KRB5_CONFIG"]),
        (conf("/empty.conf"), "b", &["no kdc for realm TEST", "dns_lookup_kdc"]),
        (
            by_keytab(),
            "10.1.2.3",
            &["alice@TEST for kafka/10.1.2.3@TEST", "KDC tcp/kdc:88", "KRB-ERROR 7", WHICH_SERVICE],
        ),
    ];
    for (config, host, wanted) in rows {
        let error = error_of(config, &world, host).await;
        let text = error.to_string();
        assert!(wanted.iter().all(|part| text.contains(part)), "{text}");
        assert!(!error.is_retriable() && !text.contains("sasl.mechanism"), "{text}");
    }
    let kinds = [kurier_client::security::kerberos::EncryptionType::Aes256Sha1];
    world.kdc.lock().unwrap().add_with("alice", "looking glass", &kinds).unwrap();
    let text = error_of(by_keytab(), &world, "b").await.to_string();
    for part in ["alice@TEST", "/alice.keytab", "key version 1", "KRB-ERROR 24", "older than"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_event_and_no_error_of_a_login_has_a_key_or_a_password() {
    let (log, _listening) = listen();
    let world = World::new(&[("kdc", Manner::Good)], 0);
    let kerberos = Kerberos::new(by_keytab());
    check_login(&kerberos, &world, "b").await;
    let keytab = world.kdc.lock().unwrap().keytab("alice").unwrap().to_bytes().unwrap().to_vec();
    world.kdc.lock().unwrap().add("alice", "looking-glass").unwrap();
    let error = error_of(by_keytab(), &world, "b").await;
    let ticket = world.granting();
    let client = mechanism(&kerberos, &world, "c").await;
    let client = client.map_or_else(|error| error.to_string(), |client| format!("{client:?}"));
    let text = format!("{}\n{kerberos:?}\n{error}\n{error:?}\n{client}", log.text());
    assert!(client.len() < 100, "no ticket: {client}");
    assert!(format!("{ticket:?}").len() < 1000, "no ticket: {ticket:?}");
    assert!(text.contains("logged in by Kerberos"), "{text}");
    for password in ["wonderland", "looking-glass"] {
        assert_hides(&text, password.as_bytes(), "a password");
    }
    // The key stands at the end of a keytab, before the number of its version if there is one.
    for end in [keytab.len(), keytab.len() - 4] {
        assert_hides(&text, &keytab[end - 32..end], "a key");
    }
}
