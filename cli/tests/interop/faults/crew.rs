//! A group at work on a cluster while a test breaks things: its members, and the client that sends.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cluster::{Cluster, Kept, Way, cluster};
use super::members::{Kind, Member, judge_group};
use super::shared::PARTITIONS;
use super::traffic::Traffic;
use super::trial::{account, fresh_topic};
use super::watching::Group;
use crate::real_brokers::{each_since, say};

/// Members that are processes; the one that came first is the first.
pub(crate) struct Crew<'a> {
    pub(crate) cluster: &'a mut Cluster,
    pub(crate) members: Vec<Member>,
    /// Partitions of which records may be processed again: of none unless a test says so, or a
    /// member of Java's that it could not commit.
    pub(crate) may_repeat: BTreeSet<i32>,
    /// What else there is to tell.
    pub(crate) note: String,
    servers: Vec<String>,
    traffic: Traffic,
    group: Arc<Group>,
}

/// A group on the cluster of all tests, to which `trouble` gives members and troubles. In the end
/// all that was sent must be processed, and nothing committed before it was.
pub(crate) fn group_trial(what: &str, trouble: impl Fn(&mut Crew<'_>)) {
    each_since("4.4", what, |release| {
        let mut shared = cluster(release);
        at_work(shared.as_mut().unwrap(), what, &trouble);
    });
}

/// The same on a cluster of the test's own.
pub(crate) fn at_work(cluster: &mut Cluster, what: &str, trouble: impl Fn(&mut Crew<'_>)) {
    let topic = fresh_topic();
    cluster.create_topic(&topic, PARTITIONS, Kept::WELL);
    let servers = cluster.servers(Way::Plain);
    let (traffic, group) = Traffic::for_group(&servers, &topic);
    let (members, may_repeat, note) = Default::default();
    let mut crew = Crew { cluster, members, may_repeat, note, servers, traffic, group };
    trouble(&mut crew);
    let Crew { traffic, group, members, mut may_repeat, note, .. } = crew;
    let seen = traffic.finish();
    may_repeat.extend(group.may_repeat());
    let again = judge_group(&seen);
    assert!(
        again.keys().all(|of| may_repeat.contains(of)),
        "{again:?} read again, which only {may_repeat:?} may be; errors: {:#?}",
        seen.errors,
    );
    let again = again.values().sum::<usize>();
    say(&format!("{what}: {}; {again} read again{note}", account(&seen)));
    members.into_iter().for_each(Member::leave);
}

impl Crew<'_> {
    /// Starts members, and waits until each has partitions, and records flow.
    pub(crate) fn join(&mut self, kinds: &[Kind<'_>], when: &str) {
        self.members.extend(Member::crew(kinds, &self.servers, &self.group));
        self.flows(when);
    }

    /// Starts one, and waits for nothing.
    pub(crate) fn start(&self, kind: Kind<'_>) -> Member {
        Member::start(kind, &self.servers, &self.group)
    }

    /// Waits until records flow again, in and out, in every partition.
    pub(crate) fn flows(&self, when: &str) {
        self.traffic.flows(when);
    }

    /// The topic that it reads.
    pub(crate) fn topic(&self) -> &str {
        self.group.topic()
    }

    /// How often partitions were taken from members.
    pub(crate) fn revoked(&self) -> u32 {
        self.members.iter().map(Member::revoked).sum()
    }
}
