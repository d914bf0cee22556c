//! Rows 42 to 61: the fetch path, and groups. What they say of producers is shown by tests of
//! single promises.

use super::{fetches, groups, logs};
use crate::row::{Row, cell, fault};

pub(super) fn rows() -> Vec<Row> {
    vec![
        fault!(42, "`OFFSET_OUT_OF_RANGE`", -,
            expect[-, -, -, "L C g E P", "L C g E P", "L g E P", later])
        .members(|world| Box::pin(logs::retention(world)))
        .readers(|world| Box::pin(logs::out_of_range(world)))
        .grouped(logs::some_are_told),
        fault!(43, "A log is truncated by an unclean election",
            ("client/tests/flow/replicas_decide.rs::a_leader_alone_may_lose_what_it_confirmed"),
            expect[-, "E", -, "L C g E P", "L C g E P", "L g E P", later])
        .members(|world| Box::pin(logs::unclean_elections(world)))
        .readers(|world| Box::pin(logs::unclean_elections(world)))
        .grouped(logs::some_are_told),
        fault!(44, "Leader epochs that are fenced or unknown", -,
            expect[-, -, -, "L C g P", "L C g P", "L g P", later])
        .members(|world| Box::pin(fetches::epochs(world)))
        .readers(|world| Box::pin(fetches::epochs(world))),
        fault!(45, "Old metadata comes after new",
            ("client/tests/network/leaders.rs::\
              an_answer_that_is_behind_takes_nobody_back_to_an_old_leader"),
            expect["O", "D O", "A", "L C g P", "L C g P", "L g P", later])
        .members(|world| Box::pin(fetches::old_metadata(world)))
        .readers(|world| Box::pin(fetches::old_metadata(world))),
        fault!(46, "Errors of fetch sessions", -,
            expect[-, -, -, "L C g P", "L C g P", "L g P", later])
        .members(|world| Box::pin(fetches::sessions(world)))
        .readers(|world| Box::pin(fetches::sessions(world))),
        fault!(47, "A topic is deleted and created anew",
            ("client/tests/flow/nothing_is_written_twice.rs::\
              in_a_topic_that_was_created_anew_each_record_is_once_too"),
            // Members commit by name, and nobody knows which topic of that name they mean.
            expect["E", "D", "a", "g", "g", "L g E P", later])
        .readers(|world| Box::pin(logs::created_anew(world)))
        .tuned(logs::known_by_id),
        fault!(48, "The number of partitions changes",
            ("client/tests/flow/topics_change.rs::\
              keys_go_to_the_partitions_that_a_topic_created_anew_has"),
            expect["O", "D O", "A", "L C g P", "L C g P", "L g P", later])
        .members(|world| Box::pin(logs::growth(world)))
        .readers(|world| Box::pin(logs::growth(world)))
        .tuned(logs::another),
        fault!(49, "A preferred replica dies or lags", -,
            expect[-, -, -, "L C g P", "L C g P", "L g P", later])
        .members(|world| Box::pin(fetches::replicas(world)))
        .readers(|world| Box::pin(fetches::replicas(world)))
        .tuned(|settings| settings.life.rack = Some("b")),
        fault!(50, "Gaps that compaction leaves", -,
            expect[-, -, -, "L C g P", "L C g P", "L g P", later])
        .members(|world| Box::pin(logs::compaction(world)))
        .readers(|world| Box::pin(logs::compaction(world)))
        .tuned(logs::compacted),
        fault!(51, "A record over every limit of a fetch", -,
            expect[-, -, -, "L C g P", "L C g P", "L g P", later])
        .members(|world| Box::pin(fetches::late_answers(world)))
        .readers(|world| Box::pin(fetches::late_answers(world)))
        .tuned(fetches::large_records),
        fault!(52, "Members come and go without pause", -,
            expect[-, -, -, "L C g P", "L C g P", -, later])
        .members(|world| Box::pin(groups::nothing_else(world)))
        .grouped(groups::storm)
        .sessions(),
        fault!(53, "The session ends while records are processed", -,
            expect[-, -, -, "L C g P", "L C g P", -, later])
        .members(|world| Box::pin(groups::sessions(world)))
        .sessions(),
        fault!(54, "`max.poll.interval.ms` is exceeded", -,
            expect[-, -, -, "L C g E P", "L C g E P", -, later])
        .members(|world| Box::pin(groups::nothing_else(world)))
        .grouped(groups::stalls)
        .also(groups::some_commits_refused)
        .sessions(),
        fault!(55, "A static member starts again", -,
            expect[-, -, -, "L C g P", "L C g P", -, later])
        .members(|world| Box::pin(groups::nothing_else(world)))
        .grouped(groups::comes_back),
        fault!(56, "Two members with one `group.instance.id`", -,
            expect[-, -, -, "L C g E P", "L C g E P", -, later])
        .members(|world| Box::pin(groups::nothing_else(world)))
        .grouped(groups::rivals)
        .also(groups::some_fenced),
        fault!(57, "A partition is revoked while it is processed", -,
            expect[-, -, -, "L C g P", "L C g P", -, later])
        .members(|world| Box::pin(groups::nothing_else(world)))
        .grouped(groups::slow_work)
        .sessions(),
        fault!(58, "Assignments that are garbage", -,
            expect[-, -, -, "L C g E P", "L C g E P", -, later])
        .members(|world| Box::pin(groups::garbage(world)))
        .grouped(groups::deceived),
        fault!(59, "Codes of KIP-848", -, expect[-, -, -, -, "L C g E P", -, later])
            .members(|world| Box::pin(groups::member_codes(world))),
        fault!(60, "A group changes its protocol", -,
            expect[-, -, -, "L C g P", "L C g P", -, later])
        .members(|world| Box::pin(groups::nothing_else(world)))
        .grouped(groups::migrates),
        fault!(61, "Commits race", -, expect[-, -, -, "L C g P", "L C g P", -, later])
            .members(|world| Box::pin(groups::late_commits(world)))
            .grouped(groups::races),
    ]
}
