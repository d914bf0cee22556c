//! Core: cuts a stream of bytes into chunks of whole records, without a copy for each record.

use std::fmt;

use memchr::{memchr, memmem, memrchr};

/// What ends a record.
#[derive(Clone, Debug)]
pub(crate) enum Delimiter {
    /// A single byte: the common case, and the fast one.
    Byte(u8),
    /// Several bytes.
    Bytes(Box<memmem::Finder<'static>>),
    /// Nothing: the whole input is one record.
    None,
}

impl Delimiter {
    /// A delimiter of these bytes.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::None,
            [byte] => Self::Byte(*byte),
            _ => Self::Bytes(Box::new(memmem::Finder::new(bytes).into_owned())),
        }
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Byte(byte) => std::slice::from_ref(byte),
            Self::Bytes(finder) => finder.needle(),
            Self::None => &[],
        }
    }

    fn len(&self) -> usize {
        self.bytes().len()
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => memchr(*byte, bytes),
            Self::Bytes(finder) => finder.find(bytes),
            Self::None => None,
        }
    }

    /// Splits `bytes` behind the first delimiter: the record without it, and what follows.
    fn cut<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (record, rest) = bytes.split_at_checked(self.find(bytes)?)?;
        Some((record, rest.get(self.len()..)?))
    }

    /// Where the last record of `bytes` ends. Searched from the front unless one byte delimits:
    /// from the back, `aaa` could be cut by `aa` at another place.
    fn last_end(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => memrchr(*byte, bytes).map(|at| at + 1),
            Self::Bytes(finder) => finder.find_iter(bytes).last().map(|at| at + self.len()),
            Self::None => None,
        }
    }
}

/// The records of a chunk, without their delimiters. A chunk may end without one.
pub(crate) fn records<'a>(
    chunk: &'a [u8],
    delimiter: &'a Delimiter,
) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (record, after) = delimiter.cut(rest).unwrap_or((rest, &[]));
        rest = after;
        Some(record)
    })
}

/// Gathers bytes as they are read and gives them out in chunks of whole records.
#[derive(Debug)]
pub(crate) struct Chunker {
    delimiter: Delimiter,
    buffer: Vec<u8>,
    filled: usize,
    searched: usize, // no record ends before here
    record_bytes_max: usize,
}

/// A record is longer than it may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// The limit.
    pub(crate) record_bytes_max: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a record is longer than {} bytes, which is all that max.request.size allows; \
             check the delimiter (-D), or raise -X max.request.size",
            self.record_bytes_max
        )
    }
}

impl Chunker {
    /// A chunker that refuses records above `record_bytes_max`.
    pub(crate) fn new(delimiter: Delimiter, record_bytes_max: usize) -> Self {
        let buffer = vec![0; CHUNK_BYTES];
        Self { delimiter, buffer, filled: 0, searched: 0, record_bytes_max }
    }

    /// Bytes of a record that has begun and not ended.
    pub(crate) fn begun(&self) -> usize {
        self.filled
    }

    /// Where the next bytes go; never empty.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.buffer.len() - self.filled < ROOM_BYTES_MIN {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    /// Takes note that `count` bytes were put into the room; gives out the whole records. `spare`
    /// is a buffer that is needed no longer, to be used again.
    pub(crate) fn push(
        &mut self,
        count: usize,
        spare: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, TooLong> {
        self.filled = self.buffer.len().min(self.filled + count);
        let fresh = self.buffer.get(self.searched..self.filled).unwrap_or_default();
        let Some(end) = self.delimiter.last_end(fresh) else {
            let overlap = self.delimiter.len().saturating_sub(1);
            self.searched = self.searched.max(self.filled.saturating_sub(overlap));
            return if self.filled > self.record_bytes_max {
                Err(self.too_long())
            } else {
                Ok(None)
            };
        };
        let end = self.searched + end;
        let tail = self.buffer.get(end..self.filled).unwrap_or_default();
        let mut next = spare().unwrap_or_default();
        next.resize((tail.len() + ROOM_BYTES_MIN).max(CHUNK_BYTES), 0);
        if let Some(front) = next.get_mut(..tail.len()) {
            front.copy_from_slice(tail);
        }
        (self.filled, self.searched) = (tail.len(), 0);
        let mut chunk = std::mem::replace(&mut self.buffer, next);
        chunk.truncate(end);
        Ok(Some(chunk))
    }

    fn too_long(&self) -> TooLong {
        TooLong { record_bytes_max: self.record_bytes_max }
    }

    /// The end of the input: what is left is a record too, if it is anything.
    pub(crate) fn finish(&mut self) -> Option<Vec<u8>> {
        let mut chunk = std::mem::take(&mut self.buffer);
        chunk.truncate(std::mem::take(&mut self.filled));
        (!chunk.is_empty()).then_some(chunk)
    }
}

/// How much is asked of stdin at once: a few pipe buffers of Linux.
const CHUNK_BYTES: usize = 256 * 1024;

/// A read with less room than this is not worth its system call.
const ROOM_BYTES_MIN: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// All records of `input`, read `step` bytes at a time.
    fn cut(input: &[u8], delimiter: &[u8], step: usize) -> Vec<Vec<u8>> {
        let delimiter = Delimiter::new(delimiter);
        let mut chunker = Chunker::new(delimiter.clone(), 1 << 30);
        let mut found = Vec::new();
        let mut take = |chunk: Option<Vec<u8>>| {
            found.extend(records(&chunk.unwrap_or_default(), &delimiter).map(<[u8]>::to_vec));
        };
        for part in input.chunks(step) {
            chunker.room()[..part.len()].copy_from_slice(part);
            take(chunker.push(part.len(), || Some(vec![9; 3])).unwrap());
        }
        take(chunker.finish());
        found
    }

    #[test]
    fn records_are_the_same_however_the_bytes_arrive() {
        type Row = (&'static [u8], &'static [u8], &'static [&'static [u8]]);
        let rows: [Row; 8] = [
            (b"", b"\n", &[]),
            (b"a", b"\n", &[b"a"]),
            (b"a\nbc\n", b"\n", &[b"a", b"bc"]),
            (b"\n\na\n\n", b"\n", &[b"", b"", b"a", b""]),
            (b"a--b-c--", b"--", &[b"a", b"b-c"]),
            (b"aaa", b"aa", &[b"", b"a"]),
            (b"xaaay", b"aa", &[b"x", b"ay"]),
            (b"a\nb\n", b"", &[b"a\nb\n"]),
        ];
        for (input, delimiter, expected) in rows {
            for step in 1..=input.len().max(1) {
                assert_eq!(cut(input, delimiter, step), expected, "{input:?} by {step}");
            }
        }
    }

    #[test]
    fn a_record_longer_than_a_chunk_comes_in_one_piece() {
        let input: Vec<u8> = std::iter::repeat_n(b'x', 3 * CHUNK_BYTES).chain(*b"\ny").collect();
        let found = cut(&input, b"\n", 60_000 % ROOM_BYTES_MIN);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [3 * CHUNK_BYTES, 1]);
    }

    #[test]
    fn a_record_without_end_is_refused_at_the_limit() {
        let mut chunker = Chunker::new(Delimiter::Byte(b'\n'), 1000);
        chunker.room()[..2].copy_from_slice(b"a\n");
        assert_eq!(chunker.push(2, || None), Ok(Some(b"a\n".to_vec())));
        assert_eq!(chunker.push(1000, || None), Ok(None));
        assert_eq!(chunker.push(1, || None), Err(TooLong { record_bytes_max: 1000 }));
    }
}
