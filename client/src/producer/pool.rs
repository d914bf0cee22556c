//! Buffers that come back: nothing of batch size is allocated twice.

use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

/// Spare buffers, kept by size: shelf n holds those of at least 2^n KiB.
#[derive(Debug)]
pub(crate) struct Pool {
    spare: Mutex<Spare>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Spare {
    shelves: [Vec<BytesMut>; SHELVES],
    bytes: usize,
}

/// Larger buffers than the last shelf's 16 MiB stand there too.
const SHELVES: usize = 15;

impl Pool {
    /// Keeps at most `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { spare: Mutex::default(), bytes_max }
    }

    /// A spare buffer of at least `capacity`, not much larger; a new one if there is none.
    pub(crate) fn take(&self, capacity: usize) -> BytesMut {
        self.find(capacity).unwrap_or_else(|| BytesMut::with_capacity(capacity))
    }

    /// Keeps a buffer for later.
    pub(crate) fn put(&self, mut buffer: BytesMut) {
        buffer.clear();
        let bytes = buffer.capacity();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes >= 1 << 10
            && spare.bytes + bytes <= self.bytes_max
            && let Some(shelf) = spare.shelves.get_mut(shelf_below(bytes))
        {
            shelf.push(buffer);
            spare.bytes += bytes;
        }
    }

    /// Keeps the memory of a sealed batch, if nobody else holds it.
    pub(crate) fn put_sealed(&self, batch: Bytes) {
        if let Ok(buffer) = batch.try_into_mut() {
            self.put(buffer);
        }
    }

    fn find(&self, capacity: usize) -> Option<BytesMut> {
        let from = shelf_above(capacity);
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let shelves = spare.shelves.iter_mut().skip(from).take(SHELVES_SEARCHED);
        let buffer = shelves.into_iter().find_map(|s| s.pop_if(|b| b.capacity() >= capacity))?;
        spare.bytes -= buffer.capacity();
        Some(buffer)
    }
}

/// A buffer from a shelf further up would be more than four times too large.
const SHELVES_SEARCHED: usize = 3;

/// Where a buffer of these bytes stands.
fn shelf_below(bytes: usize) -> usize {
    let kib = (bytes >> 10).max(1);
    usize::try_from(kib.ilog2()).unwrap_or_default().min(SHELVES - 1)
}

/// From which shelf on every buffer has these bytes.
fn shelf_above(bytes: usize) -> usize {
    shelf_below(bytes.div_ceil(1 << 10).next_power_of_two() << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back() {
        let pool = Pool::new(1 << 20);
        let mut buffer = pool.take(20 << 10);
        buffer.extend_from_slice(b"batch");
        let at = buffer.as_ptr();
        pool.put_sealed(buffer.freeze());
        let again = pool.take(16 << 10);
        assert_eq!((again.as_ptr(), again.len()), (at, 0));
        assert!(again.capacity() >= 16 << 10);
    }

    #[test]
    fn a_buffer_that_is_in_use_stays_away() {
        let pool = Pool::new(1 << 20);
        let batch = pool.take(16 << 10).freeze();
        let held = batch.clone();
        pool.put_sealed(batch);
        assert_eq!(pool.spare.lock().unwrap().bytes, 0);
        drop(held);
    }

    #[test]
    fn small_batches_do_not_take_large_buffers() {
        let pool = Pool::new(4 << 20);
        pool.put(BytesMut::with_capacity(1 << 20));
        assert!(pool.take(16 << 10).capacity() < 1 << 20);
        assert_eq!(pool.take(1 << 20).capacity(), 1 << 20);
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let pool = Pool::new(32 << 10);
        (0..3).for_each(|_| pool.put(BytesMut::with_capacity(16 << 10)));
        assert_eq!(pool.spare.lock().unwrap().bytes, 32 << 10);
    }
}
