//! Records out and in, against the cluster in memory: one file per promise.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../polls/mod.rs"]
mod polls;
#[path = "../polls/seeds.rs"]
mod seeds;
mod world;
mod resends_in_order;
mod nothing_is_written_twice;
mod every_delivery_completes;
mod claims_are_true;
mod close_sends_what_is_buffered;
mod keys_stay_in_order;
mod partitioners_choose;
mod codecs_survive;
mod sizes_have_limits;
mod buffer_space_is_shared;
mod timestamps_are_true;
mod starts_and_stops;
mod nothing_is_skipped_or_repeated;
mod damaged_batches_are_never_given;
mod partitions_are_independent;
mod dropped_futures_lose_nothing;
mod many_threads_share_a_producer;
mod topics_change;
mod many_threads_read;
mod replicas_decide;
mod failures_say_why;
mod many_are_sent_at_once;
mod assignments_change;
mod starts_and_resets;
mod records_come_by_number;
mod corrupt_batches_are_skipped_if_so_wished;
mod truncated_logs_are_told;
mod the_closest_replica_is_read;
mod bad_input_disturbs_nothing;
mod records_have_one_outcome;
mod odd_answers_end_every_record;
mod five_are_in_flight;
mod each_partition_has_a_reader;
