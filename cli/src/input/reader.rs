//! Reads stdin and files on a thread of its own, in big chunks.
//!
//! A thread, because a read of stdin cannot be given up: the process may end while it waits.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::chunk::{Chunker, Delimiter};
use crate::text::moment::wait_a_moment;
use crate::text::reason;

/// Chunks of whole records, as they come in.
#[derive(Debug)]
pub(crate) struct Input {
    chunks: mpsc::Receiver<Result<Vec<u8>, String>>,
    abandoned: Arc<AtomicBool>,
    begun: Arc<AtomicUsize>,
    spares: std_mpsc::Sender<Vec<u8>>,
}

/// Where bytes come from and how they are cut.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Files, `-` for stdin; none means stdin.
    pub(crate) files: Vec<PathBuf>,
    /// What ends a record. The end of a file always does.
    pub(crate) delimiter: Delimiter,
    /// No record may be longer.
    pub(crate) record_bytes_max: usize,
}

impl Input {
    /// Begins to read.
    pub(crate) fn start(sources: Sources) -> Self {
        let (to_user, chunks) = mpsc::channel(CHUNKS_READ_AHEAD);
        let (spares, from_user) = std_mpsc::channel();
        let abandoned = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(AtomicUsize::new(0));
        let reading = Reading {
            to_user,
            spares: from_user,
            abandoned: abandoned.clone(),
            begun: begun.clone(),
        };
        std::thread::spawn(move || {
            if let Err(error) = reading.all(&sources) {
                // Nobody listens any more: the command has ended for another reason.
                let _ = reading.to_user.blocking_send(Err(error));
            }
        });
        Self { chunks, abandoned, begun, spares }
    }

    /// The next chunk; none at the end of the input.
    ///
    /// # Errors
    ///
    /// A source that cannot be read, as a sentence for the user; nothing follows it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Result<Vec<u8>, String>> {
        self.chunks.recv().await
    }

    /// Ends the reading, and gives out the chunks that were read ahead. What a read that is
    /// under way returns later stays unknown.
    pub(crate) async fn abandon(&mut self) -> Vec<Vec<u8>> {
        self.abandoned.store(true, Ordering::Relaxed);
        let mut unsent = Vec::new();
        // The reader hands over what it holds, sees that it is abandoned, and ends; unless it waits
        // for bytes, which may never come.
        while let Ok(Some(chunk)) = timeout(ABANDON_WAIT, self.chunks.recv()).await {
            unsent.extend(chunk.ok());
        }
        unsent
    }

    /// Bytes that were read of a record whose end has not come.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// Hands a used chunk back, so that its memory serves again.
    pub(crate) fn give_back(&self, chunk: Vec<u8>) {
        // The reader may have ended; then the memory is simply freed.
        let _ = self.spares.send(chunk);
    }
}

/// The thread's side.
struct Reading {
    to_user: mpsc::Sender<Result<Vec<u8>, String>>,
    spares: std_mpsc::Receiver<Vec<u8>>,
    abandoned: Arc<AtomicBool>,
    begun: Arc<AtomicUsize>,
}

impl Reading {
    fn all(&self, sources: &Sources) -> Result<(), String> {
        let stdin = [PathBuf::from("-")];
        let files = if sources.files.is_empty() { &stdin[..] } else { &sources.files };
        for file in files {
            let name = name(file);
            let cannot = |error: io::Error| format!("cannot read {name}: {}", reason(&error));
            let mut source = open(file).map_err(cannot)?;
            let mut chunker = Chunker::new(sources.delimiter.clone(), sources.record_bytes_max);
            while !self.is_over() {
                let count = match source.read(chunker.room()) {
                    Ok(0) => break,
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(cannot(error)),
                };
                let chunk = chunker.push(count, || self.spares.try_recv().ok());
                self.begun.store(chunker.begun(), Ordering::Relaxed);
                self.send(chunk.map_err(|error| format!("cannot read {name}: {error}"))?);
            }
            self.begun.store(0, Ordering::Relaxed);
            self.send(chunker.finish());
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.to_user.is_closed() || self.abandoned.load(Ordering::Relaxed)
    }

    fn send(&self, chunk: Option<Vec<u8>>) {
        if let Some(chunk) = chunk {
            // If nobody listens any more, `is_over` says so.
            let _ = self.to_user.blocking_send(Ok(chunk));
        }
    }
}

/// What to call a file in a message.
pub(crate) fn name(file: &Path) -> String {
    if is_stdin(file) { "stdin".into() } else { file.display().to_string() }
}

/// Whether a file's name means stdin.
fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Opens a file, or stdin without its lock and its buffer.
pub(crate) fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    if is_stdin(file) { stdin() } else { Ok(Box::new(File::open(file)?)) }
}

#[cfg(unix)]
fn stdin() -> io::Result<Box<dyn Read>> {
    use std::os::fd::AsFd;
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(Box::new(Patient(File::from(stdin))))
}

/// Waits for bytes also where another process has made the pipe or terminal nonblocking.
struct Patient<R>(R);

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_a_moment(),
                done => return done,
            }
        }
    }
}

#[cfg(not(unix))]
fn stdin() -> io::Result<Box<dyn Read>> {
    Ok(Box::new(Patient(io::stdin())))
}

/// Chunks that wait for the producer: reading goes on while records are sent.
const CHUNKS_READ_AHEAD: usize = 4;

/// How long the reader may take to hand over what it has read.
const ABANDON_WAIT: Duration = Duration::from_millis(100);
