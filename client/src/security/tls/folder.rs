//! Folders of certificates, which librdkafka's `ssl.ca.location` may name.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use kurier_env::Files;

/// The certificate files of a folder, one after the other: `*.pem`, `*.crt`, and what
/// `openssl rehash` calls `1a2b3c4d.0`. A file that has several names counts once.
/// `None` if it is no folder.
pub(super) async fn read(
    files: &dyn Files,
    folder: &Path,
    bytes_max: u64,
) -> Option<io::Result<Vec<u8>>> {
    let names = files.list(folder).await.ok()?;
    Some(read_all(files, folder, names, bytes_max).await)
}

async fn read_all(
    files: &dyn Files,
    folder: &Path,
    mut names: Vec<String>,
    bytes_max: u64,
) -> io::Result<Vec<u8>> {
    names.retain(|name| is_certificate(name));
    if names.is_empty() {
        return Err(io::Error::other("a folder without *.pem and *.crt files"));
    }
    if names.len() > FILES_MAX {
        return Err(io::Error::other(format!("a folder with more than {FILES_MAX} certificates")));
    }
    let (mut contents, mut left) = (BTreeSet::new(), bytes_max);
    for name in names {
        let content = files.read(&folder.join(&name), left).await;
        let content =
            content.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        left = left.saturating_sub(u64::try_from(content.len()).unwrap_or(u64::MAX));
        contents.insert(content);
    }
    let lines: Vec<_> = contents.into_iter().collect();
    Ok(lines.join(&b'\n'))
}

fn is_certificate(name: &str) -> bool {
    let Some((stem, end)) = name.rsplit_once('.') else { return false };
    let is_hash = stem.len() == 8 && stem.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_number = !end.is_empty() && end.bytes().all(|digit| digit.is_ascii_digit());
    matches!(end, "pem" | "crt") || (is_hash && is_number)
}

/// The most files that are read of a folder: a system's own has a few hundred.
const FILES_MAX: usize = 1000;
