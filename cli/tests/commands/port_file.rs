//! What becomes of the files that `kurier broker` is told to write.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::brokers::scratch;
use crate::process::{Started, kurier, pause, run};

/// An empty folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = scratch(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn names_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn start(options: &[&str], file: &Path) -> Started {
    let mut command = kurier(&["broker", "-q", "--port", "0"]);
    Started::new(command.args(options).arg("--port-file").arg(file))
}

/// What the file says as soon as the broker has written it.
#[track_caller]
fn said(broker: &mut Started, file: &Path) -> String {
    loop {
        match fs::read_to_string(file) {
            Ok(text) if !text.is_empty() => return text,
            _ => assert!(broker.child.try_wait().unwrap().is_none(), "it ended"),
        }
        pause();
    }
}

#[track_caller]
fn end(mut broker: Started, signal: &str) {
    broker.signal(signal);
    let ended = broker.end();
    assert_eq!(ended.status, Some(0), "{ended:?}");
}

#[test]
fn what_a_link_leads_to_is_written_and_removed_and_the_link_stays() {
    let folder = folder("link");
    let (file, link) = (folder.join("file"), folder.join("link"));
    symlink("file", &link).unwrap();
    for before in [None, Some("127.0.0.1:1\n")] {
        if let Some(text) = before {
            fs::write(&file, text).unwrap();
        }
        let mut broker = start(&[], &link);
        loop {
            let text = said(&mut broker, &link);
            if Some(text.as_str()) != before {
                std::net::TcpStream::connect(text.trim()).unwrap();
                break;
            }
            pause();
        }
        end(broker, "-HUP");
        assert_eq!(names_in(&folder), ["link"]);
    }
}

#[test]
fn a_fifo_is_written_to_and_stays_and_a_signal_need_not_wait_for_its_reader() {
    let folder = folder("fifo");
    let fifo = folder.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let broker = start(&[], &fifo);
    let mut text = String::new();
    fs::File::open(&fifo).unwrap().read_to_string(&mut text).unwrap();
    std::net::TcpStream::connect(text.trim()).unwrap();
    end(broker, "-TERM");
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());

    let ca = folder.join("ca.pem");
    let mut broker = start(&["--tls", "--ca-file", ca.to_str().unwrap()], &fifo);
    said(&mut broker, &ca);
    end(broker, "-TERM");
    assert_eq!(names_in(&folder), ["fifo"]);
}

#[test]
fn a_file_that_somebody_else_has_written_since_stays() {
    let folder = folder("other");
    let file = folder.join("ports");
    let mut broker = start(&[], &file);
    let text = said(&mut broker, &file);
    fs::write(&file, text.replace("127", "128")).unwrap();
    end(broker, "-INT");
    assert_eq!(names_in(&folder), ["ports"]);
}

#[test]
fn a_start_that_fails_leaves_no_file_and_none_of_an_earlier_run() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = folder("fails");
    let (ports, ca) = (folder.join("ports"), folder.join("ca.pem"));
    for (status, options) in [
        (1, ["--port", &port]),
        (2, ["--sasl", "PLAIN"]),
        (2, ["--config", "no.such=1"]),
        (2, ["--as", "5.9"]),
        (2, ["--brokers", "0"]),
        (2, ["--no-such", "1"]),
    ] {
        fs::write(&ports, "127.0.0.1:1\n").unwrap();
        fs::write(&ca, "of yesterday").unwrap();
        let mut command = kurier(&["broker", "--tls", "--port-file"]);
        command.arg(&ports).arg("--ca-file").arg(&ca).args(options);
        assert_eq!(run(&mut command, "").status, Some(status), "{options:?}");
        assert_eq!(names_in(&folder), [] as [&str; 0], "{options:?}");
    }
    // Help and other commands leave it.
    fs::write(&ports, "127.0.0.1:1\n").unwrap();
    let equals = format!("--port-file={}", ports.display());
    run(&mut kurier(&["broker", &equals, "--help"]), "").done();
    assert_eq!(run(&mut kurier(&["topic", "broker", &equals, "--as", "5.9"]), "").status, Some(2));
    assert_eq!(names_in(&folder), ["ports"]);
    assert_eq!(run(&mut kurier(&["broker", "--as", "5.9", &equals]), "").status, Some(2));
    assert_eq!(names_in(&folder), [] as [&str; 0]);
    // A folder is no file: nothing is left beside it.
    let mut command = kurier(&["broker", "--port", "0", "--tls", "--ca-file"]);
    let ended = run(command.arg(&ca).arg("--port-file").arg(&folder), "");
    assert!(ended.failed(1).contains("--port-file"), "{ended:?}");
    assert_eq!(names_in(&folder), [] as [&str; 0]);
    let beside = names_in(folder.parent().unwrap());
    assert!(!beside.iter().any(|name| name.ends_with(".part")), "{beside:?}");
}

#[test]
fn a_device_that_takes_nothing_is_named_and_lives_on() {
    let mut command = kurier(&["broker", "--port", "0", "--port-file", "/dev/full"]);
    let ended = run(&mut command, "");
    assert!(ended.failed(1).contains("no space left on device"), "{ended:?}");
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
}

#[test]
fn one_file_cannot_hold_the_addresses_and_the_certificate() {
    let folder = folder("both");
    symlink("new", folder.join("link")).unwrap();
    let mut command = kurier(&["broker", "--tls", "--port-file"]);
    command.arg(folder.join("new")).arg("--ca-file").arg(folder.join("link"));
    let ended = run(&mut command, "");
    let line = ended.failed(2);
    assert!(line.contains("--ca-file") && line.contains("--port-file"), "{line}");
    assert_eq!(names_in(&folder), ["link"]);
}
