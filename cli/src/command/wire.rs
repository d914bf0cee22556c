//! `kurier wire`: messages, frames and record batches as lines of JSON.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use kurier_protocol::rows::{self, Failed};

use crate::args::cluster::ClusterArgs;
use crate::args::wire::WireCommand;
use crate::failure::{Failure, Outcome};
use crate::input::reader::{name, open};
use crate::output::stdout::Stdout;
use crate::text::reason;

use super::wire_fuzz;

/// Translates row by row, and a row that fails does not stop the others; or sends frames.
pub(crate) fn run(command: &WireCommand, cluster: &ClusterArgs) -> Outcome {
    let (translate, files): (Translate, _) = match command {
        WireCommand::Fuzz(args) => return wire_fuzz::run(args, cluster),
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
        while next_line(&mut source, &mut line, ROW_BYTES_MAX).map_err(cannot)? > 0 {
            self.row(&line)?;
            line.clear();
            // A pipe that waits for its answer gets it.
            if source.buffer().is_empty() {
                self.stdout.flush()?;
            }
        }
        Ok(())
    }

    fn row(&mut self, line: &[u8]) -> Outcome {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        self.rows += 1;
        let out = match rows::text(line).and_then(self.translate) {
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

/// Appends a line to `line`, and gives its bytes; at the end of the file they are none.
fn next_line(source: &mut impl BufRead, line: &mut Vec<u8>, bytes_max: u64) -> io::Result<usize> {
    let mut source = source.take(bytes_max);
    let bytes = source.read_until(b'\n', line)?;
    if source.limit() == 0 && !line.ends_with(b"\n") {
        let what = format!("a row has {bytes_max} bytes or more; write one JSON object a line");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

const READ_BYTES: usize = 256 * 1024;

/// The longest row: twice what a broker takes in one request, as hex digits, and room to spare.
const ROW_BYTES_MAX: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_end_is_refused_at_the_limit() {
        let mut line = Vec::new();
        assert_eq!(next_line(&mut &b"ab\nc"[..], &mut line, 3).unwrap(), 3);
        assert_eq!(next_line(&mut &b""[..], &mut line, 3).unwrap(), 0);
        let mut endless = BufReader::new(io::repeat(b'a'));
        let error = next_line(&mut endless, &mut Vec::new(), 3);
        assert!(error.unwrap_err().to_string().contains("3 bytes or more"));
    }
}
