//! The seam between Kurier and the world.
//!
//! Everything that two runs of one program can see differently passes through [`Env`]: the wall
//! clock, chance, the network, files, variables of the environment and blocking work. Monotonic
//! time is [`tokio::time`], which tests pause. [`Env::real`] is the world itself; `kurier-testkit`
//! has one in memory, and users may bring their own to simulate their whole program. [`watch`] is a
//! channel that wakes in order.

mod future;
mod chance;
mod files;
mod net;
mod variables;
mod wall;
pub mod watch;

pub use chance::{Chance, Purpose, Seeded};
pub use files::{Files, RealFiles, read_at_most};
pub use future::BoxFuture;
pub use net::{Datagram, Io, Net, RealNet, SocketOptions};
pub use wall::{RealWall, Wall};

use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use chance::FromOs;
use variables::Variables;

/// The world as Kurier sees it. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Env {
    net: Arc<dyn Net>,
    wall: Arc<dyn Wall>,
    chance: Arc<dyn Chance>,
    files: Arc<dyn Files>,
    variables: Variables,
    blocking: Blocking,
}

impl Env {
    /// The real world: sockets, system clock, a generator seeded by the operating system, the file
    /// system, the environment of this process, and blocking work on tokio's blocking threads.
    #[must_use]
    pub fn real() -> Self {
        Self {
            net: Arc::new(RealNet),
            wall: Arc::new(RealWall),
            chance: Arc::new(FromOs::new()),
            files: Arc::new(RealFiles),
            variables: Variables::OfProcess,
            blocking: Blocking::Threads,
        }
    }

    /// A simulated world: the given network and wall clock, chance from `seed`, and blocking work
    /// done inline, so that the same seed gives the same run. No variable of the environment is
    /// set, until [`with_variables`](Self::with_variables) sets some. Files alone are the real
    /// ones, until [`with_files`](Self::with_files) gives it others.
    #[must_use]
    pub fn simulated(net: Arc<dyn Net>, wall: Arc<dyn Wall>, seed: u64) -> Self {
        Self {
            net,
            wall,
            chance: Arc::new(Seeded::new(seed)),
            files: Arc::new(RealFiles),
            variables: Variables::Given(Arc::default()),
            blocking: Blocking::Inline,
        }
    }

    /// The same world with another network.
    #[must_use]
    pub fn with_net(self, net: Arc<dyn Net>) -> Self {
        Self { net, ..self }
    }

    /// The same world with other files.
    #[must_use]
    pub fn with_files(self, files: Arc<dyn Files>) -> Self {
        Self { files, ..self }
    }

    /// The same world with these variables in its environment, and no others.
    #[must_use]
    pub fn with_variables<N: Into<String>, V: Into<OsString>>(
        self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let known = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self { variables: Variables::Given(Arc::new(known.collect())), ..self }
    }

    /// The network.
    #[must_use]
    pub fn net(&self) -> &dyn Net {
        &*self.net
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &dyn Files {
        &*self.files
    }

    /// The value of a variable of the environment; none if it is not set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name)
    }

    /// Milliseconds since 1970 by the wall clock: what a record's timestamp holds. It may jump;
    /// never use it to wait.
    #[must_use]
    pub fn wall_millis(&self) -> i64 {
        self.wall.millis()
    }

    /// A number between 0 and `u64::MAX`, from the stream of this purpose.
    #[must_use]
    pub fn chance(&self, purpose: Purpose) -> u64 {
        self.chance.next(purpose)
    }

    /// Random bytes that nobody may guess, for nonces and keys: the operating system's in the real
    /// world, from the seed in a simulation.
    ///
    /// # Errors
    ///
    /// What the operating system says if it has no entropy.
    pub fn secret_bytes<const N: usize>(&self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.chance.fill_secret(&mut bytes)?;
        Ok(bytes)
    }

    /// Runs work that would hold up the reactor. On a blocking thread in the real world, inline in
    /// a simulation. A panic of `work` is carried to the caller.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the result; the work itself runs to its end.
    pub async fn offload<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match self.blocking {
            Blocking::Inline => work(),
            Blocking::Threads => match tokio::task::spawn_blocking(work).await {
                Ok(value) => value,
                Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
                // The runtime is shutting down: nobody will poll this future again.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

/// Where blocking work runs.
#[derive(Clone, Copy, Debug)]
enum Blocking {
    Threads,
    Inline,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Stopped;

    impl Wall for Stopped {
        fn millis(&self) -> i64 {
            7
        }
    }

    #[tokio::test]
    async fn the_same_seed_gives_the_same_chance() {
        let one = Env::simulated(Arc::new(RealNet), Arc::new(Stopped), 5);
        let two = Env::simulated(Arc::new(RealNet), Arc::new(Stopped), 5);
        let draw = |env: &Env| [(); 8].map(|()| env.chance(Purpose::Backoff));
        assert_eq!(draw(&one), draw(&two));
        assert_eq!(one.wall_millis(), 7);
    }

    #[tokio::test]
    async fn purposes_do_not_disturb_each_other() {
        let (one, two) = (Seeded::new(9), Seeded::new(9));
        let _ = one.next(Purpose::Backoff);
        assert_eq!(one.next(Purpose::Partition), two.next(Purpose::Partition));
    }

    #[tokio::test]
    async fn secrets_are_the_systems_in_the_real_world_and_the_seeds_in_a_simulation() {
        let simulated = || Env::simulated(Arc::new(RealNet), Arc::new(Stopped), 5);
        let (one, two) = (simulated(), simulated());
        let first: [u8; 20] = one.secret_bytes().unwrap();
        assert_eq!(first, two.secret_bytes().unwrap());
        assert_ne!(first, one.secret_bytes().unwrap());
        let real = Env::real();
        let (one, two): ([u8; 24], [u8; 24]) =
            (real.secret_bytes().unwrap(), real.secret_bytes().unwrap());
        assert_ne!(one, two);
    }

    #[test]
    fn variables_are_the_processs_in_the_real_world_and_nobodys_in_a_simulation() {
        assert!(Env::real().variable("PATH").is_some());
        let simulated = Env::simulated(Arc::new(RealNet), Arc::new(Stopped), 5);
        assert_eq!(simulated.variable("PATH"), None);
        let given = simulated.with_variables([("PATH", "/here")]);
        assert_eq!(given.variable("PATH").unwrap(), "/here");
        assert_eq!(given.variable("HOME"), None);
    }

    #[tokio::test]
    async fn blocking_work_gives_its_result_in_both_worlds() {
        let real = Env::real();
        assert_eq!(real.offload(|| 6 * 7).await, 42);
        let simulated = Env::simulated(Arc::new(RealNet), Arc::new(Stopped), 1);
        assert_eq!(simulated.offload(|| 6 * 7).await, 42);
    }
}
