//! Frames over a byte stream: gathers what goes out, splits what comes in.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::pool::Pool;
use crate::error::{Cause, Fault};

/// A stream of frames in both directions.
pub(super) struct Frames<S> {
    stream: S,
    out: VecDeque<Bytes>,
    queued_bytes: u64,
    sent_bytes: u64,
    flushed_bytes: u64,
    inbound: BytesMut,
    /// Takes small frames and the start of a large one, while `inbound` holds a large one.
    small: BytesMut,
    pool: Pool,
}

/// How much memory the next frame may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameLimits {
    /// A longer frame is an error.
    pub(super) bytes_max: usize,
    /// Up to this much is reserved as soon as the length is known; beyond, the buffer grows only
    /// as bytes arrive.
    pub(super) reserve_max: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    pub(super) fn new(stream: S, pool: Pool) -> Self {
        Self {
            stream,
            out: VecDeque::new(),
            queued_bytes: 0,
            sent_bytes: 0,
            flushed_bytes: 0,
            inbound: BytesMut::new(),
            small: BytesMut::new(),
            pool,
        }
    }

    /// Queues a frame. Returns the count of bytes sent at which the stream will have taken it.
    pub(super) fn queue(&mut self, segments: impl IntoIterator<Item = Bytes>) -> u64 {
        for segment in segments {
            self.queued_bytes += segment.len() as u64;
            self.out.push_back(segment);
        }
        self.queued_bytes
    }

    /// How many bytes the stream has taken so far. TLS may hold some of them back.
    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// How many bytes have left for certain.
    pub(super) fn flushed_bytes(&self) -> u64 {
        self.flushed_bytes
    }

    /// Whether a frame has begun to come, and is not whole.
    pub(super) fn is_amid_frame(&self) -> bool {
        !self.inbound.is_empty()
    }

    /// Writes and flushes what the stream takes. Ready when nothing is left.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        let written = self.poll_write(cx)?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx)).map_err(Cause::io)?;
        self.flushed_bytes = self.sent_bytes;
        written.map(Ok)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        while !self.out.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut used = 0;
            for (slot, segment) in slices.iter_mut().zip(&self.out) {
                *slot = IoSlice::new(segment);
                used += 1;
            }
            let slices = slices.get(..used).unwrap_or_default();
            let stream = Pin::new(&mut self.stream);
            let mut taken = ready!(stream.poll_write_vectored(cx, slices)).map_err(Cause::io)?;
            if taken == 0 {
                return Poll::Ready(Err(Cause::Closed));
            }
            self.sent_bytes += taken as u64;
            while let Some(front) = self.out.front_mut() {
                if taken < front.len() {
                    front.advance(taken);
                    break;
                }
                taken -= front.len();
                self.out.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more comes: with TLS the other side then knows that nothing is missing.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        Pin::new(&mut self.stream).poll_shutdown(cx).map_err(Cause::io)
    }

    /// The next frame, without its length. A large one gets a buffer of its own, and reads into it
    /// stop at its end, so that no byte of it is moved but the first few.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        limits: FrameLimits,
    ) -> Poll<Result<Bytes, Cause>> {
        loop {
            let have = self.inbound.len();
            let mut room = HEAD_BYTES.saturating_sub(have);
            if let Some(first) = self.inbound.first_chunk::<4>() {
                let total = 4 + length(*first, limits.bytes_max).map_err(Cause::Fault)?;
                if have >= total {
                    return Poll::Ready(Ok(self.take_frame(total)));
                }
                if total > HEAD_BYTES {
                    self.make_room(total, limits.reserve_max);
                    room = (total - have).min(self.inbound.capacity() - have);
                }
            }
            if self.inbound.capacity() - have < room.min(ROOM_MIN) {
                self.inbound.reserve(room);
            }
            let mut target = (&mut self.inbound).limit(room);
            let read = pin!(self.stream.read_buf(&mut target)).poll(cx);
            if ready!(read).map_err(Cause::io)? == 0 {
                return Poll::Ready(Err(Cause::Closed));
            }
        }
    }

    /// Gives a large frame a buffer of its own, or a full buffer more room.
    fn make_room(&mut self, total: usize, reserve_max: usize) {
        let have = self.inbound.len();
        let reserved = total.min(reserve_max.max(RESERVE_BYTES_MIN));
        if have <= HEAD_BYTES && self.inbound.capacity() < reserved {
            let mut large = self.pool.take(reserved);
            large.extend_from_slice(&self.inbound);
            self.inbound.clear();
            self.small = std::mem::replace(&mut self.inbound, large);
        }
        if self.inbound.capacity() == have {
            // Doubles: the claimed length is believed only as far as bytes have come.
            self.inbound.reserve(have.min(total - have));
        }
    }

    fn take_frame(&mut self, total: usize) -> Bytes {
        let mut frame = if self.inbound.len() == total && total > HEAD_BYTES {
            let small = std::mem::take(&mut self.small);
            self.pool.share(std::mem::replace(&mut self.inbound, small))
        } else {
            self.inbound.split_to(total).freeze()
        };
        frame.advance(4);
        frame
    }
}

/// The length that a frame claims, if it is possible.
fn length(first: [u8; 4], bytes_max: usize) -> Result<usize, Fault> {
    match usize::try_from(i32::from_be_bytes(first)) {
        Ok(length) if length <= bytes_max => Ok(length),
        _ => Err(Fault::of_length(first, bytes_max)),
    }
}

/// Slices handed to one vectored write.
const SLICES_MAX: usize = 64;
/// A read before the length of a frame is known asks for this much.
const HEAD_BYTES: usize = 16 << 10;
/// A read with less room than this wants a new buffer.
const ROOM_MIN: usize = 1 << 10;
/// What is reserved for a large frame that no request allowed for.
const RESERVE_BYTES_MIN: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;

    use super::*;

    const LIMITS: FrameLimits = FrameLimits { bytes_max: 100 << 20, reserve_max: 0 };

    fn framed(length: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        bytes.extend((0..length).map(|i| (i % 251).to_le_bytes()[0]));
        bytes
    }

    async fn next(frames: &mut Frames<tokio::io::DuplexStream>) -> Result<Bytes, Cause> {
        poll_fn(|cx| frames.poll_frame(cx, LIMITS)).await
    }

    #[tokio::test]
    async fn frames_of_any_size_arrive_whole_whatever_the_cuts() {
        let sizes = [0, 1, 5, 16380, 16381, 70_000, 3, 16384, 1_000_000, 2, 2];
        for chunk in [7, 1000, 16 << 10, 1 << 20] {
            let (near, mut far) = tokio::io::duplex(chunk);
            let mut frames = Frames::new(near, Pool::new(1 << 20));
            let all: Vec<u8> = sizes.iter().flat_map(|size| framed(*size)).collect();
            let write = async { far.write_all(&all).await.unwrap() };
            let read = async {
                for size in sizes {
                    let frame = next(&mut frames).await.unwrap();
                    assert_eq!(frame, framed(size)[4..], "{size} in cuts of {chunk}");
                }
            };
            tokio::join!(write, read);
        }
    }

    #[tokio::test]
    async fn a_claimed_length_allocates_no_more_than_arrives() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut frames = Frames::new(near, Pool::new(0));
        far.write_all(&(90u32 << 20).to_be_bytes()).await.unwrap();
        far.write_all(&[1; 100]).await.unwrap();
        drop(far);
        assert!(matches!(next(&mut frames).await, Err(Cause::Closed)));
        assert!(frames.inbound.capacity() <= RESERVE_BYTES_MIN);
    }

    #[tokio::test]
    async fn what_the_request_allowed_is_reserved_at_once() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut frames = Frames::new(near, Pool::new(0));
        far.write_all(&(8u32 << 20).to_be_bytes()).await.unwrap();
        drop(far);
        let limits = FrameLimits { bytes_max: 100 << 20, reserve_max: 8 << 20 };
        assert!(poll_fn(|cx| frames.poll_frame(cx, limits)).await.is_err());
        let capacity = frames.inbound.capacity();
        assert!((8 << 20..9 << 20).contains(&capacity), "{capacity}");
    }

    #[tokio::test]
    async fn an_impossible_length_is_an_error_that_tells_what_speaks_there() {
        for (bytes, fault) in [
            (*b"HTTP", Fault::Http),
            ([0x15, 3, 1, 0], Fault::Tls),
            ([0xff; 4], Fault::FrameLength { bytes: -1, bytes_max: 100 << 20 }),
        ] {
            let (near, mut far) = tokio::io::duplex(64);
            let mut frames = Frames::new(near, Pool::new(0));
            far.write_all(&bytes).await.unwrap();
            let Err(Cause::Fault(found)) = next(&mut frames).await else { panic!("no fault") };
            assert_eq!(found, fault);
        }
    }

    #[tokio::test]
    async fn segments_leave_in_order_through_a_narrow_stream() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut frames = Frames::new(near, Pool::new(0));
        let segments: Vec<Bytes> = (0..200u8).map(|i| Bytes::from(vec![i; 3])).collect();
        assert_eq!(frames.queue(segments), 600);
        assert_eq!(frames.sent_bytes(), 0);
        let mut got = vec![0; 600];
        let flush = poll_fn(|cx| frames.poll_flush(cx));
        let (flushed, read) = tokio::join!(flush, far.read_exact(&mut got));
        flushed.unwrap();
        read.unwrap();
        assert!(got.chunks(3).zip(0..200u8).all(|(three, i)| three == [i; 3]));
        assert_eq!(frames.sent_bytes(), 600);
    }
}
