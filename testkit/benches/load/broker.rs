//! `kurier broker` as a process of its own, and what it uses.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A broker that runs on the first CPU.
#[derive(Debug)]
pub(crate) struct Broker {
    child: Child,
    pub(crate) address: String,
    /// How long it took from its start until it accepted a connection.
    pub(crate) accepts_after: Duration,
}

/// CPU time that a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl Broker {
    pub(crate) fn start(kurier: &str, options: &[&str]) -> Self {
        let port = free_ports();
        let address = format!("127.0.0.1:{port}");
        let since = Instant::now();
        // It becomes the program: the process stays the same.
        let mut child = Command::new("taskset")
            .args(["-c", "0", kurier, "broker", "-q", "--port", &port.to_string()])
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(&address).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "the broker has ended");
            assert!(since.elapsed() < Duration::from_secs(10), "the broker does not accept");
        }
        Self { child, address, accepts_after: since.elapsed() }
    }

    pub(crate) fn used(&self) -> Used {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let behind_name = text.rsplit(')').next().unwrap();
        let ticks =
            |at: usize| -> u64 { behind_name.split_whitespace().nth(at).unwrap().parse().unwrap() };
        // `getconf CLK_TCK` says 100 wherever Linux runs today.
        let time = |at: usize| Duration::from_millis(ticks(at) * 10);
        Used { user: time(11), system: time(12) }
    }

    /// Memory that is in use now.
    pub(crate) fn memory_mib(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Whoever looks at what was measured does not care for how it ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first of three ports that were free a moment ago.
fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if port < 65_000 && is_free(port + 1) && is_free(port + 2) {
            return port;
        }
    }
}
