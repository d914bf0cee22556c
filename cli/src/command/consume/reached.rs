//! Core: how far reading has come: what to say when it breaks off.

use std::collections::BTreeMap;

use crate::failure::Failure;

/// The places that reading has come to.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// The next offset of each partition of which something was read.
    next_offsets: BTreeMap<(String, i32), i64>,
}

impl Reached {
    pub(super) fn note(&mut self, topic: &str, partition: i32, next_offset: i64) {
        self.next_offsets.insert((topic.into(), partition), next_offset);
    }

    /// What to add to a failure after so many records; a member of a group does not say itself
    /// where to go on.
    pub(super) fn account(&self, records: u64, failure: &Failure, group: Option<&str>) -> String {
        let noun = if records == 1 { "record was" } else { "records were" };
        let read = format!("; {records} {noun} read before it");
        match failure {
            // What was on its way to stdout is lost: only the reader knows where it stands.
            Failure::StdoutClosed => format!("{read}; to read N records, use -c N"),
            Failure::StdoutBroken(_) => {
                format!("{read}, and how many of them arrived, only what took stdout can tell")
            }
            _ if self.next_offsets.is_empty() => read,
            _ => match group {
                Some(group) => {
                    format!("{read}; group {group} goes on behind what it has committed")
                }
                None => format!("{read}; next would be {}", self.places()),
            },
        }
    }

    /// `t 0 at offset 7, t 1 at offset 9`, and what that leaves out.
    fn places(&self) -> String {
        let mut places: Vec<_> = self.next_offsets.iter().collect();
        let unnamed = places.len().saturating_sub(PLACES_MAX);
        places.truncate(PLACES_MAX);
        let place = |((topic, partition), offset): &(&(String, i32), &i64)| {
            format!("{topic} -p {partition} -o {offset}")
        };
        let named = places.iter().map(place).collect::<Vec<_>>().join(", ");
        match unnamed {
            0 => format!("{named}; of other partitions nothing was read"),
            more => format!("{named}, and {more} more partitions"),
        }
    }
}

/// A line on stderr names so many partitions.
const PLACES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_to_go_on_in_each_partition() {
        let failure = Failure::Failed("gone".into());
        let mut reached = Reached::default();
        assert_eq!(reached.account(0, &failure, None), "; 0 records were read before it");
        reached.note("t", 2, 7);
        reached.note("t", 2, 9);
        let expected = "; 1 record was read before it; next would be t -p 2 -o 9; \
                        of other partitions nothing was read";
        assert_eq!(reached.account(1, &failure, None), expected);
        reached.note("u", 0, 1);
        let expected = "; 5 records were read before it; next would be t -p 2 -o 9, u -p 0 -o 1; \
                        of other partitions nothing was read";
        assert_eq!(reached.account(5, &failure, None), expected);
        (0..20).for_each(|partition| reached.note("t", partition, 1));
        assert!(
            reached.account(5, &failure, None).ends_with("t -p 7 -o 1, and 13 more partitions")
        );
        let member = reached.account(5, &failure, Some("g"));
        assert!(member.ends_with("; group g goes on behind what it has committed"), "{member}");
    }

    #[test]
    fn a_stdout_that_broke_is_no_place_to_go_on_from() {
        let mut reached = Reached::default();
        reached.note("t", 2, 9);
        let closed = reached.account(5, &Failure::StdoutClosed, None);
        assert_eq!(closed, "; 5 records were read before it; to read N records, use -c N");
        let full =
            reached.account(5, &Failure::StdoutBroken("no space left on device".into()), None);
        assert!(!full.contains("-o"), "{full}");
    }
}
