//! What an error says: what was found, and what may help.

use std::borrow::Cow;
use std::fmt;

use kurier_protocol::{ApiKey, ErrorCode};

use super::acl::MissingAcl;
use super::advice;
use super::fault::{Advertised, Attempt, Cause, Fault};
use super::questions::Fate;
use super::rounded::Rounded;
use super::told::Told;
use super::variants::Error;

impl Error {
    /// What may help against it, if that can be told: the end of its text.
    #[must_use]
    pub fn advice(&self) -> Option<Cow<'static, str>> {
        self.told().advice
    }

    /// What has happened, without what may help: the begin of its text.
    #[must_use]
    pub fn found(&self) -> Cow<'static, str> {
        self.told().found
    }

    fn told(&self) -> Told {
        match self {
            Self::Broker { .. } => self.told_by_broker(),
            Self::TimedOut { what, after, maybe_written, last } => {
                let is_deed = what.is_for_deed() || *maybe_written;
                let (last, after) = (LastTry(last.as_deref()), Rounded(*after));
                let fate = Fate(is_deed.then_some(*maybe_written)).of(what.api());
                Told::new(format!("{what}{last} within {after}{fate}"), what.advice())
            }
            Self::Disconnected { address, api, maybe_written, cause } => {
                let (request, fate) = (InAnswerTo(*api), Fate(Some(*maybe_written)).of(*api));
                cause.told().map(|cause| format!("lost {address}{request}: {cause}{fate}"))
            }
            Self::Unreachable { tried, advertised } => unreachable(tried, advertised.as_deref()),
            Self::NotKafka { from, fault } => fault.told().map(|fault| format!("{from}: {fault}")),
            Self::Authentication { address, failure } => {
                failure.told().map(|failure| format!("{address}: {failure}"))
            }
            Self::Unsupported { feature, needed, offered, remedy } => Told::new(
                format!("{feature} needs {needed}, and the broker offers {offered}"),
                remedy.to_string(),
            ),
            // The metadata leave it out, and have others behind it.
            Self::UnknownTopic { topic, partition: Some((partition, count)) }
                if usize::try_from(*partition).is_ok_and(|partition| partition < *count) =>
            {
                Told::found(format!(
                    "topic {topic} has no partition {partition} among the {count} that the \
                     brokers know"
                ))
            }
            Self::UnknownTopic { topic, partition: Some((partition, count)) } => {
                Told::found(format!(
                    "topic {topic} has no partition {partition}: it has {count}, counted from 0"
                ))
            }
            Self::UnknownTopic { topic, partition: None } => Told::new(
                format!("topic {topic} does not exist"),
                "create it; reading never does, writing where brokers have \
                 auto.create.topics.enable",
            ),
            Self::CorruptBatch { topic, partition, offset, fault } => {
                Fault::Record(*fault).told().map(|fault| {
                    format!("partition {partition} of topic {topic} at offset {offset}: {fault}")
                })
            }
            Self::LogTruncation { .. } | Self::TopicRecreated { .. } => self.told_of_a_log(),
            Self::TooLarge { what, bytes, bytes_max, setting } => Told::new(
                format!("{what} of {bytes} bytes is over the limit of {bytes_max}"),
                what.advice(setting),
            ),
            Self::Transaction { transactional_id, fate, cause } => {
                let cause = cause.as_ref().map(|cause| cause as &dyn fmt::Display);
                fate.told(transactional_id, cause)
            }
            Self::Invalid { setting, problem } => {
                Told::of_text(problem).map(|problem| format!("{setting}: {problem}"))
            }
            Self::Closed { what } => Told::new(format!("the {what} is closed"), "make a new one"),
        }
    }

    /// A log that is not the one that was read.
    fn told_of_a_log(&self) -> Told {
        match self {
            Self::LogTruncation { topic, partition, offset, leader_epoch, divergence } => {
                let until = match divergence {
                    Some((offset, epoch)) => {
                        format!("up to offset {offset} (leader epoch {epoch}) both are the same")
                    }
                    None => "the leader does not know up to where both are the same".to_owned(),
                };
                let found = format!(
                    "the log of partition {partition} of topic {topic} is not the one that was \
                     read up to offset {offset} (leader epoch {leader_epoch}): {until}"
                );
                Told::new(found, AFTER_TRUNCATION)
            }
            Self::TopicRecreated { topic, partition, offset } => {
                let found = format!(
                    "topic {topic} was deleted and created anew: offset {offset} of partition \
                     {partition} means nothing in it"
                );
                Told::new(found, AFTER_RECREATION)
            }
            _ => Told::found(""),
        }
    }

    /// What a broker means by its code: its own words, and what to do about it.
    fn told_by_broker(&self) -> Told {
        let Self::Broker { api, code, about, message, principal } = self else {
            return Told::found("");
        };
        let words =
            in_other_words(message.as_deref(), *code).map(|words| words.trim_end_matches('.'));
        let answered = format!("broker answered {code} to {api}{about}");
        let found = match words {
            Some(words) => format!("{answered}: {words}"),
            None => answered,
        };
        if MissingAcl::is_meant_by(*code) {
            let acl = MissingAcl { api: *api, code: *code, about, principal: principal.as_deref() };
            return Told::new(found, acl.to_string());
        }
        match advice::on_code(*api, *code) {
            Some(advice) => Told::new(found, advice),
            // Then at least what the code means.
            None if words.is_none() => Told::found(format!("{found}: {}", code.explain())),
            None => Told::found(found),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told().fmt(f)
    }
}

/// Connections that were not made. Who says what may help by itself needs no more.
fn unreachable(tried: &[Attempt], advertised: Option<&Advertised>) -> Told {
    let says_enough = |attempt: &Attempt| attempt.cause.told().advice.is_some();
    let are_all = |who: &str| {
        !tried.is_empty() && tried.iter().all(|attempt| attempt.address.starts_with(who))
    };
    let told = match tried {
        [Attempt { address, cause }] => {
            let told = cause.told().map(|cause| format!("cannot reach {address}: {cause}"));
            match cause {
                // What is trusted there is set in other places than for brokers.
                Cause::Tls(fault) if fault.is_unknown_issuer() && are_all("token endpoint ") => {
                    Told { advice: Some(ENDPOINT_TRUST.into()), ..told }
                }
                _ => told,
            }
        }
        several => Told::found(format!("cannot reach {}", List(several))),
    };
    match advertised {
        Some(advertised) => told.and(advertised.to_string()),
        None if tried.iter().all(says_enough) && !tried.is_empty() => told,
        None if are_all("KDC ") => told
            .and("check that the KDCs of the realm, as krb5.conf has them, run and can be reached"),
        None if are_all("token endpoint ") => told.and(
            "check sasl.oauthbearer.token.endpoint.url, that the endpoint runs, and that nothing \
             between blocks its port",
        ),
        None => told.and(
            "check the address, that the broker runs, and that nothing between blocks the port",
        ),
    }
}

const AFTER_TRUNCATION: &str = "decide what becomes of the records that were read and are gone, \
    then seek; or set offset_reset (auto.offset.reset)";

const AFTER_RECREATION: &str =
    "seek to where it is to be read, or set offset_reset (auto.offset.reset)";

const ENDPOINT_TRUST: &str = "name the CA's certificate in https.ca.location, or in \
    ssl.truststore.location inside sasl.jaas.config";

/// A broker's words, unless they only repeat its code.
fn in_other_words(message: Option<&str>, code: ErrorCode) -> Option<&str> {
    let repeats = |words: &str| match code {
        ErrorCode::TOPIC_ALREADY_EXISTS => words.contains("already exists"),
        _ if MissingAcl::is_meant_by(code) => words.contains("uthorization failed"),
        _ => false,
    };
    message.filter(|words| !words.is_empty() && code.name() != Some(words) && !repeats(words))
}

struct LastTry<'a>(Option<&'a Error>);

impl fmt::Display for LastTry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(last) => write!(f, " (the last try: {last})"),
            None => Ok(()),
        }
    }
}

struct InAnswerTo(Option<ApiKey>);

impl fmt::Display for InAnswerTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(api) => write!(f, " before it answered {api}"),
            None => Ok(()),
        }
    }
}

struct List<'a>(&'a [Attempt]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.0.iter().take(ATTEMPTS_SHOWN).enumerate() {
            write!(f, "{}{attempt}", if index == 0 { "" } else { "; " })?;
        }
        match self.0.len().saturating_sub(ATTEMPTS_SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// How many addresses an error names: enough to see what is wrong with all of them.
const ATTEMPTS_SHOWN: usize = 8;
