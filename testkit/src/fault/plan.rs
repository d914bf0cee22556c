//! Core: what happens to one request, of all the faults that hit it.

use std::time::Duration;

use kurier_protocol::{ApiKey, ErrorCode};

use super::action::{Fate, Twist};
use super::filter::Filter;

/// What happens to a request; nothing, as a rule.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// What becomes of it as a whole.
    pub(crate) fate: Option<Fate>,
    /// Codes that parts of it are refused with.
    pub(crate) refused: Vec<(Filter, ErrorCode)>,
    /// Codes that parts of it are answered with although they were executed.
    pub(crate) denied: Vec<(Filter, ErrorCode)>,
    pub(crate) twists: Vec<(Filter, Twist)>,
}

impl Plan {
    /// Adds what a fault does, at this turn of it. Says whether it will do it.
    pub(super) fn push_fate(
        &mut self,
        api: ApiKey,
        filter: &Filter,
        (fate, turn): (&Fate, u64),
    ) -> bool {
        let fate = match fate {
            Fate::AnswerInTurn(codes) => match in_turn(codes, turn) {
                ErrorCode::NONE => return false,
                code => Fate::Answer(code),
            },
            Fate::Reply(of, _) if *of != api => return false,
            fate => fate.clone(),
        };
        match fate {
            // A fetch is refused where its session is known, and changes nothing in any case.
            Fate::Answer(code) | Fate::ExecuteThenAnswer(code) if api == ApiKey::FETCH => {
                self.refused.push((filter.clone(), code));
            }
            Fate::Answer(code) if filter.has_place() => self.refused.push((filter.clone(), code)),
            Fate::ExecuteThenAnswer(code) if filter.has_place() => {
                self.denied.push((filter.clone(), code));
            }
            fate if self.fate.is_none() => self.fate = Some(fate),
            _ => return false,
        }
        true
    }

    /// How long the request waits before it is executed.
    pub(crate) fn delay(&self) -> Duration {
        self.sum(|twist| if let Twist::Delay(by) = twist { Some(*by) } else { None })
    }

    /// How long the answer waits before it is sent.
    pub(crate) fn answer_delay(&self) -> Duration {
        self.sum(|twist| if let Twist::DelayAnswer(by) = twist { Some(*by) } else { None })
    }

    /// For how long the client is throttled.
    pub(crate) fn throttle(&self) -> Duration {
        self.sum(|twist| if let Twist::Throttle(by) = twist { Some(*by) } else { None })
    }

    /// After how long the request is executed again, each time.
    pub(crate) fn again(&self) -> impl Iterator<Item = Duration> {
        self.twists.iter().filter_map(|(_, twist)| match twist {
            Twist::ExecuteAgain(after) => Some(*after),
            _ => None,
        })
    }

    fn sum(&self, by: impl Fn(&Twist) -> Option<Duration>) -> Duration {
        let all = self.twists.iter().filter_map(|(_, twist)| by(twist));
        all.fold(Duration::ZERO, Duration::saturating_add)
    }
}

fn in_turn(codes: &[ErrorCode], turn: u64) -> ErrorCode {
    let turn = usize::try_from(turn).unwrap_or(usize::MAX);
    let turn = turn.checked_rem(codes.len()).unwrap_or(0);
    codes.get(turn).copied().unwrap_or(ErrorCode::NONE)
}

/// The parts of requests that are being refused while one request is handled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(pub(crate) Vec<(Filter, ErrorCode)>);

impl Refusals {
    /// Checks that a partition is not being refused.
    ///
    /// # Errors
    ///
    /// It is, with this code.
    pub(crate) fn check(&self, topic: &str, partition: i32) -> Result<(), ErrorCode> {
        let found = self.0.iter().find(|(filter, _)| filter.is_at(topic, partition));
        found.map_or(Ok(()), |(_, code)| Err(*code))
    }
}
