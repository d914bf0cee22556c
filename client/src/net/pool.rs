//! Buffers that come back: no large answer is allocated twice.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

/// Spare buffers of at most `bytes_max` together. Cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    spare: Arc<Mutex<Spare>>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Spare {
    buffers: Vec<BytesMut>,
    bytes: usize,
}

impl Pool {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { spare: Arc::default(), bytes_max }
    }

    /// A spare buffer that is large enough and not much larger, else a new one: of a size that
    /// answers have in common which differ by a little, and in place of as much that is spare.
    pub(super) fn take(&self, capacity: usize) -> BytesMut {
        let fits = |b: &BytesMut| (capacity..=capacity.saturating_mul(4)).contains(&b.capacity());
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = spare.buffers.iter().position(fits) {
            return spare.remove(index);
        }
        let capacity = rounded(capacity);
        let mut replaced = Vec::new();
        let mut bytes = 0;
        while bytes < capacity && !spare.buffers.is_empty() {
            let buffer = spare.remove(0);
            bytes += buffer.capacity();
            replaced.push(buffer);
        }
        drop(spare);
        drop(replaced);
        BytesMut::with_capacity(capacity)
    }

    /// Shares a filled buffer; it comes back when the last slice of it is dropped.
    pub(super) fn share(&self, buffer: BytesMut) -> Bytes {
        Bytes::from_owner(Lent { buffer, pool: self.clone() })
    }

    fn put(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.bytes + buffer.capacity() <= self.bytes_max {
            spare.bytes += buffer.capacity();
            spare.buffers.push(buffer);
        }
    }
}

impl Spare {
    fn remove(&mut self, index: usize) -> BytesMut {
        let buffer = self.buffers.swap_remove(index);
        self.bytes -= buffer.capacity();
        buffer
    }
}

/// Up to an eighth more.
fn rounded(capacity: usize) -> usize {
    let step = capacity.next_power_of_two() >> 4;
    capacity.checked_next_multiple_of(step.max(1)).unwrap_or(capacity)
}

struct Lent {
    buffer: BytesMut,
    pool: Pool,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.put(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_with_its_last_slice() {
        let pool = Pool::new(1 << 20);
        let mut buffer = pool.take(1000);
        buffer.extend_from_slice(&[7; 1000]);
        let shared = pool.share(buffer);
        let slice = shared.slice(10..20);
        drop(shared);
        assert_eq!(pool.spare.lock().unwrap().buffers.len(), 0);
        assert_eq!(*slice, [7; 10]);
        drop(slice);
        assert_eq!(pool.spare.lock().unwrap().buffers.len(), 1);
        let again = pool.take(900);
        assert!(again.is_empty() && again.capacity() >= 1000);
        assert_eq!(pool.spare.lock().unwrap().bytes, 0);
    }

    #[test]
    fn answers_that_differ_by_a_little_use_the_same_memory() {
        let pool = Pool::new(64 << 20);
        let mut sizes = (900 << 10..960 << 10).step_by(1000);
        let first = pool.take(sizes.next().unwrap());
        let bytes = first.capacity();
        drop(pool.share(first));
        for size in sizes {
            // One that was made for it would have another size.
            let buffer = pool.take(size);
            assert_eq!((buffer.capacity(), pool.spare.lock().unwrap().bytes), (bytes, 0), "{size}");
            drop(pool.share(buffer));
        }
    }

    #[test]
    fn a_new_buffer_takes_the_place_of_spare_ones() {
        let pool = Pool::new(64 << 20);
        let held: Vec<_> = (0..8).map(|_| pool.share(pool.take(1 << 20))).collect();
        drop(held);
        let large = pool.take(5 << 20);
        assert_eq!(large.capacity() + pool.spare.lock().unwrap().bytes, 8 << 20);
    }

    #[test]
    fn a_small_frame_never_gets_a_huge_buffer_and_the_pool_never_exceeds_its_limit() {
        let pool = Pool::new(1000);
        drop(pool.share(BytesMut::with_capacity(800)));
        drop(pool.share(BytesMut::with_capacity(800)));
        assert_eq!(pool.spare.lock().unwrap().buffers.len(), 1);
        assert!(pool.take(10).capacity() < 800);
        assert!(pool.take(1000).capacity() >= 1000);
    }
}
