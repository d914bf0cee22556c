//! Each target on its corpus, and on inputs from a fixed seed.
//!
//! `KURIER_FUZZ_ITERATIONS` says how many; more than the default is for a long run.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::path::Path;

use allocation_counter::measure;
use kurier_fuzz::random::Random;
use kurier_fuzz::replay::replay;
use kurier_fuzz::targets::{self, ALL, Target};
#[cfg(feature = "testkit")]
use kurier_protocol::ApiKey;

const ITERATIONS_DEFAULT: usize = 1500;
/// Bytes that a target may have in use at any time: codec tables, an unpacked batch, its copies.
const ALLOCATED_MAX: u64 = 24 << 20;

fn iterations() -> usize {
    let asked = std::env::var("KURIER_FUZZ_ITERATIONS");
    asked.map_or(ITERATIONS_DEFAULT, |text| text.parse().expect("a number of iterations"))
}

macro_rules! replays {
    ($($promise:ident: $target:ident,)*) => {
        $(#[test]
        fn $promise() {
            let _ = targets::$target;
            check(stringify!($target));
        })*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($target)),*];
            let all: Vec<_> = ALL.iter().map(|target| target.name).collect();
            assert_eq!(replayed[..], all[..]);
        }
    };
}

// Case PURE-07: each change replays what fuzzing has found.
replays! {
    any_bytes_decode_or_fail_alike_as_a_request_in_both_decoders: decode_request,
    any_bytes_decode_or_fail_alike_as_a_response_in_both_decoders: decode_response,
    every_message_survives_a_round_trip: round_trip,
    a_change_that_keeps_the_framing_is_read_and_a_fatal_one_refused: mutated,
    any_bytes_are_a_frame_or_an_error: frames,
    any_bytes_are_a_header_or_an_error: headers,
    any_bytes_are_what_groups_keep_or_an_error: group_blobs,
    any_bytes_are_batches_of_magic_2_or_an_error: batch_v2,
    any_bytes_are_batches_of_magic_0_and_1_or_an_error: batch_v0_v1,
    every_batch_survives_a_round_trip: batch_round_trip,
    any_bytes_decompress_from_gzip_within_the_limit_or_fail: decompress_gzip,
    any_bytes_decompress_from_snappy_within_the_limit_or_fail: decompress_snappy,
    any_bytes_decompress_from_lz4_within_the_limit_or_fail: decompress_lz4,
    any_bytes_decompress_from_zstd_within_the_limit_or_fail: decompress_zstd,
    any_partition_is_read_forward_and_without_aborted_records: fetch_partition,
    any_order_of_requests_leaves_a_cluster_that_answers: stateful_testkit,
    any_broker_leaves_a_client_that_ends_its_calls_in_time: hostile_broker,
    any_text_is_properties_or_an_error: properties,
    any_broker_and_kdc_leave_a_client_that_can_log_in: hostile_login,
    any_bytes_are_certificates_and_keys_or_an_error: key_stores,
    any_messages_of_scram_let_nobody_in: scram,
    any_bytes_are_an_answer_with_a_token_or_an_error: token_answer,
    any_bytes_are_files_of_kerberos_or_an_error: kerberos_files,
    any_bytes_are_messages_of_kerberos_or_an_error: kerberos_tokens,
    any_broker_script_leaves_producers_that_keep_their_promises: stateful_client,
    any_change_of_bytes_on_their_way_makes_no_record_that_was_not_written: proxy_bytes,
}

#[track_caller]
fn check(name: &str) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let target = ALL.iter().find(|target| target.name == name).unwrap();
    let ran = replay(target, &corpus, iterations() / target.cost).unwrap();
    assert!(ran.files > 0, "the corpus of {name} is empty");
    println!("{name}: {} files and {} inputs", ran.files, ran.made);
}

// Cases WIRE-08, WIRE-11, WIRE-12.
#[test]
fn no_input_makes_a_target_use_more_memory_than_the_limits_allow() {
    let mut most = (0, "");
    for target in ALL {
        let mut random = Random::from_bytes(target.name.as_bytes());
        for _ in 0..100 {
            let used = used_by(target, &(target.make)(&mut random));
            most = most.max((used, target.name));
        }
        for file in std::fs::read_dir(corpus_of(target)).unwrap() {
            let used = used_by(target, &std::fs::read(file.unwrap().path()).unwrap());
            most = most.max((used, target.name));
        }
    }
    println!("at most {} bytes in use, by {}", most.0, most.1);
    assert!(most.0 < ALLOCATED_MAX, "{most:?}");
}

fn corpus_of(target: &Target) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn used_by(target: &Target, input: &[u8]) -> u64 {
    measure(|| (target.run)(input)).bytes_max
}

/// What the other side of a login says, and the files of logins, take no more memory than so many
/// times their length; the target itself may take some of it.
#[cfg(feature = "client")]
#[test]
fn what_logins_read_takes_memory_in_proportion_to_its_length() {
    for (name, times) in LOGINS {
        let target = ALL.iter().find(|target| target.name == name).unwrap();
        let mut random = Random::from_bytes(b"in proportion");
        let mut inputs: Vec<_> = (0..300).map(|_| (target.make)(&mut random)).collect();
        for (_, head, unit) in CROWDS.iter().filter(|(of, ..)| *of == name) {
            inputs.push([head, &unit.repeat(CROWD_BYTES / unit.len())[..]].concat());
        }
        // Keys that all inputs share are made once.
        (target.run)(&[]);
        (target.run)(&[0; 10]);
        let mut most = 0;
        for input in inputs {
            let (used, bytes) = (used_by(target, &input), input.len() as u64);
            let begin: Vec<_> = input.iter().take(40).map(|byte| char::from(*byte)).collect();
            assert!(used <= ONCE_MAX + times * bytes, "{name}: {used} of {bytes}, {begin:?}");
            most = most.max(used.saturating_sub(ONCE_MAX) / bytes.max(1));
        }
        println!("{name}: {most} times its length at most");
    }
}

/// Targets, and how many bytes of memory a byte may take.
#[cfg(feature = "client")]
const LOGINS: [(&str, u64); 4] =
    [("scram", 8), ("token_answer", 16), ("kerberos_files", 64), ("kerberos_tokens", 16)];
/// Targets, with a beginning and what follows it many times.
#[cfg(feature = "client")]
const CROWDS: [(&str, &[u8], &[u8]); 18] = [
    ("scram", b"\0r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHserver,s=", b"AAAA"),
    ("scram", b"\0r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHserver,s=c2FsdA==,i=4096", b",x="),
    ("scram", b"\0e=", b"no "),
    ("scram", b"\x02n,,n=", b"=2C"),
    ("token_answer", b"\xffHTTP/1.1 200 OK\r\n\r\n[", b"0,"),
    ("token_answer", b"\xffHTTP/1.1 200 OK\r\n\r\n[", b"[],"),
    ("token_answer", b"\xffHTTP/1.1 200 OK\r\n\r\n[", b"{\"\":0},"),
    ("token_answer", b"\xffHTTP/1.1 400 X\r\n\r\n{\"error\":\"", b"no "),
    ("token_answer", b"\xffHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n0\r\n"),
    ("token_answer", b"\xffHTTP/1.1 200 OK\r\nx: ", b"y"),
    ("kerberos_files", b"[x]\n", b"\n"),
    ("kerberos_files", b"[x]\n", b"a=b\n"),
    ("kerberos_files", b"", b"[x]\n"),
    ("kerberos_files", b"[x]\n", b"a={\n}\n"),
    ("kerberos_files", b"[x]\na=", b"\xff"),
    // A keytab with a name of many parts; a cache with one.
    ("kerberos_files", b"\x05\x02\x00\x03\x00\x00\xff\xff\0\0", b"\0\x01a"),
    ("kerberos_files", b"\x05\x04\0\0\0\0\0\x01\xff\xff\xff\xff", b"\0\0\0\0"),
    ("kerberos_tokens", b"\x7e\x83\x03\xff\xf0\x30\x83\x03\xff\xe0", b"\xa2\x02\x02\0"),
];
#[cfg(feature = "client")]
const CROWD_BYTES: usize = 256 << 10;
#[cfg(feature = "client")]
const ONCE_MAX: u64 = 64 << 10;

#[test]
fn each_target_has_a_file_for_cargo_fuzz() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cargo-fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in ALL {
        let file = format!("fuzz_targets/{}.rs", target.name);
        assert!(manifest.contains(&format!("path = \"{file}\"")), "{file} is not in the manifest");
        let text = std::fs::read_to_string(folder.join(&file)).unwrap();
        assert!(text.contains(&format!("kurier_fuzz::targets::{}(", target.name)), "{file}");
    }
}

/// So many scripts together get everywhere.
#[cfg(feature = "testkit")]
const SCRIPTS: usize = 400;

#[cfg(feature = "testkit")]
#[test]
fn scripts_for_a_cluster_get_past_the_refusals() {
    let target = ALL.iter().find(|target| target.name == "stateful_testkit").unwrap();
    let mut random = Random::from_bytes(b"past the refusals");
    let mut tally = targets::Tally::default();
    for _ in 0..SCRIPTS {
        tally.add(&targets::play(&(target.make)(&mut random)));
    }
    println!("{tally:?}");
    assert!(tally.late > 0, "no request had to wait");
    for key in PAST_THE_REFUSALS {
        assert!(tally.successes.contains_key(&key), "no {key} succeeded");
    }
}

/// Those that need something that others have done before.
#[cfg(feature = "testkit")]
const PAST_THE_REFUSALS: [ApiKey; 12] = [
    ApiKey::PRODUCE,
    ApiKey::FETCH,
    ApiKey::OFFSET_COMMIT,
    ApiKey::JOIN_GROUP,
    ApiKey::SYNC_GROUP,
    ApiKey::HEARTBEAT,
    ApiKey::LEAVE_GROUP,
    ApiKey::ADD_PARTITIONS_TO_TXN,
    ApiKey::TXN_OFFSET_COMMIT,
    ApiKey::END_TXN,
    ApiKey::CONSUMER_GROUP_HEARTBEAT,
    ApiKey::DELETE_RECORDS,
];

#[cfg(feature = "client")]
#[test]
fn clients_get_past_hostile_answers_and_are_stopped_by_others() {
    let target = ALL.iter().find(|target| target.name == "hostile_broker").unwrap();
    let mut random = Random::from_bytes(b"past the answers");
    let met: Vec<_> = (0..40).map(|_| targets::meet(&(target.make)(&mut random))).collect();
    let sum = |count: fn(&targets::Met) -> usize| met.iter().map(count).sum::<usize>();
    let (succeeded, failed) = (sum(|met| met.succeeded), sum(|met| met.failed));
    println!("{succeeded} calls succeeded, {failed} failed, {} requests", sum(|met| met.requests));
    assert!(succeeded > 100 && failed > 40, "not much was tried");
    let again = targets::meet(&[16; 200]);
    assert_eq!(targets::meet(&[16; 200]), again, "the same bytes are the same run");
}

#[cfg(feature = "client")]
#[test]
fn producers_get_through_scripts_and_are_stopped_by_others() {
    let target = ALL.iter().find(|target| target.name == "stateful_client").unwrap();
    let mut random = Random::from_bytes(b"through scripts");
    let scripts: Vec<_> = (0..60).map(|_| (target.make)(&mut random)).collect();
    let came: Vec<_> = scripts.iter().map(|script| targets::follow(script)).collect();
    let sum = |count: fn(&targets::Followed) -> usize| came.iter().map(count).sum::<usize>();
    let (delivered, failed) = (sum(|came| came.delivered), sum(|came| came.failed));
    let (committed, aborted) = (sum(|came| came.committed), sum(|came| came.aborted));
    println!("{delivered} records delivered, {failed} not; {committed} commits, {aborted} aborts");
    assert!(delivered > 200 && failed > 20 && committed > 30 && aborted > 30, "little was done");
    for (script, came) in scripts.iter().zip(&came).take(20) {
        assert_eq!(targets::follow(script), *came, "the same bytes are the same run");
    }
    let hashes: std::collections::BTreeSet<_> = came.iter().map(|came| came.hash).collect();
    assert_eq!(hashes.len(), came.len(), "other bytes are another run");
}

#[cfg(feature = "client")]
#[test]
fn records_get_past_changed_bytes_and_are_stopped_by_others() {
    for kind in [0, 1, 2, 0x80, 0x81, 0x82] {
        let honest = targets::pass(&[&[kind][..], &[0; 400]].concat());
        assert!(honest.delivered > 20 && honest.read == honest.delivered, "{kind}: {honest:?}");
        assert_eq!((honest.failed, honest.told), (0, 0), "{kind}: {honest:?}");
    }
    let target = ALL.iter().find(|target| target.name == "proxy_bytes").unwrap();
    let mut random = Random::from_bytes(b"changed bytes");
    let scripts: Vec<_> = (0..20).map(|_| (target.make)(&mut random)).collect();
    let came: Vec<_> = scripts.iter().map(|script| targets::pass(script)).collect();
    let sum = |count: fn(&targets::Passed) -> usize| came.iter().map(count).sum::<usize>();
    let (delivered, failed) = (sum(|came| came.delivered), sum(|came| came.failed));
    let (read, told) = (sum(|came| came.read), sum(|came| came.told));
    println!("{delivered} records delivered, {failed} not; {read} read, {told} errors told");
    assert!(delivered > 100 && failed > 10 && read > 100, "little was done");
    for (script, came) in scripts.iter().zip(&came).take(4) {
        assert_eq!(targets::pass(script), *came, "the same bytes are the same run");
    }
}

#[cfg(feature = "client")]
#[test]
fn logins_get_past_hostile_answers_and_are_stopped_by_others() {
    let target = ALL.iter().find(|target| target.name == "hostile_login").unwrap();
    for mechanism in 0..5 {
        for age in [0, 0x80] {
            let honest = targets::log_in(&[&[mechanism | age][..], &[0; 40]].concat());
            assert!(honest.succeeded > 2 && honest.failed == 0, "{mechanism} {age}: {honest:?}");
            let mut random = Random::from_bytes(&[mechanism, age]);
            let met: Vec<_> = (0..8)
                .map(|_| {
                    let script = (target.make)(&mut random);
                    targets::log_in(&[&[mechanism | age][..], &script].concat())
                })
                .collect();
            let sum = |count: fn(&targets::Met) -> usize| met.iter().map(count).sum::<usize>();
            let (succeeded, failed) = (sum(|met| met.succeeded), sum(|met| met.failed));
            println!("{mechanism} {age}: {succeeded} calls succeeded, {failed} failed");
            assert!(succeeded > 0 && failed > 0, "{mechanism} {age}: not much was tried");
        }
    }
    let again = targets::log_in(&[20; 200]);
    assert_eq!(targets::log_in(&[20; 200]), again, "the same bytes are the same run");
}

#[cfg(feature = "client")]
#[test]
fn whole_stores_are_opened_and_damaged_ones_mostly_not() {
    let target = ALL.iter().find(|target| target.name == "key_stores").unwrap();
    for file in std::fs::read_dir(corpus_of(target)).unwrap() {
        let path = file.unwrap().path();
        assert!(targets::open_stores(&std::fs::read(&path).unwrap()), "{}", path.display());
    }
    let mut random = Random::from_bytes(b"damaged");
    let opened = (0..500).filter(|_| targets::open_stores(&(target.make)(&mut random))).count();
    println!("{opened} of 500 damaged stores can be used");
    assert!((10..400).contains(&opened), "{opened}");
}
