//! Core: one group, of whatever protocol, and its offsets.

use std::collections::BTreeSet;
use std::time::Instant;

use kurier_protocol::Str;
use kurier_protocol::data::consumer_protocol_subscription::ConsumerProtocolSubscription;
use kurier_protocol::data::decode_versioned;

use super::classic::Classic;
use super::consumer::Consumer;
use super::conversion;
use super::offsets::{KeptFrom, Offsets};
use super::refusal::Refusal;
use super::settings::GroupSettings;
use super::topics::Topics;

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: Kind,
    pub(crate) offsets: Offsets,
}

/// The protocol that a group's members speak.
#[derive(Debug)]
pub(crate) enum Kind {
    Classic(Classic),
    /// KIP-848.
    Consumer(Consumer),
}

impl Group {
    pub(super) fn new() -> Self {
        Self { kind: Kind::Classic(Classic::new()), offsets: Offsets::default() }
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Classic(classic) => classic.is_empty(),
            Kind::Consumer(consumer) => consumer.is_empty(),
        }
    }

    /// What its members speak: `consumer`, `connect`; empty if it never had members.
    pub(crate) fn protocol_type(&self) -> Str {
        match &self.kind {
            Kind::Classic(classic) => classic.protocol_type().cloned().unwrap_or_default(),
            Kind::Consumer(_) => Str::from_static("consumer"),
        }
    }

    /// Its type, in Kafka's words.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Classic(_) => "classic",
            Kind::Consumer(_) => "consumer",
        }
    }

    /// Of which topics offsets may be deleted.
    pub(crate) fn deletable(&self) -> Deletable {
        match &self.kind {
            Kind::Classic(classic) if classic.is_empty() => Deletable::AllBut(BTreeSet::new()),
            Kind::Classic(classic) => {
                if classic.protocol_type().is_none_or(|spoken| spoken != "consumer") {
                    return Deletable::Nothing;
                }
                let read = classic.subscriptions().map(|bytes| {
                    decode_versioned::<ConsumerProtocolSubscription>(&bytes).map(|said| said.topics)
                });
                // What cannot be read may be anything.
                match read.collect::<Result<Vec<_>, _>>() {
                    Ok(read) => Deletable::AllBut(read.into_iter().flatten().collect()),
                    Err(_) => Deletable::NotKnown,
                }
            }
            Kind::Consumer(consumer) => Deletable::AllBut(consumer.read()),
        }
    }

    /// Its state, in Kafka's words.
    pub(crate) fn state_name(&self) -> &'static str {
        match &self.kind {
            Kind::Classic(classic) => classic.phase().name(),
            Kind::Consumer(consumer) => consumer.state_name(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        #[cfg(test)]
        ASKED.set(ASKED.get() + 1);
        match &self.kind {
            Kind::Classic(classic) => classic.deadline(),
            Kind::Consumer(consumer) => consumer.deadline(),
        }
    }

    pub(super) fn handle_deadline(
        &mut self,
        now: Instant,
        topics: &Topics,
        settings: &GroupSettings,
    ) {
        match &mut self.kind {
            Kind::Classic(classic) => classic.handle_deadline(now, settings),
            Kind::Consumer(consumer) => {
                let lost = consumer.lost(now);
                self.fence((now, topics), &lost, settings);
            }
        }
    }

    /// Makes a consumer group of a classic one with members.
    ///
    /// # Errors
    ///
    /// It cannot be made one.
    pub(crate) fn upgrade(
        &mut self,
        id: &str,
        (now, topics): (Instant, &Topics),
        settings: &GroupSettings,
    ) -> Result<(), Refusal> {
        let Kind::Classic(classic) = &mut self.kind else { return Ok(()) };
        let consumer = conversion::upgrade(id, classic, now, topics, settings)?;
        classic.interrupt();
        self.kind = Kind::Consumer(consumer);
        Ok(())
    }

    /// Puts members out of a consumer group. If the others speak the classic protocol, it is a
    /// classic group then.
    pub(crate) fn fence(
        &mut self,
        (now, topics): (Instant, &Topics),
        gone: &BTreeSet<Str>,
        settings: &GroupSettings,
    ) {
        let Kind::Consumer(consumer) = &mut self.kind else { return };
        if gone.is_empty() {
            return;
        }
        let stay = consumer.members().filter(|(id, ..)| !gone.contains(*id)).count();
        if consumer.is_classic_without(gone)
            && settings.migration.downgrades()
            && stay <= settings.members_max
        {
            return self.downgrade((now, topics), gone, settings);
        }
        consumer.remove(gone);
    }

    /// Makes a classic group of a consumer group whose members, but for those that go, speak the
    /// classic protocol.
    pub(crate) fn downgrade(
        &mut self,
        (now, topics): (Instant, &Topics),
        gone: &BTreeSet<Str>,
        settings: &GroupSettings,
    ) {
        let Kind::Consumer(consumer) = &self.kind else { return };
        let is_behind = consumer.assignment_epoch < consumer.epoch;
        let mut classic = conversion::downgrade(consumer, gone, now, topics);
        if is_behind || !gone.is_empty() {
            classic.rebalance(now, settings);
        }
        self.kind = Kind::Classic(classic);
    }

    /// Forgets offsets that were kept for long enough (KIP-211).
    pub(super) fn expire_offsets(&mut self, now: Instant, settings: &GroupSettings) {
        let deletable = self.deletable();
        let from = match &self.kind {
            Kind::Consumer(_) => KeptFrom::Commit,
            Kind::Classic(classic) => match classic.empty_since() {
                Some(since) => KeptFrom::At(since),
                None if classic.protocol_type().is_none() => KeptFrom::Commit,
                None if classic.is_stable() => KeptFrom::Commit,
                None => return,
            },
        };
        let is_in_use = |topic: &str| deletable.is_in_use(topic);
        self.offsets.expire(now, (from, settings.offsets_retention), is_in_use);
    }

    /// Another broker takes over.
    pub(crate) fn reload(&mut self, now: Instant, settings: &GroupSettings) {
        match &mut self.kind {
            Kind::Classic(classic) => classic.reload(now),
            Kind::Consumer(consumer) => consumer.reload(now, settings),
        }
    }
}

/// Of which topics a group's offsets may be deleted.
#[derive(Debug)]
pub(crate) enum Deletable {
    /// It has members, of which nobody knows what they read.
    Nothing,
    /// None for now, as it is not known which topics members read.
    NotKnown,
    /// Of all but those that members read.
    AllBut(BTreeSet<Str>),
}

impl Deletable {
    pub(crate) fn is_in_use(&self, topic: &str) -> bool {
        match self {
            Self::Nothing | Self::NotKnown => true,
            Self::AllBut(read) => read.contains(topic),
        }
    }
}

#[cfg(test)]
thread_local! {
    /// How often groups were asked when they are due.
    pub(crate) static ASKED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
