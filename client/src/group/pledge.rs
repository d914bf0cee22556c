//! Core: whether what was read is still the member's own, and as whom it commits that.

use std::collections::BTreeMap;

use super::classic::Member;
use super::reader::Marked;
use crate::transactions::TopicPartition;

/// What a member says of partitions that were read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pledge {
    /// All are its own, and whoever gets them next gets them in a later generation than this one:
    /// a coordinator refuses what is committed by it then (KIP-447).
    Held(Member),
    /// These are not its own any more, or were not all the time.
    Taken(Vec<TopicPartition>),
}

/// A partition, and the number that it had when it was read, which changes whenever it is given
/// anew.
pub(crate) type Lot = (TopicPartition, u64);

/// What can be said now; none while the group divides its partitions anew.
pub(crate) fn pledge(
    lots: &[Lot],
    held: &BTreeMap<TopicPartition, Marked>,
    committer: Option<Member>,
) -> Option<Pledge> {
    let is_held = |(of, turn): &&Lot| held.get(of).is_some_and(|now| now.turn == Some(*turn));
    let taken = lots.iter().filter(|lot| !is_held(lot)).map(|(of, _)| of.clone());
    let taken: Vec<TopicPartition> = taken.collect();
    match taken.is_empty() {
        true => committer.map(Pledge::Held),
        false => Some(Pledge::Taken(taken)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(partition: i32) -> TopicPartition {
        ("t".into(), partition)
    }

    /// Partitions 0 and 1, which are held since turns 3 and 5.
    fn held() -> BTreeMap<TopicPartition, Marked> {
        let since = |turn| Marked { turn: Some(turn), ..Marked::default() };
        BTreeMap::from([(of(0), since(3)), (of(1), since(5)), (of(2), Marked::default())])
    }

    fn member() -> Member {
        Member { group: "g".into(), id: "m".into(), instance: None, generation: 7 }
    }

    #[test]
    fn what_is_held_since_it_was_read_is_committed_by_the_generation_of_now() {
        for lots in [vec![(of(0), 3)], vec![(of(0), 3), (of(1), 5)], vec![]] {
            let said = pledge(&lots, &held(), Some(member()));
            assert_eq!(said, Some(Pledge::Held(member())), "{lots:?}");
        }
    }

    #[test]
    fn what_was_taken_is_named_even_if_it_was_given_back() {
        let lots = [(of(0), 3), (of(1), 4), (of(2), 0), (of(9), 1)];
        let taken = Some(Pledge::Taken(vec![of(1), of(2), of(9)]));
        assert_eq!(pledge(&lots, &held(), Some(member())), taken);
        assert_eq!(pledge(&lots, &held(), None), taken, "whatever comes of the division");
    }

    #[test]
    fn nothing_is_said_between_two_generations() {
        assert_eq!(pledge(&[(of(0), 3)], &held(), None), None);
    }
}
