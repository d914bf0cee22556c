//! The producer's task: it owns the sender and runs its calls against the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kurier_env::Purpose;
use kurier_protocol::ApiKey;
use kurier_protocol::api::produce::ProduceResponse;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

use super::accumulator::Partition;
use super::response::Heard;
use super::sender::{Action, Call, Sender};
use super::topics::Topics;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::metadata::Picture;
use crate::net::Class;

/// What callers tell the driver. There are at most two for each batch and one for each caller
/// that waits, so the buffer space bounds them.
#[derive(Debug)]
pub(crate) enum Event {
    /// A batch has its first record.
    First(Arc<Partition>, u64),
    /// A batch is full.
    Full(Arc<Partition>),
    /// A caller waits for buffer space.
    Short,
    /// Send everything and tell when it has its outcome.
    Flush(oneshot::Sender<Result<(), Error>>),
    /// Send everything and end.
    End,
    /// Fail everything and end; tells a partition that had something left.
    Abort(oneshot::Sender<Option<Arc<Partition>>>),
}

/// The task of one producer.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) cluster: Cluster,
    pub(crate) class: Class,
    pub(crate) sender: Sender,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) topics: Arc<watch::Sender<Arc<Topics>>>,
    pub(crate) flushes: BTreeMap<u64, oneshot::Sender<Result<(), Error>>>,
    pub(crate) flush_count: u64,
    /// Whether anyone can still tell something.
    pub(crate) is_listening: bool,
    /// Whether to end as soon as every record has its outcome.
    pub(crate) is_ending: bool,
}

/// A call that has ended.
struct Answered {
    id: u64,
    broker: i32,
    result: Result<ProduceResponse, Error>,
}

type Calls = FuturesUnordered<BoxFuture<'static, Answered>>;

impl Driver {
    /// Runs until no caller is left and every record has its outcome.
    pub(crate) async fn run(mut self) {
        let mut calls = Calls::new();
        let mut pictures = self.cluster.watch();
        let mut timer = std::pin::pin!(sleep_until(tokio::time::Instant::now()));
        loop {
            let now = tokio::time::Instant::now().into_std();
            self.take_events(now);
            // All answers first: the requests that they make room for then leave together.
            while let Some(Some(answered)) = calls.next().now_or_never() {
                self.handle_answer(now, answered);
            }
            let picture = pictures.borrow_and_update().clone();
            self.act(now, &picture, &mut calls);
            if self.is_ending && self.sender.is_idle() {
                return;
            }
            let deadline = self.sender.deadline().map(tokio::time::Instant::from_std);
            if let Some(at) = deadline
                && at != timer.deadline()
            {
                timer.as_mut().reset(at);
            }
            tokio::select! {
                biased;
                Some(answered) = calls.next() => {
                    self.handle_answer(tokio::time::Instant::now().into_std(), answered);
                }
                event = self.events.recv(), if self.is_listening => {
                    self.handle_event(tokio::time::Instant::now().into_std(), event);
                }
                Ok(()) = pictures.changed() => self.handle_picture(&pictures.borrow().clone()),
                () = &mut timer, if deadline.is_some() => {}
            }
        }
    }

    fn take_events(&mut self, now: Instant) {
        while self.is_listening {
            match self.events.try_recv() {
                Ok(event) => self.handle_event(now, Some(event)),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.handle_event(now, None),
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: Option<Event>) {
        match event {
            Some(Event::First(partition, number)) => {
                self.sender.handle_first(now, &partition, number);
            }
            Some(Event::Full(partition)) => self.sender.handle_full(&partition),
            Some(Event::Short) => self.sender.handle_short(),
            Some(Event::Flush(done)) => {
                self.flush_count += 1;
                self.flushes.insert(self.flush_count, done);
                self.sender.handle_flush(self.flush_count);
            }
            Some(Event::End) => self.end(),
            None => {
                self.is_listening = false;
                self.end();
            }
            Some(Event::Abort(told)) => {
                self.end();
                // The caller may have stopped waiting.
                let _ = told.send(self.sender.unsettled().cloned());
                self.sender.give_up();
            }
        }
    }

    fn end(&mut self) {
        self.is_ending = true;
        self.sender.handle_end();
    }

    fn handle_answer(&mut self, now: Instant, answered: Answered) {
        let Answered { id, broker, result } = answered;
        if let Err(Error::Unsupported { .. }) = &result
            && let Some(ranges) = self.cluster.ranges(broker, self.class)
            && let Some(range) = ranges.get(ApiKey::PRODUCE)
        {
            self.sender.handle_versions(broker, *range.end());
        }
        let chance = self.cluster.env().chance(Purpose::Backoff);
        self.sender.handle_answer(now, id, result, chance);
    }

    fn handle_picture(&mut self, picture: &Picture) {
        self.sender.handle_picture();
        self.topics.send_if_modified(|topics| {
            let grown: Vec<_> = topics
                .iter()
                .filter_map(|t| Some((t.name.clone(), picture.partition_count(&t.name)?)))
                .filter(|(name, count)| {
                    topics.find(name).is_some_and(|t| t.partitions.len() < *count)
                })
                .collect();
            let table = Arc::make_mut(topics);
            grown.iter().filter(|(name, count)| table.grow(name, *count)).count() > 0
        });
    }

    /// Does what the sender asks for.
    fn act(&mut self, now: Instant, picture: &Picture, calls: &mut Calls) {
        while let Some(action) = self.sender.poll_action(now, picture) {
            match action {
                Action::Call(call) => calls.push(self.call(call)),
                Action::Refresh => self.cluster.refresh(),
                Action::Heard(Heard { topic, partition, leader, endpoint }) => {
                    let endpoint = endpoint.as_ref().map(|(host, port)| (host.as_str(), *port));
                    self.cluster.heard_leader(&topic, partition, leader, endpoint);
                }
                Action::Flushed(id, failure) => {
                    if let Some(done) = self.flushes.remove(&id) {
                        // The caller may have stopped waiting.
                        let _ = done.send(failure.map_or(Ok(()), Err));
                    }
                }
            }
        }
    }

    fn call(&self, call: Call) -> BoxFuture<'static, Answered> {
        let Call { id, broker, versions, request, is_written } = call;
        let answer = self.cluster.call(broker, self.class, versions, move |_version| {
            is_written.store(true, Ordering::Release);
            request
        });
        async move {
            let result = answer.await.map(|(_version, response)| response);
            Answered { id, broker, result }
        }
        .boxed()
    }
}

impl Drop for Driver {
    /// Whatever ends the task, no delivery hangs and no caller waits for it.
    fn drop(&mut self) {
        self.events.close();
        self.sender.give_up();
        for topic in self.topics.borrow().iter() {
            topic.partitions.iter().for_each(|partition| partition.abandon());
        }
        self.cluster.release(self.class);
    }
}
