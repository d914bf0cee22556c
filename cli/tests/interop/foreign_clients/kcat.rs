//! kcat, on the librdkafka that Debian has, on our own broker.

use crate::embedded_broker::EmbeddedBroker;
use crate::real_brokers::{same_lines, say};
use crate::record::{Seen, assert_same, hard_cases};
use crate::release::Release;
use crate::round::{NEWEST, assert_stored_as, wanted};
use crate::run::{Running, wait_until};
use crate::segment::transactions;
use crate::tools::Kcat;

#[test]
fn kcat_and_our_broker_understand_each_other() {
    if !wanted("kcat") {
        return;
    }
    let broker = EmbeddedBroker::start(&[]);
    let kcat = Kcat(&broker.bootstrap);
    let (release, cases) = (Release::new(NEWEST), hard_cases(&Release::new(NEWEST)));
    let lines: String = (0..20_000).map(|n| format!("k{}\tline {n}\n", n % 7)).collect();
    for codec in release.codecs() {
        let topic = format!("kcat-{}", codec.name);
        kcat.produce(&topic, &["-z", codec.name, "-K", "\t"], lines.clone());
        assert_stored_as(&broker, &topic, *codec);
        same_lines(&kcat.consume(&topic, &["-K", "\t"]), lines.as_bytes());
        same_lines(&broker.kurier().consume(&topic, &["-K", "\t"]), lines.as_bytes());

        let topic = format!("ours-{}", codec.name);
        broker.kurier().create_topic(&topic, 1);
        broker.kurier().produce_each(&topic, codec.name, &cases);
        assert_same(&kcat.records(&topic), &cases);
        assert_same(&broker.kurier().records(&topic), &cases);
    }
    kcat.produce("headers", &["-H", "a=1", "-H", "a=2", "-H", "null"], "x\n");
    let mut expected = Seen::new(None, Some("x"));
    let some = |text: &str| Some(text.to_owned());
    expected.headers =
        vec![("a".into(), some("1")), ("a".into(), some("2")), ("null".into(), None)];
    assert_same(&broker.kurier().records("headers"), &[expected]);
    same_partitions(&broker, &kcat);
    say("kcat on our broker: ok");
}

/// Whoever moves from kcat finds its keys where they were.
fn same_partitions(broker: &EmbeddedBroker, kcat: &Kcat<'_>) {
    let lines: String = (0..300).map(|n| format!("key-{n}\t{n}\n")).collect();
    let names = ["consistent_random", "murmur2_random", "fnv1a_random", "consistent"];
    for name in names {
        let topics = [format!("kcat-{name}"), format!("ours-{name}")];
        let property = format!("partitioner={name}");
        let args = ["-K", "\t", "-X", &property];
        topics.iter().for_each(|topic| broker.kurier().create_topic(topic, 12));
        kcat.produce(&topics[0], &args, lines.clone());
        broker.kurier().produce(&topics[1], &args, lines.clone());
        let [theirs, ours] = topics.map(|topic| {
            let placed = broker.kurier().consume(&topic, &["-f", r"%k %p\n"]);
            let mut placed: Vec<_> =
                placed.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            placed.sort();
            placed
        });
        assert_eq!(theirs.len(), 301);
        assert!(theirs == ours, "{name}: keys of kcat lie elsewhere");
    }
}

#[test]
fn kcat_reads_in_a_group_of_our_broker() {
    if !wanted("kcat") {
        return;
    }
    let broker = EmbeddedBroker::start(&["--topics", "t:3"]);
    let kcat = Kcat(&broker.bootstrap);
    let lines: String = (0..3000).map(|n| format!("k{n}\tline {n}\n")).collect();
    kcat.produce("t", &["-K", "\t"], lines.clone());
    let read = kcat.consume_in_group("g", "t", &["-K", "\t"]);
    let mut read: Vec<_> = read.split_inclusive(|byte| *byte == b'\n').collect();
    let mut sent: Vec<_> = lines.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
    read.sort_unstable();
    sent.sort_unstable();
    same_lines(&read.concat(), &sent.concat());
    same_lines(&kcat.consume_in_group("g", "t", &[]), b"");
    say("kcat's group on our broker: ok");
}

#[test]
fn two_members_of_kcat_share_what_there_is() {
    if !wanted("kcat") {
        return;
    }
    let broker = EmbeddedBroker::start(&["--topics", "t:4"]);
    let kcat = Kcat(&broker.bootstrap);
    let first = kcat.join("g", "t");
    wait_until("one member has all", || assigned(&first) == 4);
    let second = kcat.join("g", "t");
    wait_until("two members share", || (assigned(&first), assigned(&second)) == (2, 2));
    second.interrupt();
    wait_until("the last member has all", || assigned(&first) == 4);
    first.interrupt();
    say("two members of kcat on our broker: ok");
}

// kcat cannot abort: it leaves its transaction open, and the next with its id has it aborted.
#[test]
fn what_kcat_commits_is_read_and_what_it_leaves_open_is_not() {
    if !wanted("kcat") {
        return;
    }
    let broker = EmbeddedBroker::start(&["--topics", "t:1"]);
    let kcat = Kcat(&broker.bootstrap);
    let lines = |word: &str| (0..2000).map(|n| format!("{word} {n}\n")).collect::<String>();
    let id = ["-X", "transactional.id=id"];
    kcat.produce("t", &id, lines("first"));
    let mut left = kcat.begin("t", "id");
    left.write(&lines("left"));
    let all = ["-X", "isolation.level=read_uncommitted"];
    wait_until("some of it is there", || lines("first").len() < kcat.consume("t", &all).len());
    drop(left);
    kcat.produce("t", &id, lines("second"));
    assert_eq!(transactions(&broker.log("t")).1, 3, "markers");
    let committed = kcat.consume("t", &["-X", "isolation.level=read_committed"]);
    same_lines(&committed, (lines("first") + &lines("second")).as_bytes());
    // The last offset is a marker, and one before it that of an aborted record.
    let ours = |level| broker.kurier().consume("t", &["--isolation", level]);
    same_lines(&ours("read_committed"), &committed);
    same_lines(&ours("read_uncommitted"), &kcat.consume("t", &all));
    let named = broker.kurier().consume("t", &["-X", "isolation.level=read_committed"]);
    same_lines(&named, &committed);
    say("kcat's transactions on our broker: ok");
}

// Case PURE-21: it takes our broker for any release, by the versions that it is told.
#[test]
fn kcat_and_our_broker_agree_on_the_versions_of_each_release() {
    if !wanted("kcat") {
        return;
    }
    let lines: String = (0..2000).map(|n| format!("k{}\tline {n}\n", n % 7)).collect();
    for release in ["0.10.0", "0.10.2", "0.11.0", "1.1", "2.1", "2.8", "3.3", "3.9", "4.0", "4.4"] {
        let broker = EmbeddedBroker::start(&["--as", release, "--topics", "t,empty"]);
        let kcat = Kcat(&broker.bootstrap);
        kcat.produce("t", &["-z", "lz4", "-K", "\t"], lines.clone());
        same_lines(&kcat.consume("t", &["-K", "\t"]), lines.as_bytes());
        same_lines(&kcat.consume("empty", &[]), b"");
        let in_group = kcat.consume_in_group("g", "t", &["-K", "\t"]);
        same_lines(&in_group, lines.as_bytes());
    }
    say("kcat on our broker as ten releases: ok");
}

/// Formats that print all that a record has.
const PRINTED: [&[&str]; 12] = [
    &[],
    &["-K", r"\t", "-D", r"\r\n"],
    &["-K", ": ", "-D", r"\x1e"],
    &["-f", r"%t [%p] at %o: %T %k(%K) %s(%S) %h 100%%\t\x21\n"],
    &["-f", "%R%s"],
    &["-f", r"%h\n"],
    &["-J"],
    &["-J", "-D", r"\r\n"],
    &["-s", "ccs"],
    &["-s", "value=bBc", "-s", "key=s$", "-K", " "],
    &["-s", "value=h >H s", "-f", r"%s %S\n"],
    &["-o", "3", "-c", "4", "-f", r"%o\n"],
];

#[test]
fn what_we_print_is_what_kcat_prints_byte_for_byte() {
    if !wanted("kcat") {
        return;
    }
    let broker = EmbeddedBroker::start(&["--topics", "texts,times,t"]);
    let (kcat, kurier) = (Kcat(&broker.bootstrap), broker.kurier());
    let texts = ["plain", "é😀 /\\\"", "\u{1}\u{8}\u{c}\t\r\u{1f}\u{7f}", "\u{2028}<&>", "long "];
    for (number, text) in texts.iter().enumerate() {
        let value = format!("{text}{}", "x".repeat(number * 3000));
        let headers = ["-H", "a=1", "-H", "a=é\"", "-H", "null", "-H", "empty="];
        let headers = if number % 2 == 0 { &headers[..] } else { &[] };
        kurier.produce(
            "texts",
            &[&["-K", "\n", "-D", "\u{2}"], headers].concat(),
            format!("{text}\n{value}"),
        );
    }
    for args in PRINTED {
        let (theirs, ours) = (kcat.consume("texts", args), kurier.consume_with("texts", args));
        assert!(!theirs.is_empty(), "{args:?}");
        same_lines(&ours, &theirs);
    }
    // What is null; kcat prints NULL for what is empty, too.
    let lengths = ["-f", r"%k %K %s %S\n"];
    for args in [&["-Z", "-K", ","][..], &["-J"], &lengths, &["-s", "i", "-Z"]] {
        let topic = format!("nulls-{}", args.len());
        kurier.produce(&topic, &["-Z", "-K", ":"], ":\n");
        same_lines(&kurier.consume_with(&topic, args), &kcat.consume(&topic, args));
    }
    same_places(&broker, &kcat);
    say("what we print is what kcat prints: ok");
}

/// Times, and what a group has committed.
fn same_places(broker: &EmbeddedBroker, kcat: &Kcat<'_>) {
    let kurier = broker.kurier();
    for second in 1..9 {
        let time = (second * 1000).to_string();
        kurier.produce("times", &["--timestamp", &time], format!("{second}\n"));
    }
    let ranges: [&[&str]; 4] = [
        &["-o", "s@2500"],
        &["-o", "s@3000", "-o", "e@6000"],
        &["-o", "s@2001", "-o", "e@9000"],
        &["-o", "-3"],
    ];
    for range in ranges {
        same_lines(&kurier.consume_with("times", range), &kcat.consume("times", range));
    }
    let stored = ["-o", "stored", "-X", "group.id=g"];
    kurier.produce("t", &[], "a\nb\n");
    same_lines(&kcat.consume_in_group("g", "t", &[]), b"a\nb\n");
    same_lines(&kurier.consume_with("t", &stored), b"");
    kurier.produce("t", &[], "c\n");
    same_lines(&kurier.consume_with("t", &stored), b"c\n");
    same_lines(&kurier.consume_with("t", &stored), b"c\n");
    same_lines(&kcat.consume_in_group("g", "t", &[]), b"c\n");
    // To the end as a member, from where another member of any program has stopped.
    let as_member = |args: &[&str]| kurier.consume_with("t", &[&["-q", "-G", "g"], args].concat());
    same_lines(&as_member(&[]), b"");
    kurier.produce("t", &[], "d\ne\n");
    same_lines(&as_member(&["-c", "1"]), b"d\n");
    same_lines(&kcat.consume_in_group("g", "t", &[]), b"e\n");
    for args in [&["-J"][..], &["-f", r"%t %p %o %k %s %h\n"]] {
        let group = format!("g-{}", args.len());
        let theirs = kcat.consume_in_group(&format!("{group}-theirs"), "texts", args);
        let args = [&["-q", "-G", &group], args].concat();
        same_lines(&kurier.consume_with("texts", &args), &theirs);
    }
}

/// How many partitions a member says that it has.
fn assigned(member: &Running) -> usize {
    let said = member.stderr();
    let last = said.lines().rev().find(|line| line.contains("rebalanced"));
    last.and_then(|line| line.split_once(" assigned: "))
        .map_or(0, |(_, all)| all.split(", ").count())
}
