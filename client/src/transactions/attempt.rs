//! A request to a coordinator that decides on it as a whole.

use std::ops::RangeInclusive;

use kurier_protocol::{ErrorCode, Request};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::{About, Error, Remedy, remedy};
use crate::metadata::KeyType;
use crate::retries::{Retries, call_until};

/// Whether an error means that a coordinator is somewhere else, or may be.
pub(super) fn is_elsewhere(error: &Error) -> bool {
    match error {
        Error::Broker { api, code, .. } => remedy(*api, *code) == Remedy::Coordinator,
        error => error.is_retriable(),
    }
}

/// Asks the coordinator of a transactional id until it has decided, an attempt may have been
/// executed, or the deadline has come.
pub(super) async fn decide<R: Request>(
    cluster: &Cluster,
    id: &str,
    versions: RangeInclusive<i16>,
    request: impl Fn(i16) -> R + Clone + Send + 'static,
    code: impl Fn(&R::Response) -> ErrorCode,
) -> Result<(i16, R::Response), Error> {
    let deadline = Instant::now() + cluster.request_timeout();
    let mut retries = Retries::new(cluster, deadline);
    let mut before = None;
    let attempt = Attempt { cluster, id, deadline };
    loop {
        let error = match attempt.run(versions.clone(), request.clone(), &code).await {
            Err(error) => error,
            decided => return decided,
        };
        if !error.may_go_again(R::KEY) || !retries.wait().await {
            return Err(error.after(before.as_ref()));
        }
        tracing::debug!(api = %R::KEY, %error, "asking a coordinator of transactions again");
        before = Some(error);
    }
}

/// Asks it once: its caller must know of each attempt.
pub(super) async fn decide_once<R: Request>(
    cluster: &Cluster,
    id: &str,
    versions: RangeInclusive<i16>,
    request: impl FnOnce(i16) -> R + Send + 'static,
    code: impl Fn(&R::Response) -> ErrorCode,
) -> Result<(i16, R::Response), Error> {
    let deadline = Instant::now() + cluster.request_timeout();
    Attempt { cluster, id, deadline }.run(versions, request, code).await
}

/// One attempt.
struct Attempt<'a> {
    cluster: &'a Cluster,
    id: &'a str,
    deadline: Instant,
}

impl Attempt<'_> {
    async fn run<R: Request>(
        &self,
        versions: RangeInclusive<i16>,
        request: impl FnOnce(i16) -> R + Send + 'static,
        code: impl Fn(&R::Response) -> ErrorCode,
    ) -> Result<(i16, R::Response), Error> {
        let Self { cluster, id, deadline } = *self;
        let principal = cluster.config().principal();
        let found = coordinator(cluster, KeyType::Transaction, id, deadline).await;
        let broker = found.map_err(|error| error.seen_as(principal.as_ref()))?;
        let error = match call_until(cluster, deadline, broker, versions, request).await {
            Err(error) => error,
            Ok((version, response)) => match code(&response) {
                code if remedy(R::KEY, code) == Remedy::Ok => return Ok((version, response)),
                code => Error::broker(R::KEY, code, About::TransactionalId(id.into())),
            },
        };
        if is_elsewhere(&error) {
            cluster.forget_coordinator(KeyType::Transaction, id, broker);
        }
        Err(error.seen_as(principal.as_ref()))
    }
}
