//! `GroupConfig`: how a member of a group behaves, with its defaults.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::assignor::Assignor;
use super::protocol::GroupProtocol;
use crate::config::check_durations;
use crate::error::Error;

/// How a member of a group behaves.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// How partitions may be divided, best first; all members must have one of them in common.
    /// Members go on with what stays theirs while partitions are divided anew only if all of these
    /// are cooperative. The default is not: each rebalance takes everything from every member, and
    /// ends all readers of a [split](crate::Consumer::split) consumer, as with Java's. Name
    /// [`CooperativeSticky`](super::Assignor::CooperativeSticky) alone to keep what stays. Kafka:
    /// partition.assignment.strategy. Default: range, cooperative-sticky.
    pub assignors: Vec<Assignor>,
    /// Who divides the partitions. Kafka: group.protocol. Default: classic.
    pub protocol: GroupProtocol,
    /// The assignor that the coordinator is asked for (KIP-848). Kafka: group.remote.assignor.
    /// Default: the coordinator's.
    pub remote_assignor: Option<Arc<str>>,
    /// The name of a static member (KIP-345): it has the same partitions again when it comes back
    /// within the session timeout. Kafka: group.instance.id. Default: none.
    pub instance_id: Option<Arc<str>>,
    /// Rack or zone that the member runs in (KIP-881). Kafka: client.rack. Default: the
    /// consumer's ([`ConsumerConfig::rack`](crate::consumer::ConsumerConfig::rack)).
    pub rack: Option<Arc<str>>,
    /// After how long without a heartbeat the coordinator removes the member: for so long nobody
    /// reads the partitions of one that was killed. Kafka: session.timeout.ms. More than
    /// `heartbeat_interval`, to a year; the coordinator takes what lies between its
    /// group.min.session.timeout.ms and group.max.session.timeout.ms, 6 s and 30 min by default.
    /// With KIP-848 it is the coordinator's to say. Default: 45 s.
    pub session_timeout: Duration,
    /// How often the member says that it is there. Kafka: heartbeat.interval.ms. More than 0, to
    /// less than `session_timeout`; a third of it or less, or two heartbeats that are late cost the
    /// member its partitions. With KIP-848 it is the coordinator's to say. Default: 3 s.
    pub heartbeat_interval: Duration,
    /// How long the program may be at work between two calls of `next`, and how long it may take
    /// to give partitions up. Who takes longer loses them
    /// ([`Loss::Overdue`](super::Loss::Overdue)), and has partitions again after the next call.
    /// Kafka: max.poll.interval.ms. More than 0, to a year. Default: 5 min.
    pub poll_interval_max: Duration,
    /// How often what is done is committed; never, if there is none. Kafka: enable.auto.commit,
    /// auto.commit.interval.ms. 1 to 2147483647 ms. Default: 5 s.
    pub auto_commit_interval: Option<Duration>,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            assignors: vec![Assignor::Range, Assignor::CooperativeSticky],
            protocol: GroupProtocol::Classic,
            remote_assignor: None,
            instance_id: None,
            rack: None,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            poll_interval_max: Duration::from_secs(300),
            auto_commit_interval: Some(Duration::from_secs(5)),
        }
    }
}

impl GroupConfig {
    /// Checks that the settings fit each other.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] names the one that does not.
    pub fn validate(&self) -> Result<(), Error> {
        if self.assignors.is_empty() {
            let setting = "assignors (partition.assignment.strategy)";
            return Err(Error::invalid(setting, "name at least one"));
        }
        let known = self.known()?.assignors;
        let mut names = BTreeSet::new();
        if let Some(twice) = known.iter().map(Assignor::name).find(|name| !names.insert(*name)) {
            let setting = "assignors (partition.assignment.strategy)";
            return Err(Error::invalid(setting, format!("{twice} is named twice")));
        }
        let session = ("session_timeout (session.timeout.ms)", self.session_timeout);
        let heartbeat = ("heartbeat_interval (heartbeat.interval.ms)", self.heartbeat_interval);
        let poll = ("poll_interval_max (max.poll.interval.ms)", self.poll_interval_max);
        check_durations(&[session, heartbeat, poll])?;
        if let Some(interval) = self.auto_commit_interval
            && !AUTO_COMMIT_INTERVALS.contains(&interval)
        {
            let problem = "must be 1 to 2147483647 ms; none (enable.auto.commit=false) for never";
            return Err(Error::invalid("auto_commit (auto.commit.interval.ms)", problem));
        }
        if self.heartbeat_interval >= self.session_timeout {
            let problem = "it must be shorter than session_timeout (session.timeout.ms)";
            return Err(Error::invalid(heartbeat.0, problem));
        }
        Ok(())
    }

    /// The same, where no assignor of the program's own is asked for its name any more.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if one panicked.
    pub(crate) fn known(&self) -> Result<Self, Error> {
        let assignors = self.assignors.iter().map(Assignor::known).collect::<Result<_, _>>()?;
        Ok(Self { assignors, ..self.clone() })
    }

    /// Whether the coordinator may turn out to divide.
    pub(crate) fn may_be_divided_remotely(&self) -> bool {
        match self.protocol {
            GroupProtocol::Classic => false,
            GroupProtocol::Consumer => true,
            GroupProtocol::Auto => !self.has_classic_settings(),
        }
    }

    /// Whether one of the settings is changed that only members of classic groups have.
    pub(crate) fn has_classic_settings(&self) -> bool {
        let default = Self::default();
        let names = self.assignors.iter().map(Assignor::name);
        names.ne(default.assignors.iter().map(Assignor::name))
            || self.session_timeout != default.session_timeout
            || self.heartbeat_interval != default.heartbeat_interval
    }

    /// Whether the member goes on with what stays its own while partitions are divided anew
    /// (KIP-429). One assignor that cannot do so is enough that it does not.
    #[must_use]
    pub fn is_cooperative(&self) -> bool {
        self.assignors.iter().all(Assignor::is_cooperative)
    }
}

/// How often commits may go by themselves, as Kafka can say it.
const AUTO_COMMIT_INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_millis(i32::MAX as u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_cooperate_only_if_all_of_their_assignors_do() {
        let with = |assignors: &[Assignor]| {
            GroupConfig { assignors: assignors.to_vec(), ..GroupConfig::default() }.is_cooperative()
        };
        assert!(!GroupConfig::default().is_cooperative(), "as in Java");
        assert!(with(&[Assignor::CooperativeSticky]));
        assert!(!with(&[Assignor::CooperativeSticky, Assignor::Range]));
    }

    #[test]
    fn settings_that_do_not_fit_are_named() {
        let refused = |config: GroupConfig| config.validate().unwrap_err().to_string();
        let default = GroupConfig::default;
        default().validate().unwrap();
        let none = GroupConfig { assignors: vec![], ..default() };
        assert!(refused(none).contains("partition.assignment.strategy"));
        let twice = GroupConfig { assignors: vec![Assignor::Range, Assignor::Range], ..default() };
        assert!(refused(twice).contains("range is named twice"));
        let slow = GroupConfig { heartbeat_interval: Duration::from_secs(45), ..default() };
        assert!(refused(slow).contains("heartbeat.interval.ms"));
    }

    #[test]
    fn commits_go_by_themselves_as_often_as_kafka_can_say_or_never() {
        let with = |interval| GroupConfig { auto_commit_interval: interval, ..Default::default() };
        let (least, most) = AUTO_COMMIT_INTERVALS.into_inner();
        for good in [None, Some(least), Some(most)] {
            with(good).validate().unwrap();
        }
        for bad in [Duration::ZERO, Duration::from_micros(999), Duration::MAX] {
            let error = with(Some(bad)).validate().unwrap_err().to_string();
            assert!(error.contains("auto.commit.interval.ms"), "{error}");
        }
    }
}
