//! `kurier wire`: messages, frames and record batches as lines of JSON.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use kurier_protocol::rows::{self, Failed};

use crate::args::wire::WireCommand;
use crate::failure::{Failure, Outcome};
use crate::input::reader::{name, open};
use crate::output::stdout::Stdout;
use crate::text::reason;

use super::wire_fuzz;

/// Translates row by row, and a row that fails does not stop the others; or sends frames.
pub(crate) fn run(command: &WireCommand) -> Outcome {
    let (translate, files): (Translate, _) = match command {
        WireCommand::Fuzz(args) => return wire_fuzz::run(args),
        WireCommand::Decode(args) if args.frames => (rows::decode_frame, &args.files),
        WireCommand::Decode(args) if args.records => (rows::decode_records, &args.files),
        WireCommand::Decode(args) => (rows::decode, &args.files),
        WireCommand::Encode(args) => (rows::encode, &args.files),
    };
    let mut job = Job { translate, stdout: Stdout::open()?, rows: 0, failed: 0 };
    let stdin = [PathBuf::from("-")];
    let files = if files.is_empty() { &stdin[..] } else { files };
    let done = files.iter().try_for_each(|file| job.file(file));
    // What was translated before a file that cannot be read goes out nevertheless.
    let flushed = job.stdout.flush();
    done.and(flushed)?;
    match job.failed {
        0 => Ok(()),
        failed => Err(Failure::Failed(format!(
            "{failed} of {} rows could not be translated; each says why in \"error\"",
            job.rows
        ))),
    }
}

type Translate = fn(&str) -> Result<String, Failed>;

struct Job {
    translate: Translate,
    stdout: Stdout,
    rows: u64,
    failed: u64,
}

impl Job {
    fn file(&mut self, file: &Path) -> Outcome {
        let cannot =
            |error| Failure::Failed(format!("cannot read {}: {}", name(file), reason(&error)));
        let mut source = BufReader::with_capacity(READ_BYTES, open(file).map_err(cannot)?);
        let mut line = Vec::new();
        while source.read_until(b'\n', &mut line).map_err(cannot)? > 0 {
            self.row(&String::from_utf8_lossy(&line))?;
            line.clear();
            // A pipe that waits for its answer gets it.
            if source.buffer().is_empty() {
                self.stdout.flush()?;
            }
        }
        Ok(())
    }

    fn row(&mut self, line: &str) -> Outcome {
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        self.rows += 1;
        let out = match (self.translate)(line) {
            Ok(row) => row,
            Err(failed) => {
                self.failed += 1;
                failed.line().into()
            }
        };
        let buffer = self.stdout.buffer();
        buffer.extend_from_slice(out.as_bytes());
        buffer.push(b'\n');
        self.stdout.settle()
    }
}

const READ_BYTES: usize = 256 * 1024;
