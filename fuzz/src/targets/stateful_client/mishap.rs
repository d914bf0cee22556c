//! What happens to a request: what can happen to one by the protocol, and lies. *core*
//!
//! What is no lie leaves a client that obeys the protocol able to keep its promises: a request is
//! refused that is not executed, an answer gets lost, garbled so that nobody can read it, or says
//! of what was executed that it may have been. A lie says that something was done that was not, or
//! the other way round.

use std::time::Duration;

use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, Requests};

use super::setup::{Word, pick};

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mishap {
    Close,
    ExecuteThenClose,
    ExecuteThenHang,
    /// It comes late, over an old connection.
    CloseThenExecute(Duration),
    ExecuteAgain(Duration),
    Delay(Duration),
    DelayAnswer(Duration),
    Throttle(Duration),
    /// Half an answer.
    Cut(u8),
    AnswerTwice,
    Refuse(ErrorCode),
    /// The answer says so although it was executed.
    RefuseAfter(ErrorCode),
    /// Bytes that are no answer.
    Garble(u8, u8),
    ClaimLeader(i32),
    ClaimCoordinator(i32),
    HideBroker(i32),
    Hide,
    ClaimNumber(i32),
    ClaimLength(i32),
    ClaimLeaderEpoch(i32),
    ClaimController(i32),
}

impl Mishap {
    pub(super) fn new(api: ApiKey, (what, how): (u8, u8), word: Word) -> Self {
        let late = Duration::from_millis(u64::from(how) * u64::from(how) / 6);
        let kinds = if word == Word::Lies { 24 } else { 18 };
        match what % kinds {
            0 => Self::Close,
            1 => Self::ExecuteThenClose,
            2 => Self::ExecuteThenHang,
            3 => Self::CloseThenExecute(late),
            // What was answered comes again only from a client that knows nothing of the answer.
            // Of records that is told by their numbers; of other requests by nothing.
            4 if api == ApiKey::PRODUCE || word == Word::Lies => Self::ExecuteAgain(late),
            4 | 5 => Self::Delay(late),
            6 => Self::DelayAnswer(late),
            7 => Self::Throttle(late / 2),
            8 => Self::Cut(how),
            9 => Self::AnswerTwice,
            10..=13 => Self::Refuse(refusal(api, how)),
            14 => Self::RefuseAfter(written(api, how)),
            // No answer is so short.
            15 => Self::Garble(how % 4, how),
            16 | 17 => Self::claim(how),
            18 => Self::Refuse(pick(&[ErrorCode::NONE, ErrorCode::DUPLICATE_SEQUENCE_NUMBER], how)),
            19 | 20 => Self::RefuseAfter(any_code(how)),
            21 => Self::Garble(how, how.rotate_left(3)),
            22 => Self::ClaimLeaderEpoch(i32::from(how) - 20),
            _ => Self::ClaimController(i32::from(how % 4)),
        }
    }

    fn claim(how: u8) -> Self {
        let broker = 1 + i32::from((how >> 3) % 3);
        match how % 6 {
            0 => Self::ClaimLeader(broker),
            1 => Self::ClaimCoordinator(broker),
            2 => Self::HideBroker(broker),
            3 => Self::Hide,
            4 => Self::ClaimNumber(i32::from(how) - 16),
            _ => Self::ClaimLength(pick(&[-1, 0, i32::MAX, 3, 1 << 20], how >> 3)),
        }
    }

    /// As a fault of these requests.
    pub(super) fn of(self, requests: Requests) -> Fault {
        match self {
            Self::Close => requests.close(),
            Self::ExecuteThenClose => requests.execute_then_close(),
            Self::ExecuteThenHang => requests.execute_then_hang(),
            Self::CloseThenExecute(after) => requests.close_then_execute(after),
            Self::ExecuteAgain(after) => requests.execute_again(after),
            Self::Delay(by) => requests.delay(by),
            Self::DelayAnswer(by) => requests.delay_answer(by),
            Self::Throttle(by) => requests.throttle(by),
            Self::Cut(at) => requests.cut(at.into()),
            Self::AnswerTwice => requests.answer_twice(),
            Self::Refuse(code) => requests.answer(code),
            Self::RefuseAfter(code) => requests.execute_then_answer(code),
            Self::Garble(count, byte) => {
                requests.execute_then_garble(vec![byte; usize::from(count)])
            }
            Self::ClaimLeader(broker) => requests.claim_leader(broker),
            Self::ClaimCoordinator(broker) => requests.claim_coordinator(broker),
            Self::HideBroker(broker) => requests.hide_broker(broker),
            Self::Hide => requests.hide(),
            Self::ClaimNumber(number) => requests.claim_correlation_id(number),
            Self::ClaimLength(bytes) => requests.claim_length(bytes),
            Self::ClaimLeaderEpoch(epoch) => requests.claim_leader_epoch(epoch),
            Self::ClaimController(broker) => requests.claim_controller(broker),
        }
    }

    /// Whether it says what becomes of a request. Two of these must not meet: what one refuses, the
    /// other would execute later, and no network does that to a request that was answered.
    pub(super) fn is_fate(self) -> bool {
        !matches!(self, Self::Delay(_) | Self::DelayAnswer(_) | Self::Throttle(_))
    }

    /// Whether an answer may get lost, or a request come late.
    pub(super) fn loses(self) -> bool {
        !matches!(self, Self::Refuse(_) | Self::Throttle(_) | Self::ClaimLeader(_))
    }
}

/// A code of a request that is not executed.
fn refusal(api: ApiKey, how: u8) -> ErrorCode {
    match any_code(how) {
        ErrorCode::NONE => ErrorCode::UNKNOWN_SERVER_ERROR,
        // It says that the batch is there.
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER if api == ApiKey::PRODUCE => {
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        }
        code => code,
    }
}

fn any_code(how: u8) -> ErrorCode {
    // Many are those that are met every day; one is unknown to everybody.
    match how {
        0..=99 => pick(&COMMON, how),
        u8::MAX => ErrorCode(9999),
        _ => pick(ErrorCode::ALL, how - 100),
    }
}

/// What may be said of a request that was executed.
fn written(api: ApiKey, how: u8) -> ErrorCode {
    let codes = if api == ApiKey::PRODUCE { &WRITTEN_PRODUCE[..] } else { &WRITTEN[..] };
    pick(codes, how)
}

const COMMON: [ErrorCode; 8] = [
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode::UNKNOWN_PRODUCER_ID,
    ErrorCode::INVALID_PRODUCER_EPOCH,
    ErrorCode::MESSAGE_TOO_LARGE,
    ErrorCode::CONCURRENT_TRANSACTIONS,
    ErrorCode::TRANSACTION_ABORTABLE,
    ErrorCode::NOT_COORDINATOR,
];
const WRITTEN_PRODUCE: [ErrorCode; 6] = [
    ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::KAFKA_STORAGE_ERROR,
    ErrorCode::UNKNOWN_SERVER_ERROR,
    ErrorCode::NETWORK_EXCEPTION,
];
/// A coordinator says the last two when it has lost its place while it wrote its log.
const WRITTEN: [ErrorCode; 5] = [
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::UNKNOWN_SERVER_ERROR,
    ErrorCode::NETWORK_EXCEPTION,
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ErrorCode::NOT_COORDINATOR,
];
