//! Zstandard through the C library, in place of `zstd` when the feature `zstd-c` is on.

use zstd_crate::stream::raw::{
    CParameter, Decoder as State, Encoder as Packer, InBuffer, Operation, OutBuffer,
};

use super::super::error::RecordError;
use super::super::kind::Compression;
use super::codec::{Decode, Encode};

/// Kafka's default.
const LEVEL_DEFAULT: i32 = 3;
/// Output room to start with, and to add at least.
const STEP_BYTES: usize = 4096;

/// Writes one frame a batch, with its content size and without a checksum.
pub(crate) struct Encoder {
    packer: Option<(i32, Packer<'static>)>,
}

impl Encoder {
    pub(crate) const fn new() -> Self {
        Self { packer: None }
    }

    fn packer(&mut self, level: i32) -> std::io::Result<&mut Packer<'static>> {
        let packer = match self.packer.take() {
            Some((old, packer)) if old == level => packer,
            _ => {
                let mut packer = Packer::new(level)?;
                packer.set_parameter(CParameter::ContentSizeFlag(true))?;
                packer.set_parameter(CParameter::ChecksumFlag(false))?;
                packer
            }
        };
        Ok(&mut self.packer.insert((level, packer)).1)
    }

    fn pack(&mut self, from: &[u8], level: i32, into: &mut Vec<u8>) -> std::io::Result<()> {
        let packer = self.packer(level)?;
        packer.reinit()?;
        packer.set_pledged_src_size(u64::try_from(from.len()).ok())?;
        let mut input = InBuffer::around(from);
        loop {
            into.reserve(from.len() / 2 + STEP_BYTES);
            let at = into.len();
            let mut output = OutBuffer::around_pos(into, at);
            if input.pos() < from.len() {
                packer.run(&mut input, &mut output)?;
            } else if packer.finish(&mut output, true)? == 0 {
                return Ok(());
            }
        }
    }
}

impl Encode for Encoder {
    fn compress(
        &mut self,
        from: &[u8],
        level: Option<i32>,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let level = level.unwrap_or(LEVEL_DEFAULT);
        self.pack(from, level, into).map_err(|_| damaged("not packed"))
    }
}

/// Reads any number of frames.
pub(crate) struct Decoder(Option<State<'static>>);

impl Decoder {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    fn state(&mut self) -> std::io::Result<&mut State<'static>> {
        let state = match self.0.take() {
            Some(mut state) => {
                state.reinit()?;
                state
            }
            None => State::new()?,
        };
        Ok(self.0.insert(state))
    }
}

impl Decode for Decoder {
    fn decompress(
        &mut self,
        from: &[u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let over = RecordError::LimitExceeded { codec: Compression::Zstd, bytes_max };
        let state = self.state().map_err(|_| damaged("no memory"))?;
        let mut input = InBuffer::around(from);
        // A hint of 0 says that a frame is complete.
        let mut hint = 0;
        loop {
            if input.pos() == from.len() && hint == 0 {
                return Ok(());
            }
            let left = bytes_max.saturating_add(1).saturating_sub(into.len());
            if left == 0 {
                return Err(over);
            }
            if into.len() == into.capacity() {
                let wanted = into.len().max(from.len().saturating_mul(3)).max(STEP_BYTES);
                into.reserve_exact(wanted.min(left));
            }
            let (before_in, before_out) = (input.pos(), into.len());
            let mut output = OutBuffer::around_pos(into, before_out);
            hint = state.run(&mut input, &mut output).map_err(|_| damaged("invalid frame"))?;
            if into.len() > bytes_max {
                return Err(over);
            }
            if input.pos() == before_in && into.len() == before_out {
                return Err(damaged("cut off"));
            }
        }
    }
}

const fn damaged(cause: &'static str) -> RecordError {
    RecordError::Decompress { codec: Compression::Zstd, cause }
}
