//! Help texts, versions, and wrong usage.

use crate::process::{kurier, run};

/// Every command and subcommand.
const COMMANDS: [&str; 24] = [
    "",
    "demo",
    "doctor",
    "produce",
    "consume",
    "topic",
    "topic list",
    "topic create",
    "topic describe",
    "topic delete",
    "broker",
    "bench",
    "bench produce",
    "bench consume",
    "bench e2e",
    "verifiable",
    "verifiable producer",
    "verifiable consumer",
    "verifiable copier",
    "wire",
    "wire decode",
    "wire encode",
    "wire fuzz",
    "help topic create",
];

#[test]
fn every_help_goes_to_stdout_and_has_examples() {
    for command in COMMANDS {
        let words: Vec<_> = command.split_whitespace().collect();
        let long = if words.first() == Some(&"help") { None } else { Some("--help") };
        let help = run(kurier(&words).args(long), "").text();
        assert!(help.contains("Usage: kurier"), "{command}: {help}");
        let has_example = help.contains("Example") || ["wire", "verifiable"].contains(&command);
        assert!(has_example, "`kurier {command} --help` has no example");
        let wide = help.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "{command}");
        assert!(help.lines().all(|line| line.trim_end() == line), "{command} has spaces at an end");
        if long.is_some() {
            assert_eq!(run(kurier(&words).arg("-h"), "").text(), help, "-h of {command}");
        }
    }
}

#[test]
fn every_option_says_what_it_does() {
    for command in COMMANDS {
        let words: Vec<_> = command.split_whitespace().filter(|word| *word != "help").collect();
        let help = run(kurier(&words).arg("--help"), "").text();
        for line in help.lines().filter(|line| line.trim_start().starts_with('-')) {
            let words = line.split_whitespace().filter(|word| !word.starts_with(['-', '<']));
            assert!(words.count() > 1, "{command}: {line}");
        }
    }
}

#[test]
fn the_version_is_the_crates() {
    let version = concat!("kurier ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(run(&mut kurier(&["-V"]), "").text(), version);
}

/// A mechanism that was shipped once stays: a missing one shows here.
#[test]
fn the_long_version_lists_every_mechanism_and_codec() {
    let text = run(&mut kurier(&["--version"]), "").text();
    let lines: Vec<&str> = text.lines().collect();
    let mechanisms = "SASL mechanisms: GSSAPI, OAUTHBEARER, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512";
    let codecs = "codecs: none, gzip, snappy, lz4, zstd";
    assert_eq!(lines[1..], [mechanisms, "TLS: yes", codecs]);
}

#[track_caller]
fn check_wrong(args: &[&str], part: &str) {
    let ended = run(&mut kurier(args), "");
    assert_eq!((ended.status, ended.stdout.len()), (Some(2), 0), "{args:?}: {ended:?}");
    assert!(ended.stderr.contains(part), "{args:?}: {}", ended.stderr);
}

#[test]
fn wrong_usage_is_named_and_has_status_two() {
    check_wrong(&[], "Usage: kurier");
    check_wrong(&["prodcue", "t"], "'produce'");
    check_wrong(&["produce"], "<TOPIC>");
    check_wrong(&["produce", "t", "--no-such"], "'--no-such'");
    check_wrong(&["produce", "a b"], "letters, digits");
    check_wrong(&["produce", "t", "-z", "brotli"], "zstd");
    check_wrong(&["produce", "t", "-D", r"\q"], r"`\q`");
    check_wrong(&["produce", "t", "-p", "-1"], "-1");
    check_wrong(&["produce", "t", "-J", "-K", ":"], "cannot be used with");
    check_wrong(&["produce", "t", "--timestamp", "noon"], "RFC 3339");
    check_wrong(&["consume", "t", "-o", "middle"], "beginning");
    check_wrong(&["consume", "t", "-f", "%q"], "`%q`");
    check_wrong(&["consume", "t", "-f", "%s%d"], "-f at letter 3: unknown token `%d`");
    check_wrong(&["consume", "t", "-s", "value=ix"], "`x` at letter 2");
    check_wrong(&["consume", "t", "-o", "s@1", "-o", "end"], "where to begin is said twice");
    check_wrong(&["consume", "t", "-o", "e@1", "--until", "2"], "when to stop is said twice");
    check_wrong(&["consume", "t", "-o", "e@noon"], "-1h30m");
    check_wrong(&["consume", "t", "--isolation", "serializable"], "read_committed");
    check_wrong(&["consume", "t", "-f", "%s", "-J"], "cannot be used with");
    check_wrong(&["consume", "t", "-p", "3-1"], "partition");
    check_wrong(&["topic", "create", "t", "-p", "0"], "0");
    check_wrong(&["topic", "list", "-b", ","], "-b is empty");
    check_wrong(&["topic", "create", "t", "-c", "retention.ms"], "KEY=VALUE");
    check_wrong(&["broker", "--topics", "a:x"], "number");
    check_wrong(&["broker", "--ca-file", "ca.pem"], "--tls");
    check_wrong(&["broker", "--user", "alice:wonderland"], "--sasl");
    check_wrong(&["broker", "--sasl", "PLAIN", "--user", "alice"], "NAME:PASSWORD");
    check_wrong(&["broker", "--sasl", "PLAIN"], "PLAIN needs a user; give it one with --user");
    check_wrong(
        &["broker", "--sasl", "GSSAPI"],
        "GSSAPI needs a keytab; give it one with --keytab",
    );
    check_wrong(&["broker", "--brokers", "2", "--port", "65535"], "--brokers 2 with --port 65535");
    check_wrong(&["broker", "--brokers", "2", "--advertise", "b:65535"], "--advertise ..:65535");
    check_wrong(&["broker", "--sasl", "LDAP", "--user", "a:b"], "LDAP");
    check_wrong(&["wire", "decode", "--frames", "--records"], "cannot be used with");
}

#[test]
fn what_may_be_a_secret_is_not_repeated() {
    for (args, part) in [
        (&["-X", "sasl.password:hush", "topic", "list"][..], "write KEY=VALUE"),
        (&["topic", "list", "-X", "hush"], "write KEY=VALUE"),
        (&["topic", "list", "-X", "Hush hush=1"], "is not shown"),
        (&["topic", "list", "-b", "alice:hush@localhost:9092"], "sasl.password"),
        (&["broker", "--sasl", "PLAIN", "--user", ":hush"], "NAME:PASSWORD"),
    ] {
        let ended = run(&mut kurier(args), "");
        assert!(ended.stderr.contains(part), "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.to_lowercase().contains("hush"), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_property_that_nobody_knows_is_named_with_the_likely_one() {
    for command in [&["produce", "t"][..], &["consume", "t"], &["topic", "list"]] {
        let ended = run(kurier(command).args(["-X", "linger.msec=5"]), "");
        let line = ended.failed(2);
        assert!(line.contains("linger.msec") && line.contains("linger.ms"), "{line}");
        for (word, meant) in [("linger=5", "linger.ms"), ("retry=5", "retries")] {
            let ended = run(kurier(command).args(["-X", word]), "");
            let line = ended.failed(2);
            assert!(line.contains(meant) && !line.contains("not shown"), "{line}");
        }
        let ended = run(kurier(command).args(["-X", "linger.ms=soon"]), "");
        let line = ended.failed(2);
        assert!(line.contains("linger.ms") && line.contains("soon"), "{line}");
    }
}
