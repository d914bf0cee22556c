//! `kurier demo`.

use crate::brokers::scratch;
use crate::process::{kurier, run};

#[test]
fn the_demo_says_what_it_did_and_how_to_do_it_elsewhere() {
    let said = run(&mut kurier(&["demo"]), "").text();
    for part in [
        "1. Started a cluster",
        "3 brokers, as Kafka 4.4",
        "17,600 records acknowledged",
        "17,600 records read",
        "4. Compared: what came out is what went in",
        "kurier -b localhost:9092 produce demo -z zstd < FILE",
        "kurier -b localhost:9092 consume demo -o beginning -e",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn any_text_any_release_and_any_codec_can_be_shown() {
    let file = scratch("demo.txt");
    std::fs::write(&file, "one\n\nthree").unwrap();
    for (release, codec) in
        [("0.10.0", "lz4"), ("0.11.0", "gzip"), ("2.8", "zstd"), ("4.4", "none")]
    {
        let args = ["--as", release, "-z", codec, "--times", "2", "--brokers", "1"];
        let said = run(kurier(&["demo"]).arg(&file).args(args), "").text();
        assert!(said.contains("6 records read") && said.contains(codec), "{said}");
    }
}

#[test]
fn a_text_that_cannot_be_shown_is_named() {
    let ended = run(&mut kurier(&["demo", "/no/such/file"]), "");
    assert!(ended.failed(1).contains("/no/such/file"), "{ended:?}");
    let ended = run(&mut kurier(&["demo", "/dev/null"]), "");
    assert!(ended.failed(1).contains("no lines"), "{ended:?}");
    let said = run(&mut kurier(&["demo", "--as", "0.10.2", "--times", "1"]), "").text();
    assert!(said.contains("(lz4)"), "{said}");
    let ended = run(&mut kurier(&["demo", "--as", "0.10.2", "-z", "zstd"]), "");
    assert!(ended.failed(1).contains("zstd"), "{ended:?}");
}
