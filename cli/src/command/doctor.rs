//! `kurier doctor`: says what is wrong between this machine and a cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::net::{Address, Probe};
use kurier_client::properties::Properties;
use kurier_client::security::Sasl;
use kurier_client::security::tls::{HostNames, Tls};
use kurier_env::Env;

use crate::args::cluster::ClusterArgs;
use crate::args::doctor::DoctorArgs;
use crate::args::list_format::ListFormat;
use crate::doctor::facts::{Client, Facts};
use crate::doctor::finding::{Check, Finding, Status};
use crate::doctor::prober::{Ledger, Prober, fill};
use crate::doctor::{findings, report};
use crate::failure::{Failure, Outcome};
use crate::output::stdout::Stdout;
use crate::session::progress::say;
use crate::session::signals::{Last, Stop};
use crate::session::{misuse, settings};

/// Finds out what can be, prints the report, and fails if something is wrong.
pub(crate) async fn run(args: &DoctorArgs, cluster: &ClusterArgs) -> Outcome {
    let mut stop = Stop::listen(Last::First);
    let mut stdout = Stdout::open()?;
    let (mut facts, prober) = match prepare(args, cluster).await {
        Ok(prepared) => prepared,
        Err(failure) => {
            if args.format == ListFormat::Json {
                let unusable = report::json(None, &[unusable(&failure)]);
                stdout.print(&format!("{unusable:#}\n"))?;
            }
            return Err(failure);
        }
    };
    fill(&mut facts, &prober, stop.asked()).await;
    let findings = findings(&facts);
    stdout.print(&match args.format {
        ListFormat::Text => report::text(&findings),
        ListFormat::Json => format!("{:#}\n", report::json(Some(&facts), &findings)),
    })?;
    verdict(&findings)
}

/// Takes the settings, and reads the files that they name.
async fn prepare(args: &DoctorArgs, cluster: &ClusterArgs) -> Outcome<(Facts, Prober)> {
    let given = settings::given(cluster)?;
    let properties = settings::from_environment(cluster)?;
    let is_read = |name: &str| [TRANSACTIONAL_ID, TIMEOUT, "group.id"].contains(&name);
    for warning in properties.warnings_about(|name, _| !is_read(name)) {
        say(&format!("kurier: warning: {warning}"));
    }
    let servers = properties.servers.iter().map(|server| server.parse::<Address>());
    let mut servers = servers.collect::<Result<Vec<_>, _>>().map_err(|error| misuse(&error))?;
    let mut seen = BTreeSet::new();
    servers.retain(|server| seen.insert(server.clone()));
    let limit = Duration::from_secs(args.timeout);
    let mut config = properties.client_config().map_err(|error| misuse(&error))?;
    let client = client(args, &given, (&properties, &config), limit)?;
    let config_file = cluster.config_file.as_ref().map(|file| file.display().to_string());
    let client = Client { config_file, ..client };
    // Whoever says nothing shall not take all of the time.
    config.dial.setup_timeout = config.dial.setup_timeout.min(limit / 3);
    config.request_timeout = config.request_timeout.min(limit / 3);
    let env = Env::real();
    let kerberos = match &config.sasl {
        Some(Sasl::Gssapi(kerberos)) => Some(kerberos.clone()),
        _ => None,
    };
    let probe = Probe::new(env.clone(), config).await.map_err(|error| misuse(&error))?;
    let mut facts = Facts::new(client, servers);
    facts.now = u64::try_from(env.wall_millis() / 1000).unwrap_or(0);
    let probe_topic = args.probe_topic.clone();
    let prober = Prober { probe, env, kerberos, probe_topic, ledger: Ledger::default() };
    Ok((facts, prober))
}

/// Settings that nothing can be asked with.
fn unusable(failure: &Failure) -> Finding {
    let fix = "correct it; docs/configuration.md has every setting with its values";
    Finding::wrong(Check::Settings, "this client", (failure.to_string(), fix))
}

fn verdict(findings: &[Finding]) -> Outcome {
    match report::number(findings, Status::Wrong) {
        0 => Ok(()),
        wrong => {
            let checks = findings.len();
            Err(Failure::Failed(format!("{wrong} of {checks} checks found something wrong")))
        }
    }
}

/// What the client is to do, by options and settings.
fn client(
    args: &DoctorArgs,
    given: &[(String, String)],
    (properties, config): (&Properties, &ClientConfig),
    limit: Duration,
) -> Outcome<Client> {
    let last = |name: &str| given.iter().rev().find(|(key, _)| key == name).map(|(_, v)| v.clone());
    let or_set = |options: &[String], name: &str| match options {
        [] => last(name).filter(|value| !value.is_empty()).into_iter().collect(),
        options => options.to_vec(),
    };
    let timeout = match last(TIMEOUT) {
        None => TIMEOUT_DEFAULT_MS,
        Some(text) => text.trim().parse().ok().filter(|ms| *ms > 0).ok_or_else(|| {
            Failure::Usage(format!("{TIMEOUT}: {text:?} is no number of milliseconds from 1"))
        })?,
    };
    let transactional_ids: Vec<String> = or_set(&args.transactional_ids, TRANSACTIONAL_ID);
    let sasl = config.sasl.as_ref();
    Ok(Client {
        encrypts: config.tls.is_some(),
        checks_host_names: config.tls.as_ref().is_none_or(checks_host_names),
        mechanism: sasl.map(|sasl| sasl.name()),
        shows: sasl.filter(|sasl| sasl.shows_secret()).map(|sasl| match sasl {
            Sasl::OauthBearer(_) => "token",
            _ => "password",
        }),
        user: sasl.and_then(|sasl| sasl.user()).map(String::from),
        config_file: None,
        acks: properties.producer.acks,
        transaction_timeout_ms: timeout,
        wants_transactions: !transactional_ids.is_empty() || last(TIMEOUT).is_some(),
        topics: args.topics.clone(),
        groups: or_set(&args.groups, "group.id"),
        transactional_ids,
        limit,
    })
}

fn checks_host_names(tls: &Tls) -> bool {
    tls.host_names == HostNames::Checked
}

const TRANSACTIONAL_ID: &str = "transactional.id";
const TIMEOUT: &str = "transaction.timeout.ms";
/// Kafka's default.
const TIMEOUT_DEFAULT_MS: i64 = 60_000;
