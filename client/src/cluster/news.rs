//! `News`: what whoever waits for a topic hears.

use std::sync::Arc;

use kurier_env::watch;

use crate::error::Error;
use crate::metadata::Picture;

/// What whoever waits for a topic hears.
pub(super) struct News {
    pub(super) pictures: watch::Receiver<Arc<Picture>>,
    pub(super) troubles: watch::Receiver<Option<Error>>,
}

impl News {
    /// Waits for the next picture. The error is why there will be none soon: the client has ended,
    /// or a broker has refused the login, which a person must change before another try is worth
    /// anything.
    pub(super) async fn next(&mut self) -> Result<(), Error> {
        let closed = |_| Error::Closed { what: "client" };
        loop {
            tokio::select! {
                changed = self.pictures.changed() => return changed.map_err(closed),
                changed = self.troubles.changed() => changed.map_err(closed)?,
            }
            let trouble = self.troubles.borrow_and_update().clone();
            if let Some(refused) = trouble.filter(Error::is_refused_login) {
                return Err(refused);
            }
        }
    }
}
