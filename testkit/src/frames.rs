//! Reads frames from a stream: four bytes of length, then so many bytes.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::limits::{READ_AHEAD_BYTES_MAX, READ_BYTES_MIN};

/// What was read and not yet handled.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    /// The next frame, of at most `bytes_max` bytes, without its length; `None` at the end of the
    /// stream.
    ///
    /// # Errors
    ///
    /// The stream fails or ends within a frame, or a length is negative or over the limit.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what was read stays in the buffer.
    pub(crate) async fn next(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        bytes_max: usize,
    ) -> io::Result<Option<Bytes>> {
        loop {
            let missing = match self.split(bytes_max)? {
                Split::Frame(frame) => return Ok(Some(frame)),
                Split::Missing(bytes) => bytes,
            };
            // A claimed length reserves no more than what has already come.
            self.buffer.reserve(missing.min(self.buffer.len().max(READ_BYTES_MIN)));
            if io.read_buf(&mut self.buffer).await? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// Reads ahead while a request is waiting, within a limit. Says whether the stream goes on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn read_ahead(&mut self, io: &mut (impl AsyncRead + Unpin)) -> bool {
        if self.buffer.len() >= READ_AHEAD_BYTES_MAX {
            return std::future::pending().await;
        }
        self.buffer.reserve(READ_BYTES_MIN);
        matches!(io.read_buf(&mut self.buffer).await, Ok(1..))
    }

    /// How many bytes have come that are not handed on yet.
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    fn split(&mut self, bytes_max: usize) -> io::Result<Split> {
        let Some(claim) = self.buffer.first_chunk::<4>() else {
            return Ok(Split::Missing(4 - self.buffer.len()));
        };
        let claim = i32::from_be_bytes(*claim);
        let length = usize::try_from(claim).ok().filter(|&length| length <= bytes_max);
        let length = length.ok_or_else(|| {
            let what = format!("a frame of {claim} bytes (the limit is {bytes_max})");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        match (4 + length).checked_sub(self.buffer.len()) {
            None | Some(0) => {
                self.buffer.advance(4);
                Ok(Split::Frame(self.buffer.split_to(length).freeze()))
            }
            Some(missing) => Ok(Split::Missing(missing)),
        }
    }
}

enum Split {
    Frame(Bytes),
    Missing(usize),
}
