//! The rows of the matrix, with what lets each go wrong.

mod fetches;
mod groups;
mod logs;
mod transport;
mod produce;
mod transactions;
mod readers;
mod protocol;
mod rest;

use crate::row::Row;

/// All rows, in their order.
pub(crate) fn rows() -> Vec<Row> {
    let parts = [
        transport::rows(),
        produce::rows(),
        transactions::rows(),
        readers::rows(),
        protocol::rows(),
        rest::rows(),
    ];
    parts.into_iter().flatten().collect()
}
