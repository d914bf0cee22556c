//! Files: small ones, read and replaced as a whole.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

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

/// The file system.
#[derive(Clone, Copy, Debug)]
pub struct RealFiles;

impl Files for RealFiles {
    fn read<'a>(&'a self, path: &'a Path, bytes_max: u64) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        let path = path.to_owned();
        Box::pin(async move {
            let read = move || read_at_most(&path, bytes_max);
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

    #[tokio::test]
    async fn a_file_without_an_end_is_read_up_to_the_limit() {
        let error = RealFiles.read(Path::new("/dev/zero"), 1000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
        assert_eq!(RealFiles.read(Path::new("/dev/null"), 0).await.unwrap(), b"");
    }
}
