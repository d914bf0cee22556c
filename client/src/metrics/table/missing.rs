//! Java's names that this client does not have, and why.

use super::super::row::{Missing, Part, Why};

/// All of them.
pub(crate) static MISSING: &[Missing] = &[
    not_here("app-info", "a crate knows its version, not its commit", &["commit-id"]),
    not_here("admin-client-metrics", SELECTOR, OF_SELECTOR),
    not_here("consumer-metrics", SELECTOR, OF_SELECTOR),
    not_here("producer-metrics", SELECTOR, OF_SELECTOR),
    later("admin-client-metrics", Part::TlsDetails, &["connections"]),
    later("consumer-metrics", Part::TlsDetails, &["connections"]),
    later("producer-metrics", Part::TlsDetails, &["connections"]),
    not_here("admin-client-metrics", NO_REAUTH, &["successful-authentication-no-reauth-total"]),
    not_here("consumer-metrics", NO_REAUTH, &["successful-authentication-no-reauth-total"]),
    not_here("producer-metrics", NO_REAUTH, &["successful-authentication-no-reauth-total"]),
    not_here(
        "producer-metrics",
        "no released broker lets a client prepare a transaction (KIP-939)",
        &["txn-prepare-time-ns-total"],
    ),
    not_here(
        "consumer-coordinator-metrics",
        "nothing is waited for when partitions are lost",
        &["partition-lost-latency-avg", "partition-lost-latency-max"],
    ),
    not_here("consumer-metrics", EVENTS, OF_EVENTS),
    not_here("consumer-share-metrics", SHARE, OF_EVENTS),
    not_here(
        "consumer-share-metrics",
        SHARE,
        &[
            "last-poll-seconds-ago",
            "poll-idle-ratio-avg",
            "time-between-poll-avg",
            "time-between-poll-max",
        ],
    ),
    not_here(
        "consumer-share-coordinator-metrics",
        SHARE,
        &[
            "heartbeat-rate",
            "heartbeat-response-time-max",
            "heartbeat-total",
            "last-heartbeat-seconds-ago",
            "rebalance-rate-per-hour",
            "rebalance-total",
        ],
    ),
    not_here(
        "consumer-share-fetch-manager-metrics",
        SHARE,
        &[
            "acknowledgements-error-rate",
            "acknowledgements-error-total",
            "acknowledgements-send-rate",
            "acknowledgements-send-total",
            "bytes-consumed-rate",
            "bytes-consumed-total",
            "fetch-latency-avg",
            "fetch-latency-max",
            "fetch-rate",
            "fetch-size-avg",
            "fetch-size-max",
            "fetch-throttle-time-avg",
            "fetch-throttle-time-max",
            "fetch-total",
            "records-consumed-rate",
            "records-consumed-total",
            "records-per-request-avg",
            "records-per-request-max",
        ],
    ),
];

const fn later(group: &'static str, part: Part, names: &'static [&'static str]) -> Missing {
    Missing { group, why: Why::Later(part), names }
}

const fn not_here(
    group: &'static str,
    why: &'static str,
    names: &'static [&'static str],
) -> Missing {
    Missing { group, why: Why::NotHere(why), names }
}

const OF_SELECTOR: &[&str] = &[
    "io-ratio",
    "io-time-ns-avg",
    "io-time-ns-total",
    "io-wait-ratio",
    "io-wait-time-ns-avg",
    "io-wait-time-ns-total",
    "select-rate",
    "select-total",
];

const OF_EVENTS: &[&str] = &[
    "application-event-queue-processing-time-avg",
    "application-event-queue-processing-time-max",
    "application-event-queue-size",
    "application-event-queue-time-avg",
    "application-event-queue-time-max",
    "application-events-expired-count",
    "background-event-queue-processing-time-avg",
    "background-event-queue-processing-time-max",
    "background-event-queue-size",
    "background-event-queue-time-avg",
    "background-event-queue-time-max",
    "time-between-network-thread-poll-avg",
    "time-between-network-thread-poll-max",
    "unsent-requests-queue-size",
    "unsent-requests-queue-time-avg",
    "unsent-requests-queue-time-max",
];

const SELECTOR: &str = "there is no thread for the network: tokio waits for all sockets of a \
    process at once, and has metrics of its own";
const NO_REAUTH: &str = "every login is renewed where a broker asks for it (KIP-368)";
const EVENTS: &str =
    "the consumer's task and its user share a buffer; no events queue between them";
const SHARE: &str = "share groups (KIP-932) are not a part of this client";
