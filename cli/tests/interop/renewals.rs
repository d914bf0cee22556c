//! Logins and tickets that end while records flow both ways, at real brokers and a real KDC.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::logins::login_of;
use crate::real_broker::RealBroker;
use crate::real_brokers::each_since;
use crate::run::{Running, output};

// Case PURE-04. KIP-368 came with 2.2.
#[test]
fn a_login_that_ends_is_renewed_on_its_connection() {
    each_since("2.2", "logins that end", |release| {
        let broker = RealBroker::start_secured(release, &["connections.max.reauth.ms=2000"]);
        let logins = broker.mechanisms().into_iter().map(|mechanism| {
            let login = login_of(&broker, &mechanism);
            (mechanism, login)
        });
        let mut flows: Vec<_> =
            logins.map(|(name, login)| Flow::start(&broker, &name, login)).collect();
        flow(&mut flows, seconds(), || ());
        for flow in flows {
            // Logins are renewed after 85 to 95 % of two seconds.
            let renewed = flow.end(&broker, "logged in again");
            let wanted = usize::try_from(seconds().as_secs() / 2).unwrap() - 1;
            assert!(renewed.iter().all(|count| *count >= wanted), "{renewed:?}, {wanted} wanted");
        }
    });
}

// The KDC gives tickets for a third of the time. Each new login at a broker shows one.
#[test]
fn tickets_that_end_are_renewed_or_fetched_anew() {
    each_since("4.0", "tickets that end", |release| {
        let broker = RealBroker::start_secured(release, &["connections.max.reauth.ms=3000"]);
        let life = seconds().as_secs() / 3;
        broker.kadmin(&format!("modprinc -maxlife {life}s -maxrenewlife {}s alice", 3 * life));
        let (renewed, replaced) = (broker.file("renewed.cache"), broker.file("replaced.cache"));
        kinit(&broker, &renewed, &["-r", &format!("{}s", 3 * life)]);
        kinit(&broker, &replaced, &[]);
        let by_cache = |cache: &Path| {
            let module = format!(
                "sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required \
                 useTicketCache=true ticketCache=\"{}\";",
                cache.display()
            );
            let fixed = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=GSSAPI"];
            let pairs = fixed.into_iter().chain([&*module]);
            pairs.flat_map(|pair| ["-X".to_owned(), pair.to_owned()]).collect()
        };
        let mut flows = [
            Flow::start(&broker, "keytab", login_of(&broker, "GSSAPI")),
            Flow::start(&broker, "renewed", by_cache(&renewed)),
            Flow::start(&broker, "replaced", by_cache(&replaced)),
        ];
        let mut fresh = Instant::now();
        // Not to the last second: then a ticket cannot be renewed any more.
        flow(&mut flows, seconds() * 4 / 5, || {
            if fresh.elapsed() > Duration::from_secs(life) / 2 {
                kinit(&broker, &replaced, &[]);
                fresh = Instant::now();
            }
        });
        for flow in flows {
            // The first login, and one more after each four fifths of a ticket's life.
            let logins = flow.end(&broker, "logged in by Kerberos");
            assert!(logins.iter().all(|count| (3..=6).contains(count)), "{logins:?}");
        }
    });
}

/// Records into a topic and out of it, by two programs of the same login.
struct Flow {
    topic: String,
    producer: Running,
    consumer: Running,
    sent: String,
}

impl Flow {
    fn start(broker: &RealBroker, name: &str, login: Vec<String>) -> Self {
        let topic = format!("flow-{name}");
        broker.create_topic(&topic, 1);
        let kurier = broker.listener("SASL_PLAINTEXT");
        let start = |args: &[&str]| {
            let mut command = kurier.command(args);
            Running::start(broker.with_realm(command.args(&login)))
        };
        let consumer = start(&["-vv", "consume", &topic, "-o", "beginning"]);
        let producer = start(&["-vv", "produce", &topic]);
        Self { topic, producer, consumer, sent: String::new() }
    }

    fn send(&mut self) {
        let first = self.sent.lines().count();
        let lines: String = (first..first + 20).map(|n| format!("{n}\n")).collect();
        self.producer.write(&lines);
        self.sent += &lines;
    }

    /// How often these words were said by whoever wrote and whoever read. All records arrived, and
    /// no connection was lost.
    fn end(self, broker: &RealBroker, words: &str) -> [usize; 2] {
        let (status, written) = self.producer.finish();
        assert!(status.success(), "{}: {written}", self.topic);
        let read = self.consumer.stderr();
        self.consumer.interrupt();
        for log in [&written, &read] {
            let lines = log.lines().filter(|line| is_bad(line));
            let bad: Vec<&str> = lines.collect();
            assert!(bad.is_empty(), "{}: {bad:#?}", self.topic);
        }
        let back = broker.kurier().consume(&self.topic, &[]);
        assert!(back == self.sent.as_bytes(), "{}: {} bytes", self.topic, back.len());
        [written, read].map(|log| log.matches(words).count())
    }
}

/// Whether a line of a log tells of a loss. That a password can be heard is no loss here.
fn is_bad(line: &str) -> bool {
    line.contains("disconnected")
        || line.contains("WARN") && !line.contains("set security.protocol")
}

/// Two thousand records a second into each, for so long.
fn flow(flows: &mut [Flow], time: Duration, mut between: impl FnMut()) {
    let start = Instant::now();
    while start.elapsed() < time {
        flows.iter_mut().for_each(Flow::send);
        between();
        sleep(Duration::from_millis(10));
    }
}

/// A ticket cache of alice's, new or filled anew.
fn kinit(broker: &RealBroker, cache: &Path, options: &[&str]) {
    let mut command = Command::new("kinit");
    command.args(["-k", "-t", broker.keytab(), "-c"]).arg(cache).args(options).arg("alice");
    output(broker.with_realm(&mut command), "");
}

/// How long records flow: a minute in `ci/full security`.
fn seconds() -> Duration {
    let set = std::env::var("KURIER_LOGIN_SECONDS").ok();
    Duration::from_secs(set.map_or(18, |text| text.parse().unwrap()))
}
