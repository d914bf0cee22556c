//! `Tasks`: the task behind a login, one in each runtime that asks for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Handle, Id};
use tokio::sync::mpsc;

/// A task for each runtime of tokio. A task dies with its runtime, and stands still while nobody
/// runs that: none may serve another runtime.
#[derive(Debug)]
pub(super) struct Tasks<C>(Mutex<Table<C>>);

type Table<C> = Vec<(Id, mpsc::Sender<C>)>;

impl<C> Tasks<C> {
    /// The way to this runtime's task, which begins unless it runs. It ends when nobody can ask it
    /// any more.
    pub(super) fn sender<F>(&self, begin: impl FnOnce(mpsc::Receiver<C>) -> F) -> mpsc::Sender<C>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = Handle::current();
        let mut tasks = self.lock();
        if let Some(sender) = find(&mut tasks, runtime.id()) {
            return sender;
        }
        let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
        runtime.spawn(begin(receiver));
        tasks.push((runtime.id(), sender.clone()));
        sender
    }

    /// The way to this runtime's task, if it runs.
    pub(super) fn running(&self) -> Option<mpsc::Sender<C>> {
        find(&mut self.lock(), Handle::current().id())
    }

    fn lock(&self) -> MutexGuard<'_, Table<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Default for Tasks<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// The way to a runtime's task. Those of runtimes that are gone are forgotten.
fn find<C>(tasks: &mut Table<C>, id: Id) -> Option<mpsc::Sender<C>> {
    tasks.retain(|(_, sender)| !sender.is_closed());
    tasks.iter().find(|(runtime, _)| *runtime == id).map(|(_, sender)| sender.clone())
}

/// How many may wait for a task to listen.
const COMMANDS_MAX: usize = 64;
