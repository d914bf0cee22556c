//! `Admin`: what a program asks for changes of the cluster.

use crate::cluster::Cluster;

/// Creates, describes and deletes what is in a cluster.
#[derive(Clone, Debug)]
pub struct Admin {
    pub(super) cluster: Cluster,
}

impl Admin {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}
