//! A request to a coordinator that decides on it as a whole.

use std::ops::RangeInclusive;

use kurier_protocol::{ErrorCode, Request};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::{About, Error, Remedy, changes_nothing, remedy};
use crate::metadata::KeyType;
use crate::retries::{Retries, call_until};

/// Whether the same may be said once more, and does no harm: nothing of it was done.
pub(super) fn is_again<R: Request>(error: &Error) -> bool {
    error.is_retriable() && (!error.maybe_written() || changes_nothing(R::KEY))
}

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
    let principal = cluster.config().principal();
    let mut before = None;
    loop {
        let found = coordinator(cluster, KeyType::Transaction, id, deadline).await;
        let broker = found.as_ref().ok().copied();
        let answer = match found {
            Ok(broker) => {
                call_until(cluster, deadline, broker, versions.clone(), request.clone()).await
            }
            Err(error) => Err(error),
        };
        let error = match answer {
            Err(error) => error,
            Ok((version, response)) => match code(&response) {
                code if remedy(R::KEY, code) == Remedy::Ok => return Ok((version, response)),
                code => Error::broker(R::KEY, code, About::TransactionalId(id.into())),
            },
        };
        if let Some(broker) = broker.filter(|_| is_elsewhere(&error)) {
            cluster.forget_coordinator(KeyType::Transaction, id, broker);
        }
        if !is_again::<R>(&error) || !retries.wait().await {
            return Err(error.after(before.as_ref()).seen_as(principal.as_ref()));
        }
        tracing::debug!(api = %R::KEY, %error, "asking a coordinator of transactions again");
        before = Some(error);
    }
}
