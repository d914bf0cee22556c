//! Core: what goes wrong, by script.

use std::time::Duration;

use kurier_protocol::{ApiKey, ErrorCode};

/// Something that goes wrong with certain requests.
///
/// ```
/// use std::time::Duration;
///
/// use kurier_protocol::{ApiKey, ErrorCode};
/// use kurier_testkit::Fault;
///
/// // The third Produce request that broker 1 gets, and the fourth.
/// Fault::on(ApiKey::PRODUCE).broker(1).skip(2).times(2).answer(ErrorCode::NOT_LEADER_OR_FOLLOWER);
/// // The first request of all is answered late.
/// Fault::any().delay_answer(Duration::from_secs(40));
/// // Every Fetch is answered with the first ten bytes of the frame only.
/// Fault::on(ApiKey::FETCH).always().cut(10);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    to: Requests,
    action: Action,
}

/// Which requests a [`Fault`] hits: the first one, if nothing else is said.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    api: Option<ApiKey>,
    broker: Option<i32>,
    skip: u64,
    times: u64,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Close,
    Delay(Duration),
    Answer(ErrorCode),
    ExecuteThenClose,
    ExecuteThenHang,
    DelayAnswer(Duration),
    Cut(usize),
    AnswerTwice,
}

impl Fault {
    /// For requests of one API.
    #[must_use]
    pub fn on(api: ApiKey) -> Requests {
        Requests { api: Some(api), ..Self::any() }
    }

    /// For requests of all APIs.
    #[must_use]
    pub fn any() -> Requests {
        Requests { api: None, broker: None, skip: 0, times: 1 }
    }
}

impl Requests {
    /// Only those that this broker gets.
    #[must_use]
    pub fn broker(self, broker: i32) -> Self {
        Self { broker: Some(broker), ..self }
    }

    /// Not the first `count` ones. Default: 0.
    #[must_use]
    pub fn skip(self, count: u64) -> Self {
        Self { skip: count, ..self }
    }

    /// This many of them. Default: 1.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { times: count, ..self }
    }

    /// All of them, for good.
    #[must_use]
    pub fn always(self) -> Self {
        Self { times: u64::MAX, ..self }
    }

    /// The connection is closed, and the request is not executed.
    #[must_use]
    pub fn close(self) -> Fault {
        self.meet(Action::Close)
    }

    /// The request is executed after a delay. Later ones on the connection wait too.
    #[must_use]
    pub fn delay(self, by: Duration) -> Fault {
        self.meet(Action::Delay(by))
    }

    /// The request is not executed; this code is the answer wherever it has room for one.
    #[must_use]
    pub fn answer(self, code: ErrorCode) -> Fault {
        self.meet(Action::Answer(code))
    }

    /// The request is executed, and the connection closed without an answer.
    #[must_use]
    pub fn execute_then_close(self) -> Fault {
        self.meet(Action::ExecuteThenClose)
    }

    /// The request is executed, and the connection stays open without an answer.
    #[must_use]
    pub fn execute_then_hang(self) -> Fault {
        self.meet(Action::ExecuteThenHang)
    }

    /// The request is executed at once and answered after a delay.
    #[must_use]
    pub fn delay_answer(self, by: Duration) -> Fault {
        self.meet(Action::DelayAnswer(by))
    }

    /// The request is executed, the first `bytes` bytes of the answer's frame are sent, and the
    /// connection is closed.
    #[must_use]
    pub fn cut(self, bytes: usize) -> Fault {
        self.meet(Action::Cut(bytes))
    }

    /// The request is executed, and the answer's frame is sent twice.
    #[must_use]
    pub fn answer_twice(self) -> Fault {
        self.meet(Action::AnswerTwice)
    }

    fn meet(self, action: Action) -> Fault {
        Fault { to: self, action }
    }

    fn contains(&self, broker: i32, api: ApiKey) -> bool {
        self.api.is_none_or(|wanted| wanted == api)
            && self.broker.is_none_or(|wanted| wanted == broker)
    }
}

/// The faults of a cluster, and how many requests each has seen.
#[derive(Debug, Default)]
pub(crate) struct Script {
    faults: Vec<(Fault, u64)>,
}

impl Script {
    /// Adds a fault. It counts requests from now on.
    pub(crate) fn push(&mut self, fault: Fault) {
        self.faults.push((fault, 0));
    }

    /// Forgets all faults.
    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    /// What happens to the next request of this API to this broker. Every fault counts it; the one
    /// that was added first decides.
    pub(crate) fn handle_request(&mut self, broker: i32, api: ApiKey) -> Option<Action> {
        let mut action = None;
        self.faults.retain_mut(|(fault, seen)| {
            if !fault.to.contains(broker, api) {
                return true;
            }
            let (first, end) = (fault.to.skip, fault.to.skip.saturating_add(fault.to.times));
            if (first..end).contains(seen) {
                action.get_or_insert(fault.action);
            }
            *seen += 1;
            *seen < end
        });
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(faults: &[Fault], requests: &[(i32, ApiKey)]) -> Vec<Option<Action>> {
        let mut script = Script::default();
        for &fault in faults {
            script.push(fault);
        }
        requests.iter().map(|&(broker, api)| script.handle_request(broker, api)).collect()
    }

    #[test]
    fn a_fault_hits_the_requests_it_was_meant_for() {
        let fault = Fault::on(ApiKey::FETCH).broker(2).skip(1).times(2).close();
        let requests = [
            (2, ApiKey::FETCH),
            (1, ApiKey::FETCH),
            (2, ApiKey::PRODUCE),
            (2, ApiKey::FETCH),
            (2, ApiKey::FETCH),
            (2, ApiKey::FETCH),
        ];
        let hit = Some(Action::Close);
        assert_eq!(play(&[fault], &requests), [None, None, None, hit, hit, None]);
    }

    #[test]
    fn of_two_faults_the_first_decides_and_both_count() {
        let faults = [Fault::any().close(), Fault::any().times(2).cut(3)];
        let requests = [(1, ApiKey::FETCH); 3];
        let expected = [Some(Action::Close), Some(Action::Cut(3)), None];
        assert_eq!(play(&faults, &requests), expected);
    }
}
