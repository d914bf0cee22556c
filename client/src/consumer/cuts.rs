//! Core: where a log was cut, and since when.

use super::turn::Mark;

/// The cuts of a log, each with a number that grows from one to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cuts {
    /// Those that no later one goes behind: so their offsets grow, too.
    kept: Vec<(u64, Mark)>,
}

impl Cuts {
    /// From this number on the log has nothing any more of what was read beyond this.
    pub(crate) fn push(&mut self, number: u64, end: Mark) {
        self.kept.retain(|(_, before)| before.offset < end.offset);
        self.kept.push((number, end));
        if self.kept.len() > CUTS_MAX
            && let [(_, lowest), (_, next), ..] = &mut self.kept[..]
        {
            // Less counts as read than is: that is read twice, and nothing is left out.
            *next = *lowest;
            self.kept.remove(0);
        }
    }

    /// Up to where the log still has what was read at this number.
    pub(crate) fn since(&self, number: u64) -> Option<Mark> {
        self.kept.iter().find(|(cut, _)| *cut > number).map(|(_, end)| *end)
    }
}

/// How many cuts are told apart: a broker may cut a log again and again.
const CUTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(offsets: &[i64]) -> Cuts {
        let mut cuts = Cuts::default();
        for (number, offset) in (1..).zip(offsets) {
            cuts.push(number, Mark { offset: *offset, leader_epoch: 0 });
        }
        cuts
    }

    fn since(cuts: &Cuts, number: u64) -> Option<i64> {
        cuts.since(number).map(|end| end.offset)
    }

    #[test]
    fn only_what_was_cut_later_counts() {
        let cuts = cuts(&[5, 12, 9]);
        assert_eq!(
            [0, 1, 2, 3].map(|number| since(&cuts, number)),
            [Some(5), Some(9), Some(9), None]
        );
    }

    #[test]
    fn of_many_cuts_few_are_kept_and_none_counts_for_too_little() {
        let offsets: Vec<i64> = (1..100).collect();
        let cuts = cuts(&offsets);
        assert_eq!(cuts.kept.len(), CUTS_MAX);
        for number in 0..99 {
            assert!(since(&cuts, number).unwrap() <= i64::try_from(number).unwrap() + 1);
        }
        assert_eq!((since(&cuts, 98), since(&cuts, 99)), (Some(99), None));
    }
}
