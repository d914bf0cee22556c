//! What hostile brokers do, read off a fuzzer's bytes. *core*

/// The bytes, and how far they are read.
#[derive(Debug)]
pub(crate) struct Script {
    bytes: Vec<u8>,
    at: usize,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// It is answered as it should be.
    Honest,
    /// The answer is damaged: each of these is a place, and what is done there.
    Damaged(Vec<u8>),
    /// The answer is any that the tables allow.
    Other(Vec<u8>),
    /// So is it, with one thing broken.
    Broken(Vec<u8>),
    /// The body is these bytes.
    Body(Vec<u8>),
    /// These bytes come, in no frame.
    Raw(Vec<u8>),
    /// The answer has a number that nobody waits for.
    OtherNumber(u8),
    /// The answer comes twice.
    Twice,
    /// Only the beginning of the answer comes, then the end of the stream.
    Cut(u8),
    /// The answer claims to be so long.
    Length([u8; 4]),
    /// The answer comes after so many tenths of a second.
    Late(u8),
    /// Nothing comes.
    Silence,
    /// The connection ends.
    Close,
}

impl Script {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0 }
    }

    pub(super) fn is_over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Nothing more of it is played.
    pub(super) fn end(&mut self) {
        self.at = self.bytes.len();
    }

    /// Whether a connection is refused.
    pub(super) fn refuses(&mut self) -> bool {
        self.byte() > 0xf0
    }

    /// What is done with the next request.
    pub(super) fn act(&mut self) -> Act {
        if self.is_over() {
            return Act::Honest;
        }
        match self.byte() % 20 {
            0..=6 => Act::Honest,
            7 | 8 => Act::Damaged(self.piece()),
            9 | 10 => Act::Other(self.piece()),
            11 | 12 => Act::Broken(self.piece()),
            13 => Act::Body(self.piece()),
            14 => Act::Raw(self.piece()),
            15 => Act::OtherNumber(self.byte()),
            16 => Act::Twice,
            17 => Act::Cut(self.byte()),
            18 => match self.byte() % 4 {
                0 => Act::Silence,
                1 => Act::Close,
                _ => Act::Late(self.byte()),
            },
            _ => Act::Length([(); 4].map(|()| self.byte())),
        }
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    /// As many bytes as the next one says.
    fn piece(&mut self) -> Vec<u8> {
        let from = self.at + 1;
        let to = (from + usize::from(self.byte())).min(self.bytes.len());
        self.at = to.max(from);
        self.bytes.get(from..to).unwrap_or_default().to_vec()
    }
}
