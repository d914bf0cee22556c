//! The text of the file that `-F` names.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use kurier_env::read_at_most;

use crate::failure::{Failure, Outcome};
use crate::text::reason;

/// What stands in a file. As with the files that settings name, it is wrong usage to name one that
/// cannot be read.
pub(crate) fn text(file: &Path) -> Outcome<String> {
    let name = file.display();
    let wrong = |why: &str| Failure::Usage(format!("cannot read {name}: {why}; check -F"));
    // On a thread, as to open a pipe that nobody writes to waits, and cannot be given up.
    let (sender, receiver) = mpsc::sync_channel(1);
    let path = file.to_owned();
    thread::spawn(move || sender.send(read_at_most(&path, BYTES_MAX)));
    let bytes = receiver.recv_timeout(PATIENCE).map_err(|_| wrong(SILENT))?;
    let bytes = bytes.map_err(|error| wrong(&reason(&error)))?;
    decoded(bytes).map_err(|why| wrong(&why))
}

fn decoded(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let (good, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
            return "it is UTF-16; write it as UTF-8".to_owned();
        }
        let before = bytes.get(..good).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line} is not UTF-8; write what is not ASCII so, or as \\uXXXX")
    })
}

/// The largest file of properties that is read: a lot, since certificates may stand in it.
const BYTES_MAX: u64 = 16 << 20;
/// How long a pipe may take: whoever writes it may ask others first.
const PATIENCE: Duration = Duration::from_secs(10);
const SILENT: &str = "nothing came within 10 s, as from a pipe that nobody writes to";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf_8_is_told_with_its_line() {
        let check = |bytes: &[u8], wanted: &str| {
            assert_eq!(decoded(bytes.to_vec()), Err(wanted.to_owned()));
        };
        check(b"\xff\xfea\0=\0", "it is UTF-16; write it as UTF-8");
        check(b"\xfe\xff\0a\0=", "it is UTF-16; write it as UTF-8");
        let latin = "line 2 is not UTF-8; write what is not ASCII so, or as \\uXXXX";
        check(b"a=1\nb=\xe9\n", latin);
        assert_eq!(decoded(b"a=\xc3\xa9".to_vec()).as_deref(), Ok("a=\u{e9}"));
    }
}
