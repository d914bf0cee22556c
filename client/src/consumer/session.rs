//! Core: what one broker knows of what this consumer wants of it (KIP-227).
//!
//! The first request names every partition, and opens a session; those after it name only what has
//! changed since. `told` is what the broker knows, `wanted` what it should know, and `touched` is
//! where the two may differ. A request makes them equal; when one is lost, or the broker has
//! forgotten the session, the next one names everything again. So nothing is lost with a session.
//!
//! ```text
//!          answer with an id           answer with the id
//! none ------------------------> open ------------------+
//!  ^  ^                           |  ^                  |
//!  |  +-- answer without an id ---+  +------------------+
//!  |                              |
//!  +-- lost, refused, other id ---+   the next request is full, and ends the old session
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use kurier_protocol::{ErrorCode, Uuid};

use super::config::ConsumerConfig;
use super::plan::{Asked, Forgotten, IDS_SINCE, Plan, SESSIONS_SINCE, Stamp, VERSION_MAX};

/// What is wanted of one broker, and what the broker knows of that.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// What the broker calls it; 0 if there is none.
    id: i32,
    /// Of the next request; 0 begins anew.
    epoch: i32,
    naming: Naming,
    /// By slot.
    wanted: BTreeMap<usize, Asked>,
    told: BTreeMap<usize, Told>,
    touched: BTreeSet<usize>,
    /// Whether the broker is to remember nothing.
    is_single: bool,
    /// The slots of what is wanted.
    places: BTreeMap<Arc<str>, BTreeMap<i32, usize>>,
    /// The topics of what is wanted, as far as they have ids.
    names: BTreeMap<Uuid, Arc<str>>,
}

/// How the topics of a session are called. A session never mixes both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Naming {
    #[default]
    Names,
    Ids,
}

/// What a broker knows of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    topic: Arc<str>,
    topic_id: Uuid,
    partition: i32,
    offset: i64,
    leader_epoch: i32,
    epoch: i32,
    bytes_max: Option<i32>,
}

impl Session {
    /// None at all: each request names everything.
    pub(crate) fn single() -> Self {
        Self { is_single: true, ..Self::default() }
    }

    /// A partition is wanted, in this way from now on.
    pub(crate) fn want(&mut self, asked: Asked) {
        let (slot, topic) = (asked.turn.slot, &asked.topic);
        if let Some(places) = self.places.get_mut(topic) {
            places.insert(asked.partition, slot);
        } else {
            self.places.insert(Arc::clone(topic), BTreeMap::from([(asked.partition, slot)]));
        }
        if asked.topic_id != Uuid::ZERO {
            self.names.entry(asked.topic_id).or_insert_with(|| Arc::clone(topic));
        } else if self.naming == Naming::Ids {
            // It has none: everything is to be called by name.
            self.epoch = 0;
        }
        self.wanted.insert(slot, asked);
        self.touched.insert(slot);
    }

    /// A partition is wanted no longer.
    pub(crate) fn forget(&mut self, slot: usize) {
        let Some(asked) = self.wanted.remove(&slot) else { return };
        self.touched.insert(slot);
        if let Some(places) = self.places.get_mut(&asked.topic) {
            places.remove(&asked.partition);
            if places.is_empty() {
                self.places.remove(&asked.topic);
                self.names.retain(|_, name| *name != asked.topic);
            }
        }
    }

    /// Whether nothing is wanted.
    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// All that is wanted, by slot.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Asked> {
        self.wanted.values()
    }

    /// What is wanted of a slot.
    pub(crate) fn of(&self, slot: usize) -> Option<&Asked> {
        self.wanted.get(&slot)
    }

    /// The partition that a part of an answer is about.
    pub(crate) fn find(&self, topic: &str, topic_id: Uuid, partition: i32) -> Option<&Asked> {
        let is_named = !topic.is_empty();
        let topic = if is_named { topic } else { self.names.get(&topic_id)? };
        let slot = self.places.get(topic)?.get(&partition)?;
        self.wanted.get(slot).filter(|asked| is_named || asked.topic_id == topic_id)
    }

    /// The next request. From now on the broker counts as told.
    pub(crate) fn plan(&mut self, config: &ConsumerConfig) -> Plan {
        let epoch = if self.is_single { CLOSED } else { self.epoch };
        let stamp = Stamp { id: self.id, epoch };
        let touched = std::mem::take(&mut self.touched);
        if self.epoch == 0 {
            let told = |(slot, asked): (&usize, &Asked)| (*slot, Told::of(asked));
            self.told = self.wanted.iter().map(told).collect();
            return Plan::new(config, stamp, self.versions(), self.wanted().cloned().collect());
        }
        let (mut named, mut fresh, mut forgotten) = (Vec::new(), Vec::new(), Vec::new());
        for slot in touched {
            let Some(asked) = self.wanted.get(&slot) else {
                forgotten.extend(self.told.remove(&slot).map(Told::forgotten));
                continue;
            };
            let now = Told::of(asked);
            match self.told.insert(slot, now.clone()) {
                Some(before) if before == now => continue,
                Some(before) if before.topic_id != now.topic_id && self.naming == Naming::Ids => {
                    forgotten.push(before.forgotten());
                }
                Some(_) => {}
                None => fresh.push(slot),
            }
            named.push(asked.clone());
        }
        Plan::new(config, stamp, self.versions(), named).telling(fresh).without(forgotten)
    }

    /// In which versions the next request can go.
    fn versions(&self) -> RangeInclusive<i16> {
        match (self.epoch, self.naming) {
            (0, _) if self.wanted().all(|asked| asked.topic_id != Uuid::ZERO) => 0..=VERSION_MAX,
            (0, _) => 0..=IDS_SINCE - 1,
            (_, Naming::Names) => SESSIONS_SINCE..=IDS_SINCE - 1,
            (_, Naming::Ids) => IDS_SINCE..=VERSION_MAX,
        }
    }

    /// A request has its answer, in this version and with this session's id.
    pub(crate) fn handle_answer(&mut self, version: i16, id: i32) {
        if self.epoch == 0 {
            self.naming = if version >= IDS_SINCE { Naming::Ids } else { Naming::Names };
            self.epoch = i32::from(id != 0 && !self.is_single);
        } else if id == self.id {
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        } else {
            self.epoch = 0;
        }
        self.id = if self.is_single { 0 } else { id };
    }

    /// A request was refused as a whole. Says whether the session was the reason, so that the next
    /// one may go at once.
    pub(crate) fn handle_refused(&mut self, code: ErrorCode) -> bool {
        let was_open = self.epoch != 0;
        if code == ErrorCode::FETCH_SESSION_ID_NOT_FOUND {
            self.id = 0;
        }
        self.epoch = 0;
        was_open
    }

    /// A request has got no answer. Says whether it was one of an open session.
    pub(crate) fn handle_lost(&mut self) -> bool {
        std::mem::take(&mut self.epoch) != 0
    }

    /// The request that ends the session, if the broker has one.
    pub(crate) fn close(&mut self, config: &ConsumerConfig) -> Option<Plan> {
        if self.id == 0 {
            return None;
        }
        let versions = match self.naming {
            Naming::Names => SESSIONS_SINCE..=IDS_SINCE - 1,
            Naming::Ids => IDS_SINCE..=VERSION_MAX,
        };
        let stamp = Stamp { id: std::mem::take(&mut self.id), epoch: CLOSED };
        self.epoch = 0;
        Some(Plan::new(config, stamp, versions, Vec::new()))
    }
}

impl Told {
    fn of(asked: &Asked) -> Self {
        Self {
            topic: Arc::clone(&asked.topic),
            topic_id: asked.topic_id,
            partition: asked.partition,
            offset: asked.offset,
            leader_epoch: asked.leader_epoch,
            epoch: asked.epoch,
            bytes_max: asked.bytes_max,
        }
    }

    fn forgotten(self) -> Forgotten {
        let Self { topic, topic_id, partition, .. } = self;
        Forgotten { topic, topic_id, partition }
    }
}

/// The epoch of a request that ends a session, or needs none.
const CLOSED: i32 = -1;

#[cfg(test)]
mod tests;
