//! Sessions against a broker that the test plays, step by step as KIP-227 has it.

use kurier_protocol::api::fetch::FetchRequest;

use super::super::turn::Turn;
use super::*;

/// What a broker keeps of one partition.
type Kept = (i64, i32, i32);

/// A topic as a request calls it, and the partition.
type Key = (String, Uuid, i32);

#[derive(Debug, Default)]
struct Broker {
    latest_id: i32,
    /// (epoch of the next request, whether topics have ids, partitions)
    sessions: BTreeMap<i32, (i32, bool, BTreeMap<Key, Kept>)>,
}

impl Broker {
    /// The session's id, or a refusal.
    fn handle(
        &mut self,
        version: i16,
        request: &FetchRequest,
        room: u64,
    ) -> Result<i32, ErrorCode> {
        let has_ids = version >= 13;
        let key = |topic: &kurier_protocol::Str, id: Uuid, partition| match has_ids {
            true => (String::new(), id, partition),
            false => (topic.to_string(), Uuid::ZERO, partition),
        };
        let named = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |p| {
                let kept = (p.fetch_offset, p.current_leader_epoch, p.partition_max_bytes);
                (key(&topic.topic, topic.topic_id, p.partition), kept)
            })
        });
        let named: Vec<(Key, Kept)> = named.collect();
        let distinct: BTreeSet<&Key> = named.iter().map(|(key, _)| key).collect();
        assert_eq!(distinct.len(), named.len(), "a partition is named twice");
        match request.session_epoch {
            0 => {
                self.sessions.remove(&request.session_id);
                if room == 0 || version < 7 {
                    return Ok(0);
                }
                self.latest_id += 1;
                let kept = named.into_iter().collect();
                self.sessions.insert(self.latest_id, (1, has_ids, kept));
                Ok(self.latest_id)
            }
            -1 => {
                self.sessions.remove(&request.session_id);
                Ok(0)
            }
            epoch => {
                let session = self.sessions.get_mut(&request.session_id);
                let session = session.ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
                if session.0 != epoch {
                    return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
                }
                assert_eq!(session.1, has_ids, "names and ids are mixed");
                session.2.extend(named);
                for topic in &request.forgotten_topics_data {
                    for partition in &topic.partitions {
                        let gone = session.2.remove(&key(&topic.topic, topic.topic_id, *partition));
                        assert!(gone.is_some(), "what is forgotten was never there");
                    }
                }
                session.0 += 1;
                Ok(request.session_id)
            }
        }
    }
}

/// Numbers that look like chance, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % sides
    }
}

fn asked(slot: usize, topic_id: Uuid, offset: i64, leader_epoch: i32) -> Asked {
    Asked {
        turn: Turn { slot, generation: 0 },
        topic: ["a", "b", "c"][slot % 3].into(),
        topic_id,
        partition: i32::try_from(slot / 3).unwrap(),
        offset,
        leader_epoch,
        epoch: -1,
        bytes_max: None,
        rank: 0,
    }
}

fn id(number: u16) -> Uuid {
    let mut id = [1; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    Uuid(id)
}

/// One run: partitions come, go and move, requests and answers are lost, and whenever an answer
/// has come, the broker knows what is wanted. Gives the requests that were not full.
fn run(seed: u64) -> usize {
    let mut dice = Dice(seed);
    let (mut session, mut broker) = (Session::default(), Broker::default());
    let config = ConsumerConfig::default();
    let mut wanted: BTreeMap<usize, Asked> = BTreeMap::new();
    let mut ids = [id(1), id(2), id(3)];
    let (mut incremental, mut newest, mut latest) = (0, 18, 3);
    for _ in 0..400 {
        for _ in 0..dice.below(4) {
            let slot = usize::try_from(dice.below(12)).unwrap();
            if dice.below(4) == 0 {
                session.forget(slot);
                wanted.remove(&slot);
                continue;
            }
            let offset = i64::try_from(dice.below(5)).unwrap();
            let one = asked(slot, ids[slot % 3], offset, i32::try_from(dice.below(2)).unwrap());
            wanted.insert(slot, one.clone());
            session.want(one);
        }
        match dice.below(60) {
            // Topics are created anew, without ids for a while.
            0 | 1 => {
                let topic = usize::try_from(dice.below(3)).unwrap();
                latest += 1;
                ids[topic] = if dice.below(3) == 0 { Uuid::ZERO } else { id(latest) };
                for (slot, one) in wanted.iter_mut().filter(|(slot, _)| *slot % 3 == topic) {
                    *one = asked(*slot, ids[topic], one.offset, one.leader_epoch);
                    session.want(one.clone());
                }
            }
            // The broker starts anew, in another release.
            2 => {
                broker.sessions.clear();
                newest = [6, 11, 12, 13, 18][usize::try_from(dice.below(5)).unwrap()];
            }
            _ => {}
        }
        if session.is_empty() {
            continue;
        }
        let plan = session.plan(&config);
        let versions = plan.versions();
        if *versions.start() > newest {
            assert!(session.handle_lost(), "a full request goes in every version");
            continue;
        }
        let version = newest.min(*versions.end());
        let request = plan.request(version);
        incremental += usize::from(!plan.is_full());
        let fate = dice.below(20);
        if fate == 0 {
            session.handle_lost();
            continue;
        }
        let answer = broker.handle(version, &request, dice.below(10));
        if fate == 1 {
            session.handle_lost();
            continue;
        }
        match answer {
            Ok(id) => session.handle_answer(version, id),
            Err(code) => {
                assert!(session.handle_refused(code), "a full request is never refused");
                continue;
            }
        }
        let Some((_, _, kept)) = broker.sessions.get(&session.id) else {
            assert_eq!(session.epoch, 0, "what a broker does not keep is named again");
            continue;
        };
        let expected = wanted.values().map(|one| {
            let key = match version >= 13 {
                true => (String::new(), one.topic_id, one.partition),
                false => (one.topic.to_string(), Uuid::ZERO, one.partition),
            };
            (key, (one.offset, one.leader_epoch, 1 << 20))
        });
        assert_eq!(*kept, expected.collect(), "seed {seed}");
    }
    incremental
}

#[test]
fn a_broker_knows_what_is_wanted_whatever_happens() {
    let incremental: usize = (0..300).map(run).sum();
    assert!(incremental > 300 * 100, "{incremental}");
}

fn open() -> Session {
    let mut session = Session::default();
    for slot in 0..3 {
        session.want(asked(slot, id(1 + u16::try_from(slot).unwrap()), 5, 0));
    }
    let first = session.plan(&ConsumerConfig::default());
    assert_eq!((first.asked().len(), first.is_full(), first.versions()), (3, true, 0..=18));
    session.handle_answer(18, 7);
    session
}

#[test]
fn a_request_names_what_has_changed() {
    let mut session = open();
    let config = ConsumerConfig::default();
    assert!(session.plan(&config).asked().is_empty());
    session.handle_answer(18, 7);
    session.want(asked(1, id(2), 6, 0));
    // Nothing that a broker would see.
    session.want(Asked { rank: 9, ..asked(2, id(3), 5, 0) });
    session.forget(0);
    let plan = session.plan(&config);
    assert_eq!(plan.versions(), 13..=18);
    let request = plan.request(18);
    assert_eq!((request.session_id, request.session_epoch), (7, 2));
    assert_eq!((request.topics.len(), request.topics[0].topic_id), (1, id(2)));
    let gone = &request.forgotten_topics_data;
    assert_eq!((gone.len(), gone[0].topic_id, &gone[0].partitions[..]), (1, id(1), &[0][..]));
}

#[test]
fn after_an_unknown_id_the_next_request_is_full_and_has_none() {
    let rows = [
        (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0),
        (ErrorCode::INVALID_FETCH_SESSION_EPOCH, 7),
        (ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR, 7),
    ];
    for (code, session_id) in rows {
        let mut session = open();
        session.plan(&ConsumerConfig::default());
        assert!(session.handle_refused(code));
        let request = session.plan(&ConsumerConfig::default()).request(18);
        assert_eq!((request.session_id, request.session_epoch), (session_id, 0), "{code}");
        assert_eq!(request.topics.len(), 3);
        assert!(!session.handle_refused(code), "at once would be in a loop");
    }
}

#[test]
fn a_session_ends_once() {
    let mut session = open();
    let close = session.close(&ConsumerConfig::default()).unwrap();
    let request = close.request(18);
    assert_eq!((request.session_id, request.session_epoch), (7, -1));
    assert!(request.topics.is_empty());
    assert!(session.close(&ConsumerConfig::default()).is_none());
}

#[test]
fn answers_find_their_partition_by_name_and_by_id() {
    let mut session = open();
    let slot = |session: &Session, topic: &str, id| Some(session.find(topic, id, 0)?.turn.slot);
    assert_eq!(slot(&session, "b", Uuid::ZERO), Some(1));
    assert_eq!(slot(&session, "", id(2)), Some(1));
    assert_eq!(slot(&session, "", id(9)), None);
    session.want(asked(1, id(9), 0, 0));
    assert_eq!((slot(&session, "", id(2)), slot(&session, "", id(9))), (None, Some(1)));
    session.forget(1);
    assert_eq!((slot(&session, "", id(9)), slot(&session, "b", Uuid::ZERO)), (None, None));
}
