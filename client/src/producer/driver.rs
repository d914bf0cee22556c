//! The producer's task: it owns the sender and runs its calls against the cluster.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kurier_env::Purpose;
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::produce::ProduceResponse;
use kurier_protocol::{ApiKey, ErrorCode, Request};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::accumulator::Partition;
use super::clearing::LastWrite;
use super::sender::{Action, Call, Sender, Unsettled};
use super::topics::Topics;
use super::transaction::Report;
use crate::cluster::Cluster;
use crate::error::{About, Error, Remedy, remedy};
use crate::metadata::{Creation, Idle, Picture};
use crate::metrics::ProducerMeter;
use crate::net::Class;
use crate::transactions::{PartitionOutcome, ProducerIdAndEpoch, Transactions};

/// What callers tell the driver. There are at most two for each batch and one for each caller
/// that waits, so the buffer space bounds them (decision 8).
#[derive(Debug)]
pub(crate) enum Event {
    /// A batch has its first record.
    First(Arc<Partition>, u64),
    /// A batch is full.
    Full(Arc<Partition>),
    /// A caller waits for buffer space, and is counted among the [`Waiters`].
    Short,
    /// A caller has waited for buffer space in vain: what stands in the way?
    Stuck(oneshot::Sender<Option<Error>>),
    /// Send everything and tell when it has its outcome.
    Flush(oneshot::Sender<Result<(), Error>>),
    /// Send nothing more of a transaction, and fail what is there by this.
    Stop(Error),
    /// Tell what the records of a transaction have come to, once nothing is under way.
    Report(oneshot::Sender<(Report, Vec<LastWrite>)>),
    /// Send everything and end.
    End,
    /// Fail everything and end at once; tells a partition that had something left.
    Abort(oneshot::Sender<Option<Unsettled>>),
}

/// The task of one producer.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) cluster: Cluster,
    pub(crate) class: Class,
    /// Whether connections of the class are of use to nobody after this.
    pub(crate) owns_class: bool,
    /// Who waits until nothing is under way.
    pub(crate) reports: Vec<oneshot::Sender<(Report, Vec<LastWrite>)>>,
    pub(crate) sender: Sender,
    pub(crate) meter: ProducerMeter,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) flushes: BTreeMap<u64, oneshot::Sender<Result<(), Error>>>,
    pub(crate) flush_count: u64,
    pub(crate) idle: Idle,
    /// Whether anyone can still tell something.
    pub(crate) is_listening: bool,
    /// Whether to end as soon as every record has its outcome.
    pub(crate) is_ending: bool,
}

/// A call that has ended.
enum Answered {
    Produce { id: u64, broker: i32, result: Result<(i16, ProduceResponse), Error> },
    Identity(Result<(ProducerIdAndEpoch, i16), Error>),
    Enrolled(Vec<PartitionOutcome>),
}

type Calls = FuturesUnordered<BoxFuture<'static, Answered>>;

impl Driver {
    /// Runs until no caller is left and every record has its outcome.
    pub(crate) async fn run(mut self) {
        let mut calls = Calls::new();
        let mut pictures = self.cluster.watch();
        let mut known = pictures.borrow().clone();
        let mut timer = std::pin::pin!(sleep_until(tokio::time::Instant::now()));
        loop {
            let now = tokio::time::Instant::now().into_std();
            self.take_events(now);
            // All answers first: the requests that they make room for then leave together.
            while let Some(Some(answered)) = calls.next().now_or_never() {
                self.handle_answer(now, answered);
            }
            // Here and not in an arm: the loop may have woken for another one.
            let picture = pictures.borrow_and_update().clone();
            if picture.serial != known.serial {
                self.handle_picture(&picture);
                known = picture;
            }
            self.act(now, &known, &mut calls);
            self.sender.drain_done().for_each(|done| self.meter.note(now, &done));
            self.let_sleep(now);
            self.report();
            if self.is_ending && self.sender.is_done() {
                if !self.is_listening {
                    return;
                }
                // What callers have told until this moment is heard; after it, they know.
                self.events.close();
                continue;
            }
            let deadline = [self.sender.deadline(), self.idle.deadline()].into_iter().flatten();
            let deadline = deadline.min().map(tokio::time::Instant::from_std);
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
                Ok(()) = pictures.changed() => {}
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
                self.note_use(now, &partition.topic);
                self.sender.handle_first(now, &partition, number);
            }
            Some(Event::Full(partition)) => self.sender.handle_full(&partition),
            // The sender looks at the count whenever it is asked what to do.
            Some(Event::Short) => {}
            Some(Event::Stuck(told)) => {
                let last = self.sender.unsettled().and_then(|unsettled| unsettled.last);
                // The caller may have stopped waiting.
                let _ = told.send(last.or_else(|| self.cluster.trouble()));
            }
            Some(Event::Flush(done)) => {
                self.flush_count += 1;
                self.flushes.insert(self.flush_count, done);
                self.sender.handle_flush(self.flush_count);
            }
            Some(Event::Stop(error)) => self.sender.stop(&error),
            Some(Event::Report(tell)) => self.reports.push(tell),
            Some(Event::End) => self.end(),
            None => {
                self.is_listening = false;
                self.end();
            }
            Some(Event::Abort(told)) => {
                self.end();
                // The caller may have stopped waiting.
                let _ = told.send(self.sender.unsettled());
                self.sender.give_up();
                // What is told behind it comes too late, and ends with the task.
                self.is_listening = false;
            }
        }
    }

    fn note_use(&mut self, now: Instant, topic: &Arc<str>) {
        self.idle.handle_use(now, topic);
        // A caller may have had it in hand when it fell asleep.
        if self.topics.wake(topic) {
            self.cluster.want_topic(topic, Creation::Never);
        }
    }

    /// Stops asking for the topics that were not used for long.
    fn let_sleep(&mut self, now: Instant) {
        let idle = {
            let (topics, sender) = (&self.topics, &self.sender);
            let is_busy = |name: &str| {
                topics
                    .find(name)
                    .is_some_and(|topic| topic.slots().any(|slot| sender.is_busy(slot)))
            };
            self.idle.poll(now, is_busy)
        };
        for topic in &idle {
            self.cluster.forget_topic(topic);
            self.topics.sleep(topic);
        }
    }

    fn report(&mut self) {
        if self.sender.is_quiet() {
            for tell in mem::take(&mut self.reports) {
                // The caller may have stopped waiting.
                let _ = tell.send(self.sender.report());
            }
        }
    }

    fn end(&mut self) {
        self.is_ending = true;
        self.sender.handle_end();
    }

    fn handle_answer(&mut self, now: Instant, answered: Answered) {
        let chance = self.cluster.env().chance(Purpose::Backoff);
        let (id, broker, result) = match answered {
            Answered::Produce { id, broker, result } => (id, broker, result),
            Answered::Identity(answer) => return self.sender.handle_identity(now, answer, chance),
            Answered::Enrolled(outcomes) => {
                return self.sender.handle_enrolled(now, outcomes, chance);
            }
        };
        if let Ok((version, response)) = &result {
            self.sender.handle_spoken(broker, *version);
            self.meter.throttled(now, response.throttle_time_ms);
        }
        if let Err(Error::Unsupported { .. }) = &result
            && let Some(ranges) = self.cluster.ranges(broker, self.class)
            && let Some(range) = ranges.get(ApiKey::PRODUCE)
        {
            self.sender.handle_versions(broker, *range.end());
        }
        let result = result.map(|(_version, response)| response);
        self.sender.handle_answer(now, id, result, chance);
    }

    fn handle_picture(&mut self, picture: &Picture) {
        self.sender.handle_picture();
        self.topics.handle_picture(picture);
    }

    /// Does what the sender asks for.
    fn act(&mut self, now: Instant, picture: &Picture, calls: &mut Calls) {
        while let Some(action) = self.sender.poll_action(now, picture) {
            match action {
                Action::Call(call) => calls.push(self.call(call)),
                Action::Identify => calls.push(self.identify()),
                Action::Enrol(to, partitions) => {
                    let steps = Transactions::new(self.cluster.clone());
                    let add = async move {
                        Answered::Enrolled(steps.add_partitions(&to, partitions).await)
                    };
                    calls.push(add.boxed());
                }
                Action::Refresh => self.cluster.refresh(),
                Action::Heard(hint) => self.cluster.heard_leader(hint),
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
        let Call { id, broker, versions, request, gates } = call;
        let write = move |_version| gates.pass(request);
        let answer = self.cluster.call(broker, self.class, versions, write);
        let open = self.meter.request();
        async move {
            let result = answer.await;
            drop(open);
            Answered::Produce { id, broker, result }
        }
        .boxed()
    }

    /// Asks any broker for a producer id; rather one that this producer is connected to.
    fn identify(&self) -> BoxFuture<'static, Answered> {
        let (cluster, class) = (self.cluster.clone(), self.class);
        async move {
            let answer = identify(&cluster, class).await;
            Answered::Identity(answer)
        }
        .boxed()
    }
}

/// A producer id, and the newest version of Produce that the broker speaks which gave it.
async fn identify(cluster: &Cluster, class: Class) -> Result<(ProducerIdAndEpoch, i16), Error> {
    let broker = cluster.least_loaded(class).ok_or_else(|| cluster.picture().absence(None))?;
    let write = |_version| InitProducerIdRequest {
        transactional_id: None,
        // Without transactions none can last too long.
        transaction_timeout_ms: i32::MAX,
        ..InitProducerIdRequest::default()
    };
    let versions = 0..=InitProducerIdRequest::VERSION_STABLE_MAX;
    let (_, answer) = cluster.call(broker, class, versions, write).await?;
    let code = answer.error_code;
    if remedy(ApiKey::INIT_PRODUCER_ID, code) != Remedy::Ok {
        return Err(Error::broker(ApiKey::INIT_PRODUCER_ID, code, About::Nothing));
    }
    let (id, epoch) = (answer.producer_id, answer.producer_epoch);
    if id < 0 || epoch < 0 {
        let words = format!("it gave out producer id {id} with epoch {epoch}");
        let code = ErrorCode::UNKNOWN_SERVER_ERROR;
        return Err(Error::said(ApiKey::INIT_PRODUCER_ID, code, About::Nothing, Some(&words)));
    }
    let ranges = cluster.ranges(broker, class);
    let newest = ranges.and_then(|ranges| Some(*ranges.get(ApiKey::PRODUCE)?.end()));
    Ok((ProducerIdAndEpoch { id, epoch }, newest.unwrap_or(i16::MAX)))
}

impl Drop for Driver {
    /// Whatever ends the task, no delivery hangs and no caller waits for it.
    fn drop(&mut self) {
        self.events.close();
        self.sender.give_up();
        while let Ok(event) = self.events.try_recv() {
            if let Event::First(partition, _) | Event::Full(partition) = event {
                partition.abandon();
            }
        }
        self.topics.abandon();
        if self.owns_class {
            self.cluster.release(self.class);
        }
    }
}

#[cfg(test)]
mod tests;
