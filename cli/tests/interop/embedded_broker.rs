//! `kurier broker`, started and stopped.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::kurier::{Kurier, binary};

/// Our own broker in a process of its own; it ends when dropped.
#[derive(Debug)]
pub(crate) struct EmbeddedBroker {
    pub(crate) bootstrap: String,
    process: Child,
}

impl EmbeddedBroker {
    pub(crate) fn start(args: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("port-{}-{number}", std::process::id());
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut command = Command::new(binary());
        command.args(["broker", "-q", "--port", "0", "--port-file"]).arg(&file).args(args);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(20);
        while !file.exists() {
            assert!(process.try_wait().unwrap().is_none(), "{command:?} ended");
            assert!(Instant::now() < limit, "{command:?} is not ready in time");
            thread::sleep(Duration::from_millis(5));
        }
        let bootstrap = fs::read_to_string(&file).unwrap().lines().collect::<Vec<_>>().join(",");
        fs::remove_file(&file).unwrap();
        Self { bootstrap, process }
    }

    pub(crate) fn kurier(&self) -> Kurier<'_> {
        Kurier::to(&self.bootstrap)
    }

    /// The log of a topic's partition 0, from whichever broker leads it.
    pub(crate) fn log(&self, topic: &str) -> Vec<u8> {
        let log = self.bootstrap.split(',').find_map(|broker| fetch(broker, topic));
        log.expect("a broker that leads partition 0")
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A Fetch made by hand: what a broker stores, it sends. Version 10 is the first that gets zstd,
/// and not yet flexible. None if another broker leads partition 0.
fn fetch(broker: &str, topic: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(broker).unwrap();
    let mut body = Vec::new();
    // Key, version, correlation id, no client id.
    body.extend([0, 1, 0, 10, 0, 0, 0, 7, 0xff, 0xff]);
    body.extend((-1i32).to_be_bytes()); // Replica.
    body.extend([0; 8]); // Longest wait, least bytes.
    body.extend(i32::MAX.to_be_bytes());
    body.extend([0; 5]); // Isolation level; no session.
    body.extend((-1i32).to_be_bytes());
    body.extend([0, 0, 0, 1]); // One topic.
    body.extend(i16::try_from(topic.len()).unwrap().to_be_bytes());
    body.extend(topic.as_bytes());
    body.extend([0, 0, 0, 1, 0, 0, 0, 0]); // One partition, partition 0.
    body.extend((-1i32).to_be_bytes()); // Leader epoch.
    body.extend(0i64.to_be_bytes());
    body.extend((-1i64).to_be_bytes()); // A follower's log start.
    body.extend(i32::MAX.to_be_bytes());
    body.extend([0; 4]); // Nothing to forget.
    stream.write_all(&u32::try_from(body.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    // Correlation id, throttle, error, session, topics, name, partitions; then partition,
    // error, three offsets, no aborted transactions, and the length of the records.
    let head = 4 + 4 + 2 + 4 + 4 + 2 + topic.len() + 4;
    assert_eq!(answer[head..head + 4], [0; 4], "partition 0");
    match i16::from_be_bytes([answer[head + 4], answer[head + 5]]) {
        0 => Some(answer.split_off(head + 4 + 2 + 3 * 8 + 4 + 4)),
        NOT_LEADER_OR_FOLLOWER => None,
        code => panic!("error {code} in a fetch"),
    }
}

const NOT_LEADER_OR_FOLLOWER: i16 = 6;
