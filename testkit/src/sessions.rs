//! Core: fetch sessions of one broker (KIP-227): the partitions that a client wants are remembered,
//! so that it sends only what changes and gets only what is new.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use kurier_protocol::api::fetch::{FetchPartition, FetchRequest, PartitionData};
use kurier_protocol::{ErrorCode, Str, Uuid};

use crate::kept::Kept;
use crate::limits::{SESSION_PARTITIONS_MAX, SESSION_PROTECTED};

/// The sessions of a broker, by id.
#[derive(Debug)]
pub(crate) struct Sessions {
    sessions: BTreeMap<i32, Session>,
    latest_id: i32,
    /// How many there may be.
    slots: usize,
    /// How many partitions they may have together.
    partitions_max: usize,
}

#[derive(Debug)]
struct Session {
    since: Instant,
    used: Instant,
    /// The epoch that the next request must have.
    epoch: i32,
    naming: Naming,
    wanted: Vec<Wanted>,
}

/// Whether topics are called by name or, from version 13 on, by id. A session cannot change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    Names,
    Ids,
}

/// A partition that a client wants, and what it was told of it last.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) topic: Str,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: FetchPartition,
    /// High watermark and log start.
    told: (i64, i64),
}

/// What one fetch is about.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) wanted: Vec<Wanted>,
    kind: Kind,
    naming: Naming,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// There is no session, and there will be none.
    Sessionless,
    /// A session begins: everything is answered.
    Full,
    /// A session goes on: only what is new is answered.
    Incremental,
}

impl Sessions {
    /// No sessions, and room for so many.
    pub(crate) fn new(slots: usize) -> Self {
        let partitions_max = SESSION_PARTITIONS_MAX;
        Self { sessions: BTreeMap::new(), latest_id: 0, slots, partitions_max }
    }

    /// The same for one of many brokers. Kafka's draw their ids by chance: what holds for all of
    /// them is that a client finds nothing under another broker's id.
    pub(crate) fn of_broker(self, broker: i32) -> Self {
        Self { latest_id: broker.saturating_mul(IDS_OF_A_BROKER), ..self }
    }

    /// Says what a request is about, without changing a session.
    ///
    /// # Errors
    ///
    /// The session is not known, or the request is not the next one in it.
    pub(crate) fn fetch(&self, request: &FetchRequest, version: i16) -> Result<Fetch, ErrorCode> {
        let naming = if version >= 13 { Naming::Ids } else { Naming::Names };
        let kind = match request.session_epoch {
            0 => Kind::Full,
            1.. => Kind::Incremental,
            _ => Kind::Sessionless,
        };
        let mut wanted = Vec::new();
        if kind == Kind::Incremental {
            let session = self.sessions.get(&request.session_id);
            let session = session.ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
            if session.epoch != request.session_epoch {
                return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
            }
            if session.naming != naming {
                return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
            }
            wanted.clone_from(&session.wanted);
        }
        let mut places = HashMap::new();
        if !request.topics.is_empty() {
            places.extend(wanted.iter().map(Wanted::key).zip(0..));
        }
        for topic in &request.topics {
            for partition in &topic.partitions {
                let new = Wanted {
                    topic: topic.topic.clone(),
                    topic_id: topic.topic_id,
                    partition: partition.clone(),
                    told: NOTHING,
                };
                let place = places.get(&new.key()).copied();
                match place.and_then(|place: usize| wanted.get_mut(place)) {
                    Some(known) => known.partition = new.partition,
                    None => {
                        if kind == Kind::Incremental {
                            places.insert(new.key(), wanted.len());
                        }
                        wanted.push(new);
                    }
                }
            }
        }
        if !request.forgotten_topics_data.is_empty() {
            let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
                let partitions = topic.partitions.iter();
                partitions.map(|&index| (topic.topic.clone(), topic.topic_id, index))
            });
            let forgotten: HashSet<_> = forgotten.collect();
            wanted.retain(|known: &Wanted| !forgotten.contains(&known.key()));
        }
        Ok(Fetch { wanted, kind, naming })
    }

    /// The partitions that a request is about, also once it is answered.
    pub(crate) fn wanted(&self, request: &FetchRequest, version: i16) -> Vec<(Str, Uuid, i32)> {
        let keys = |wanted: &[Wanted]| wanted.iter().map(Wanted::key).collect();
        match self.fetch(request, version) {
            Ok(fetch) => keys(&fetch.wanted),
            Err(_) => {
                let session = self.sessions.get(&request.session_id);
                session.map(|session| keys(&session.wanted)).unwrap_or_default()
            }
        }
    }

    /// Begins, goes on with or ends the session of a fetch that is being answered; leaves only
    /// what is new in `answers`, one for each partition wanted. Gives the id of the session.
    pub(crate) fn answer(
        &mut self,
        request: &FetchRequest,
        mut fetch: Fetch,
        answers: Vec<PartitionData>,
        now: Instant,
    ) -> (i32, Vec<(Wanted, PartitionData)>) {
        let mut kept = Vec::new();
        let (mut quiet, mut busy) = (Vec::new(), Vec::new());
        for (mut wanted, answer) in fetch.wanted.drain(..).zip(answers) {
            let is_new = wanted.learn(&answer);
            if is_new || fetch.kind != Kind::Incremental {
                kept.push((wanted.clone(), answer.clone()));
            }
            wanted.topic = wanted.topic.kept();
            let has_data = answer.records.is_some_and(|records| !records.0.is_empty());
            let goes_on = fetch.kind == Kind::Incremental;
            if has_data && goes_on { busy.push(wanted) } else { quiet.push(wanted) }
        }
        // Whoever got data stands behind next time, so that nobody starves.
        quiet.append(&mut busy);
        (self.store(request, &fetch, quiet, now), kept)
    }

    fn store(
        &mut self,
        request: &FetchRequest,
        fetch: &Fetch,
        wanted: Vec<Wanted>,
        now: Instant,
    ) -> i32 {
        // Only a request that names partitions makes a session larger.
        let fits = request.topics.is_empty()
            || self.partitions_besides(request.session_id) + wanted.len() <= self.partitions_max;
        match fetch.kind {
            Kind::Incremental if !wanted.is_empty() && fits => {
                if let Some(session) = self.sessions.get_mut(&request.session_id) {
                    session.epoch = session.epoch.checked_add(1).unwrap_or(1);
                    session.wanted = wanted;
                    session.used = now;
                }
                return request.session_id;
            }
            Kind::Full if !wanted.is_empty() && fits => {}
            _ => {
                self.sessions.remove(&request.session_id);
                return 0;
            }
        }
        self.sessions.remove(&request.session_id);
        if self.sessions.len() >= self.slots && !self.evict(wanted.len(), now) {
            return 0;
        }
        self.latest_id = self.latest_id.checked_add(1).unwrap_or(1);
        let (epoch, naming) = (1, fetch.naming);
        let session = Session { since: now, used: now, epoch, naming, wanted };
        self.sessions.insert(self.latest_id, session);
        self.latest_id
    }

    fn partitions_besides(&self, session_id: i32) -> usize {
        let others = self.sessions.iter().filter(|(id, _)| **id != session_id);
        others.map(|(_, session)| session.wanted.len()).sum()
    }

    /// Makes room for a session of so many partitions: the one that was not used for longest goes
    /// if that is long ago, else the smallest of the old ones if it is no larger. Says whether
    /// there is room.
    fn evict(&mut self, partitions: usize, now: Instant) -> bool {
        let is_old = |moment: Instant| now - moment > SESSION_PROTECTED;
        let idle = self.sessions.iter().min_by_key(|(id, session)| (session.used, **id));
        let idle = idle.filter(|(_, session)| is_old(session.used));
        let old = self.sessions.iter().filter(|(_, session)| is_old(session.since));
        let small = old.min_by_key(|(id, session)| (session.wanted.len(), **id));
        let small = small.filter(|(_, session)| session.wanted.len() < partitions);
        let gone = idle.or(small).map(|(id, _)| *id);
        gone.is_some_and(|id| self.sessions.remove(&id).is_some())
    }

    /// Forgets all sessions. Their ids are not given again.
    pub(crate) fn clear(&mut self) {
        self.sessions.clear();
    }
}

impl Wanted {
    fn key(&self) -> (Str, Uuid, i32) {
        (self.topic.clone(), self.topic_id, self.partition.partition)
    }

    /// Remembers what the client is told, and says whether that is new to it.
    fn learn(&mut self, answer: &PartitionData) -> bool {
        let before = self.told;
        if !answer.error_code.is_ok() {
            // After an error the client is told again.
            self.told = NOTHING;
            return true;
        }
        self.told = (answer.high_watermark, answer.log_start_offset);
        before != self.told
            || answer.records.as_ref().is_some_and(|records| !records.0.is_empty())
            || answer.diverging_epoch.epoch >= 0
            || answer.preferred_read_replica >= 0
    }
}

/// How far the ids of brokers are apart.
const IDS_OF_A_BROKER: i32 = 2_000_000;

/// What a client was told of a partition that it knows nothing of.
const NOTHING: (i64, i64) = (-1, -1);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kurier_protocol::api::fetch::{FetchTopic, ForgottenTopic};

    use super::*;

    /// A request in a session that wants these partitions of `t`.
    fn request(session_id: i32, session_epoch: i32, partitions: &[i32]) -> FetchRequest {
        let partitions = partitions
            .iter()
            .map(|&partition| FetchPartition { partition, ..Default::default() })
            .collect::<Vec<_>>();
        let topic = FetchTopic { topic: "t".into(), partitions, ..Default::default() };
        let topics = if topic.partitions.is_empty() { vec![] } else { vec![topic] };
        FetchRequest { session_id, session_epoch, topics, ..Default::default() }
    }

    /// Answers a request, each partition with this high watermark: the session, and the partitions
    /// that are told.
    fn answer(
        sessions: &mut Sessions,
        request: &FetchRequest,
        high_watermark: impl Fn(i32) -> i64,
    ) -> Result<(i32, Vec<i32>), ErrorCode> {
        let fetch = sessions.fetch(request, 12)?;
        let answers = fetch.wanted.iter().map(|wanted| PartitionData {
            high_watermark: high_watermark(wanted.partition.partition),
            ..Default::default()
        });
        let answers = answers.collect();
        let (id, kept) = sessions.answer(request, fetch, answers, instant());
        Ok((id, kept.iter().map(|(wanted, _)| wanted.partition.partition).collect()))
    }

    #[test]
    fn a_session_tells_only_what_is_new() {
        let mut sessions = Sessions::new(10);
        let first = answer(&mut sessions, &request(0, 0, &[0, 1, 2]), |_| 5);
        assert_eq!(first, Ok((1, vec![0, 1, 2])));
        let same = answer(&mut sessions, &request(1, 1, &[]), |_| 5);
        assert_eq!(same, Ok((1, vec![])));
        let grown = answer(&mut sessions, &request(1, 2, &[]), |p| if p == 1 { 6 } else { 5 });
        assert_eq!(grown, Ok((1, vec![1])));
    }

    #[test]
    fn partitions_are_added_and_forgotten() {
        let mut sessions = Sessions::new(10);
        answer(&mut sessions, &request(0, 0, &[0, 1]), |_| 5).unwrap();
        let mut next = request(1, 1, &[2]);
        let forgotten =
            ForgottenTopic { topic: "t".into(), partitions: vec![0], ..Default::default() };
        next.forgotten_topics_data = vec![forgotten];
        assert_eq!(answer(&mut sessions, &next, |_| 5), Ok((1, vec![2])));
        let rest = answer(&mut sessions, &request(1, 2, &[]), |_| 6);
        assert_eq!(rest, Ok((1, vec![1, 2])));
        let mut last = request(1, 3, &[]);
        let forgotten =
            ForgottenTopic { topic: "t".into(), partitions: vec![1, 2], ..Default::default() };
        last.forgotten_topics_data = vec![forgotten];
        assert_eq!(answer(&mut sessions, &last, |_| 6), Ok((0, vec![])));
    }

    #[test]
    fn what_is_added_and_forgotten_at_once_is_forgotten() {
        let mut sessions = Sessions::new(10);
        answer(&mut sessions, &request(0, 0, &[0]), |_| 5).unwrap();
        let mut next = request(1, 1, &[0, 1]);
        let forgotten =
            ForgottenTopic { topic: "t".into(), partitions: vec![0], ..Default::default() };
        next.forgotten_topics_data = vec![forgotten];
        assert_eq!(answer(&mut sessions, &next, |_| 6), Ok((1, vec![1])));
    }

    #[test]
    fn a_request_is_about_the_same_partitions_before_and_after_its_answer() {
        let mut sessions = Sessions::new(10);
        answer(&mut sessions, &request(0, 0, &[0, 1]), |_| 5).unwrap();
        let next = request(1, 1, &[1, 2]);
        let about = |sessions: &Sessions| {
            let mut about: Vec<_> = sessions.wanted(&next, 12).iter().map(|key| key.2).collect();
            about.sort_unstable();
            about
        };
        assert_eq!(about(&sessions), [0, 1, 2]);
        answer(&mut sessions, &next, |_| 5).unwrap();
        assert_eq!(about(&sessions), [0, 1, 2]);
    }

    #[test]
    fn a_session_that_grows_too_large_is_no_more() {
        let mut sessions = Sessions::new(10);
        sessions.partitions_max = 4;
        assert_eq!(answer(&mut sessions, &request(0, 0, &[0]), |_| 5).unwrap().0, 1);
        assert_eq!(answer(&mut sessions, &request(0, 0, &[1, 2, 3]), |_| 5).unwrap().0, 2);
        assert_eq!(answer(&mut sessions, &request(0, 0, &[0]), |_| 5).unwrap().0, 0);
        assert_eq!(answer(&mut sessions, &request(1, 1, &[1]), |_| 5).unwrap().0, 0);
        let gone = answer(&mut sessions, &request(1, 2, &[]), |_| 5);
        assert_eq!(gone, Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    }

    #[test]
    fn without_room_there_is_no_session() {
        let mut sessions = Sessions::new(1);
        let mut open = |partitions: &[i32], at| {
            let request = request(0, 0, partitions);
            let fetch = sessions.fetch(&request, 12).unwrap();
            let answers = fetch.wanted.iter().map(|_| PartitionData::default()).collect();
            sessions.answer(&request, fetch, answers, at).0
        };
        let start = instant();
        let later = start + SESSION_PROTECTED + Duration::from_millis(1);
        assert_eq!(open(&[0], start), 1);
        // Young sessions stay, however small they are; old ones give way if nobody uses them.
        assert_eq!(open(&[0, 1], start + SESSION_PROTECTED), 0);
        assert_eq!(open(&[0], later), 2);
        let mut none = Sessions::new(0);
        assert_eq!(answer(&mut none, &request(0, 0, &[0]), |_| 5), Ok((0, vec![0])));
    }

    #[test]
    fn an_old_session_gives_way_to_a_larger_one() {
        let mut sessions = Sessions::new(1);
        let start = instant();
        let used = start + Duration::from_secs(100);
        let now = used + Duration::from_secs(30);
        let mut send = |request: FetchRequest, at| {
            let fetch = sessions.fetch(&request, 12)?;
            let answers = fetch.wanted.iter().map(|_| PartitionData::default()).collect();
            Ok::<_, ErrorCode>(sessions.answer(&request, fetch, answers, at).0)
        };
        assert_eq!(send(request(0, 0, &[0, 1]), start), Ok(1));
        assert_eq!(send(request(1, 1, &[]), used), Ok(1));
        assert_eq!(send(request(0, 0, &[5, 6]), now), Ok(0));
        assert_eq!(send(request(0, 0, &[5, 6, 7]), now), Ok(2));
        assert_eq!(send(request(1, 2, &[]), now), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    }

    #[expect(clippy::disallowed_methods, reason = "a test needs some moment to begin with")]
    fn instant() -> Instant {
        Instant::now()
    }

    #[test]
    fn requests_out_of_turn_are_refused() {
        let mut sessions = Sessions::new(10);
        let unknown = Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert_eq!(answer(&mut sessions, &request(1, 1, &[]), |_| 0), unknown);
        answer(&mut sessions, &request(0, 0, &[0]), |_| 0).unwrap();
        let wrong = Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        assert_eq!(answer(&mut sessions, &request(1, 2, &[]), |_| 0), wrong);
        let by_id = sessions.fetch(&request(1, 1, &[]), 13).map(drop);
        assert_eq!(by_id, Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR));
        // A new session replaces the old one; a last request ends it.
        assert_eq!(answer(&mut sessions, &request(1, 0, &[0]), |_| 0), Ok((2, vec![0])));
        assert_eq!(answer(&mut sessions, &request(1, 1, &[]), |_| 0), unknown);
        assert_eq!(answer(&mut sessions, &request(2, -1, &[]), |_| 0), Ok((0, vec![])));
        assert_eq!(answer(&mut sessions, &request(2, 1, &[]), |_| 0), unknown);
    }
}
