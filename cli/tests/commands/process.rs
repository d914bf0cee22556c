//! Runs `kurier` with a limit on its time, and says how it ended.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// No command of these tests may take longer; the ones that must give up do so much earlier.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits a little, for something that another process does.
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(5));
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// Stdout of a command that must have succeeded in silence, but for notes.
    #[track_caller]
    pub(crate) fn done(self) -> Vec<u8> {
        let said = self.stderr.lines().find(|line| !line.starts_with("kurier: note: "));
        assert_eq!((self.status, said), (Some(0), None));
        self.stdout
    }

    /// As text.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.done()).unwrap()
    }

    /// The one line of a command that must have failed with this status.
    #[track_caller]
    pub(crate) fn failed(&self, status: i32) -> &str {
        let lines: Vec<_> = self.stderr.lines().collect();
        assert_eq!((self.status, lines.len()), (Some(status), 1), "{self:?}");
        let line = lines[0].strip_prefix("kurier: ");
        line.unwrap_or_else(|| panic!("a line of another form: {:?}", lines[0]))
    }
}

/// `kurier` with these arguments, and nothing of this process's own settings.
pub(crate) fn kurier(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kurier"));
    command.args(args).env_remove("KURIER_BOOTSTRAP").env("COLUMNS", "100");
    command
}

/// Runs a command to its end, with `input` on its stdin.
#[track_caller]
pub(crate) fn run(command: &mut Command, input: impl Into<Vec<u8>>) -> Ended {
    let mut started = Started::new(command.stdin(Stdio::piped()));
    let mut stdin = started.child.stdin.take().unwrap();
    let input = input.into();
    // A command that fails early does not read it all.
    thread::spawn(move || stdin.write_all(&input).is_ok());
    started.end()
}

/// A command that is under way. It is ended when it is dropped.
pub(crate) struct Started {
    pub(crate) child: Child,
    stdout: mpsc::Receiver<Vec<u8>>,
    stderr: mpsc::Receiver<Vec<u8>>,
    command: String,
}

impl Started {
    pub(crate) fn new(command: &mut Command) -> Self {
        let text = format!("{command:?}");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, stdout: collect(stdout), stderr: collect(stderr), command: text }
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Ended {
        let outputs = self.stdout.recv_timeout(LIMIT).and_then(|stdout| {
            let stderr = self.stderr.recv_timeout(LIMIT)?;
            Ok((stdout, String::from_utf8_lossy(&stderr).into_owned()))
        });
        let Ok((stdout, stderr)) = outputs else { panic!("{} hangs", self.command) };
        Ended { status: self.child.wait().unwrap().code(), stdout, stderr }
    }

    /// Sends it a signal by its number.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (to, received) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        // What came before an error is what there is.
        let _ = from.read_to_end(&mut all);
        to.send(all)
    });
    received
}
