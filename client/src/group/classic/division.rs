//! What the leader of a group does for all: it divides the partitions. *core*

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use kurier_protocol::Str;
use kurier_protocol::api::join_group::JoinGroupResponseMember;

use super::super::assignor::Assignor;
use super::super::members::{GroupMember, GroupTopics};
use super::super::subscription::{Names, read_subscription, write_assignment};
use crate::error::Error;

/// Partitions that are to be divided. It holds all that it takes, so that a thread of its own can
/// do it where it is much.
#[derive(Clone, Debug)]
pub(crate) struct Division {
    pub(crate) assignor: Assignor,
    pub(crate) members: Vec<GroupMember>,
    /// Those who say nothing that can be read; they are given nothing.
    pub(crate) unreadable: Vec<Str>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Divided {
    /// What each member is to be told.
    pub(crate) assignments: Vec<(Str, Bytes)>,
    /// The topics as they were then.
    pub(crate) topics: GroupTopics,
}

impl Division {
    /// Reads what the members say of themselves.
    pub(crate) fn new(assignor: Assignor, said: &[JoinGroupResponseMember]) -> Self {
        let (mut members, mut unreadable) = (Vec::new(), Vec::new());
        let mut names = Names::default();
        for member in said {
            let who = (&*member.member_id, member.group_instance_id.as_deref());
            match read_subscription(who, &member.metadata, &mut names) {
                Ok(member) => members.push(member),
                Err(error) => {
                    tracing::warn!(
                        member = %member.member_id, %error,
                        "a member of the group says nothing that can be read, and is given nothing"
                    );
                    unreadable.push(member.member_id.clone());
                }
            }
        }
        Self { assignor, members, unreadable }
    }

    /// The topics that any of the members reads: they must be known before.
    pub(crate) fn topics(&self) -> BTreeSet<Arc<str>> {
        self.members.iter().flat_map(|member| &member.topics).cloned().collect()
    }

    /// Divides the partitions of these topics.
    ///
    /// # Errors
    ///
    /// The program's own assignor broke a rule.
    pub(crate) fn divide(&self, topics: GroupTopics) -> Result<Divided, Error> {
        let plan = self.assignor.assign(&self.members, &topics)?;
        let given = self.members.iter().zip(&plan);
        let given = given.map(|(member, given)| ((&*member.id).into(), write_assignment(given)));
        let nothing = self.unreadable.iter().map(|id| (id.clone(), write_assignment(&[])));
        Ok(Divided { assignments: given.chain(nothing).collect(), topics })
    }
}
