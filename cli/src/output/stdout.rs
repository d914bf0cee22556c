//! Stdout with a buffer of our own: written when it is full and when its user says so.
//!
//! A write waits for the reader of a pipe; it is called on the main thread, on which no task of the
//! client runs.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

#[cfg(unix)]
use tokio::io::Interest;
#[cfg(unix)]
use tokio::net::unix::pipe::Sender;

use crate::failure::Failure;
use crate::text::moment::wait_a_moment;
use crate::text::reason;

/// Stdout, buffered.
#[derive(Debug)]
pub(crate) struct Stdout {
    file: File,
    buffer: Vec<u8>,
    flush_bytes: usize,
    reader: Reader,
    /// Why a part of what was printed was not written. Nothing is written behind that gap.
    broken: Option<Failure>,
}

impl Stdout {
    /// Stdout, which is written in big pieces.
    ///
    /// One that was closed when the process began cannot be told from /dev/null: Rust's runtime
    /// opens that in its place. What is printed is discarded then, as the user asked.
    ///
    /// # Errors
    ///
    /// Stdout cannot be had.
    pub(crate) fn open() -> Result<Self, Failure> {
        let buffer = Vec::with_capacity(2 * FLUSH_BYTES);
        let file = stdout().map_err(|error| closed(&error))?;
        let reader = Reader::watch(&file);
        Ok(Self { file, buffer, flush_bytes: FLUSH_BYTES, reader, broken: None })
    }

    /// The same, written after each record.
    pub(crate) fn unbuffered(self) -> Self {
        Self { flush_bytes: 1, ..self }
    }

    /// Where records are appended; [`Self::settle`] follows.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes if enough has come together.
    ///
    /// # Errors
    ///
    /// Nobody reads stdout any more, or the disk behind it is full.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        if self.buffer.len() >= self.flush_bytes { self.flush() } else { Ok(()) }
    }

    /// Writes what there is.
    ///
    /// # Errors
    ///
    /// As [`Self::settle`]; then each later call fails in the same way, and writes nothing.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        if self.broken.is_none() {
            let written = write_all(&mut self.file, &self.buffer);
            self.broken = written.err().map(|error| closed(&error));
        }
        self.buffer.clear();
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// Writes a text at once.
    ///
    /// # Errors
    ///
    /// As [`Self::settle`].
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.buffer.extend_from_slice(text.as_bytes());
        self.flush()
    }

    /// Waits until the reader of a pipe has gone; for ever, if stdout is no pipe.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn reader_has_gone(&self) -> Failure {
        self.reader.has_gone().await;
        Failure::StdoutClosed
    }
}

/// Writes it all, also to a pipe or terminal that another process has made nonblocking.
fn write_all(file: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_a_moment(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn closed(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::StdoutClosed,
        _ => Failure::StdoutBroken(reason(error)),
    }
}

/// Whoever reads what goes into a pipe.
#[cfg(unix)]
#[derive(Debug)]
struct Reader(Option<Sender>);

#[cfg(unix)]
impl Reader {
    /// Nothing comes of it where stdout is a file: those have no reader that could go. It is only
    /// looked at, so it does not matter whether it is a pipe, nor whether its writes wait.
    fn watch(stdout: &File) -> Self {
        Self(stdout.try_clone().and_then(Sender::from_file_unchecked).ok())
    }

    async fn has_gone(&self) {
        let gone = match &self.0 {
            Some(pipe) => pipe.ready(Interest::ERROR).await.is_ok(),
            None => false,
        };
        if !gone {
            std::future::pending().await
        }
    }
}

/// Whoever reads what goes into a pipe: noticed at the next write.
#[cfg(not(unix))]
#[derive(Debug)]
struct Reader;

#[cfg(not(unix))]
impl Reader {
    fn watch(_stdout: &File) -> Self {
        Self
    }

    async fn has_gone(&self) {
        std::future::pending().await
    }
}

#[cfg(unix)]
fn stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// A pipe of Linux holds 64 KiB.
const FLUSH_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes at a time, and every other time none.
    #[derive(Default)]
    struct Reluctant(Vec<u8>, bool);

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(3);
            self.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[cfg(unix)]
    #[test]
    fn nothing_that_was_not_written_is_taken_for_written_later() {
        use std::os::fd::OwnedFd;
        let (reader, writer) = io::pipe().unwrap();
        let file = File::from(OwnedFd::from(writer));
        let (buffer, unwatched) = (Vec::new(), Reader(None));
        let mut stdout = Stdout { file, buffer, flush_bytes: 1, reader: unwatched, broken: None };
        assert_eq!(stdout.print("a"), Ok(()));
        drop(reader);
        assert_eq!(stdout.print("b"), Err(Failure::StdoutClosed));
        assert_eq!(stdout.flush(), Err(Failure::StdoutClosed), "there is nothing more to write");
    }

    #[test]
    fn a_nonblocking_stdout_gets_every_byte() {
        let mut reluctant = Reluctant::default();
        write_all(&mut reluctant, b"0123456789").unwrap();
        assert_eq!(reluctant.0, b"0123456789");
    }
}
