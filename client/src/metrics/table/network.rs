//! What connections measure, for each role and for each broker.

use super::super::connection::{Network, Role, Traffic};
use super::super::row::{Level, Row, Section, Unit, row};

/// For all connections of a role.
pub(crate) static NETWORK: &[(Role, Section<Network>)] = &[
    (Role::Admin, network("admin-client-metrics")),
    (Role::Consumer, network("consumer-metrics")),
    (Role::Producer, network("producer-metrics")),
];

/// For all connections of a role to one broker.
pub(crate) static NODE: &[(Role, Section<Traffic>)] = &[
    (Role::Admin, node("admin-client-node-metrics")),
    (Role::Consumer, node("consumer-node-metrics")),
    (Role::Producer, node("producer-node-metrics")),
];

const fn network(group: &'static str) -> Section<Network> {
    Section { group, level: Level::Client, rows: OF_ALL }
}

const fn node(group: &'static str) -> Section<Traffic> {
    Section { group, level: Level::Node, rows: OF_NODE }
}

static OF_ALL: &[Row<Network>] = &[
    row("connection-count", Unit::Count, "Connections that are open", |n, _| n.open as f64),
    row("connection-creation-rate", Unit::PerSecond, "Connections made", |n, at| {
        n.created.count_rate(at)
    }),
    row("connection-creation-total", Unit::Count, "Connections made", |n, _| n.created.count()),
    row("connection-close-rate", Unit::PerSecond, "Connections that have ended", |n, at| {
        n.closed.count_rate(at)
    }),
    row("connection-close-total", Unit::Count, "Connections that have ended", |n, _| {
        n.closed.count()
    }),
    row("successful-authentication-rate", Unit::PerSecond, LOGINS, |n, at| n.logins.count_rate(at)),
    row("successful-authentication-total", Unit::Count, LOGINS, |n, _| n.logins.count()),
    row("failed-authentication-rate", Unit::PerSecond, FAILED_LOGINS, |n, at| {
        n.failed_logins.count_rate(at)
    }),
    row("failed-authentication-total", Unit::Count, FAILED_LOGINS, |n, _| n.failed_logins.count()),
    row("successful-reauthentication-rate", Unit::PerSecond, RENEWALS, |n, at| {
        n.renewals.count_rate(at)
    }),
    row("successful-reauthentication-total", Unit::Count, RENEWALS, |n, _| n.renewals.count()),
    row("failed-reauthentication-rate", Unit::PerSecond, FAILED_RENEWALS, |n, at| {
        n.failed_renewals.count_rate(at)
    }),
    row("failed-reauthentication-total", Unit::Count, FAILED_RENEWALS, |n, _| {
        n.failed_renewals.count()
    }),
    row("reauthentication-latency-avg", Unit::Milliseconds, RENEWAL_TIME, |n, at| {
        n.renewals.avg(at)
    }),
    row("reauthentication-latency-max", Unit::Milliseconds, RENEWAL_TIME, |n, at| {
        n.renewals.max(at)
    }),
    row("network-io-rate", Unit::PerSecond, "Requests sent and answers received", |n, at| {
        n.traffic.sent.count_rate(at) + n.traffic.received.count_rate(at)
    }),
    row("network-io-total", Unit::Count, "Requests sent and answers received", |n, _| {
        n.traffic.sent.count() + n.traffic.received.count()
    }),
    row("outgoing-byte-rate", Unit::BytesPerSecond, SENT_BYTES, |n, at| n.traffic.sent.rate(at)),
    row("outgoing-byte-total", Unit::Bytes, SENT_BYTES, |n, _| n.traffic.sent.total()),
    row("request-rate", Unit::PerSecond, SENT, |n, at| n.traffic.sent.count_rate(at)),
    row("request-total", Unit::Count, SENT, |n, _| n.traffic.sent.count()),
    row("request-size-avg", Unit::Bytes, SENT_SIZE, |n, at| n.traffic.sent.avg(at)),
    row("request-size-max", Unit::Bytes, SENT_SIZE, |n, at| n.traffic.sent.max(at)),
    row("incoming-byte-rate", Unit::BytesPerSecond, RECEIVED_BYTES, |n, at| {
        n.traffic.received.rate(at)
    }),
    row("incoming-byte-total", Unit::Bytes, RECEIVED_BYTES, |n, _| n.traffic.received.total()),
    row("response-rate", Unit::PerSecond, RECEIVED, |n, at| n.traffic.received.count_rate(at)),
    row("response-total", Unit::Count, RECEIVED, |n, _| n.traffic.received.count()),
];

static OF_NODE: &[Row<Traffic>] = &[
    row("outgoing-byte-rate", Unit::BytesPerSecond, SENT_BYTES, |t, at| t.sent.rate(at)),
    row("outgoing-byte-total", Unit::Bytes, SENT_BYTES, |t, _| t.sent.total()),
    row("request-rate", Unit::PerSecond, SENT, |t, at| t.sent.count_rate(at)),
    row("request-total", Unit::Count, SENT, |t, _| t.sent.count()),
    row("request-size-avg", Unit::Bytes, SENT_SIZE, |t, at| t.sent.avg(at)),
    row("request-size-max", Unit::Bytes, SENT_SIZE, |t, at| t.sent.max(at)),
    row("request-latency-avg", Unit::Milliseconds, LATENCY, |t, at| t.latency.avg(at)),
    row("request-latency-max", Unit::Milliseconds, LATENCY, |t, at| t.latency.max(at)),
    row("incoming-byte-rate", Unit::BytesPerSecond, RECEIVED_BYTES, |t, at| t.received.rate(at)),
    row("incoming-byte-total", Unit::Bytes, RECEIVED_BYTES, |t, _| t.received.total()),
    row("response-rate", Unit::PerSecond, RECEIVED, |t, at| t.received.count_rate(at)),
    row("response-total", Unit::Count, RECEIVED, |t, _| t.received.count()),
];

const LOGINS: &str = "Connections whose TLS handshake and login, if there are any, went well";
const FAILED_LOGINS: &str = "Connections whose TLS handshake or login failed";
const RENEWALS: &str = "Logins that were renewed on their connection (KIP-368)";
const FAILED_RENEWALS: &str = "Logins that could not be renewed";
const RENEWAL_TIME: &str = "How long it took to renew a login";
const SENT: &str = "Requests sent";
const SENT_BYTES: &str = "Bytes of requests, without what TLS adds";
const SENT_SIZE: &str = "Size of a request";
const RECEIVED: &str = "Answers received";
const RECEIVED_BYTES: &str = "Bytes of answers, without what TLS adds";
const LATENCY: &str = "How long an answer took, from when its request was queued for the socket";
