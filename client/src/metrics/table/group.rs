//! What members of groups measure, all of them together.

use super::super::group::Coordinating;
use super::super::row::{Level, Section, Unit, row};

/// How long programs wait for commits.
pub(crate) static GROUP_CALLS: Section<Coordinating> = Section {
    group: "consumer-metrics",
    level: Level::Client,
    rows: &[
        row("commit-sync-time-ns-total", Unit::Nanoseconds, "Time spent in `commit`", |g, _| {
            g.committing_ns
        }),
        row("committed-time-ns-total", Unit::Nanoseconds, "Time spent in `committed`", |g, _| {
            g.asking_ns
        }),
    ],
};

/// What members and their coordinators have to do with each other.
pub(crate) static GROUP: Section<Coordinating> = Section {
    group: "consumer-coordinator-metrics",
    level: Level::Client,
    rows: &[
        row("assigned-partitions", Unit::Count, "Partitions that members hold", |g, _| g.assigned),
        row("commit-latency-avg", Unit::Milliseconds, COMMITS, |g, at| g.commits_ms.avg(at)),
        row("commit-latency-max", Unit::Milliseconds, COMMITS, |g, at| g.commits_ms.max(at)),
        row("commit-rate", Unit::PerSecond, "Commits that were answered", |g, at| {
            g.commits_ms.count_rate(at)
        }),
        row("commit-total", Unit::Count, "Commits that were answered", |g, _| g.commits_ms.count()),
        row("failed-rebalance-rate-per-hour", Unit::Count, FAILED, |g, at| {
            Coordinating::per_hour(&g.failures, at)
        }),
        row("failed-rebalance-total", Unit::Count, FAILED, |g, _| g.failures.count()),
        row("heartbeat-rate", Unit::PerSecond, "Heartbeats that were answered", |g, at| {
            g.heartbeats_ms.count_rate(at)
        }),
        row(
            "heartbeat-response-time-max",
            Unit::Milliseconds,
            "How long the answer to a heartbeat took",
            |g, at| g.heartbeats_ms.max(at),
        ),
        row("heartbeat-total", Unit::Count, "Heartbeats that were answered", |g, _| {
            g.heartbeats_ms.count()
        }),
        row("join-rate", Unit::PerSecond, JOINS, |g, at| g.joins_ms.count_rate(at)),
        row("join-time-avg", Unit::Milliseconds, JOIN, |g, at| g.joins_ms.avg(at)),
        row("join-time-max", Unit::Milliseconds, JOIN, |g, at| g.joins_ms.max(at)),
        row("join-total", Unit::Count, JOINS, |g, _| g.joins_ms.count()),
        row(
            "last-heartbeat-seconds-ago",
            Unit::Seconds,
            "Since a heartbeat was answered",
            |g, at| Coordinating::since(g.heard_at, at),
        ),
        row(
            "last-rebalance-seconds-ago",
            Unit::Seconds,
            "Since partitions were divided",
            |g, at| Coordinating::since(g.rebalanced_at, at),
        ),
        row("partition-assigned-latency-avg", Unit::Milliseconds, STARTS, |g, at| {
            g.starts_ms.avg(at)
        }),
        row("partition-assigned-latency-max", Unit::Milliseconds, STARTS, |g, at| {
            g.starts_ms.max(at)
        }),
        row("partition-revoked-latency-avg", Unit::Milliseconds, REVOKED, |g, at| {
            g.revoked_ms.avg(at)
        }),
        row("partition-revoked-latency-max", Unit::Milliseconds, REVOKED, |g, at| {
            g.revoked_ms.max(at)
        }),
        row("rebalance-latency-avg", Unit::Milliseconds, REBALANCE, |g, at| {
            g.rebalances_ms.avg(at)
        }),
        row("rebalance-latency-max", Unit::Milliseconds, REBALANCE, |g, at| {
            g.rebalances_ms.max(at)
        }),
        row("rebalance-latency-total", Unit::Milliseconds, REBALANCE, |g, _| {
            g.rebalances_ms.total()
        }),
        row("rebalance-rate-per-hour", Unit::Count, REBALANCES, |g, at| {
            Coordinating::per_hour(&g.rebalances_ms, at)
        }),
        row("rebalance-total", Unit::Count, REBALANCES, |g, _| g.rebalances_ms.count()),
        row("sync-rate", Unit::PerSecond, SYNCS, |g, at| g.syncs_ms.count_rate(at)),
        row("sync-time-avg", Unit::Milliseconds, SYNC, |g, at| g.syncs_ms.avg(at)),
        row("sync-time-max", Unit::Milliseconds, SYNC, |g, at| g.syncs_ms.max(at)),
        row("sync-total", Unit::Count, SYNCS, |g, _| g.syncs_ms.count()),
    ],
};

const COMMITS: &str = "How long the answer to a commit took";
const FAILED: &str = "How often partitions were lost";
const JOIN: &str = "How long the answer to a join took, which waits for other members; none where \
    the coordinator divides";
const JOINS: &str = "Joins that were answered; none where the coordinator divides";
const SYNC: &str = "How long the answer to a sync took, which waits for who divides; none where \
    the coordinator divides";
const SYNCS: &str = "Syncs that were answered; none where the coordinator divides";
const STARTS: &str = "How long it took to find out where partitions begin that were given";
const REVOKED: &str = "How long it took to give partitions up: work in hand, and the last commit";
const REBALANCE: &str = "From when a member heard that partitions are divided until it had its own";
const REBALANCES: &str = "How often partitions were divided";
