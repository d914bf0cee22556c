//! `AnswerReader`: an answer of HTTP/1.1, piece by piece and within limits. *Core.*
//!
//! ```text
//! head --Content-Length--> body of so many bytes -----------------> done
//!  ^ |---chunked---------> size --> chunk --> size .. --> trailers --^
//!  '1xx '--neither-------> body up to the end of the stream --------^
//! ```

use super::fault::TokenFault;

/// An answer that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The number of its status: 200.
    pub status: u16,
    /// What it holds.
    pub body: Vec<u8>,
}

/// Reads one answer.
#[derive(Debug, Default)]
pub struct AnswerReader {
    state: State,
    /// What was received and is not understood yet, from `at` on.
    buffer: Vec<u8>,
    at: usize,
    /// Up to where there is no end of a line.
    scanned: usize,
    /// Bytes of head and trailers so far.
    head_bytes: usize,
    status: u16,
    length: Option<usize>,
    is_chunked: bool,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Status,
    Headers,
    /// So many bytes are missing.
    Sized(usize),
    UntilEnd,
    ChunkSize,
    Chunk(usize),
    ChunkEnd,
    Trailers,
    Done,
}

impl AnswerReader {
    /// Takes what was received. Returns whether the answer is whole.
    ///
    /// # Errors
    ///
    /// [`TokenFault::Malformed`]: it is no HTTP/1.1, or over a limit. Then nothing of it counts.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool, TokenFault> {
        self.buffer.extend_from_slice(bytes);
        while self.state != State::Done && self.advance()? {}
        self.buffer.drain(..self.at);
        self.scanned = self.scanned.saturating_sub(self.at);
        self.at = 0;
        Ok(self.state == State::Done)
    }

    /// The answer, when it is whole or the stream has ended.
    ///
    /// # Errors
    ///
    /// [`TokenFault::Malformed`]: it ended too early.
    pub fn finish(self) -> Result<HttpAnswer, TokenFault> {
        match self.state {
            State::Done | State::UntilEnd => {
                Ok(HttpAnswer { status: self.status, body: self.body })
            }
            _ => Err(TokenFault::Malformed("it ends too early")),
        }
    }

    /// Goes on by one step; false if there is too little for one.
    fn advance(&mut self) -> Result<bool, TokenFault> {
        match self.state {
            State::Status | State::Headers | State::Trailers => {
                let from = self.at;
                let Some(line) = self.line(HEAD_BYTES_MAX)? else { return Ok(false) };
                self.head_bytes += self.at - from;
                if self.head_bytes > HEAD_BYTES_MAX {
                    return Err(TOO_LONG);
                }
                self.head_line(&line)?;
            }
            State::ChunkSize => {
                let Some(line) = self.line(LINE_BYTES_MAX)? else { return Ok(false) };
                self.state = match chunk_size(&line).ok_or(BAD_CHUNK)? {
                    0 => State::Trailers,
                    size => State::Chunk(size),
                };
            }
            State::ChunkEnd => {
                let Some(line) = self.line(LINE_BYTES_MAX)? else { return Ok(false) };
                if !line.is_empty() {
                    return Err(BAD_CHUNK);
                }
                self.state = State::ChunkSize;
            }
            State::Sized(missing) => match self.take(missing)? {
                0 => self.state = State::Done,
                still if still == missing => return Ok(false),
                still => self.state = State::Sized(still),
            },
            State::Chunk(missing) => match self.take(missing)? {
                0 => self.state = State::ChunkEnd,
                still if still == missing => return Ok(false),
                still => self.state = State::Chunk(still),
            },
            State::UntilEnd => {
                let missing = usize::MAX;
                return Ok(self.take(missing)? != missing);
            }
            State::Done => return Ok(false),
        }
        Ok(true)
    }

    /// Moves up to so many bytes to the body. Returns how many are missing.
    fn take(&mut self, missing: usize) -> Result<usize, TokenFault> {
        let here = self.buffer.get(self.at..).unwrap_or_default();
        let piece = here.get(..missing).unwrap_or(here);
        if piece.len() > BODY_BYTES_MAX - self.body.len() {
            return Err(TOO_LARGE);
        }
        self.body.extend_from_slice(piece);
        self.at += piece.len();
        Ok(missing - piece.len())
    }

    /// The next line without its end, if all of it is here.
    fn line(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, TokenFault> {
        let from = self.scanned.max(self.at);
        let unseen = self.buffer.get(from..).unwrap_or_default();
        let Some(length) = unseen.iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.buffer.len();
            return if self.buffer.len() - self.at > bytes_max { Err(TOO_LONG) } else { Ok(None) };
        };
        let line = self.buffer.get(self.at..from + length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").ok_or(NOT_HTTP)?;
        if line.len() > bytes_max {
            return Err(TOO_LONG);
        }
        let line = line.to_vec();
        self.at = from + length + 1;
        Ok(Some(line))
    }

    fn head_line(&mut self, line: &[u8]) -> Result<(), TokenFault> {
        match self.state {
            State::Status => {
                self.status = status(line).ok_or(NOT_HTTP)?;
                self.state = State::Headers;
            }
            State::Headers if line.is_empty() => self.state = self.framing()?,
            State::Headers => self.header(line)?,
            _ if line.is_empty() => self.state = State::Done,
            _ => {}
        }
        Ok(())
    }

    /// What follows the headers.
    fn framing(&mut self) -> Result<State, TokenFault> {
        let (length, is_chunked) = (self.length.take(), std::mem::take(&mut self.is_chunked));
        Ok(match (self.status, length, is_chunked) {
            (100..=199, ..) => State::Status,
            (204 | 304, ..) => State::Done,
            // Two who read it would not agree on where it ends.
            (_, Some(_), true) => return Err(TWO_LENGTHS),
            (_, Some(length), _) if length > BODY_BYTES_MAX => return Err(TOO_LARGE),
            (_, Some(0), _) => State::Done,
            (_, Some(length), _) => State::Sized(length),
            (_, None, true) => State::ChunkSize,
            (_, None, false) => State::UntilEnd,
        })
    }

    fn header(&mut self, line: &[u8]) -> Result<(), TokenFault> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(NOT_HTTP)?;
        let (name, value) = line.split_at(colon);
        let is_name = |byte: &u8| byte.is_ascii_graphic();
        if name.is_empty() || !name.iter().all(is_name) {
            return Err(NOT_HTTP);
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = number(value, 10).ok_or(NOT_HTTP)?;
            if self.length.is_some_and(|other| other != length) {
                return Err(TWO_LENGTHS);
            }
            self.length = Some(length);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(ENCODED);
            }
            self.is_chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-encoding") {
            // Nothing of the kind was asked for.
            return if value.eq_ignore_ascii_case(b"identity") { Ok(()) } else { Err(ENCODED) };
        }
        Ok(())
    }
}

/// The number in `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, rest) = rest.split_at_checked(3)?;
    let status = u16::try_from(number(digits, 10)?).ok()?;
    let ends = rest.is_empty() || rest.starts_with(b" ");
    (ends && (100..600).contains(&status)).then_some(status)
}

/// The size of a chunk; what is said beside it means nothing here.
fn chunk_size(line: &[u8]) -> Option<usize> {
    let size = line.split(|byte| *byte == b';').next()?;
    number(size.trim_ascii_end(), 16)
}

/// Digits, and nothing else.
fn number(digits: &[u8], radix: u32) -> Option<usize> {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    let text = std::str::from_utf8(digits).ok()?;
    digits.iter().all(is_digit).then(|| usize::from_str_radix(text, radix).ok())?
}

const NOT_HTTP: TokenFault = TokenFault::Malformed("it is not HTTP/1.1");
const TOO_LONG: TokenFault = TokenFault::Malformed("its head is longer than 16 KiB");
const TOO_LARGE: TokenFault = TokenFault::Malformed("its body is larger than 1 MiB");
const TWO_LENGTHS: TokenFault = TokenFault::Malformed("it has two lengths");
const BAD_CHUNK: TokenFault = TokenFault::Malformed("its chunks are not as they should be");
const ENCODED: TokenFault = TokenFault::Malformed("it is encoded in a way that was not asked for");
/// The longest head, trailers included.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The longest line before a chunk.
const LINE_BYTES_MAX: usize = 256;
/// The largest body.
const BODY_BYTES_MAX: usize = 1 << 20;
