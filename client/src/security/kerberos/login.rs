//! A ticket granting ticket: by keytab, from a ticket cache, or renewed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use kurier_auth::kerberos::{
    Config, Credential, EncryptionType, Error as KerberosError, Lifetimes, Login, Principal,
    TicketSearch,
};
use kurier_env::Env;

use super::converse::{Asked, Talk, World};
use super::failure::Failure;
use super::files::{CACHE, CONFIG, KEYTAB, read_cache, read_config, read_keytab};
use super::schedule::is_usable;
use super::settings::{KerberosConfig, TicketSource};
use super::transport::By;

/// A login that has succeeded.
#[derive(Clone, Debug)]
pub(super) struct LoggedIn {
    pub(super) granting: Credential,
    pub(super) world: World,
}

/// Logs in, or, where there was a login before, logs in again.
pub(super) async fn log_in(
    env: Env,
    settings: Arc<KerberosConfig>,
    before: Option<LoggedIn>,
    asked: Asked,
) -> Result<LoggedIn, Failure> {
    let is_first = before.is_none();
    let outcome = try_to_log_in(env, settings, before, asked).await;
    outcome.map_err(|failure| if is_first { failure } else { failure.passing() })
}

async fn try_to_log_in(
    env: Env,
    settings: Arc<KerberosConfig>,
    before: Option<LoggedIn>,
    asked: Asked,
) -> Result<LoggedIn, Failure> {
    let config = Arc::new(read_config(&env, settings.config_files.as_deref()).await?);
    let kinds = encryption_types(&settings, &config, "default_tkt_enctypes")?;
    let (known, clock_offset, old) = match before {
        Some(LoggedIn { granting, world }) => (world.known, world.clock_offset, Some(granting)),
        None => (HashMap::new(), 0, None),
    };
    let first = if settings.datagrams_first { By::Udp } else { By::Tcp };
    let mut world = World { env, config, kinds, first, clock_offset, known, asked };
    let granting = match &settings.source {
        TicketSource::Keytab(path) => {
            let path = path.as_deref();
            by_keytab(&mut world, settings.principal.as_deref(), path).await?
        }
        TicketSource::Cache(name) => {
            let principal = settings.principal.as_deref();
            from_cache(&mut world, principal, name.as_deref(), old).await?
        }
    };
    if world.clock_offset.abs() > OFFSET_MAX {
        let seconds = world.clock_offset;
        tracing::warn!(seconds, "the KDC's clock is far ahead of ours, or behind it");
    }
    let (client, end) = (granting.client.to_string(), granting.end);
    tracing::debug!(client, end, "logged in by Kerberos");
    Ok(LoggedIn { granting, world })
}

async fn by_keytab(
    world: &mut World,
    principal: Option<&str>,
    path: Option<&Path>,
) -> Result<Credential, Failure> {
    let config = Arc::clone(&world.config);
    let (keytab, path) = read_keytab(&world.env, &config, path).await?;
    let client = match principal {
        Some(text) => named(text, config.default_realm())?,
        None => keytab.first().cloned().ok_or_else(|| {
            let problem = format!("{} has no key that can be used", path.display());
            Failure::Setting(KEYTAB, problem.into())
        })?,
    };
    let default = Lifetimes::default();
    let lifetimes = Lifetimes {
        ticket: config.lifetime("ticket_lifetime").unwrap_or(default.ticket),
        renew: config.lifetime("renew_lifetime").unwrap_or(default.renew),
    };
    let wanted = format!("login of {client} with keytab {}", path.display());
    let login = Login::new(client.clone(), &keytab, &world.kinds, lifetimes);
    let login = login.map_err(|error| without_key(&client, &path, &error))?;
    Talk::Login(login).finish(world, &wanted).await.map_err(|failure| match failure {
        // Where no proof of the key is asked for, what the KDC sends does not open with it.
        Failure::Kerberos { wanted, error: error @ KerberosError::Integrity { .. } } => {
            let problem = format!(
                "{wanted}: {error}; the keytab is older than the principal's key, or has another \
                 one: export it anew (ktadd)"
            );
            Failure::Setting(KEYTAB, problem.into())
        }
        other => other,
    })
}

/// The keytab cannot log this principal in.
fn without_key(client: &Principal, path: &Path, error: &KerberosError) -> Failure {
    let text = error.to_string();
    match error {
        KerberosError::NoKey { .. } if !text.contains("; ") => {
            let problem = format!(
                "{}: {text}; set principal= to one that it has a key of, or keyTab= to a keytab \
                 of {client}",
                path.display()
            );
            Failure::Setting(KEYTAB, problem.into())
        }
        _ => Failure::unusable(KEYTAB, path, error),
    }
}

/// What the cache holds; renewed in memory if it is no newer than what there was.
async fn from_cache(
    world: &mut World,
    principal: Option<&str>,
    name: Option<&str>,
    old: Option<Credential>,
) -> Result<Credential, Failure> {
    let config = Arc::clone(&world.config);
    let (cache, name) = read_cache(&world.env, &config, name).await?;
    let problem = |problem: String| Failure::Setting(CACHE, format!("{name}: {problem}").into());
    if let Some(text) = principal {
        let wanted = named(text, config.default_realm())?;
        if !wanted.is(&cache.client) {
            return Err(problem(format!("it is of {}, and not of {wanted}", cache.client)));
        }
    }
    if world.clock_offset == 0 {
        world.clock_offset = cache.clock_offset;
    }
    let granting = cache.granting().cloned().ok_or_else(|| match cache.unusable {
        0 => problem("it has no ticket granting ticket; run kinit".to_owned()),
        _ => problem("its tickets have keys of another kind than AES; allow AES".to_owned()),
    })?;
    let newest = match old {
        Some(old) if old.end >= granting.end && old.client.is(&granting.client) => old,
        _ => {
            if !is_usable(&granting, world.seconds()) {
                return Err(problem("its ticket has expired; run kinit".to_owned()));
            }
            return Ok(granting);
        }
    };
    if !newest.is_renewable() || newest.renew_till <= world.seconds() {
        return Err(problem("its ticket ends and cannot be renewed; run kinit".to_owned()));
    }
    let wanted = format!("renewal of the ticket of {}", newest.client);
    let search = TicketSearch::renewal(&newest, &world.kinds);
    Talk::Search(search).finish(world, &wanted).await
}

/// Gets a ticket for the service of a host.
pub(super) async fn service_ticket(
    mut world: World,
    granting: Credential,
    settings: Arc<KerberosConfig>,
    host: &str,
) -> Result<(Credential, World), Failure> {
    let own = granting.server.grants_for().unwrap_or_default();
    let named = settings.realm.as_deref().or_else(|| world.config.realm_of_host(host));
    let realm = named.map_or(own, str::as_bytes);
    let service = Principal::service(&settings.service, host, realm);
    let wanted = format!("ticket of {} for {service}", granting.client);
    let kinds = encryption_types(&settings, &world.config, "default_tgs_enctypes")?;
    let search = TicketSearch::new(&granting, service.clone(), &kinds);
    let search = if named.is_some() { search.in_its_realm() } else { search };
    let ticket = Talk::Search(search).finish(&mut world, &wanted).await?;
    if !ticket.server.is(&service) {
        let (service, ticket) = (service.to_string(), ticket.server.to_string());
        tracing::debug!(service, ticket, "the KDC knows the service by another name");
    }
    Ok((ticket, world))
}

/// The types that are set, or those of a relation of `krb5.conf`.
fn encryption_types(
    settings: &KerberosConfig,
    config: &Config,
    relation: &str,
) -> Result<Vec<EncryptionType>, Failure> {
    match &settings.encryption_types {
        Some(kinds) => Ok(kinds.clone()),
        None => config
            .encryption_types(relation)
            .map_err(|error| Failure::Setting(CONFIG, error.to_string().into())),
    }
}

fn named(text: &str, default_realm: Option<&str>) -> Result<Principal, Failure> {
    let principal = Principal::parse(text, default_realm);
    principal.map_err(|e| Failure::Setting("sasl.kerberos.principal", e.to_string().into()))
}

/// By how many seconds clocks may differ before it is worth a line in the log.
const OFFSET_MAX: i64 = 300;
