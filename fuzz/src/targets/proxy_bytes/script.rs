//! What becomes of bytes on their way, read off a fuzzer's bytes. *core*

/// The bytes, and how far they are read.
#[derive(Debug)]
pub(super) struct Script {
    bytes: Vec<u8>,
    at: usize,
}

/// What becomes of a piece of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// It arrives.
    Pass,
    /// A byte of it is another one.
    Change { at: u16, by: u8 },
    /// Bytes of it are gone.
    Lose { at: u16, count: u8 },
    /// There are more bytes in it.
    Insert { at: u16, count: u8, byte: u8 },
    /// It arrives twice.
    Double,
    /// It arrives so many tenths of a second later.
    Delay(u8),
    /// So many bytes of it arrive, and then the stream ends.
    Cut(u16),
    /// Nothing of it arrives, and nothing behind it, and the stream does not end.
    Stall,
}

impl Script {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0 }
    }

    /// Whether all that comes arrives.
    pub(super) fn is_over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Nothing more of it is played.
    pub(super) fn end(&mut self) {
        self.at = self.bytes.len();
    }

    /// What becomes of the next piece.
    pub(super) fn act(&mut self) -> Act {
        if self.is_over() {
            return Act::Pass;
        }
        match self.byte() % 16 {
            0..=5 => Act::Pass,
            6..=9 => Act::Change { at: self.place(), by: self.byte() },
            10 => Act::Lose { at: self.place(), count: self.byte() },
            11 => Act::Insert { at: self.place(), count: self.byte(), byte: self.byte() },
            12 => Act::Double,
            13 => Act::Delay(self.byte()),
            14 => Act::Cut(self.place()),
            _ => Act::Stall,
        }
    }

    fn place(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }
}

impl Act {
    /// What arrives of a piece.
    pub(super) fn on(self, piece: &[u8]) -> Vec<u8> {
        let mut bytes = piece.to_vec();
        let place = |at: u16| usize::from(at) % bytes.len().max(1);
        match self {
            Self::Pass | Self::Delay(_) => {}
            Self::Change { at, by } => {
                let at = place(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = byte.wrapping_add(by | 1);
                }
            }
            Self::Lose { at, count } => {
                let at = place(at);
                let end = (at + usize::from(count) + 1).min(bytes.len());
                bytes.drain(at..end);
            }
            Self::Insert { at, count, byte } => {
                let at = place(at);
                let more = std::iter::repeat_n(byte, usize::from(count) + 1);
                bytes.splice(at..at, more);
            }
            Self::Double => bytes.extend_from_slice(piece),
            Self::Cut(at) => bytes.truncate(place(at)),
            Self::Stall => bytes.clear(),
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_is_what_the_act_says() {
        let piece = b"abcd";
        for (act, arrives) in [
            (Act::Pass, &b"abcd"[..]),
            (Act::Change { at: 5, by: 1 }, b"accd"),
            (Act::Lose { at: 1, count: 1 }, b"ad"),
            (Act::Lose { at: 3, count: 200 }, b"abc"),
            (Act::Insert { at: 2, count: 1, byte: b'x' }, b"abxxcd"),
            (Act::Double, b"abcdabcd"),
            (Act::Cut(2), b"ab"),
            (Act::Stall, b""),
        ] {
            assert_eq!(act.on(piece), arrives, "{act:?}");
        }
    }
}
