//! `kurier wire` on the bytes that Kafka's own classes made.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::brokers::{Broker, impostor};
use crate::process::{kurier, run};

/// The rows of a golden file.
fn rows(name: &str) -> Vec<Value> {
    parse(&text(name))
}

/// What a golden file holds, unpacked.
fn text(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/golden");
    let bytes = fs::read(folder.join(name)).unwrap();
    if !name.ends_with(".gz") {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    text
}

fn parse(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Rows with some of their fields only, as lines.
fn lines(rows: &[Value], fields: &[&str]) -> String {
    let line = |row: &Value| {
        let kept =
            fields.iter().filter_map(|field| Some(((*field).into(), row.get(*field)?.clone())));
        Value::Object(kept.collect()).to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

#[test]
fn every_golden_message_becomes_its_json_and_its_bytes_again() {
    let golden = rows("messages.jsonl.gz");
    assert!(golden.len() >= 2286, "{} rows", golden.len());
    let input = lines(&golden, &["n", "v", "hex"]);
    let decoded = parse(&run(&mut kurier(&["wire", "decode"]), input).text());
    assert_eq!(decoded.len(), golden.len());
    // Eleven rows name a tagged field although it holds its default, which Kafka itself leaves out.
    let differ = decoded.iter().zip(&golden).filter(|(row, expected)| row["j"] != expected["j"]);
    assert_eq!(differ.count(), 11);
    // Unknown tags are not in the JSON form: such rows are for decoding only.
    let is_known = |row: &&Value| row.get("u").is_none();
    let known: Vec<_> = golden.iter().filter(is_known).cloned().collect();
    let again = decoded.iter().zip(&golden).filter(|(_, row)| is_known(row));
    let again: Vec<_> = again.map(|(row, _)| row.clone()).collect();
    for rows in [&known, &again] {
        let input = lines(rows, &["n", "v", "j"]);
        let encoded = parse(&run(&mut kurier(&["wire", "encode"]), input).text());
        assert_eq!(encoded.len(), known.len());
        for (row, expected) in encoded.iter().zip(&known) {
            assert_eq!(row["hex"], expected["hex"], "{}", expected["id"]);
        }
    }
}

#[test]
fn every_captured_frame_is_opened() {
    let golden = rows("captured-frames.jsonl.gz");
    assert!(!golden.is_empty());
    let input = lines(&golden, &["dir", "key", "ver", "hex"]);
    let opened = parse(&run(&mut kurier(&["wire", "decode", "--frames"]), input).text());
    assert_eq!(opened.len(), golden.len());
    for (row, frame) in opened.iter().zip(&golden) {
        assert_eq!(row["header"]["correlationId"], frame["corr"], "{frame}");
        assert!(row["j"].is_object(), "{frame}");
    }
}

#[test]
fn every_golden_batch_shows_what_is_in_it() {
    let golden = rows("record-batches.jsonl");
    assert_eq!(golden.len(), 36);
    let input = lines(&golden, &["hex"]);
    let opened = parse(&run(&mut kurier(&["wire", "decode", "--records"]), input).text());
    for (row, expected) in opened.iter().zip(&golden) {
        assert_eq!(row["batches"], expected["batches"], "{}", expected["id"]);
    }
    assert_eq!(opened.len(), golden.len());
}

#[test]
fn a_bad_row_comes_back_with_its_error_and_the_others_are_done() {
    let good = r#"{"n":"ApiVersionsRequest","v":0,"hex":""}"#;
    let input = [
        good,
        r#"{"n":"MetadataRequest","v":1,"hex":"00000001"}"#,
        r#"{"n":"ApiVersionsRequest","v":0,"hex":"00"}"#,
        r#"{"n":"NoSuchRequest","v":0,"hex":""}"#,
        r#"{"n":"ApiVersionsRequest","v":0,"hex":"0g"}"#,
        "no json at all",
        "",
        good,
    ];
    let ended = run(&mut kurier(&["wire", "decode"]), input.join("\n"));
    assert!(ended.failed(1).contains("5 of 7 rows"), "{ended:?}");
    let rows = parse(&String::from_utf8(ended.stdout).unwrap());
    let errors: Vec<_> = rows.iter().map(|row| row.get("error").is_some()).collect();
    assert_eq!(errors, [false, true, true, true, true, true, false]);
    assert_eq!(rows[1]["n"], "MetadataRequest", "what came in comes back");
    let error = &rows[1]["error"];
    assert_eq!((&error["version"], &error["offset"]), (&1.into(), &4.into()), "{error}");
    assert!(error["api"].is_string() && error["field"].is_string(), "{error}");
    assert!(error["cause"].is_string(), "{error}");
}

#[test]
fn files_are_read_and_a_missing_one_is_named() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rows.jsonl");
    fs::write(&file, text("messages.jsonl.gz")).unwrap();
    let count = rows("messages.jsonl.gz").len();
    let out = run(kurier(&["wire", "decode"]).args([&file, &file]), "").text();
    assert_eq!(out.lines().count(), 2 * count);
    let ended = run(&mut kurier(&["wire", "decode", "/no/such/file"]), "");
    let line = ended.failed(1);
    assert!(line.contains("/no/such/file") && line.contains("no such file"), "{line}");
}

/// A run against a broker of ours: its JSON lines.
fn fuzz(to: &str, args: &[&str]) -> Vec<Value> {
    let mut command = kurier(&["wire", "fuzz", "--to", to, "-q", "--format", "json"]);
    parse(&run(command.args(args), "").text())
}

#[test]
fn our_broker_survives_frames_of_every_kind_and_answers_what_it_can_read() {
    let broker = Broker::start(&["--topics", "a:3"]);
    let lines = fuzz(&broker.bootstrap, &["--count", "4000", "--seed", "11", "--strict"]);
    let [summary] = &lines[..] else { panic!("findings: {lines:#?}") };
    assert_eq!((&summary["event"], &summary["survived"]), (&"summary".into(), &true.into()));
    assert_eq!((&summary["frames"], &summary["findings"]), (&4000.into(), &0.into()));
    let apis = summary["apis"].as_array().unwrap();
    assert!(apis.len() > 80, "{} APIs and versions", apis.len());
    let closed = |row: &&Value| row["broken"]["close"].as_u64() > Some(0);
    assert!(apis.iter().filter(closed).count() > 50, "frames that nobody can read are refused");
    assert!(apis.iter().any(|row| row["api"] == "Fetch"), "{apis:?}");
    let fewer = fuzz(&broker.bootstrap, &["--count", "400", "--skip", "fetch,0"]);
    let fewer = fewer[0]["apis"].as_array().unwrap();
    assert!(!fewer.iter().any(|row| row["api"] == "Fetch" || row["api"] == "Produce"));
    // The same in words, with progress.
    let mut command = kurier(&["wire", "fuzz", "--to", &broker.bootstrap, "--count", "50"]);
    let ended = run(&mut command, "");
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.stderr.ends_with("50 of 50 frames, 0 findings\n"), "{}", ended.stderr);
    assert!(text.starts_with("50 frames, 0 findings\n"), "{text}");
    assert!(text.ends_with("\nthe broker survived\n"), "{text}");
}

#[test]
fn a_frame_of_a_finding_is_sent_again() {
    let broker = Broker::start(&[]);
    let fate = |frame: &str| fuzz(&broker.bootstrap, &["--frame", frame])[0]["outcome"].clone();
    assert_eq!(fate("0000000a00120000000000010000"), "answered");
    assert_eq!(fate("00000002 0012"), "close");
    let mut command = kurier(&["wire", "fuzz", "--to", &broker.bootstrap, "--frame", "-"]);
    assert_eq!(run(&mut command, "0000000a0012\n0000000000010000\n").text(), "answered\n");
}

#[test]
fn a_listener_that_wants_tls_or_a_login_is_told_apart_from_one_that_closes() {
    let line = |args: &[&str]| {
        let broker = Broker::start(args);
        let ended = run(&mut kurier(&["wire", "fuzz", "--to", &broker.bootstrap]), "");
        assert!(ended.stdout.is_empty(), "{ended:?}");
        ended.failed(1).to_owned()
    };
    let login = line(&["--sasl", "PLAIN,SCRAM-SHA-256", "--user", "alice:hush"]);
    assert!(login.contains("wants a login by SASL (PLAIN, SCRAM-SHA-256)"), "{login}");
    let tls = line(&["--tls"]);
    assert!(tls.contains("speaks TLS"), "{tls}");
}

#[test]
fn only_a_broker_on_this_machine_is_fuzzed() {
    let line = |to: &str, status| {
        let ended = run(&mut kurier(&["wire", "fuzz", "--to", to]), "");
        assert!(ended.stdout.is_empty(), "{ended:?}");
        ended.failed(status).to_owned()
    };
    let refused = line("192.0.2.1:9092", 2);
    assert!(refused.contains("192.0.2.1:9092 is not a loopback address"), "{refused}");
    assert!(line("localhost", 2).contains("HOST:PORT"));
    let nobody = line("127.0.0.1:1", 1);
    assert!(nobody.contains("cannot connect to 127.0.0.1:1: connection refused"), "{nobody}");
    let other = line(&impostor(b"HTTP/1.1 400 Bad Request\r\n\r\n"), 1);
    assert!(other.contains("is no broker"), "{other}");
    let mut aimed = kurier(&["-b", "127.0.0.1:1", "wire", "fuzz", "--to", "127.0.0.1:1"]);
    let line = run(&mut aimed, "").failed(2).to_owned();
    assert!(line.contains("--to, without -b"), "{line}");
    for frame in ["", "0", "0g"] {
        let mut command = kurier(&["wire", "fuzz", "--to", "127.0.0.1:1", "--frame", frame]);
        let ended = run(&mut command, "");
        assert!(ended.failed(2).contains("two hex digits"), "{ended:?}");
    }
}
