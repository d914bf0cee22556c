//! Reads frames from a stream: four bytes of length, then so many bytes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::limits::{READ_AHEAD_BYTES_MAX, READ_BYTES_MIN};

/// Bytes of frames that have come in part, of all connections of a cluster together: many that
/// never end must not fill the memory.
#[derive(Debug)]
pub(crate) struct Unfinished {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Unfinished {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), bytes_max })
    }
}

/// What was read and not yet handled.
#[derive(Debug)]
pub(crate) struct FrameReader {
    buffer: BytesMut,
    unfinished: Arc<Unfinished>,
    /// So many bytes of the buffer are counted among the unfinished ones.
    counted: usize,
}

impl Drop for FrameReader {
    fn drop(&mut self) {
        self.count(0);
    }
}

impl FrameReader {
    pub(crate) fn new(unfinished: &Arc<Unfinished>) -> Self {
        Self { buffer: BytesMut::new(), unfinished: Arc::clone(unfinished), counted: 0 }
    }

    /// The next frame, of at most `bytes_max` bytes, without its length; `None` at the end of the
    /// stream.
    ///
    /// # Errors
    ///
    /// The stream fails or ends within a frame, a length is negative or over the limit, or
    /// unfinished frames of all connections take too much.
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
                Split::Frame(frame) => {
                    self.count(0);
                    return Ok(Some(frame));
                }
                Split::Missing(bytes) => bytes,
            };
            let all = self.count(self.buffer.len());
            // What any connection may read ahead it may have in any case.
            if all > self.unfinished.bytes_max && self.counted > READ_AHEAD_BYTES_MAX {
                let what = format!("unfinished requests take {all} bytes");
                return Err(io::Error::new(io::ErrorKind::OutOfMemory, what));
            }
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

    /// Counts so many bytes as unfinished, and says how many all connections have.
    fn count(&mut self, bytes: usize) -> usize {
        let before = std::mem::replace(&mut self.counted, bytes);
        let all = &self.unfinished.bytes;
        all.fetch_add(bytes, Ordering::Relaxed);
        all.fetch_sub(before, Ordering::Relaxed) - before
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Lets a reader read so many bytes of a frame of 1 MiB.
    async fn read_part(reader: &mut FrameReader, bytes: usize) -> io::Result<()> {
        let (mut from, mut to) = tokio::io::duplex(1 << 20);
        to.write_all(&(1_i32 << 20).to_be_bytes()).await?;
        to.write_all(&vec![0; bytes]).await?;
        tokio::select! {
            biased;
            ended = reader.next(&mut from, 1 << 20) => ended.map(drop),
            () = tokio::task::yield_now() => Ok(()),
        }
    }

    #[tokio::test]
    async fn unfinished_frames_of_all_connections_have_a_limit_and_small_ones_pass() {
        let unfinished = Unfinished::new(200 << 10);
        let mut first = FrameReader::new(&unfinished);
        read_part(&mut first, 150 << 10).await.unwrap();
        let refused = read_part(&mut FrameReader::new(&unfinished), 100 << 10).await;
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
        // A small part, and any number of small ones that are whole.
        read_part(&mut FrameReader::new(&unfinished), 60 << 10).await.unwrap();
        let whole = [&(60_i32 << 10).to_be_bytes()[..], &[0; 60 << 10]].concat();
        let mut reader = FrameReader::new(&unfinished);
        for _ in 0..10 {
            let frame = reader.next(&mut &whole[..], 1 << 20).await.unwrap().unwrap();
            assert_eq!(frame.len(), 60 << 10);
        }
        drop(first);
        read_part(&mut FrameReader::new(&unfinished), 100 << 10).await.unwrap();
        assert_eq!(unfinished.bytes.load(Ordering::Relaxed), 0);
    }
}
