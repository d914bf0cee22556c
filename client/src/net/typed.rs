//! A request of one type, and the sender of its answer.

use std::any::Any;
use std::ops::RangeInclusive;
use std::time::Duration;

use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::{ApiKey, Bytes, Request, decode, frame};
use tokio::sync::oneshot;

use super::exchange::{Encoded, Exchange, Expect};
use super::ranges::Ranges;
use super::throttle;
use crate::error::{Error, Fault};

/// What a call comes to: the version that was spoken, and the answer.
pub(crate) type Answer<R> = Result<(i16, <R as Request>::Response), Error>;

/// A request that is made when the version is known.
pub(super) struct Typed<R: Request, F> {
    /// Who is asked, for errors.
    address: Box<str>,
    versions: RangeInclusive<i16>,
    request: Option<F>,
    reply: oneshot::Sender<Answer<R>>,
}

impl<R: Request, F: FnOnce(i16) -> R + Send + 'static> Typed<R, F> {
    pub(super) fn new(
        address: Box<str>,
        versions: RangeInclusive<i16>,
        request: F,
    ) -> (Box<Self>, oneshot::Receiver<Answer<R>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { address, versions, request: Some(request), reply }), answer)
    }
}

impl<R: Request, F: FnOnce(i16) -> R + Send + 'static> Exchange for Typed<R, F> {
    fn api(&self) -> ApiKey {
        R::KEY
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn encode(
        &mut self,
        ranges: &Ranges,
        correlation_id: i32,
        client_id: &str,
    ) -> Result<Encoded, Error> {
        let version = ranges.require::<R>(&self.versions)?;
        // Invariant: a connection encodes a request once; it is failed when its connection ends.
        let make = self.request.take().ok_or(Error::Closed { what: "request" })?;
        let request = make(version);
        let segments = frame::request(&request, version, correlation_id, Some(client_id))
            .map_err(|error| Error::encode::<R>(&error))?;
        Ok(Encoded { version, segments, expect: expect(&request) })
    }

    fn complete(self: Box<Self>, version: i16, body: &Bytes) -> Result<Duration, Error> {
        match decode::<R::Response>(body, version) {
            Ok(response) => {
                let wait = throttle::of::<R>(version, body, &response);
                // Nobody to tell is no fault: the caller has gone away.
                let _ = self.reply.send(Ok((version, response)));
                Ok(wait)
            }
            Err(error) => {
                let error =
                    Error::NotKafka { from: self.address.clone(), fault: Fault::Decode(error) };
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    fn complete_sent(self: Box<Self>, version: i16) {
        let _ = self.reply.send(Ok((version, R::Response::default())));
    }

    fn fail(self: Box<Self>, error: Error) {
        let _ = self.reply.send(Err(error));
    }
}

/// What comes back after a request.
fn expect(request: &dyn Any) -> Expect {
    if request.downcast_ref::<ProduceRequest>().is_some_and(|produce| produce.acks == 0) {
        return Expect::Nothing;
    }
    let allowed = request.downcast_ref::<FetchRequest>().map_or(0, |fetch| {
        // The default of the schema is "no limit", which proves nothing.
        let max_bytes = Some(fetch.max_bytes).filter(|max| *max < i32::MAX).unwrap_or(0);
        usize::try_from(max_bytes).unwrap_or(0).saturating_add(FETCH_ENVELOPE_BYTES)
    });
    Expect::Answer { reserve_bytes: allowed }
}

/// What a fetch answer takes besides its records.
const FETCH_ENVELOPE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use kurier_protocol::api::metadata::MetadataRequest;

    use super::*;

    #[test]
    fn a_request_tells_what_comes_back() {
        let silent = ProduceRequest { acks: 0, ..Default::default() };
        let loud = ProduceRequest { acks: -1, ..Default::default() };
        let fetch = FetchRequest { max_bytes: 1 << 20, ..Default::default() };
        assert_eq!(expect(&silent), Expect::Nothing);
        assert_eq!(expect(&loud), Expect::Answer { reserve_bytes: 0 });
        let reserve_bytes = (1 << 20) + FETCH_ENVELOPE_BYTES;
        assert_eq!(expect(&fetch), Expect::Answer { reserve_bytes });
        let unlimited = Expect::Answer { reserve_bytes: FETCH_ENVELOPE_BYTES };
        assert_eq!(expect(&FetchRequest::default()), unlimited);
        assert_eq!(expect(&MetadataRequest::default()), Expect::Answer { reserve_bytes: 0 });
    }
}
