//! What the brokers speak and which features are on in the cluster, asked anew (KIP-584).

use kurier_protocol::Request;
use kurier_protocol::api::api_versions::ApiVersionsRequest;
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::error::{About, Error, Remedy, remedy};
use crate::net::{Ranges, question};
use crate::routing::{Target, ask};

/// What whoever the target is says of itself and of the cluster now. What was told when its
/// connection was made may be older than the last change of a feature.
pub(crate) async fn features(
    cluster: &Cluster,
    target: &Target,
    deadline: Instant,
) -> Result<Ranges, Error> {
    let api = ApiVersionsRequest::KEY;
    let (_, response) = ask(cluster, target, deadline, |_| question()).await?;
    match remedy(api, response.error_code) {
        Remedy::Ok => Ok(Ranges::new(&response)),
        _ => Err(Error::broker(api, response.error_code, About::Nothing)),
    }
}

/// The feature that says whether coordinators divide the partitions of groups (KIP-848).
pub(crate) const GROUP_VERSION: &str = "group.version";
/// The feature that tells which rules transactions go by.
pub(crate) const TRANSACTION_VERSION: &str = "transaction.version";
