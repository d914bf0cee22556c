//! Runs a program with input and a time limit.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// What a program writes to stdout; it must succeed.
pub(crate) fn output(command: &mut Command, stdin: impl Into<Vec<u8>>) -> Vec<u8> {
    let ended = run(command, stdin);
    assert!(ended.status.success(), "{command:?}: {}\n{}", ended.status, ended.stderr);
    ended.stdout
}

/// The same for programs that write text.
pub(crate) fn text(command: &mut Command, stdin: impl Into<Vec<u8>>) -> String {
    String::from_utf8(output(command, stdin)).unwrap()
}

/// Runs a program to its end, or ends it at the limit and panics.
pub(crate) fn run(command: &mut Command, stdin: impl Into<Vec<u8>>) -> Ended {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let (mut to, input) = (child.stdin.take().unwrap(), stdin.into());
    // A program may end without having read it all.
    let writer = thread::spawn(move || drop(to.write_all(&input)));
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if LIMIT < start.elapsed() {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{command:?}: still running after {LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(5));
    };
    writer.join().unwrap();
    let stderr = String::from_utf8_lossy(&stderr.join().unwrap()).into_owned();
    Ended { status, stdout: stdout.join().unwrap(), stderr }
}

fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// A program that runs on until it is told to end; it is ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    process: Child,
    stdin: Option<ChildStdin>,
    /// Nothing, unless it was asked for.
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::with(command.stdout(Stdio::null()))
    }

    /// One whose stdout is kept, too.
    pub(crate) fn heard(command: &mut Command) -> Self {
        Self::with(command.stdout(Stdio::piped()))
    }

    /// One whose lines on stdout are given away as they come, and kept.
    pub(crate) fn told(command: &mut Command, hear: impl FnMut(&str) + Send + 'static) -> Self {
        Self::listened(command.stdout(Stdio::piped()), hear)
    }

    fn with(command: &mut Command) -> Self {
        Self::listened(command, |_| {})
    }

    fn listened(command: &mut Command, hear: impl FnMut(&str) + Send + 'static) -> Self {
        let piped = command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut process = piped.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let stdout = process.stdout.take().map(|from| keep_lines(from, hear)).unwrap_or_default();
        let stderr = keep_lines(process.stderr.take().unwrap(), |_| {});
        Self { stdin: process.stdin.take(), process, stdout, stderr }
    }

    /// What it has written to stdout.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    /// Gives it more input.
    pub(crate) fn write(&mut self, input: &str) {
        self.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
    }

    /// What it has written to stderr.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Gives it more input, unless it has ended. Whether it had not.
    pub(crate) fn try_write(&mut self, input: &str) -> bool {
        self.stdin.as_mut().unwrap().write_all(input.as_bytes()).is_ok()
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, &self.process.id().to_string());
    }

    /// Sends a signal to the program that this one, a script, waits for.
    pub(crate) fn signal_child(&self, name: &str) {
        let id = self.process.id();
        let children = format!("/proc/{id}/task/{id}/children");
        signal(name, std::fs::read_to_string(children).unwrap().trim());
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    pub(crate) fn interrupt(mut self) {
        self.signal("INT");
        wait_until("the program ends", || self.has_ended());
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Ends its input, and waits until it has ended: how, and what it has written to stderr.
    pub(crate) fn finish(mut self) -> (ExitStatus, String) {
        drop(self.stdin.take());
        (self.wait(), self.stderr())
    }

    /// Waits until it has ended by itself: how, and what it has written to stdout.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        (self.wait(), self.stdout())
    }

    fn wait(&mut self) -> ExitStatus {
        wait_until("the program ends", || self.has_ended());
        // What it has said is read by threads.
        let said = [&self.stdout, &self.stderr];
        wait_until("it is heard", || said.iter().all(|said| Arc::strong_count(said) == 1));
        self.process.wait().unwrap()
    }
}

/// The lines that come, as they come.
fn keep_lines(
    from: impl Read + Send + 'static,
    mut hear: impl FnMut(&str) + Send + 'static,
) -> Arc<Mutex<String>> {
    let said = Arc::new(Mutex::new(String::new()));
    let (lines, into) = (BufReader::new(from).lines(), said.clone());
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            hear(&line);
            *into.lock().unwrap() += &(line + "\n");
        }
    });
    said
}

fn signal(name: &str, process: &str) {
    output(Command::new("kill").args([&format!("-{name}"), process]), "");
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

/// Waits until something holds, or panics at the limit.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
