//! Files: small ones, read and replaced as a whole.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::future::BoxFuture;

/// Access to files: key material, properties, checkpoints.
pub trait Files: Send + Sync + Debug {
    /// The content of a file of at most `bytes_max` bytes; a larger one is an error.
    fn read<'a>(&'a self, path: &'a Path, bytes_max: u64) -> BoxFuture<'a, io::Result<Vec<u8>>>;

    /// The names of the files in a folder, in no order. Unless it is implemented, it is an error.
    fn list<'a>(&'a self, folder: &'a Path) -> BoxFuture<'a, io::Result<Vec<String>>> {
        let _ = folder;
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }
}

/// The content of a file of at most `bytes_max` bytes.
///
/// # Errors
///
/// The file cannot be read, or is larger: `FileTooLarge`. What devices and pipes hold is counted
/// as it comes, since they do not say their size.
pub fn read_at_most(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= bytes_max) {
        return Ok(bytes);
    }
    let what = format!("more than {bytes_max} bytes, which is all that is read of it");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, what))
}

/// The same, or an error once nothing has come for so long: to open a pipe that nobody writes to
/// waits, and cannot be given up, so a thread of its own does.
fn read_within(patience: Duration, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let path = path.to_owned();
    thread::spawn(move || sender.send(read_at_most(&path, bytes_max)));
    receiver.recv_timeout(patience).unwrap_or_else(|_| {
        let what = format!(
            "nothing came within {} s, as from a pipe that nobody writes to",
            patience.as_secs()
        );
        Err(io::Error::new(io::ErrorKind::TimedOut, what))
    })
}

/// Whether somebody may have to write before anything can be read, as with pipes and terminals.
fn is_awaited(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// How long a pipe may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The file system.
#[derive(Clone, Copy, Debug)]
pub struct RealFiles;

impl Files for RealFiles {
    fn read<'a>(&'a self, path: &'a Path, bytes_max: u64) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        let path = path.to_owned();
        Box::pin(async move {
            let read = move || match is_awaited(&path) {
                true => read_within(PATIENCE, &path, bytes_max),
                false => read_at_most(&path, bytes_max),
            };
            tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
        })
    }

    fn list<'a>(&'a self, folder: &'a Path) -> BoxFuture<'a, io::Result<Vec<String>>> {
        let folder = folder.to_owned();
        Box::pin(async move {
            let list = move || {
                let mut names = Vec::new();
                for entry in std::fs::read_dir(&folder)? {
                    let entry = entry?;
                    if entry.path().is_file() {
                        names.push(entry.file_name().to_string_lossy().into_owned());
                    }
                }
                Ok(names)
            };
            tokio::task::spawn_blocking(list).await.map_err(io::Error::other)?
        })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_nobody_writes_to_is_given_up_and_another_is_read() {
        let folder = std::env::temp_dir().join(format!("kurier-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let pipe = folder.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(is_awaited(&pipe) && !is_awaited(&folder) && !is_awaited(&folder.join("none")));
        let to = pipe.clone();
        let writer = thread::spawn(move || std::fs::write(to, b"key"));
        assert_eq!(read_within(Duration::from_secs(60), &pipe, 9).unwrap(), b"key");
        writer.join().unwrap().unwrap();
        let error = read_within(Duration::ZERO, &pipe, 9).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("nobody writes to"), "{error}");
        // Lets the thread end that waits for a writer.
        std::fs::write(&pipe, b"").unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_file_without_an_end_is_read_up_to_the_limit() {
        let error = RealFiles.read(Path::new("/dev/zero"), 1000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
        assert_eq!(RealFiles.read(Path::new("/dev/null"), 0).await.unwrap(), b"");
    }
}
