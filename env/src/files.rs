//! Files: small ones, read and replaced as a whole.

use std::fmt::Debug;
use std::io;
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

/// The file system.
#[derive(Clone, Copy, Debug)]
pub struct RealFiles;

impl Files for RealFiles {
    fn read<'a>(&'a self, path: &'a Path, bytes_max: u64) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        let path = path.to_owned();
        Box::pin(async move {
            let read = move || {
                let size = std::fs::metadata(&path)?.len();
                if size > bytes_max {
                    let what = format!("{size} bytes, and at most {bytes_max} are read");
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
                }
                std::fs::read(&path)
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
