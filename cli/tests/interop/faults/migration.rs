//! A group of our members and Java's goes from the classic protocol to that of KIP-848 and back,
//! member by member, while it reads and commits.

use super::crew::group_trial;
use super::members::{Kind, Protocol, Whose};

#[test]
fn a_group_of_ours_and_javas_changes_its_protocol_member_by_member_and_loses_nothing() {
    group_trial("a mixed group changes its protocol", |crew| {
        let release = &crew.cluster.release.clone();
        let ours = Kind::ours;
        let javas = |protocol| Kind { whose: Whose::Javas(release), ..ours(protocol) };
        let (old, new) = (Protocol::Classic, Protocol::Consumer);
        crew.join(&[ours(old), javas(old), ours(old)], "all are classic");
        // Ours is the first to be of the new kind, and Java's the first to be of the old one again.
        for kind in [ours(new), javas(new), ours(new), ours(old), javas(old), ours(old)] {
            crew.members.remove(0).leave();
            crew.join(&[kind], &format!("{kind:?} has come"));
        }
    });
}
