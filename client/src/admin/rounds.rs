//! Operations on several topics, some of which may have to be tried again.

use kurier_protocol::{ApiKey, ErrorCode, Request, Str};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::error::{About, Error, Remedy, remedy};
use crate::retries::Retries;
use crate::routing::{Target, ask};

/// What came of each topic, in the order in which they were named.
pub type Outcomes = Vec<(String, Result<(), Error>)>;

/// What a controller said of one topic.
pub(super) struct Said {
    pub(super) topic: Option<Str>,
    pub(super) code: ErrorCode,
    pub(super) message: Option<Str>,
}

/// An operation on topics.
pub(super) trait Operation: Clone + Send + Sync + 'static {
    /// What is sent.
    type Request: Request;

    /// The name of the topic.
    fn topic(&self) -> &str;

    /// The request for all of these.
    fn request(these: &[Self], version: i16, timeout_ms: i32) -> Self::Request;

    /// What the answer says of each.
    fn read(response: <Self::Request as Request>::Response) -> Vec<Said>;
}

/// Asks the controller until it has decided on each of them, or the request timeout is over.
pub(super) async fn run<O: Operation>(
    cluster: &Cluster,
    wanted: Vec<O>,
) -> Result<Outcomes, Error> {
    let deadline = Instant::now() + cluster.request_timeout();
    let timeout_ms = i32::try_from(cluster.request_timeout().as_millis()).unwrap_or(i32::MAX);
    let mut retries = Retries::new(cluster, deadline);
    let principal = cluster.config().principal();
    let names: Vec<String> = wanted.iter().map(|op| op.topic().to_owned()).collect();
    let mut outcomes: Vec<Option<Result<(), Error>>> = vec![None; wanted.len()];
    let mut open: Vec<usize> = (0..wanted.len()).collect();
    while !open.is_empty() {
        let these: Vec<O> = open.iter().filter_map(|i| wanted.get(*i).cloned()).collect();
        let make = move |version| O::request(&these, version, timeout_ms);
        let answer = ask(cluster, &Target::Controller, deadline, make).await;
        let said = match answer {
            Ok((_, response)) => O::read(response),
            Err(error) if outcomes.iter().all(Option::is_none) => return Err(error),
            Err(error) => {
                open.iter().for_each(|i| set(&mut outcomes, *i, Err(error.clone())));
                break;
            }
        };
        let mut again = Vec::new();
        for index in open {
            let name = names.get(index).map_or("", String::as_str);
            let outcome = outcome(O::Request::KEY, name, &said)
                .map_err(|error| error.seen_as(principal.as_ref()));
            if outcome.as_ref().is_err_and(Error::is_retriable) {
                again.push(index);
            }
            set(&mut outcomes, index, outcome);
        }
        open = again;
        if !open.is_empty() && !retries.wait().await {
            break;
        }
    }
    if outcomes.iter().flatten().any(Result::is_ok) {
        // Producers and consumers of these topics shall see the change soon.
        cluster.refresh();
    }
    Ok(names.into_iter().zip(outcomes.into_iter().flatten()).collect())
}

fn set(outcomes: &mut [Option<Result<(), Error>>], index: usize, outcome: Result<(), Error>) {
    if let Some(slot) = outcomes.get_mut(index) {
        *slot = Some(outcome);
    }
}

fn outcome(api: ApiKey, topic: &str, said: &[Said]) -> Result<(), Error> {
    let of_topic = |said: &&Said| said.topic.as_deref() == Some(topic);
    let (code, message) = match said.iter().find(of_topic) {
        Some(said) => (said.code, said.message.as_deref().filter(|text| !text.is_empty())),
        None => (ErrorCode::UNKNOWN_SERVER_ERROR, Some("the answer does not name the topic")),
    };
    match remedy(api, code) {
        Remedy::Ok => Ok(()),
        _ => Err(Error::said(api, code, About::topic(topic), message)),
    }
}
