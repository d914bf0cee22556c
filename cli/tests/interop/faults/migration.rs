//! A group of our members and Java's goes from the classic protocol to that of KIP-848 and back,
//! member by member, while it reads and commits.

use super::cluster::{Kept, Way, cluster};
use super::members::{Kind, Member, Protocol, Whose, judge_group};
use super::shared::PARTITIONS;
use super::traffic::Traffic;
use super::trial::{account, fresh_topic};
use crate::real_brokers::{each_since, say};

#[test]
fn a_group_of_ours_and_javas_changes_its_protocol_member_by_member_and_loses_nothing() {
    each_since("4.4", "a mixed group changes its protocol", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, PARTITIONS, Kept::WELL);
        let servers = cluster.servers(Way::Plain);
        let (traffic, group) = Traffic::for_group(&servers, &topic);
        let ours = Kind::ours;
        let javas = |protocol| Kind { whose: Whose::Javas(release), ..ours(protocol) };
        let (old, new) = (Protocol::Classic, Protocol::Consumer);
        let mut members = Member::crew(&[ours(old), javas(old), ours(old)], &servers, &group);
        traffic.flows("all are classic");
        // Ours is the first to be of the new kind, and Java's the first to be of the old one again.
        for kind in [ours(new), javas(new), ours(new), ours(old), javas(old), ours(old)] {
            members.remove(0).leave();
            members.extend(Member::crew(&[kind], &servers, &group));
            traffic.flows(&format!("{kind:?} has come"));
        }
        let seen = traffic.finish();
        let again = judge_group(&seen);
        assert!(again.is_empty(), "{again:?} read again");
        say(&format!("a mixed group changes its protocol: {}", account(&seen)));
        members.into_iter().for_each(Member::leave);
    });
}
