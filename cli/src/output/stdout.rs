//! Stdout with a buffer of our own: written when it is full and when its user says so.
//!
//! A write waits for the reader of a pipe; it is called on the main thread, on which no task of the
//! client runs.

use std::fs::File;
use std::io::{self, Write};

use crate::failure::Failure;
use crate::text::reason;

/// Stdout, buffered.
#[derive(Debug)]
pub(crate) struct Stdout {
    file: File,
    buffer: Vec<u8>,
    flush_bytes: usize,
}

impl Stdout {
    /// Stdout that is written in big pieces.
    ///
    /// # Errors
    ///
    /// Stdout cannot be had: it is closed.
    pub(crate) fn open() -> Result<Self, Failure> {
        let buffer = Vec::with_capacity(2 * FLUSH_BYTES);
        let file = stdout().map_err(|error| closed(&error))?;
        Ok(Self { file, buffer, flush_bytes: FLUSH_BYTES })
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
    /// As [`Self::settle`].
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|error| closed(&error))
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
}

fn closed(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::StdoutClosed,
        _ => Failure::StdoutBroken(reason(error)),
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
