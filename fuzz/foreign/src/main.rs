//! Gives the same bytes to our decoder and to another's: `kurier-foreign [COUNT [SEED]]`. It fails
//! if they do not agree, but for what is listed.
//!
//! The other decoder runs in a process of its own with a limit on its memory, and is started again
//! when it ends: it makes room for as many elements as a count claims.

use std::alloc::System;
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::panic::{self, catch_unwind};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use arbitrary::Unstructured;
use bytes::Bytes;
use cap::Cap;
use kurier_foreign::{Theirs, theirs};
use kurier_fuzz::frame::of_half;
use kurier_fuzz::half::{Direction, Half};
use kurier_fuzz::mutate::{Mutation, mutate};
use kurier_fuzz::random::Random;
use kurier_protocol::value::{self, Value};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What differs, by what became of a message and how it was broken; each with its reason.
const EXPECTED: [&str; 8] = [
    // It makes room for as many elements as a count says, before it looks for them.
    "LengthHuge: it panics or asks for too much memory",
    "LengthMore: it panics or asks for too much memory",
    "LengthLess: it panics or asks for too much memory",
    "LengthNegative: it panics or asks for too much memory",
    "VarintEndless: it panics or asks for too much memory",
    "TagCountMore: it panics or asks for too much memory",
    // As Kafka, it passes over the size of a tagged field that it knows.
    "TagSizeMore: only it reads it",
    // It takes null for an array which may be null in a later version only.
    "NullForbidden: only it reads it",
];

/// Versions that it says it knows, and refuses to read.
const LACKING: [&str; 3] =
    ["InitProducerIdRequest v6,", "OffsetCommitRequest v10,", "OffsetFetchRequest v10,"];

fn is_expected(what: &str) -> bool {
    let lacks = LACKING.iter().any(|half| what.starts_with(half));
    (lacks && what.ends_with("only we read it")) || EXPECTED.contains(&what)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let first = args.next();
    if first.as_deref() == Some(CHILD) {
        ALLOCATOR.set_limit(CHILD_BYTES_MAX).map_err(|()| "no limit")?;
        return answer();
    }
    let count: u64 = first.map_or(Ok(100_000), |text| text.parse())?;
    let seed: u64 = args.next().map_or(Ok(1), |text| text.parse())?;
    let halves: Vec<_> = Half::all().collect();
    let mut other = Other::start()?;
    let mut differences: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let (mut agreed, mut unknown) = (0_u64, 0_u64);
    for (number, half) in (0..count).zip(halves.iter().copied().cycle()) {
        let mut random = Random::new(seed.wrapping_mul(1 << 40).wrapping_add(number));
        let Some(row) = Row::make(half, &mut random)? else { continue };
        match row.compare(&other.ask(&row)?) {
            Fate::Agreed => agreed += 1,
            Fate::Unknown => unknown += 1,
            Fate::Differs(what) => {
                let example = || format!("{half} {:x}", row.body);
                differences.entry(what).or_insert_with(|| (0, example())).0 += 1;
            }
        }
    }
    println!("{agreed} messages are the same to both, {unknown} are of versions that it lacks");
    println!("the other decoder ended {} times", other.ended);
    let mut unexpected = 0;
    for (what, (count, example)) in &differences {
        let is_expected = is_expected(what);
        unexpected += usize::from(!is_expected);
        let example = if is_expected { "" } else { example };
        println!("{count} times: {what} {example}");
    }
    Ok(if unexpected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A message for both.
struct Row {
    half: Half,
    mutation: Option<Mutation>,
    body: Bytes,
    ours: Option<Value>,
}

enum Fate {
    Agreed,
    Unknown,
    Differs(String),
}

impl Row {
    fn make(half: Half, random: &mut Random) -> Result<Option<Self>, arbitrary::Error> {
        let data = random.bytes(2000);
        let mut u = Unstructured::new(&data);
        let frame = of_half(half, &mut u)?;
        let mut row = Self { half, mutation: None, body: frame.body().into(), ours: None };
        let mutation = Mutation::ALL[random.below(Mutation::ALL.len())];
        if random.one_in(2) && (mutation.keeps_framing() || mutation >= Mutation::Truncated) {
            let Some(bytes) = mutate(&frame, mutation, &mut u)? else { return Ok(None) };
            row.body = Bytes::from(bytes).slice(4 + frame.header_bytes().len()..);
            row.mutation = Some(mutation);
        }
        row.ours = value::decode(half.info(), &row.body, half.version()).ok();
        Ok(Some(row))
    }

    fn compare(&self, theirs: &Answer) -> Fate {
        let what = match (&self.ours, theirs) {
            (_, Answer::Gone) => "it panics or asks for too much memory",
            (_, Answer::Is(Theirs::Unknown)) => return Fate::Unknown,
            (None, Answer::Is(Theirs::Refused | Theirs::Left(_))) => return Fate::Agreed,
            (Some(ours), Answer::Is(Theirs::Read(again))) => {
                let again = Bytes::copy_from_slice(again);
                let again = value::decode(self.half.info(), &again, self.half.version());
                if again.as_ref() == Ok(ours) {
                    return Fate::Agreed;
                }
                "it writes something else"
            }
            (Some(_), Answer::Is(Theirs::NotWritten)) => "it does not write what it read",
            (Some(_), Answer::Is(_)) => "only we read it",
            (None, Answer::Is(_)) => "only it reads it",
        };
        let how = self.mutation.map_or_else(|| "Whole".to_owned(), |how| format!("{how:?}"));
        // What must be read is told apart by its message.
        Fate::Differs(match self.mutation {
            Some(mutation) if !mutation.keeps_framing() => format!("{how}: {what}"),
            _ => format!("{}, {how}: {what}", self.half),
        })
    }
}

/// What the other process says.
enum Answer {
    Is(Theirs),
    Gone,
}

/// The process of the other decoder.
struct Other {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    ended: u64,
}

impl Other {
    fn start() -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(CHILD).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let to = child.stdin.take().ok_or("no pipe")?;
        let from = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        Ok(Self { child, to, from, ended: 0 })
    }

    fn ask(&mut self, row: &Row) -> Result<Answer, Box<dyn Error>> {
        let half = row.half;
        let who = u8::from(half.direction() == Direction::Request);
        let line = format!("{who} {} {} {:x}\n", half.key().0, half.version(), row.body);
        self.to.write_all(line.as_bytes())?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        let (word, rest) = answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), ""));
        Ok(Answer::Is(match word {
            "unknown" => Theirs::Unknown,
            "read" => Theirs::Read(unhex(rest)?),
            "refused" => Theirs::Refused,
            "left" => Theirs::Left(rest.parse()?),
            "unwritten" => Theirs::NotWritten,
            "panicked" => return Ok(Answer::Gone),
            _ => {
                let ended = self.ended + 1;
                *self = Self::start()?;
                self.ended = ended;
                return Ok(Answer::Gone);
            }
        }))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other process: answers line by line.
fn answer() -> Result<ExitCode, Box<dyn Error>> {
    panic::set_hook(Box::new(|_| ()));
    for line in io::stdin().lines() {
        let line = line?;
        let words: Vec<_> = line.split(' ').collect();
        let [who, key, version, body] = words[..] else { return Err("a wrong line".into()) };
        let direction = if who == "1" { Direction::Request } else { Direction::Response };
        let half = Half::of(kurier_protocol::ApiKey(key.parse()?), direction, version.parse()?);
        let (half, body) = (half.ok_or("no such half")?, unhex(body)?);
        let answer = match catch_unwind(|| theirs(half, &body)) {
            Err(_) => "panicked".to_owned(),
            Ok(Theirs::Unknown) => "unknown".to_owned(),
            Ok(Theirs::Refused) => "refused".to_owned(),
            Ok(Theirs::NotWritten) => "unwritten".to_owned(),
            Ok(Theirs::Left(count)) => format!("left {count}"),
            Ok(Theirs::Read(again)) => format!("read {:x}", Bytes::from(again)),
        };
        writeln!(io::stdout(), "{answer}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn unhex(hex: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pair = |at| Ok(u8::from_str_radix(hex.get(at..at + 2).ok_or("half a byte")?, 16)?);
    (0..hex.len()).step_by(2).map(pair).collect()
}

/// The argument that makes a process the other one.
const CHILD: &str = "--child";
/// Bytes that the other decoder may have at a time.
const CHILD_BYTES_MAX: usize = 256 << 20;
