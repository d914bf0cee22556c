//! The fetcher against a cluster that the test plays.

use bytes::{Bytes, BytesMut};
use kurier_protocol::api::fetch::{
    AbortedTransaction, EpochEndOffset, FetchResponse, FetchableTopicResponse, PartitionData,
};
use kurier_protocol::api::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kurier_protocol::record::control::EndTransaction;
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ErrorCode, Records, Uuid};

use super::super::config::{Corrupt, OffsetReset, Start};
use super::super::entry::Then;
use super::super::lookup::Aim;
use super::super::reading::is_empty;
use super::super::turn::Told;
use super::*;
use crate::error::Cause;
use crate::metadata::Picture;
use crate::offsets::{Isolation, Position};

const MS: Duration = Duration::from_millis(1);
const NOTHING: usize = 0;

/// A fetcher, its user, and a cluster that the test plays.
struct Fixture {
    fetcher: Fetcher,
    picture: Picture,
    now: Instant,
    buffered: usize,
}

/// A fetch that the fetcher has asked for.
#[derive(Debug)]
struct Fetch {
    id: u64,
    broker: i32,
    plan: Plan,
}

impl Fetch {
    /// (partition, offset) of everything asked for.
    fn asked(&self) -> Vec<(i32, i64)> {
        self.plan.asked().iter().map(|one| (one.partition, one.offset)).collect()
    }
}

impl Fixture {
    /// Partitions of topic `t` with these leaders, all from offset 0.
    fn new(leaders: &[i32]) -> Self {
        Self::with(leaders, Start::Offset(0), ConsumerConfig::default())
    }

    fn with(leaders: &[i32], start: Start, config: ConsumerConfig) -> Self {
        let mut fetcher = Fetcher::new(config, Backoff::new(100 * MS, 1000 * MS));
        for slot in 0..leaders.len() {
            fetcher.handle_assigned(claim(turn(slot, 0), start));
        }
        let now = tokio::time::Instant::now().into_std();
        let mut fixture = Self { fetcher, picture: Picture::default(), now, buffered: NOTHING };
        fixture.lead(&leaders.iter().map(|l| Some(*l)).collect::<Vec<_>>());
        fixture
    }

    fn lead(&mut self, leaders: &[Option<i32>]) {
        self.lead_topic(7, leaders);
    }

    /// The topic has this id.
    fn lead_topic(&mut self, id: u8, leaders: &[Option<i32>]) {
        let partition = |(leader, index): (&Option<i32>, i32)| MetadataResponsePartition {
            partition_index: index,
            leader_id: leader.unwrap_or(-1),
            leader_epoch: 4,
            ..MetadataResponsePartition::default()
        };
        self.picture = Picture::of(&MetadataResponse {
            topics: vec![MetadataResponseTopic {
                name: Some("t".into()),
                topic_id: Uuid([id; 16]),
                partitions: leaders.iter().zip(0..).map(partition).collect(),
                ..MetadataResponseTopic::default()
            }],
            ..MetadataResponse::default()
        });
        self.fetcher.handle_picture();
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, chance: 200 }
    }

    fn actions(&mut self) -> Vec<Action> {
        let (now, buffered) = (self.now, self.buffered);
        std::iter::from_fn(|| self.fetcher.poll_action(now, &self.picture, buffered)).collect()
    }

    fn fetches(&mut self) -> Vec<Fetch> {
        let fetch = |action| match action {
            Action::Fetch { id, lane, plan } => Some(Fetch { id, broker: lane.broker, plan }),
            _ => None,
        };
        self.actions().into_iter().filter_map(fetch).collect()
    }

    fn fetch(&mut self) -> Fetch {
        let mut fetches = self.fetches();
        assert_eq!(fetches.len(), 1, "{fetches:?}");
        fetches.remove(0)
    }

    fn fetch_after(&mut self, wait: Duration) -> Fetch {
        self.now += wait;
        self.fetch()
    }

    /// The offset that a leader is asked about.
    fn checked(&mut self) -> i64 {
        match &self.actions()[..] {
            [Action::Check { checks, .. }] => checks[0].offset,
            other => panic!("{other:?}"),
        }
    }

    fn lookup(&mut self) -> Lookup {
        match &self.actions()[..] {
            [Action::Lookup(lookup)] => lookup.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// A lookup has come to an end.
    fn found(&mut self, lookup: Lookup, found: Result<Vec<Option<i64>>, Error>) {
        let outcomes = match found {
            Ok(offsets) => offsets.into_iter().map(|offset| Some(Ok(offset))).collect(),
            Err(error) => vec![Some(Err(error)); lookup.turns.len()],
        };
        self.fetcher.handle_offsets(self.moment(), lookup, outcomes);
    }

    /// The question whether a gap is one; a fetch goes on beside it.
    fn gap_lookup(&mut self) -> Lookup {
        match &self.actions()[..] {
            [Action::Lookup(lookup), Action::Fetch { .. }] => {
                assert_eq!(lookup.wanted[0].2, Position::EarliestLocal);
                lookup.clone()
            }
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, fetch: &Fetch, partitions: Vec<PartitionData>) -> Vec<String> {
        self.answer_in(12, fetch, partitions)
    }

    fn answer_in(
        &mut self,
        version: i16,
        fetch: &Fetch,
        partitions: Vec<PartitionData>,
    ) -> Vec<String> {
        // A broker that has nothing waits for something.
        if partitions.iter().all(is_empty) {
            self.now += ConsumerConfig::default().fetch_wait_max;
        }
        self.answer_at_once(version, fetch, partitions)
    }

    fn answer_at_once(
        &mut self,
        version: i16,
        fetch: &Fetch,
        partitions: Vec<PartitionData>,
    ) -> Vec<String> {
        let response = FetchResponse {
            responses: vec![FetchableTopicResponse {
                topic: "t".into(),
                partitions,
                ..FetchableTopicResponse::default()
            }],
            ..FetchResponse::default()
        };
        self.fetcher.handle_answer(self.moment(), fetch.id, Ok((version, response)));
        self.entries()
    }

    /// Answers every fetch of a minute like this; gives how many there were, and what was said.
    fn answer_for_a_minute(
        &mut self,
        partitions: impl Fn() -> Vec<PartitionData>,
    ) -> (u32, Vec<String>) {
        let (mut count, mut said, start) = (0, Vec::new(), self.now);
        while self.now.duration_since(start) <= Duration::from_secs(62) {
            for action in self.actions() {
                match action {
                    Action::Fetch { id, lane, plan } => {
                        count += 1;
                        let fetch = Fetch { id, broker: lane.broker, plan };
                        said.extend(self.answer_at_once(12, &fetch, partitions()));
                    }
                    Action::Lookup(lookup) => {
                        let found = Ok(vec![Some(1); lookup.turns.len()]);
                        self.found(lookup, found);
                    }
                    _ => {}
                }
            }
            self.now += MS;
        }
        (count, said)
    }

    /// What the user gets, in short.
    fn entries(&mut self) -> Vec<String> {
        let short = |entry: Entry| {
            let slot = entry.turn.slot;
            match entry.item {
                Item::Batch(f) => {
                    let (first, last) = (f.batch.base_offset(), f.batch.last_offset());
                    format!("{slot}: {first}..={last} from {}", f.span.start)
                }
                Item::Skip(behind) => format!("{slot}: skip to {}", behind.offset),
                Item::Corrupt { next_offset, .. } => format!("{slot}: corrupt up to {next_offset}"),
                Item::At { offset, .. } => format!("{slot}: at {offset}"),
                Item::Cut { end, then: Then::GoesOn } => format!("{slot}: cut at {}", end.offset),
                Item::Cut { end, then: Then::StandsStill } => {
                    format!("{slot}: stands still at {}", end.offset)
                }
                Item::Gone => format!("{slot}: gone"),
                Item::News(error) => format!("{slot}: news {error}"),
                Item::Failed(error) => format!("{slot}: failed {error}"),
                Item::End => format!("{slot}: end"),
            }
        };
        self.fetcher.take_entries().into_iter().map(short).collect()
    }
}

fn turn(slot: usize, generation: u64) -> Turn {
    Turn { slot, generation }
}

fn told(finds: u64, cuts: u64) -> Told {
    Told { finds, cuts }
}

fn claim(turn: Turn, start: Start) -> Claim {
    let partition = i32::try_from(turn.slot).unwrap();
    Claim { topic: "t".into(), partition, turn, start, is_paused: false, is_full: false }
}

fn seal(base_offset: i64) -> Seal {
    Seal { base_offset, ..Seal::default() }
}

/// A batch of records with these offsets.
fn batch(base_offset: i64, records: u32, terms: &Seal) -> Vec<u8> {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    for _ in 0..records {
        writer.append(&RecordParts { value: Some(&[b'v'; 50]), ..Default::default() }).unwrap();
    }
    writer.seal(&Seal { base_offset, ..*terms }).unwrap().to_vec()
}

fn data(partition: i32, batches: &[Vec<u8>]) -> PartitionData {
    PartitionData {
        partition_index: partition,
        high_watermark: 1000,
        records: Some(Records(Bytes::from(batches.concat()))),
        ..PartitionData::default()
    }
}

/// The log has the same up to there, and then goes on otherwise.
fn cut(partition: i32, end_offset: i64) -> PartitionData {
    let diverging_epoch = EpochEndOffset { epoch: 3, end_offset };
    PartitionData { diverging_epoch, ..data(partition, &[]) }
}

fn code(partition: i32, error_code: ErrorCode) -> PartitionData {
    PartitionData { partition_index: partition, error_code, ..PartitionData::default() }
}

fn lost() -> Error {
    let address = "broker-1:9092".into();
    Error::Disconnected { address, api: None, maybe_written: false, cause: Cause::Closed }
}

#[test]
fn asks_each_broker_for_what_it_leads() {
    let mut f = Fixture::new(&[1, 2, 1]);
    let fetches = f.fetches();
    let short: Vec<_> = fetches.iter().map(|f| (f.broker, f.asked())).collect();
    assert_eq!(short, [(1, vec![(0, 0), (2, 0)]), (2, vec![(1, 0)])]);
    assert!(f.fetches().is_empty(), "one in flight to each");
    assert_eq!(fetches[0].plan.versions(), 0..=18);
    let request = fetches[0].plan.request(13);
    assert_eq!(request.topics[0].topic_id, Uuid([7; 16]));
    assert_eq!(request.topics[0].partitions[0].current_leader_epoch, 4);
}

#[test]
fn asks_for_more_before_anything_is_handed_out() {
    let mut f = Fixture::new(&[1]);
    let fetch = f.fetch();
    let response = FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: "t".into(),
            partitions: vec![data(0, &[batch(0, 3, &seal(0)), batch(3, 2, &seal(0))])],
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    };
    f.fetcher.handle_answer(f.moment(), fetch.id, Ok((12, response)));
    assert_eq!(f.fetch().asked(), [(0, 5)]);
    assert_eq!(f.entries(), ["0: 0..=2 from 0", "0: 3..=4 from 3"]);
}

#[test]
fn a_quiet_broker_does_not_delay_a_busy_one() {
    let mut f = Fixture::new(&[1, 2]);
    let fetches = f.fetches();
    let mut busy = fetches.into_iter().nth(1).unwrap();
    for round in 0..10 {
        f.answer(&busy, vec![data(1, &[batch(round, 1, &seal(0))])]);
        busy = f.fetch();
        assert_eq!((busy.broker, busy.asked()), (2, vec![(1, round + 1)]));
    }
}

#[test]
fn looks_offsets_up_by_leader_before_fetching() {
    let mut f = Fixture::with(&[1, 1], Start::Earliest, ConsumerConfig::default());
    let lookup = f.lookup();
    let wanted: Vec<_> = lookup.wanted.iter().map(|(_, p, at)| (*p, *at)).collect();
    assert_eq!(wanted, [(0, Position::Earliest), (1, Position::Earliest)]);
    f.found(lookup, Ok(vec![Some(5), Some(7)]));
    assert_eq!(f.entries(), ["0: at 5", "1: at 7"]);
    assert_eq!(f.fetch().asked(), [(0, 5), (1, 7)]);
}

#[test]
fn none_waits_for_another_whose_offset_is_not_found_yet() {
    let mut f = Fixture::with(&[1, 1, 1], Start::Earliest, ConsumerConfig::default());
    let mut lookup = f.lookup();
    lookup.until = Some(f.now + 60_000 * MS);
    let until = lookup.until;
    f.fetcher.handle_offsets(f.moment(), lookup, vec![Some(Ok(Some(5))), None, None]);
    f.fetcher.handle_order(Order::Seek(turn(2, 1), Start::Offset(9)));
    assert_eq!(f.entries(), ["0: at 5"]);
    let [Action::Lookup(left), Action::Fetch { plan, .. }] = &f.actions()[..] else { panic!() };
    assert_eq!((plan.asked()[0].partition, plan.asked()[0].offset), (0, 5));
    assert_eq!((&left.turns[..], left.until), (&[turn(1, 0), turn(2, 0)][..], until));
    // One that was sought meanwhile is not looked for any more.
    f.fetcher.handle_offsets(f.moment(), left.clone(), vec![None, None]);
    assert_eq!(f.lookup().turns, [turn(1, 0)]);
    // Where one is refused, that is told of it alone.
    let refused = Error::broker(
        kurier_protocol::ApiKey::LIST_OFFSETS,
        ErrorCode::KAFKA_STORAGE_ERROR,
        crate::error::About::partition("t", 1),
    );
    let lookup =
        Lookup { turns: vec![turn(1, 0)], wanted: left.wanted[..1].to_vec(), ..left.clone() };
    f.fetcher.handle_offsets(f.moment(), lookup, vec![Some(Err(refused))]);
    let said = f.entries();
    assert!(
        said.len() == 1 && said[0].contains("ListOffsets for partition 1 of topic t"),
        "{said:?}"
    );
}

#[test]
fn a_time_after_the_last_record_means_the_end_that_there_was_before_it_was_asked() {
    for (young, wanted) in [(None, 7), (Some(3), 3), (Some(9), 9)] {
        for start in [Start::Timestamp(99), Start::Ago(99 * MS)] {
            let mut f = Fixture::with(&[1], start, ConsumerConfig::default());
            let lookup = f.lookup();
            assert_eq!(lookup.wanted[0].2, Position::Latest);
            f.found(lookup, Ok(vec![Some(7)]));
            assert!(f.entries().is_empty());
            // A try that fails changes nothing about that.
            let lookup = f.lookup();
            f.found(lookup, Err(lost()));
            f.entries();
            f.now += 1000 * MS;
            let lookup = f.lookup();
            assert_ne!(lookup.wanted[0].2, Position::Latest);
            f.found(lookup, Ok(vec![young]));
            assert_eq!(f.entries(), [format!("0: at {wanted}")]);
            // It counts for this start alone.
            f.fetcher.handle_order(Order::Seek(turn(0, 1), start));
            assert_eq!(f.lookup().wanted[0].2, Position::Latest);
        }
    }
}

#[test]
fn a_lookup_that_cannot_succeed_fails_its_partitions() {
    let mut f = Fixture::with(&[1], Start::Timestamp(99), ConsumerConfig::default());
    let lookup = f.lookup();
    let error = Error::Unsupported {
        feature: "a search by time".into(),
        needed: "ListOffsets version 1".into(),
        offered: "version 0".into(),
        remedy: "start at earliest".into(),
    };
    f.found(lookup, Err(error));
    assert!(f.entries()[0].starts_with("0: failed a search by time needs"));
    assert!(f.actions().is_empty());
}

#[test]
fn markers_and_empty_batches_move_the_position_and_nothing_else() {
    let mut f = Fixture::new(&[1]);
    let fetch = f.fetch();
    let control = Seal { producer_id: 5, producer_epoch: 0, ..seal(0) };
    let marker = EndTransaction { is_committed: true, coordinator_epoch: 1 };
    let marker = marker.to_batch(0, &Seal { base_offset: 2, ..control }).unwrap().to_vec();
    let entries = f.answer(
        &fetch,
        vec![data(
            0,
            &[batch(0, 2, &seal(0)), marker, batch(3, 1, &seal(0)), batch(4, 0, &seal(0))],
        )],
    );
    assert_eq!(entries, ["0: 0..=1 from 0", "0: 3..=3 from 3", "0: skip to 5"]);
    assert_eq!(f.fetch().asked(), [(0, 5)]);
}

#[test]
fn records_before_the_position_are_not_given() {
    let mut f = Fixture::with(&[1], Start::Offset(6), ConsumerConfig::default());
    let fetch = f.fetch();
    let batches = [batch(0, 3, &seal(0)), batch(4, 4, &seal(0))];
    assert_eq!(f.answer(&fetch, vec![data(0, &batches)]), ["0: 4..=7 from 6"]);
}

/// CONS-08.
#[test]
fn a_partition_that_an_answer_names_twice_is_believed_once() {
    let mut f = Fixture::new(&[1, 1]);
    let fetch = f.fetch();
    let of = |partition, offset| data(partition, &[batch(offset, 2, &seal(offset))]);
    let refused = code(1, ErrorCode::OFFSET_OUT_OF_RANGE);
    let entries = f.answer(&fetch, vec![of(0, 0), of(0, 0), of(1, 0), of(0, 2), refused]);
    assert_eq!(entries, ["0: 0..=1 from 0", "1: 0..=1 from 0"]);
    let mut asked = f.fetch().asked();
    asked.sort_unstable();
    assert_eq!(asked, [(0, 2), (1, 2)]);
}

#[test]
fn a_batch_that_is_cut_off_is_asked_for_again() {
    let mut f = Fixture::new(&[1]);
    let fetch = f.fetch();
    let mut cut = batch(1, 3, &seal(0));
    cut.truncate(100);
    assert_eq!(f.answer(&fetch, vec![data(0, &[batch(0, 1, &seal(0)), cut])]), ["0: 0..=0 from 0"]);
    assert_eq!(f.fetch().asked(), [(0, 1)]);
}

#[test]
fn old_brokers_are_asked_for_more_until_a_batch_fits() {
    let config = ConsumerConfig { partition_bytes_max: 1 << 10, ..ConsumerConfig::default() };
    let mut f = Fixture::with(&[1], Start::Offset(0), config);
    let mut cut = batch(0, 9, &seal(0));
    cut.truncate(100);
    let limit = |fetch: &Fetch| fetch.plan.request(2).topics[0].partitions[0].partition_max_bytes;
    let mut limits = Vec::new();
    let mut fetch = f.fetch();
    for _ in 0..3 {
        limits.push(limit(&fetch));
        assert!(f.answer_in(2, &fetch, vec![data(0, &[cut.clone()])]).is_empty());
        fetch = f.fetch();
    }
    assert_eq!(limits, [1 << 10, 2 << 10, 4 << 10]);
    f.answer_in(2, &fetch, vec![data(0, &[batch(0, 9, &seal(0))])]);
    assert_eq!(limit(&f.fetch()), 1 << 10);
}

#[test]
fn a_batch_over_the_limit_fails_on_old_brokers() {
    let config = ConsumerConfig {
        partition_bytes_max: 1 << 10,
        batch_bytes_max: 2 << 10,
        ..ConsumerConfig::default()
    };
    let mut f = Fixture::with(&[1], Start::Offset(0), config);
    let mut cut = batch(0, 99, &seal(0));
    let bytes = cut.len();
    cut.truncate(100);
    for wanted in [0, 1] {
        let fetch = f.fetch();
        let entries = f.answer_in(2, &fetch, vec![data(0, &[cut.clone()])]);
        assert_eq!(entries.len(), wanted, "{entries:?}");
        for failed in entries {
            let text = format!(
                "0: failed a batch (partition 0 of topic t at offset 0) of {bytes} bytes is over \
                 the limit of 2048; raise the consumer's batch_bytes_max"
            );
            assert!(failed.starts_with(&text), "{failed}");
        }
    }
}

#[test]
fn a_partition_that_needs_a_whole_answer_is_asked_for_first() {
    let mut f = Fixture::new(&[1, 1]);
    let fetch = f.fetch();
    let mut cut = batch(0, 9, &seal(0));
    cut.truncate(100);
    f.answer(&fetch, vec![data(0, &[batch(0, 1, &seal(0))]), data(1, &[cut])]);
    assert_eq!(f.fetch().asked(), [(1, 0), (0, 1)]);
}

#[test]
fn who_got_something_goes_to_the_back() {
    let mut f = Fixture::new(&[1, 1, 1]);
    let fetch = f.fetch();
    f.answer(&fetch, vec![data(0, &[batch(0, 1, &seal(0))]), data(1, &[]), data(2, &[])]);
    assert_eq!(f.fetch().asked(), [(1, 0), (2, 0), (0, 1)]);
}

fn until_the_end(leaders: &[i32], ends: &[i64]) -> Fixture {
    let config = ConsumerConfig { stop: Stop::End, ..ConsumerConfig::default() };
    let mut f = Fixture::with(leaders, Start::Offset(0), config);
    let lookup = f.lookup();
    assert!(lookup.wanted.iter().all(|(_, _, at)| *at == Position::Latest));
    let ends = ends.iter().map(|end| Some(*end)).collect();
    f.found(lookup, Ok(ends));
    f
}

#[test]
fn stops_at_the_end() {
    let mut f = until_the_end(&[1, 1], &[5, 0]);
    assert_eq!(f.entries(), ["1: end"], "an empty partition has ended at once");
    let fetch = f.fetch();
    assert_eq!(fetch.asked(), [(0, 0)]);
    let batches = [batch(0, 3, &seal(0)), batch(3, 4, &seal(0)), batch(7, 1, &seal(0))];
    let entries = f.answer(&fetch, vec![data(0, &batches)]);
    assert_eq!(entries, ["0: 0..=2 from 0", "0: 3..=6 from 3", "0: end"]);
    assert!(f.actions().is_empty());
}

/// The same, where a log that is another one leads to its beginning.
fn until_the_end_of_any(end: i64) -> Fixture {
    let (stop, offset_reset) = (Stop::End, OffsetReset::Earliest);
    let config = ConsumerConfig { stop, offset_reset, ..ConsumerConfig::default() };
    let mut f = Fixture::with(&[1], Start::Offset(0), config);
    let lookup = f.lookup();
    f.found(lookup, Ok(vec![Some(end)]));
    f
}

#[test]
fn the_end_is_that_of_the_log_that_is_read() {
    // What was read of the log is gone, and its end with it.
    let mut f = until_the_end_of_any(20);
    let fetch = f.fetch();
    f.answer(&fetch, vec![data(0, &[batch(0, 6, &seal(0))])]);
    let fetch = f.fetch();
    assert_eq!(f.answer(&fetch, vec![cut(0, 4)]), ["0: cut at 4"]);
    let lookup = f.lookup();
    assert_eq!((lookup.aim, &lookup.wanted[0].2), (Aim::End, &Position::Latest));
    f.found(lookup, Ok(vec![Some(4)]));
    assert_eq!(f.entries(), ["0: end"]);

    // All of it is.
    let mut f = until_the_end_of_any(20);
    let fetch = f.fetch();
    f.answer(&fetch, vec![data(0, &[batch(0, 6, &seal(0))])]);
    let fetch = f.fetch();
    f.answer(&fetch, vec![code(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    f.now += 1000 * MS;
    for action in f.actions() {
        let Action::Lookup(lookup) = action else { panic!("{action:?}") };
        let offset = if lookup.aim == Aim::End { 3 } else { 0 };
        f.found(lookup, Ok(vec![Some(offset)]));
    }
    assert_eq!(f.entries(), ["0: at 0"]);
    let fetch = f.fetch();
    let said = f.answer(&fetch, vec![data(0, &[batch(0, 3, &seal(0))])]);
    assert_eq!(said, ["0: 0..=2 from 0", "0: end"]);
}

#[test]
fn a_gap_in_a_log_says_nothing_of_the_one_that_comes_in_its_place() {
    let mut f = until_the_end_of_any(20);
    let fetch = f.fetch();
    f.answer(&fetch, vec![data(0, &[batch(0, 6, &seal(0))])]);
    for _ in 0..2 {
        let fetch = f.fetch();
        f.answer(&fetch, vec![data(0, &[])]);
    }
    let [gap, fetch] = <[Action; 2]>::try_from(f.actions()).unwrap();
    let (Action::Lookup(gap), Action::Fetch { id, lane, plan }) = (gap, fetch) else { panic!() };
    assert_eq!(
        f.answer(&Fetch { id, broker: lane.broker, plan }, vec![cut(0, 4)]),
        ["0: cut at 4"]
    );
    f.found(gap, Ok(vec![Some(0)]));
    assert!(f.entries().is_empty(), "nothing of the new log is passed over");
}

#[test]
fn the_end_is_reached_over_what_compaction_has_removed() {
    let mut f = until_the_end(&[1], &[5]);
    let fetch = f.fetch();
    f.answer(&fetch, vec![data(0, &[batch(0, 3, &seal(0))])]);
    let fetch = f.fetch();
    assert!(f.answer(&fetch, vec![data(0, &[])]).is_empty());
    let fetch = f.fetch();
    assert!(f.answer(&fetch, vec![data(0, &[])]).is_empty());
    let lookup = f.gap_lookup();
    f.found(lookup, Ok(vec![Some(3)]));
    assert_eq!(f.entries(), ["0: skip to 5", "0: end"]);

    let mut f = until_the_end(&[1], &[5]);
    let fetch = f.fetch();
    let entries = f.answer(&fetch, vec![data(0, &[batch(0, 3, &seal(0)), batch(9, 1, &seal(0))])]);
    assert_eq!(entries, ["0: 0..=2 from 0", "0: skip to 5", "0: end"]);
}

#[test]
fn records_in_a_tiered_store_are_waited_for() {
    let mut f = until_the_end(&[1], &[5]);
    let mut fetch = f.fetch();
    for local in [Some(1), None] {
        for _ in 0..2 {
            assert!(f.answer(&fetch, vec![data(0, &[])]).is_empty());
            let actions = f.actions();
            let [.., Action::Fetch { id, lane, plan }] = &actions[..] else {
                panic!("{actions:?}")
            };
            fetch = Fetch { id: *id, broker: lane.broker, plan: plan.clone() };
            if let [Action::Lookup(lookup), _] = &actions[..] {
                f.found(lookup.clone(), Ok(vec![local]));
            }
        }
        assert!(f.entries().is_empty(), "the leader does not hold offset 0 itself");
    }
    let entries = f.answer(&fetch, vec![data(0, &[batch(0, 5, &seal(0))])]);
    assert_eq!(entries, ["0: 0..=4 from 0", "0: end"]);
}

#[test]
fn brokers_without_tiered_stores_have_told_all() {
    let mut f = until_the_end(&[1], &[5]);
    for _ in 0..2 {
        let fetch = f.fetch();
        assert!(f.answer(&fetch, vec![data(0, &[])]).is_empty());
    }
    let lookup = f.gap_lookup();
    let error = Error::Unsupported {
        feature: "that question".into(),
        needed: "ListOffsets version 8".into(),
        offered: "version 7".into(),
        remedy: "none".into(),
    };
    f.found(lookup, Err(error));
    assert_eq!(f.entries(), ["0: skip to 5", "0: end"]);
}

#[test]
fn no_batch_claims_to_reach_beyond_the_end() {
    let mut f = until_the_end(&[1], &[5]);
    let fetch = f.fetch();
    let response = |partition| FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: "t".into(),
            partitions: vec![partition],
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    };
    let answer = response(data(0, &[batch(0, 8, &seal(0))]));
    f.fetcher.handle_answer(f.moment(), fetch.id, Ok((12, answer)));
    let entries = f.fetcher.take_entries();
    let Item::Batch(fetched) = &entries[0].item else { panic!("{entries:?}") };
    assert_eq!((fetched.next_offset, fetched.span.end), (5, 5));
}

#[test]
fn a_position_out_of_range_is_an_error_that_says_what_to_do() {
    let mut f = Fixture::with(&[1], Start::Offset(50), ConsumerConfig::default());
    let fetch = f.fetch();
    let entries = f.answer(&fetch, vec![code(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    for part in ["0: failed", "offset 50", "auto.offset.reset"] {
        assert!(entries[0].contains(part), "{entries:?}");
    }
    assert!(f.actions().is_empty());
    f.fetcher.handle_order(Order::Seek(turn(0, 1), Start::Offset(10)));
    assert_eq!(f.fetch().asked(), [(0, 10)]);
}

#[test]
fn two_neighbours_that_cannot_be_read_take_nothing_else_with_them() {
    let batches = [0, 3, 6, 9].map(|base| batch(base, 3, &seal(base)));
    // In what the checksum covers, the last offset among it; and where the second one begins.
    let bytes = batches[1].len();
    for first in 17..bytes {
        for second in [0, 5, 6, 7, 23, 25, 26, bytes - 1] {
            let config = ConsumerConfig { corrupt: Corrupt::Skip, ..ConsumerConfig::default() };
            let mut f = Fixture::with(&[1], Start::Offset(0), config);
            let fetch = f.fetch();
            let mut damaged = batches.clone();
            damaged[1][first] ^= 1;
            damaged[2][second] ^= 2;
            // Of the second one its checksum, too.
            damaged[2][20] ^= 1;
            let said = f.answer(&fetch, vec![data(0, &damaged)]);
            let given: Vec<_> = said.iter().filter(|said| said.contains("..=")).collect();
            assert_eq!(
                given,
                ["0: 0..=2 from 0", "0: 9..=11 from 9"],
                "{first}, {second}: {said:?}"
            );
            assert_eq!(said.len(), 4, "each is counted: {said:?}");
            assert_eq!(f.fetch().asked(), [(0, 12)], "{first}, {second}");
        }
    }
}

/// Retention may come between the look-up and the first fetch.
#[test]
fn a_log_that_lost_its_first_records_since_they_were_found_is_read_from_its_begin() {
    let mut f = Fixture::with(&[1], Start::Earliest, ConsumerConfig::default());
    let lookup = f.lookup();
    f.found(lookup, Ok(vec![Some(3)]));
    let fetch = f.fetch();
    assert_eq!(fetch.asked(), [(0, 3)]);
    let said = f.answer(&fetch, vec![code(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    assert!(said.iter().all(|said| !said.contains("failed")), "{said:?}");
    f.now += 100 * MS;
    let lookup = f.lookup();
    assert_eq!(lookup.wanted[0].2, Position::Earliest);
    f.found(lookup, Ok(vec![Some(8)]));
    let fetch = f.fetch();
    f.answer(&fetch, vec![data(0, &[batch(8, 1, &seal(8))])]);
    // Further on it is for the policy to say.
    let fetch = f.fetch();
    let said = f.answer(&fetch, vec![code(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    assert!(said[0].starts_with("0: failed"), "{said:?}");
}

#[test]
fn a_position_out_of_range_is_reset_if_so_configured() {
    let config =
        ConsumerConfig { offset_reset: OffsetReset::Earliest, ..ConsumerConfig::default() };
    let mut f = Fixture::with(&[1], Start::Offset(50), config);
    let fetch = f.fetch();
    assert!(f.answer(&fetch, vec![code(0, ErrorCode::OFFSET_OUT_OF_RANGE)]).is_empty());
    assert!(f.actions().is_empty(), "at once is too soon");
    f.now += 100 * MS;
    assert_eq!(f.lookup().wanted[0].2, Position::Earliest);
}

#[test]
fn a_position_that_is_out_of_range_again_and_again_is_asked_for_slowly_and_told() {
    let config =
        ConsumerConfig { offset_reset: OffsetReset::Earliest, ..ConsumerConfig::default() };
    let mut f = Fixture::with(&[1], Start::Offset(50), config);
    let (fetches, said) = f.answer_for_a_minute(|| vec![code(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    assert!((30..200).contains(&fetches), "{fetches} fetches in a minute");
    let news: Vec<_> = said.iter().filter(|said| said.contains("news")).collect();
    assert!(news.len() == 1 && news[0].contains("OFFSET_OUT_OF_RANGE"), "{said:?}");
}

#[test]
fn a_fetch_that_fails_as_a_whole_is_sent_again_slowly() {
    let mut f = Fixture::new(&[1]);
    let (mut fetches, start) = (0, f.now);
    while f.now.duration_since(start) < Duration::from_secs(60) {
        for fetch in f.fetches() {
            fetches += 1;
            let error_code = ErrorCode::UNKNOWN_SERVER_ERROR;
            let answer = FetchResponse { error_code, ..FetchResponse::default() };
            f.fetcher.handle_answer(f.moment(), fetch.id, Ok((12, answer)));
        }
        f.now += MS;
    }
    assert!((30..200).contains(&fetches), "{fetches} fetches in a minute");
}

#[test]
fn a_seek_makes_what_is_in_flight_useless_and_nothing_else() {
    let mut f = Fixture::new(&[1, 1]);
    let fetch = f.fetch();
    f.fetcher.handle_order(Order::Seek(turn(0, 1), Start::Offset(40)));
    assert!(f.fetches().is_empty(), "one in flight");
    let batches = [batch(0, 1, &seal(0))];
    let entries = f.answer(&fetch, vec![data(0, &batches), data(1, &batches)]);
    assert_eq!(entries, ["1: 0..=0 from 0"]);
    assert_eq!(f.fetch().asked(), [(0, 40), (1, 1)]);
}

/// A reader of one partition that goes on at its beginning if its log is another one, which is at
/// offset 5 and has read some.
fn at_five() -> (Fixture, Fetch) {
    at_five_with(OffsetReset::Earliest)
}

fn at_five_with(offset_reset: OffsetReset) -> (Fixture, Fetch) {
    let config = ConsumerConfig { offset_reset, ..ConsumerConfig::default() };
    let mut f = Fixture::with(&[1], Start::Offset(5), config);
    let fetch = f.fetch();
    f.answer(&fetch, vec![data(0, &[batch(5, 1, &seal(5))])]);
    let fetch = f.fetch();
    (f, fetch)
}

#[test]
fn what_is_read_once_more_is_of_the_topic_that_it_was_read_of() {
    let (mut f, fetch) = at_five();
    f.fetcher.handle_order(Order::Return(turn(0, 1), Start::Offset(5), told(0, 0)));
    f.answer(&fetch, vec![data(0, &[])]);
    let fetch = f.fetch();
    assert_eq!(fetch.asked(), [(0, 5)]);
    f.answer(&fetch, vec![data(0, &[])]);
    // Created anew before it is asked for.
    f.fetcher.handle_order(Order::Return(turn(0, 2), Start::Offset(5), told(0, 0)));
    let fetch = f.fetch();
    f.fetcher.handle_order(Order::Return(turn(0, 3), Start::Offset(5), told(0, 0)));
    f.lead_topic(8, &[Some(1)]);
    f.answer(&fetch, vec![data(0, &[])]);
    let found = f.lookup();
    assert_eq!((found.turns[0], &found.wanted[0].2), (turn(0, 3), &Position::Earliest));
}

#[test]
fn a_topic_created_anew_is_noticed_also_where_no_more_is_asked_for() {
    for order in [Order::Pause(0), Order::Full(0)] {
        let (mut f, fetch) = at_five();
        f.fetcher.handle_order(order);
        f.lead_topic(8, &[Some(1)]);
        f.answer(&fetch, vec![data(0, &[])]);
        let found = f.lookup();
        assert_eq!((f.entries(), found.turns), (vec!["0: gone".to_owned()], vec![turn(0, 0)]));
    }
}

#[test]
fn what_is_read_once_more_of_a_log_that_is_gone_goes_on_where_that_has_led() {
    let gone = || {
        let (mut f, fetch) = at_five();
        f.lead_topic(8, &[Some(1)]);
        f.answer(&fetch, vec![data(0, &[])]);
        let found = f.lookup();
        (f, found)
    };
    // What is there of it is given and marked no more, before that is found.
    let (mut f, found) = gone();
    assert_eq!(f.entries(), ["0: gone"]);
    f.found(found, Ok(vec![Some(0)]));
    assert_eq!(f.entries(), ["0: at 0"]);
    // While it is looked up where that is.
    let (mut f, found) = gone();
    f.fetcher.handle_order(Order::Return(turn(0, 1), Start::Offset(5), told(0, 0)));
    f.found(found, Ok(vec![Some(0)]));
    assert_eq!(f.lookup().turns, [turn(0, 1)]);
    // Whoever gives it back has not been told of it.
    let (mut f, found) = gone();
    f.found(found, Ok(vec![Some(0)]));
    assert_eq!(f.fetch().asked(), [(0, 0)]);
    f.fetcher.handle_order(Order::Return(turn(0, 1), Start::Offset(5), told(0, 0)));
    assert_eq!(f.lookup().turns, [turn(0, 1)]);
    // It has: this is an offset of the new log.
    let (mut f, found) = gone();
    f.found(found, Ok(vec![Some(0)]));
    f.fetcher.handle_order(Order::Return(turn(0, 1), Start::Offset(3), told(1, 1)));
    assert_eq!(f.fetch().asked(), [(0, 3)]);
}

#[test]
fn what_is_read_once_more_of_a_log_that_was_cut_goes_on_where_it_was_cut_and_tells_so() {
    let was_cut = |reset| {
        let (mut f, fetch) = at_five_with(reset);
        let said = f.answer(&fetch, vec![cut(0, 2)]);
        (f, said)
    };
    let (mut f, said) = was_cut(OffsetReset::Earliest);
    assert_eq!(said, ["0: cut at 2"]);
    f.fetcher.handle_order(Order::Return(turn(0, 1), Start::Offset(5), told(0, 0)));
    assert_eq!(f.entries(), ["0: cut at 2"]);
    assert_eq!(f.checked(), 2);
    // What is read once more was not lost.
    let (mut f, _) = was_cut(OffsetReset::Earliest);
    f.fetcher.handle_order(Order::Return(turn(0, 1), Start::Offset(1), told(0, 0)));
    assert_eq!((f.entries(), f.fetch().asked()), (vec![], vec![(0, 1)]));
    // Whoever gives it back has been told: this is an offset of what came in its place.
    let (mut f, _) = was_cut(OffsetReset::Earliest);
    f.fetcher.handle_order(Order::Return(turn(0, 1), Start::Offset(5), told(0, 1)));
    assert_eq!((f.entries(), f.fetch().asked()), (vec![], vec![(0, 5)]));
    // Where that is an error it is one still.
    let (mut f, said) = was_cut(OffsetReset::Error);
    assert!(said[0] == "0: stands still at 2" && said[1].starts_with("0: failed"), "{said:?}");
    f.fetcher.handle_order(Order::Return(turn(0, 1), Start::Offset(5), told(0, 0)));
    let said = f.entries();
    assert!(said[0] == "0: stands still at 2" && said[1].starts_with("0: failed"), "{said:?}");
    assert!(f.actions().is_empty());
}

#[test]
fn a_log_of_which_nothing_is_left_is_an_error_still_where_it_is_read_once_more() {
    let (mut f, fetch) = at_five_with(OffsetReset::Error);
    let said = f.answer(&fetch, vec![cut(0, -1)]);
    assert!(said[0] == "0: gone" && said[1].starts_with("0: failed"), "{said:?}");
    f.fetcher.handle_order(Order::Return(turn(0, 1), Start::Offset(5), told(0, 0)));
    let said = f.entries();
    assert!(said[0] == "0: gone" && said[1].starts_with("0: failed"), "{said:?}");
}

#[test]
fn a_partition_that_comes_back_is_asked_for_once_its_topic_is_known_and_not_before() {
    let mut f = Fixture::new(&[1]);
    f.fetcher.handle_order(Order::Unassign(turn(0, 1)));
    // Nobody wants the topic now: the next picture lacks it.
    f.picture = Picture::default();
    f.fetcher.handle_picture();
    assert!(f.actions().is_empty());
    f.fetcher.handle_order(Order::Hold(turn(0, 2)));
    f.fetcher.handle_order(Order::Seek(turn(0, 3), Start::Offset(7)));
    assert!(f.actions().is_empty(), "whoever looks for the topic asks for it");
    assert_eq!(f.fetcher.deadline(), None);
    // The topic is found before the driver looks at the picture.
    f.fetcher.handle_assigned(claim(turn(0, 3), Start::Offset(7)));
    f.lead(&[Some(1)]);
    assert_eq!(f.fetch().asked(), [(0, 7)]);
    f.now += 1000 * MS;
    assert!(f.actions().is_empty(), "one in flight, and nothing else is due");
}

#[test]
fn nothing_is_due_of_what_a_partition_was_before_it_came_back() {
    let mut f = Fixture::new(&[1]);
    let fetch = f.fetch();
    f.answer(&fetch, vec![PartitionData { preferred_read_replica: 2, ..data(0, &[]) }]);
    f.fetcher.handle_order(Order::Unassign(turn(0, 1)));
    assert_eq!(f.fetcher.retries.len() + f.fetcher.expiries.len(), 1);
    f.fetcher.handle_assigned(claim(turn(0, 2), Start::Offset(0)));
    assert!(f.fetcher.retries.is_empty() && f.fetcher.expiries.is_empty());

    let mut f = until_the_end(&[1], &[5]);
    for _ in 0..2 {
        let fetch = f.fetch();
        f.answer(&fetch, vec![data(0, &[])]);
    }
    let lookup = f.gap_lookup();
    f.fetcher.handle_order(Order::Unassign(turn(0, 1)));
    f.found(lookup, Err(lost()));
    assert!(f.fetcher.retries.is_empty() && f.entries().is_empty(), "a lookup of what is gone");
}

/// Partition 0 on brokers 1 and 2, of which 1 leads; for so long, each fetch is answered at once by
/// `answer`. How many fetches there were, and what was said.
fn near_and_far(wait: Duration, answer: impl Fn(i32) -> PartitionData) -> (u32, Vec<String>) {
    let mut f = Fixture::new(&[1]);
    f.picture = Picture::of(&MetadataResponse {
        brokers: [1, 2]
            .map(|node_id| MetadataResponseBroker { node_id, port: 9092, ..<_>::default() })
            .to_vec(),
        topics: vec![MetadataResponseTopic {
            name: Some("t".into()),
            topic_id: Uuid([7; 16]),
            partitions: vec![MetadataResponsePartition {
                leader_id: 1,
                leader_epoch: 4,
                replica_nodes: vec![1, 2],
                ..<_>::default()
            }],
            ..<_>::default()
        }],
        ..<_>::default()
    });
    f.fetcher.handle_picture();
    let (mut count, mut said, start) = (0, Vec::new(), f.now);
    while f.now.duration_since(start) <= wait {
        for Fetch { id, broker, plan } in f.fetches() {
            count += 1;
            said.extend(f.answer_at_once(12, &Fetch { id, broker, plan }, vec![answer(broker)]));
        }
        f.now += MS;
    }
    (count, said)
}

#[test]
fn brokers_that_send_to_each_other_are_asked_slowly_and_that_is_told() {
    let sends = |to: i32| PartitionData { preferred_read_replica: to, ..data(0, &[]) };
    let lies: [(&str, &dyn Fn(i32) -> i32); 3] = [
        ("the leader names itself", &|_| 1),
        ("each names the other", &|broker| 3 - broker),
        ("each sends on", &|broker| broker + 1),
    ];
    for (lie, to) in lies {
        let (count, said) = near_and_far(2_000 * MS, |broker| sends(to(broker)));
        assert!(count <= 20 && said.is_empty(), "{lie}: {count}, {said:?}");
        let (count, said) = near_and_far(62_000 * MS, |broker| sends(to(broker)));
        assert!(count <= 200, "{lie}: {count}");
        let is_told = said.iter().any(|said| said.starts_with("0: news no records of partition 0"));
        assert!(is_told, "{lie}: {said:?}");
    }
}

#[test]
fn records_are_taken_whoever_is_named_beside_them() {
    for to in [1, 2] {
        let (_, said) = near_and_far(10 * MS, |broker| PartitionData {
            preferred_read_replica: to,
            ..data(0, &[batch(i64::from(broker - 1), 1, &seal(0))])
        });
        assert_eq!(said.first().map(|said| &**said), Some("0: 0..=0 from 0"), "{to}");
        // The follower that it goes on at gives what is behind it.
        assert_eq!(said.get(1).map(|said| &**said), (to == 2).then_some("0: 1..=1 from 1"));
    }
}

#[test]
fn a_paused_partition_is_not_asked_for() {
    let mut f = Fixture::new(&[1, 1]);
    f.fetcher.handle_order(Order::Pause(0));
    let fetch = f.fetch();
    assert_eq!(fetch.asked(), [(1, 0)]);
    f.fetcher.handle_order(Order::Resume(0));
    f.answer(&fetch, vec![data(1, &[])]);
    assert_eq!(f.fetch().asked(), [(0, 0), (1, 0)]);
}

#[test]
fn asks_the_new_leader_after_a_refresh() {
    let mut f = Fixture::new(&[1]);
    let fetch = f.fetch();
    assert!(f.answer(&fetch, vec![code(0, ErrorCode::NOT_LEADER_OR_FOLLOWER)]).is_empty());
    assert!(matches!(f.actions()[..], [Action::Refresh]));
    assert_eq!(f.fetcher.deadline(), Some(f.now + 100 * MS));
    f.lead(&[Some(2)]);
    assert_eq!(f.fetch_after(100 * MS).broker, 2);
}

#[test]
fn asks_the_leader_that_a_broker_names_as_soon_as_there_is_news() {
    let mut f = Fixture::new(&[1]);
    let mut like = code(0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    like.current_leader.leader_id = 2;
    like.current_leader.leader_epoch = 8;
    let fetch = f.fetch();
    f.answer(&fetch, vec![like.clone()]);
    let actions = f.actions();
    let [Action::Heard(heard)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((heard.partition, heard.leader.broker, heard.leader.epoch), (0, 2, 8));
    f.lead(&[Some(2)]);
    let fetch = f.fetch();
    assert_eq!(fetch.broker, 2);
    f.answer(&fetch, vec![like]);
    f.actions();
    f.lead(&[Some(1)]);
    assert!(f.actions().is_empty(), "wrong twice, a broker is not followed at once");
    assert_eq!(f.fetch_after(300 * MS).broker, 1);
}

#[test]
fn a_lost_connection_is_tried_again_and_told_after_long() {
    let mut f = Fixture::new(&[1]);
    let mut fetch = f.fetch();
    let mut told = Vec::new();
    let start = f.now;
    while f.now.duration_since(start) < Duration::from_secs(61) {
        f.fetcher.handle_answer(f.moment(), fetch.id, Err(lost()));
        told.extend(f.entries());
        fetch = f.fetch_after(1000 * MS);
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("0: news lost broker-1:9092"), "{told:?}");
    f.answer(&fetch, vec![data(0, &[batch(0, 1, &seal(0))])]);
    assert_eq!(f.fetch().asked(), [(0, 1)]);
}

#[test]
fn a_partition_without_a_leader_is_looked_for_and_told_after_long() {
    let mut f = Fixture::new(&[1]);
    f.lead(&[None]);
    let mut told = Vec::new();
    for _ in 0..241 {
        assert!(matches!(f.actions()[..], [Action::Refresh]));
        told.extend(f.entries());
        f.now += 250 * MS;
    }
    assert_eq!(told.len(), 1, "{told:?}");
    f.lead(&[Some(1)]);
    assert_eq!(f.fetch().broker, 1, "as soon as there is one");
}

#[test]
fn an_error_that_does_not_pass_stops_the_partition() {
    let mut f = Fixture::new(&[1, 1]);
    let fetch = f.fetch();
    let refused = code(0, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    let entries = f.answer(&fetch, vec![refused, data(1, &[])]);
    assert!(entries[0].starts_with("0: failed"), "{entries:?}");
    assert_eq!(f.fetch().asked(), [(1, 0)]);
}

#[test]
fn bytes_that_are_no_batch_stop_the_partition_after_what_came_whole() {
    let mut f = Fixture::new(&[1]);
    let fetch = f.fetch();
    let mut broken = batch(1, 1, &seal(0));
    broken[16] = 9;
    let entries = f.answer(&fetch, vec![data(0, &[batch(0, 1, &seal(0)), broken])]);
    assert_eq!(entries[0], "0: 0..=0 from 0");
    assert!(entries[1].contains("failed partition 0 of topic t at offset 1"), "{entries:?}");
}

/// A flipped bit hides no record: whatever a header says, its checksum is compared before.
#[test]
fn a_batch_that_is_to_be_hidden_is_hidden_only_if_its_checksum_is_right() {
    let terms = Seal { producer_id: 5, producer_epoch: 0, ..seal(0) };
    let with = |at: usize, bytes: &[u8]| {
        let mut batch = batch(0, 3, &terms);
        batch.splice(at..at + bytes.len(), bytes.iter().copied());
        batch
    };
    let control = 0x20_u16.to_be_bytes();
    let transactional = 0x10_u16.to_be_bytes();
    let claims = [
        ("is control", with(21, &control), 0),
        ("is aborted", with(21, &transactional), 0),
        ("has no records", with(57, &0_i32.to_be_bytes()), 0),
        ("ends earlier", with(23, &0_i32.to_be_bytes()), 1),
        ("ends much later", with(21, &[0, 0x20, 0x7f, 0xff, 0xff, 0xff]), 0),
    ];
    for (claim, broken, from) in claims {
        for corrupt in [Corrupt::Stop, Corrupt::Skip] {
            let isolation = Isolation::ReadCommitted;
            let config = ConsumerConfig { isolation, corrupt, ..ConsumerConfig::default() };
            let mut f = Fixture::with(&[1], Start::Offset(from), config);
            let fetch = f.fetch();
            let aborted = AbortedTransaction { producer_id: 5, first_offset: 0 };
            let answer = PartitionData {
                last_stable_offset: 1000,
                aborted_transactions: Some(vec![aborted]),
                ..data(0, &[broken.clone(), batch(3, 1, &seal(3))])
            };
            let said = f.answer(&fetch, vec![answer]);
            match corrupt {
                Corrupt::Stop => assert!(said[0].starts_with("0: failed"), "{claim}: {said:?}"),
                _ => assert_eq!(said, ["0: corrupt up to 3", "0: 3..=3 from 3"], "{claim}"),
            }
        }
    }
}

#[test]
fn batches_may_claim_any_offset_and_any_count_of_records() {
    let config = ConsumerConfig { corrupt: Corrupt::Skip, ..ConsumerConfig::default() };
    let mut f = Fixture::with(&[1], Start::Offset(i64::MAX), config);
    let fetch = f.fetch();
    let mut broken = batch(0, 1, &seal(0));
    *broken.last_mut().unwrap() ^= 1;
    let said = f.answer(&fetch, vec![data(0, &[broken])]);
    assert_eq!(said, [format!("0: corrupt up to {}", i64::MAX)]);

    let mut f = Fixture::new(&[1]);
    let fetch = f.fetch();
    let claims = [0, 1, 2].map(|offset| {
        let mut batch = batch(offset, 1, &seal(offset));
        batch[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
        batch
    });
    let response = FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: "t".into(),
            partitions: vec![data(0, &claims)],
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    };
    f.fetcher.handle_answer(f.moment(), fetch.id, Ok((12, response)));
    assert_eq!(f.fetcher.caught_behind(0)[0].records, u32::MAX);
}

#[test]
fn asks_for_no_more_than_the_buffer_takes() {
    let budget = ConsumerConfig::default().buffer_bytes_max;
    for brokers in [1, 2, 40] {
        let mut f = Fixture::new(&(1..=brokers).collect::<Vec<i32>>());
        f.buffered = budget;
        assert!(f.fetches().is_empty());
        f.buffered = f.fetcher.room() - 1;
        f.fetcher.handle_change();
        // Each of them, and all their answers fit in.
        let limits = f.fetches().into_iter().map(|fetch| fetch.plan.request(18).max_bytes);
        let limits: Vec<_> = limits.map(|bytes| usize::try_from(bytes).unwrap()).collect();
        assert_eq!(limits.len(), usize::try_from(brokers).unwrap());
        assert!(f.buffered + limits.iter().sum::<usize>() <= budget, "{brokers}: {limits:?}");
    }
}

#[test]
fn aborted_transactions_are_hidden_when_only_committed_ones_are_read() {
    let terms = Seal { producer_id: 5, producer_epoch: 0, is_transactional: true, ..seal(0) };
    let answer = || PartitionData {
        last_stable_offset: 1000,
        aborted_transactions: Some(vec![AbortedTransaction { producer_id: 5, first_offset: 0 }]),
        ..data(0, &[batch(0, 2, &terms), batch(2, 1, &seal(0))])
    };
    let given = |isolation| {
        let config = ConsumerConfig { isolation, ..ConsumerConfig::default() };
        let mut f = Fixture::with(&[1], Start::Offset(0), config);
        let fetch = f.fetch();
        f.answer(&fetch, vec![answer()])
    };
    assert_eq!(given(Isolation::ReadCommitted), ["0: 2..=2 from 2"]);
    assert_eq!(given(Isolation::ReadUncommitted), ["0: 0..=1 from 0", "0: 2..=2 from 2"]);
}

#[track_caller]
fn check_standstill(mut f: Fixture, partitions: impl Fn() -> Vec<PartitionData>, why: &str) {
    let (fetches, said) = f.answer_for_a_minute(partitions);
    assert!((30..200).contains(&fetches), "{fetches} fetches in a minute");
    assert_eq!(said.len(), 1, "{said:?}");
    for part in ["0: news no records of partition 0 of topic t at offset 0 from broker 1", why] {
        assert!(said[0].contains(part), "no {part:?} in {said:?}");
    }
}

#[test]
fn answers_without_progress_are_asked_for_slowly_and_told_after_long() {
    let cut = || {
        let mut cut = batch(0, 9, &seal(0));
        cut.truncate(100);
        vec![data(0, &[cut])]
    };
    check_standstill(until_the_end(&[1], &[5]), cut, "no whole batch");
    check_standstill(Fixture::new(&[1]), cut, "no whole batch");
    check_standstill(until_the_end(&[1], &[5]), Vec::new, "leave the partition out");
    check_standstill(Fixture::new(&[1]), Vec::new, "leave the partition out");
    check_standstill(until_the_end(&[1], &[5]), || vec![data(0, &[])], "are empty");
    check_standstill(Fixture::new(&[1]), || vec![data(0, &[])], "are empty");
    // A log that ends before the end that was looked up.
    let short = || vec![PartitionData { high_watermark: 0, ..data(0, &[]) }];
    check_standstill(until_the_end(&[1], &[5]), short, "are empty");
}

#[test]
fn a_broker_that_does_not_wait_for_records_is_not_asked_without_a_pause() {
    let mut f = Fixture::new(&[1]);
    let (fetches, said) =
        f.answer_for_a_minute(|| vec![PartitionData { high_watermark: 0, ..data(0, &[]) }]);
    assert!(said.is_empty(), "{said:?}");
    assert!((100..700).contains(&fetches), "{fetches} fetches in a minute");
}

#[test]
fn a_broker_that_names_what_nobody_wants_is_told_all_again_after_a_pause() {
    let mut f = Fixture::new(&[1]);
    let in_session = |partitions| FetchResponse {
        session_id: 9,
        responses: vec![FetchableTopicResponse {
            topic: "t".into(),
            partitions,
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    };
    let mut fetch = f.fetch();
    for stranger in [7, 8] {
        assert_eq!(fetch.asked(), [(0, 0)]);
        let open = in_session(vec![PartitionData { high_watermark: 0, ..data(0, &[]) }]);
        f.now += ConsumerConfig::default().fetch_wait_max;
        f.fetcher.handle_answer(f.moment(), fetch.id, Ok((12, open)));
        let next = f.fetch();
        assert!(next.asked().is_empty() && !next.plan.is_full());
        let refused = in_session(vec![code(stranger, ErrorCode::UNKNOWN_TOPIC_ID)]);
        f.fetcher.handle_answer(f.moment(), next.id, Ok((12, refused)));
        assert!(f.fetches().is_empty(), "without a pause");
        fetch = f.fetch_after(200 * MS);
        assert!(fetch.plan.is_full());
    }
    assert!(f.entries().is_empty());
}

#[test]
fn a_broker_that_does_not_answer_is_told_in_time() {
    let mut f = Fixture::new(&[1]);
    let fetch = f.fetch();
    assert_eq!(f.fetcher.deadline(), Some(f.now + Duration::from_secs(60)));
    for _ in 0..2 {
        f.now += Duration::from_secs(60);
        assert!(f.actions().is_empty());
        let said = f.entries();
        assert!(said.len() == 1 && said[0].contains("at offset 0 from broker 1"), "{said:?}");
        assert!(said[0].contains("it does not answer"), "{said:?}");
    }
    f.answer(&fetch, vec![data(0, &[batch(0, 1, &seal(0))])]);
    assert_eq!(f.fetch().asked(), [(0, 1)]);
}

#[test]
fn a_fetch_that_waits_for_a_connection_is_told_by_what_the_last_one_came_to() {
    let mut f = Fixture::new(&[1]);
    let fetch = f.fetch();
    f.fetcher.handle_answer(f.moment(), fetch.id, Err(lost()));
    let fetch = f.fetch_after(1000 * MS);
    f.now += Duration::from_secs(60);
    assert!(f.actions().is_empty());
    let said = f.entries();
    assert!(said.len() == 1 && said[0].starts_with("0: news lost broker-1:9092"), "{said:?}");
    // Of the next silence it says nothing.
    f.answer(&fetch, vec![data(0, &[batch(0, 1, &seal(0))])]);
    f.fetch();
    f.now += Duration::from_secs(60);
    assert!(f.actions().is_empty());
    let said = f.entries();
    assert!(said[0].contains("it does not answer"), "{said:?}");
}

#[test]
fn an_offset_beyond_the_end_is_for_the_broker_to_judge() {
    let beyond = || {
        let config = ConsumerConfig { stop: Stop::End, ..ConsumerConfig::default() };
        let mut f = Fixture::with(&[1], Start::Offset(9), config);
        let lookup = f.lookup();
        f.found(lookup, Ok(vec![Some(5)]));
        assert!(f.entries().is_empty());
        f
    };
    let mut f = beyond();
    let fetch = f.fetch();
    let said = f.answer(&fetch, vec![code(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    assert!(said[0].contains("offset 9 was asked for"), "{said:?}");
    // The log has grown meanwhile.
    let mut f = beyond();
    let fetch = f.fetch();
    assert_eq!(f.answer(&fetch, vec![data(0, &[batch(9, 1, &seal(0))])]), ["0: end"]);
}

#[test]
fn an_end_that_nobody_names_is_looked_up_again_after_a_while() {
    let config = ConsumerConfig { stop: Stop::End, ..ConsumerConfig::default() };
    let mut f = Fixture::with(&[1], Start::Offset(0), config);
    let lookup = f.lookup();
    f.found(lookup, Ok(vec![None]));
    let said = f.entries();
    assert!(said[0].starts_with("0: news no offset of partition 0 of topic t"), "{said:?}");
    assert!(f.actions().is_empty(), "at once is too soon");
    f.now += 100 * MS;
    assert_eq!(f.lookup().wanted[0].2, Position::Latest);
}
