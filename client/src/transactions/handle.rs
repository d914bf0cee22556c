//! `Transactions`: what a program asks about transactions, or takes steps of them with.

use crate::cluster::Cluster;

/// Takes single steps of transactions, and asks about them. Each method waits at most
/// [`request_timeout`](crate::config::ClientConfig::request_timeout).
#[derive(Clone, Debug)]
pub struct Transactions {
    pub(super) cluster: Cluster,
}

impl Transactions {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}
