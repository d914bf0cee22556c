//! `kurier broker`: the cluster of the test kit, over TCP.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kurier_auth::kerberos::{Keytab, Principal};
use kurier_env::{RealWall, Seeded, read_at_most};
use kurier_testkit::{Builder, Error, ListenError, SaslMechanism, TestCluster};

use crate::args::broker::BrokerArgs;
use crate::args::value::{Advertise, ClusterConfig, ReleaseArg};
use crate::failure::{Failure, Outcome};
use crate::output::notice::{Notice, is_same_file};
use crate::output::stdout::Stdout;
use crate::session::log;
use crate::session::progress::say;
use crate::session::signals::{Last, Stop};
use crate::text::reason;

/// Runs a cluster until a signal ends it, or its stdin.
pub(crate) async fn run(args: &BrokerArgs) -> Outcome {
    let mut stop = listen(args);
    if !args.quiet {
        log::show_notes();
    }
    let mut notices = Notices::claim(args)?;
    let builder =
        args.topics.iter().fold(describe(args.release, args.brokers), |builder, topic| {
            builder.topic(&topic.name, topic.partitions)
        });
    // Nobody can ask it for the requests that it got.
    let builder = builder.auto_create(!args.no_auto_create).requests_kept(0);
    warn_of_nothing(args);
    let builder = configure(builder, &args.configs);
    let builder = secure(advertise(builder, args), args)?;
    let cluster = build(builder)?;
    check_ports(args)?;
    let served = cluster.serve_tcp(bare(&args.host), args.port).await;
    let served = served.map_err(|error| cannot_listen(&error))?;
    let cluster = Arc::new(cluster);
    tokio::spawn(keep_up(Arc::clone(&cluster)));
    let (addresses, listening) = (served.bootstrap(), served.listening());
    let lines: String = addresses.iter().map(|address| format!("{address}\n")).collect();
    tokio::select! {
        biased;
        // Before the files, of which a FIFO waits for its reader.
        () = stop.asked() => return Ok(()),
        written = notices.write(cluster.ca_pem(), &lines) => written?,
    }
    if !args.quiet {
        say(&ready(args, &addresses.join(","), &listening.join(",")));
        if args.tls && args.ca_file.is_none() {
            say(
                "kurier: note: no client trusts the certificate; --ca-file FILE says whom to trust",
            );
        }
    }
    let told = Stdout::open().and_then(|mut stdout| stdout.print(&lines));
    // Whoever wants the addresses may read them from the file: a closed stdout does not matter. A
    // full disk does, since somebody may wait for what is not written.
    let told = if matches!(told, Err(Failure::StdoutBroken(_))) { told } else { Ok(()) };
    if told.is_ok() {
        stop.asked().await;
    }
    // Its connections end with the process: a request that is being handled is not waited for.
    drop(notices);
    told
}

/// Listens for what shall end it.
fn listen(args: &BrokerArgs) -> Stop {
    if !args.until_stdin_ends {
        return Stop::listen(Last::First);
    }
    let is_quiet = args.quiet;
    Stop::listen_and_read(Last::First, move || {
        if !is_quiet {
            say("kurier: note: stdin has ended, and the broker with it");
        }
    })
}

/// The files that a broker was told to write.
#[derive(Debug)]
struct Notices {
    ca: Option<(PathBuf, Notice)>,
    ports: Option<(PathBuf, Notice)>,
}

impl Notices {
    /// First of all: whoever waits for the files must not find those of an earlier run.
    fn claim(args: &BrokerArgs) -> Outcome<Self> {
        if let (Some(ca), Some(ports)) = (&args.ca_file, &args.port_file)
            && is_same_file(ca, ports)
        {
            let file = ports.display();
            let problem = format!("--ca-file and --port-file are both {file}; give them two names");
            return Err(Failure::Usage(problem));
        }
        let claim = |file: &Option<PathBuf>, option| {
            let claimed = file.as_ref().map(|file| match Notice::claim(file) {
                Ok(notice) => Ok((file.clone(), notice)),
                Err(error) => Err(cannot_write(file, &error, option)),
            });
            claimed.transpose()
        };
        let ca = claim(&args.ca_file, "--ca-file")?;
        Ok(Self { ca, ports: claim(&args.port_file, "--port-file")? })
    }

    /// Whoever waits for the port file finds the certificate.
    async fn write(&mut self, ca: Option<String>, ports: &str) -> Outcome {
        if let (Some((file, notice)), Some(ca)) = (&mut self.ca, ca) {
            let written = notice.write(ca).await;
            written.map_err(|error| cannot_write(file, &error, "--ca-file"))?;
        }
        if let Some((file, notice)) = &mut self.ports {
            let written = notice.write(ports.to_owned()).await;
            written.map_err(|error| cannot_write(file, &error, "--port-file"))?;
        }
        Ok(())
    }
}

/// Takes away the files that a command line names which cannot be read, as a start that fails does:
/// whoever waits for them must not find those of an earlier run.
pub(crate) fn withdraw(words: impl IntoIterator<Item = OsString>) {
    let mut words = words.into_iter().skip(1);
    if words.next().is_none_or(|command| command != "broker") {
        return;
    }
    let words: Vec<OsString> = words.take_while(|word| word != "--").collect();
    let files = words.iter().enumerate().filter_map(|(index, word)| {
        let option = |name: &&str| word.to_str()?.strip_prefix(name);
        match ["--port-file", "--ca-file"].iter().find_map(option)? {
            "" => words.get(index + 1).filter(|file| !is_option(file)).map(PathBuf::from),
            rest => rest.strip_prefix('=').map(PathBuf::from),
        }
    });
    // What cannot be removed is no worse than before, and the wrong usage is told.
    files.for_each(|file| drop(Notice::claim(&file)));
}

fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

/// An IPv6 address may stand in brackets, as it does before a port.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn configure(builder: Builder, configs: &[ClusterConfig]) -> Builder {
    configs.iter().fold(builder, |builder, config| match config {
        ClusterConfig::Brokers(config) => builder.config(&config.key, &config.value),
        ClusterConfig::Topic(topic, config) => {
            builder.topic_config(topic, &config.key, &config.value)
        }
        ClusterConfig::Rack(broker, rack) => builder.rack(*broker, rack),
    })
}

/// Tells clients something else than where the brokers listen.
fn advertise(builder: Builder, args: &BrokerArgs) -> Builder {
    let Some(Advertise { host, port }) = &args.advertise else { return builder };
    let builder = builder.advertised_host(host);
    match port {
        Some(port) => builder.advertised_port(*port),
        None => builder,
    }
}

/// Names the settings that are taken and do nothing.
fn warn_of_nothing(args: &BrokerArgs) {
    let names: Vec<_> = args.configs.iter().filter_map(ClusterConfig::of_brokers).collect();
    let names: Vec<_> = names.into_iter().filter(|name| Builder::does_nothing(name)).collect();
    if !names.is_empty() && !args.quiet {
        let names = names.join(", ");
        say(&format!("kurier: warning: --config: no client could see what these set: {names}"));
    }
}

/// Asks of clients what the options say.
fn secure(builder: Builder, args: &BrokerArgs) -> Outcome<Builder> {
    let mut builder = if args.tls { builder.tls() } else { builder };
    builder = builder.sasl(args.sasl.iter().copied());
    for (at, user) in args.users.iter().enumerate() {
        if args.users.iter().take(at).any(|other| other.name == user.name) {
            let name = &user.name;
            return Err(Failure::Usage(format!("--user names {name} twice; leave one of them")));
        }
        builder = builder.user(&user.name, user.password.clone());
    }
    if let Some(file) = &args.keytab {
        let failed = |why: String| {
            Failure::Failed(format!("cannot read {}: {why}; check --keytab", file.display()))
        };
        let bytes = read_at_most(file, KEYTAB_BYTES_MAX).map_err(|error| failed(reason(&error)))?;
        let keytab = Keytab::parse(&bytes).map_err(|error| failed(error.to_string()))?;
        if let Some(warning) = misfit(&keytab, args).filter(|_| !args.quiet) {
            say(&format!("kurier: warning: --keytab: {warning}"));
        }
        builder = builder.keytab(keytab);
    }
    Ok(builder)
}

/// What is wrong with a keytab for brokers whom clients know by these names, if anything is.
fn misfit(keytab: &Keytab, args: &BrokerArgs) -> Option<String> {
    let host = args.advertise.as_ref().map_or_else(|| bare(&args.host), |it| it.host.as_str());
    let host = if matches!(host, "0.0.0.0" | "::") { "localhost" } else { host };
    let first = keytab.first()?;
    let service = match first.parts.as_slice() {
        [service, _] => String::from_utf8_lossy(service).into_owned(),
        _ => "kafka".to_owned(),
    };
    let error = keytab.keys(&Principal::service(&service, host, &first.realm)).err()?;
    Some(format!(
        "{error}; whom the brokers tell to be at {host}, asks for that one: set --host or \
         --advertise to the keytab's host, or take another keytab"
    ))
}

/// The largest keytab that is read.
const KEYTAB_BYTES_MAX: u64 = 1 << 20;

/// A cluster that keeps real time and draws real lots.
pub(crate) fn describe(release: ReleaseArg, brokers: u16) -> Builder {
    let builder = TestCluster::builder().brokers(brokers.into()).release(release.0.name());
    builder.wall(Arc::new(RealWall)).chance(Arc::new(Seeded::from_os()))
}

/// Starts a cluster, or says what is wrong with its description.
pub(crate) fn build(builder: Builder) -> Outcome<TestCluster> {
    builder.try_build().map_err(|error| Failure::Usage(in_options(&error)))
}

/// What is wrong, and which option says it right.
fn in_options(error: &Error) -> String {
    let text = error.to_string();
    match error {
        Error::Config { problem, .. } if problem.starts_with("is no setting") => {
            format!("--config: {text}; `kurier broker --help` lists them")
        }
        Error::Config { name, problem } => {
            format!("--config: {text}{}", instead(name, problem).unwrap_or_default())
        }
        Error::Topic { reason, .. } if reason.ends_with("was not added") => {
            format!("{text}; add it to --topics")
        }
        Error::Security(why) if why.ends_with("needs a user") => {
            format!("{text}; give it one with --user NAME:PASSWORD")
        }
        Error::Security(why) if why.ends_with("needs a keytab") => {
            format!("{text}; give it one with --keytab FILE")
        }
        Error::Security(_) => format!("{text}; see --sasl"),
        _ => text,
    }
}

/// What says it in place of a setting that is not taken.
fn instead(name: &str, problem: &str) -> Option<String> {
    if let Some(of_topics) = problem.strip_prefix("is set for each topic") {
        let name = of_topics.strip_prefix(", as ").unwrap_or(name);
        return Some(format!("; write --config TOPIC:{name}=VALUE, with a topic of --topics"));
    }
    let option = match name {
        "default.replication.factor" if problem.contains("brokers") => "see --brokers",
        "advertised.listeners" => "--advertise HOST:PORT says it here",
        "listeners" => "--host and --port say it here",
        _ if name.starts_with("ssl.") => "--tls and --ca-file say what there is",
        _ if name.starts_with("sasl.") => "--sasl, --user and --keytab say it here",
        _ => return None,
    };
    Some(format!("; {option}"))
}

/// All brokers have a port.
fn check_ports(args: &BrokerArgs) -> Outcome {
    let brokers = args.brokers;
    let is_beyond = |port: u16| port.checked_add(brokers.saturating_sub(1)).is_none();
    let wrong = |what: String| Err(Failure::Usage(format!("--brokers {brokers} with {what}")));
    let beyond = "would need ports beyond 65535; choose a lower";
    match args.advertise.as_ref().and_then(|told| told.port) {
        _ if is_beyond(args.port) => {
            wrong(format!("--port {} {beyond} --port, or 0 for free ones", args.port))
        }
        Some(port) if is_beyond(port) => wrong(format!("--advertise ..:{port} {beyond} port")),
        _ => Ok(()),
    }
}

/// Sees to the logs as brokers do, for ever.
async fn keep_up(cluster: Arc<TestCluster>) {
    let mut turns = tokio::time::interval(cluster.upkeep_interval());
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    turns.tick().await;
    loop {
        turns.tick().await;
        cluster.apply_upkeep();
    }
}

fn ready(args: &BrokerArgs, bootstrap: &str, listening: &str) -> String {
    let count = match args.brokers {
        1 => "1 broker is".into(),
        count => format!("{count} brokers are"),
    };
    let BrokerArgs { release, .. } = args;
    let access = access(args);
    let place = if bootstrap == listening { String::new() } else { format!(" at {listening}") };
    format!(
        "{count} ready{place}, as Kafka {release}: kurier -b {bootstrap}{access} COMMAND; \
         Ctrl-C ends it"
    )
}

/// The properties that a client needs to get in; never a password.
fn access(args: &BrokerArgs) -> String {
    let mut access = match (args.tls, args.sasl.is_empty()) {
        (false, true) => return String::new(),
        (true, true) => " -X security.protocol=SSL".to_owned(),
        (false, false) => " -X security.protocol=SASL_PLAINTEXT".to_owned(),
        (true, false) => " -X security.protocol=SASL_SSL".to_owned(),
    };
    if let Some(file) = &args.ca_file {
        access += &format!(" -X ssl.ca.location={}", file.display());
    }
    if let Some(mechanism) = args.sasl.first() {
        access += &format!(" -X sasl.mechanism={}", mechanism.name());
    }
    match (args.sasl.first(), args.users.first()) {
        // Brokers ask no more of a token than that it names a user.
        (Some(SaslMechanism::OauthBearer), _) => {
            access += " -X 'sasl.jaas.config=OAuthBearerLoginModule required \
                       unsecuredLoginStringClaim_sub=\"alice\";'";
        }
        // Tickets are kinit's.
        (Some(SaslMechanism::Gssapi), _) | (_, None) => {}
        (_, Some(user)) => {
            access += &format!(" -X sasl.username={} -X sasl.password=..", user.name);
        }
    }
    access
}

fn cannot_listen(error: &ListenError) -> Failure {
    let ListenError { address, source } = error;
    let advice = match source.kind() {
        io::ErrorKind::AddrInUse => "choose another --port, or 0 for free ones",
        _ => "check --host and --port",
    };
    Failure::Failed(format!("cannot listen at {address}: {}; {advice}", reason(source)))
}

fn cannot_write(file: &Path, error: &io::Error, option: &str) -> Failure {
    let (file, reason) = (file.display(), reason(error));
    Failure::Failed(format!("cannot write {file}: {reason}; check {option}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use kurier_auth::kerberos::{EncryptionType, Key};

    use super::*;
    use crate::args::{Cli, Command};

    fn said(options: &str) -> String {
        let words = ["kurier", "broker"].into_iter().chain(options.split_whitespace());
        match Cli::parse_from(words).command {
            Command::Broker(args) => ready(&args, "b:1", "b:1"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_user_has_one_password() {
        let words = "kurier broker --sasl PLAIN --user a:X --user b:X --user a:Y";
        let Command::Broker(args) = Cli::parse_from(words.split(' ')).command else { panic!() };
        let cluster = describe(args.release, 1);
        let Err(Failure::Usage(text)) = secure(cluster, &args) else { panic!() };
        assert_eq!(text, "--user names a twice; leave one of them");
    }

    #[test]
    fn the_ready_line_has_what_lets_clients_in_and_no_password() {
        assert_eq!(
            said(""),
            "1 broker is ready, as Kafka 4.4: kurier -b b:1 COMMAND; Ctrl-C ends it"
        );
        assert!(said("--as 3").starts_with("1 broker is ready, as Kafka 3.9: "));
        let secure = said("--tls --ca-file ca.pem --sasl PLAIN --user alice:wonderland");
        let wanted = "-b b:1 -X security.protocol=SASL_SSL -X ssl.ca.location=ca.pem \
                      -X sasl.mechanism=PLAIN -X sasl.username=alice -X sasl.password=.. COMMAND;";
        assert!(secure.contains(wanted), "{secure}");
        assert!(said("--tls").contains("-b b:1 -X security.protocol=SSL COMMAND;"));
        let bearer = said("--sasl OAUTHBEARER");
        let wanted = "-X sasl.mechanism=OAUTHBEARER -X 'sasl.jaas.config=OAuthBearerLoginModule \
                      required unsecuredLoginStringClaim_sub=\"alice\";' COMMAND;";
        assert!(bearer.contains(wanted), "{bearer}");
        let ticket = said("--sasl GSSAPI,PLAIN --user alice:wonderland");
        assert!(ticket.contains("-X sasl.mechanism=GSSAPI COMMAND;"), "{ticket}");
    }

    #[test]
    fn a_keytab_that_fits_no_name_of_the_brokers_is_warned_of() {
        let args = |options: &str| {
            let words = "kurier broker --sasl GSSAPI --keytab f".split_whitespace();
            match Cli::parse_from(words.chain(options.split_whitespace())).command {
                Command::Broker(args) => args,
                other => panic!("{other:?}"),
            }
        };
        let of = |principal: &str| {
            let mut keytab = Keytab::default();
            let key = Key::new(EncryptionType::ALL[0], &[0; 32]).unwrap();
            keytab.push(Principal::parse(principal, None).unwrap(), 1, key);
            keytab
        };
        let service = of("kafka/localhost@R");
        assert_eq!(misfit(&service, &args("--host localhost")), None);
        assert_eq!(misfit(&service, &args("--host 0.0.0.0")), None);
        assert_eq!(misfit(&service, &args("--advertise localhost:1")), None);
        let other = misfit(&service, &args("")).unwrap();
        assert!(other.starts_with("no key of kafka/127.0.0.1@R: the keytab has keys"), "{other}");
        let user = misfit(&of("alice@R"), &args("--host localhost")).unwrap();
        assert!(user.starts_with("no key of kafka/localhost@R: the keytab has keys"), "{user}");
    }
}
