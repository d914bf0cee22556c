//! Reads `krb5.conf`, keytabs and ticket caches, and knows where they are if nobody says so.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kurier_auth::kerberos::{
    CacheName, Config, ConfigReader, Error as KerberosError, Keytab, TicketCache, Wanted,
};
use kurier_env::Env;
use tokio::time::sleep;

use super::failure::Failure;

/// The content of `krb5.conf`. Files that the list names may be missing, but not all of them.
pub(super) async fn read_config(env: &Env, files: Option<&[PathBuf]>) -> Result<Config, Failure> {
    let otherwise = if files.is_some() { "" } else { OTHERWISE };
    let files = files.map_or_else(|| default_config_files(env), <[PathBuf]>::to_vec);
    let mut reader = ConfigReader::new(files.clone());
    let mut found = false;
    let broken = |error: KerberosError| Failure::Setting(CONFIG, error.to_string().into());
    loop {
        match reader.poll().map_err(broken)? {
            Wanted::Nothing(config) if found => return Ok(config),
            Wanted::Nothing(_) => {
                let paths: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
                let problem = format!(
                    "there is no {}; name the file with KRB5_CONFIG{otherwise}",
                    paths.join(" and no ")
                );
                return Err(Failure::Setting(CONFIG, problem.into()));
            }
            Wanted::File(path) => match env.files().read(&path, FILE_BYTES_MAX).await {
                Ok(content) => {
                    found = true;
                    reader.push_file(&path, &content).map_err(broken)?;
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound && files.contains(&path) => {}
                Err(e) => {
                    return Err(broken(reader.unreadable(&format!("{}: {e}", path.display()))));
                }
            },
            Wanted::Folder(path) => match env.files().list(&path).await {
                Ok(names) => reader.push_folder(&path, &names),
                Err(e) => {
                    return Err(broken(reader.unreadable(&format!("{}: {e}", path.display()))));
                }
            },
        }
    }
}

/// The keytab, and where it is.
pub(super) async fn read_keytab(
    env: &Env,
    config: &Config,
    path: Option<&Path>,
) -> Result<(Keytab, PathBuf), Failure> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => default_keytab(env, config).await?,
    };
    let bytes = env.files().read(&path, FILE_BYTES_MAX).await;
    let bytes = bytes.map_err(|error| {
        let problem = format!("{} cannot be read: {error}; check keyTab=", path.display());
        Failure::Setting(KEYTAB, problem.into())
    })?;
    let keytab = Keytab::parse(&bytes).map_err(|error| Failure::unusable(KEYTAB, &path, &error))?;
    Ok((keytab, path))
}

/// The ticket cache, and what it is called.
pub(super) async fn read_cache(
    env: &Env,
    config: &Config,
    name: Option<&str>,
) -> Result<(TicketCache, String), Failure> {
    let otherwise = if name.is_some() { "" } else { OTHERWISE };
    let name = match name {
        Some(name) => name.to_owned(),
        None => default_cache(env, config).await?,
    };
    let place = CacheName::parse(&name);
    let place = place.map_err(|error| Failure::Setting(CACHE, error.to_string().into()))?;
    let path = match place {
        CacheName::File(path) => path,
        CacheName::Folder(folder) => {
            // Without it the folder's file `tkt` is meant, and what is wrong with that is told.
            let primary = env.files().read(&folder.join("primary"), FILE_BYTES_MAX).await.ok();
            CacheName::in_folder(&folder, primary.as_deref())
        }
    };
    let read = async || {
        let bytes = env.files().read(&path, FILE_BYTES_MAX).await.map_err(|error| {
            let path = path.display();
            let problem = format!("{path} cannot be read: {error}; run kinit{otherwise}");
            Failure::Setting(CACHE, problem.into())
        })?;
        Ok(TicketCache::parse(&bytes))
    };
    let cache = match read().await? {
        // Somebody may be writing it.
        Err(KerberosError::Malformed { .. }) => {
            sleep(READ_AGAIN_AFTER).await;
            read().await?
        }
        other => other,
    };
    Ok((cache.map_err(|error| Failure::unusable(CACHE, &path, &error))?, name))
}

fn default_config_files(env: &Env) -> Vec<PathBuf> {
    match env.variable("KRB5_CONFIG") {
        Some(paths) => std::env::split_paths(&paths).collect(),
        None if cfg!(windows) => vec![r"C:\ProgramData\MIT\Kerberos5\krb5.ini".into()],
        None => vec!["/etc/krb5.conf".into()],
    }
}

async fn default_keytab(env: &Env, config: &Config) -> Result<PathBuf, Failure> {
    let relation = |name| config.default_of(name).map(str::to_owned);
    let of_clients = variable(env, "KRB5_CLIENT_KTNAME", KEYTAB)?
        .or_else(|| relation("default_client_keytab_name"));
    let name = match of_clients {
        Some(name) => name,
        None => variable(env, "KRB5_KTNAME", KEYTAB)?
            .or_else(|| relation("default_keytab_name"))
            .unwrap_or_else(|| "/etc/krb5.keytab".to_owned()),
    };
    let name = expand(env, &name, KEYTAB).await?;
    let path = ["FILE:", "WRFILE:"].iter().find_map(|kind| name.strip_prefix(kind));
    Ok(path.unwrap_or(&name).into())
}

async fn default_cache(env: &Env, config: &Config) -> Result<String, Failure> {
    if let Some(name) = variable(env, "KRB5CCNAME", CACHE)? {
        return Ok(name);
    }
    let name = config.default_of("default_ccache_name").unwrap_or("FILE:/tmp/krb5cc_%{uid}");
    expand(env, name, CACHE).await
}

/// A variable of the environment, in the place of a setting.
fn variable(env: &Env, name: &str, setting: &'static str) -> Result<Option<String>, Failure> {
    let unreadable = |_| Failure::Setting(setting, format!("{name} is not UTF-8").into());
    env.variable(name).map(|value| value.into_string().map_err(unreadable)).transpose()
}

/// Puts in what `%{uid}` and its kin stand for.
async fn expand(env: &Env, name: &str, setting: &'static str) -> Result<String, Failure> {
    let mut out = name.replace("%{null}", "").replace("%{TEMP}", "/tmp");
    for variable in ["%{uid}", "%{euid}", "%{USERID}"] {
        if out.contains(variable) {
            let unknown = || {
                let problem = format!("{name}: what {variable} is, this system does not say");
                Failure::Setting(setting, problem.into())
            };
            let status = env.files().read(Path::new("/proc/self/status"), FILE_BYTES_MAX).await;
            let status = String::from_utf8(status.map_err(|_| unknown())?).unwrap_or_default();
            let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
            // The first is the real user, the second the effective one.
            let mut ids = ids.into_iter().flat_map(str::split_whitespace);
            let id = if variable == "%{euid}" { ids.nth(1) } else { ids.next() };
            out = out.replace(variable, id.ok_or_else(unknown)?);
        }
    }
    match out.split_once("%{") {
        Some((_, rest)) => {
            let problem = format!("{name}: %{{{rest} is not supported; write the path itself");
            Err(Failure::Setting(setting, problem.into()))
        }
        None => Ok(out),
    }
}

/// The setting that errors name: `krb5.conf`.
pub(super) const CONFIG: &str = "krb5.conf";
/// The setting that errors name: the keytab.
pub(super) const KEYTAB: &str = "sasl.kerberos.keytab";
/// The setting that errors name: the ticket cache.
pub(super) const CACHE: &str = "ticket cache";
/// Where nothing was named: GSSAPI is the default, and whoever forgot the setting has never heard
/// of it.
const OTHERWISE: &str = "; to log in otherwise, set sasl.mechanism";
/// How long it takes to write a ticket cache, at most.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// The longest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
