//! What loom lacks, and how a model is tried.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll, Waker};

use loom::model::Builder;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};

/// Every order in which a thread that could go on makes way for another at most so many times.
/// The environment may ask for more: `LOOM_MAX_PREEMPTIONS`.
pub(crate) const PREEMPTIONS: Option<usize> = Some(4);

/// Every order there is.
pub(crate) const ALL: Option<usize> = None;

/// Tries a model, and says in how many orders.
pub(crate) fn check(
    name: &str,
    preemptions: Option<usize>,
    model: impl Fn() + Send + Sync + 'static,
) {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let mut bounds = Builder::new();
    if bounds.preemption_bound.is_none() {
        bounds.preemption_bound = preemptions;
    }
    bounds.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let within = bounds.preemption_bound.map(|most| format!(", {most} preemptions at most"));
    println!("{name}: {} orders{}", runs.load(Ordering::Relaxed), within.unwrap_or_default());
}

/// std's, with a flag that loom knows: a thread sees the value once it may see the flag.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    is_set: AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { is_set: AtomicBool::new(false), value: std::sync::OnceLock::new() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.is_set.store(true, Ordering::Release);
        Ok(())
    }
}

/// What tokio's promises, and no more.
#[derive(Debug)]
pub(crate) struct Notify {
    bell: Mutex<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    /// Rung when nobody waited: the next one need not wait.
    has_permit: bool,
    /// How often it was rung for all.
    rounds: u64,
    came: u64,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    waker: Waker,
    rung: Rung,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rung {
    No,
    /// For this one alone; if it leaves, another one hears it.
    Alone,
    WithAll,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self { bell: Mutex::default() }
    }

    pub(crate) fn notify_one(&self) {
        let mut bell = self.bell.lock().unwrap();
        let waker = match bell.waiting.iter_mut().find(|waiting| waiting.rung == Rung::No) {
            Some(waiting) => {
                waiting.rung = Rung::Alone;
                waiting.waker.clone()
            }
            None => {
                bell.has_permit = true;
                return;
            }
        };
        drop(bell);
        waker.wake();
    }

    pub(crate) fn notify_waiters(&self) {
        let mut bell = self.bell.lock().unwrap();
        bell.rounds += 1;
        let rung = bell.waiting.iter_mut().filter(|waiting| waiting.rung == Rung::No);
        let wakers: Vec<_> = rung
            .map(|waiting| {
                waiting.rung = Rung::WithAll;
                waiting.waker.clone()
            })
            .collect();
        drop(bell);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Hears whoever rings for all from now on, and whoever rings for one once it was polled.
    pub(crate) fn notified(&self) -> Notified<'_> {
        let rounds = self.bell.lock().unwrap().rounds;
        Notified { notify: self, rounds, id: None, is_done: false }
    }
}

/// Waits until it is rung.
#[derive(Debug)]
pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    rounds: u64,
    id: Option<u64>,
    is_done: bool,
}

impl Notified<'_> {
    pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
        self.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Leaves the queue: how it was rung there.
    fn leave(&mut self, bell: &mut Bell) -> Rung {
        let id = self.id.take();
        let at = bell.waiting.iter().position(|waiting| Some(waiting.id) == id);
        at.and_then(|at| bell.waiting.remove(at)).map_or(Rung::No, |waiting| waiting.rung)
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_done {
            return Poll::Ready(());
        }
        let mut bell = self.notify.bell.lock().unwrap();
        if let Some(waiting) = bell.waiting.iter_mut().find(|other| Some(other.id) == self.id)
            && waiting.rung == Rung::No
        {
            waiting.waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        match self.id {
            Some(_) => {
                self.leave(&mut bell);
            }
            None if bell.rounds > self.rounds => {}
            None if bell.has_permit => bell.has_permit = false,
            None => {
                bell.came += 1;
                let id = bell.came;
                bell.waiting.push_back(Waiting { id, waker: cx.waker().clone(), rung: Rung::No });
                self.id = Some(id);
                return Poll::Pending;
            }
        }
        self.is_done = true;
        Poll::Ready(())
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        if self.id.is_none() {
            return;
        }
        let notify = self.notify;
        let rung = self.leave(&mut notify.bell.lock().unwrap());
        if rung == Rung::Alone {
            notify.notify_one();
        }
    }
}
