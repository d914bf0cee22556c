//! What a transactional producer does next, and what answers mean to it.

use super::*;
use crate::error::About;

use TransactionEnd::{Abort, Commit};
use TransactionVersion::{V1, V2};

const FIRST: ProducerIdAndEpoch = ProducerIdAndEpoch { id: 7, epoch: 0 };
const SECOND: ProducerIdAndEpoch = ProducerIdAndEpoch { id: 7, epoch: 1 };

/// A producer that has taken its id over.
fn life(version: TransactionVersion) -> Life {
    let mut life = Life::new("a");
    assert_eq!(life.poll_begin(version).unwrap(), Begin::TakeOver);
    life.handle_init(version, Ok(FIRST)).unwrap();
    life
}

/// A producer in a transaction in which all records were delivered.
fn sent(version: TransactionVersion) -> Life {
    let mut life = life(version);
    send(&mut life);
    life
}

fn send(life: &mut Life) {
    assert!(life.begin().is_some());
    let numbers = Some(Numbers::from([(("t".into(), 0), 5)]));
    life.handle_records(Report { trace: Trace::Begun, numbers, ..Report::default() });
}

fn refused(api: ApiKey, code: ErrorCode) -> Error {
    Error::broker(api, code, About::Nothing)
}

fn lost(api: ApiKey) -> Error {
    refused(api, ErrorCode::REQUEST_TIMED_OUT)
}

fn ask(life: &mut Life, end: TransactionEnd) {
    assert!(matches!(life.poll_end(end), Ok(End::Call(_, asked)) if asked == end));
}

/// Aborts a transaction in which an answer was lost, below version 2.
fn fence(life: &mut Life, next: ProducerIdAndEpoch) {
    assert!(matches!(life.poll_end(Abort), Ok(End::Fence(_))));
    assert!(matches!(life.handle_fence(Ok(next)), Ended::Done(Abort)));
}

fn done(life: &mut Life, end: TransactionEnd, next: ProducerIdAndEpoch) {
    ask(life, end);
    let ended = match life.handle_end(Ok(next)) {
        Ended::Check => life.handle_check(Ok(())),
        ended => ended,
    };
    assert!(matches!(ended, Ended::Done(found) if found == end), "{ended:?}");
}

/// What was written to a partition in an aborted transaction.
fn written() -> Vec<LastWrite> {
    let (topic, offset) = (Arc::from("t"), Some(5));
    vec![LastWrite { topic, partition: 0, offset, leader_epoch: 0, producer_id: 7 }]
}

#[test]
fn a_transaction_in_which_nothing_was_sent_ends_without_a_request() {
    for end in [Commit, Abort] {
        let mut life = life(V1);
        life.begin().unwrap();
        life.handle_records(Report { numbers: Some(Numbers::new()), ..Report::default() });
        assert_eq!(life.poll_end(end).unwrap(), End::Nothing);
        assert_eq!(life.poll_begin(V1).unwrap(), Begin::Ready);
    }
}

#[test]
fn the_next_transaction_goes_on_with_the_epoch_that_the_end_gives() {
    let mut life = sent(V2);
    done(&mut life, Commit, SECOND);
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::Ready);
    assert_eq!(life.begin().unwrap().producer, SECOND);
    assert!(life.numbers().is_empty(), "numbers begin anew");
    let mut life = sent(V1);
    done(&mut life, Commit, FIRST);
    assert_eq!(life.begin().unwrap().producer, FIRST);
    assert_eq!(life.numbers().len(), 1, "numbers go on");
}

#[test]
fn what_failed_is_never_committed() {
    for version in [V1, V2] {
        let mut life = sent(version);
        let failure = Some(refused(ApiKey::PRODUCE, ErrorCode::INVALID_RECORD));
        life.handle_records(Report { trace: Trace::Begun, failure, ..Report::default() });
        let error = life.poll_end(Commit).unwrap_err();
        assert!(error.requires_abort() && !error.maybe_written(), "{error}");
        assert!(error.to_string().contains("INVALID_RECORD"), "{error}");
        match version {
            V1 => fence(&mut life, SECOND),
            V2 => done(&mut life, Abort, SECOND),
        }
    }
    let mut life = sent(V2);
    let failed = Err(refused(ApiKey::TXN_OFFSET_COMMIT, ErrorCode::ILLEGAL_GENERATION));
    life.handle_step(ApiKey::TXN_OFFSET_COMMIT, &failed);
    assert!(life.check_open().unwrap_err().requires_abort());
    assert!(life.poll_end(Commit).unwrap_err().requires_abort());
}

#[test]
fn below_version_2_any_lost_answer_raises_the_epoch_before_the_next_begin() {
    type Lose = fn(&mut Life);
    let rows: [(&str, Lose); 4] = [
        ("end", |life| {
            ask(life, Commit);
            assert!(matches!(life.handle_end(Err(lost(ApiKey::END_TXN))), Ended::Again(_)));
        }),
        ("partitions", |life| {
            let numbers = Some(Numbers::new());
            life.handle_records(Report { is_suspect: true, numbers, ..Report::default() });
        }),
        ("group", |life| life.handle_lost(ApiKey::ADD_OFFSETS_TO_TXN)),
        ("offsets", |life| life.handle_lost(ApiKey::TXN_OFFSET_COMMIT)),
    ];
    for (what, lose) in rows {
        let mut life = sent(V1);
        lose(&mut life);
        done(&mut life, Commit, FIRST);
        assert_eq!(life.poll_begin(V1).unwrap(), Begin::Renew(FIRST), "{what}");
        life.handle_init(V1, Ok(SECOND)).unwrap();
        assert_eq!(life.poll_begin(V1).unwrap(), Begin::Ready, "{what}");
        assert!(life.numbers().is_empty(), "{what}");
        let mut life = sent(V2);
        lose(&mut life);
        done(&mut life, Commit, SECOND);
        assert_eq!(life.poll_begin(V2).unwrap(), Begin::Ready, "{what}: epochs tell them apart");
    }
}

#[test]
fn after_a_lost_offset_commit_the_offsets_of_the_next_commit_are_read_back() {
    let mut life = sent(V1);
    life.handle_lost(ApiKey::TXN_OFFSET_COMMIT);
    done(&mut life, Commit, FIRST);
    assert!(!life.must_check_offsets(), "its own are those that may come late");
    life.handle_init(V1, Ok(SECOND)).unwrap();
    send(&mut life);
    assert!(life.must_check_offsets());
    done(&mut life, Commit, SECOND);
    assert!(!life.must_check_offsets(), "once it was done");
}

#[test]
fn records_of_which_nobody_knows_are_aborted_by_raising_the_epoch() {
    let mut life = sent(V1);
    let failure = Some(lost(ApiKey::PRODUCE));
    life.handle_records(Report { trace: Trace::Begun, failure, ..Report::default() });
    let passing = refused(ApiKey::INIT_PRODUCER_ID, ErrorCode::CONCURRENT_TRANSACTIONS);
    assert!(matches!(life.poll_end(Abort), Ok(End::Fence(FIRST))));
    assert!(matches!(life.handle_fence(Err(passing)), Ended::Again(_)));
    fence(&mut life, SECOND);
    assert_eq!(life.poll_begin(V1).unwrap(), Begin::Ready);
    assert_eq!(life.begin().unwrap().producer, SECOND);
}

#[test]
fn an_abort_whose_answer_was_lost_is_made_sure_of_by_raising_the_epoch() {
    let mut life = sent(V1);
    ask(&mut life, Abort);
    assert!(matches!(life.handle_end(Err(lost(ApiKey::END_TXN))), Ended::Again(_)));
    fence(&mut life, SECOND);
    assert_eq!(life.poll_begin(V1).unwrap(), Begin::Ready);
}

#[test]
fn other_rules_begin_with_another_epoch() {
    let mut life = sent(V1);
    done(&mut life, Commit, FIRST);
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::Renew(FIRST));
    life.handle_init(V2, Ok(SECOND)).unwrap();
    assert_eq!(life.begin().unwrap().version, V2);
}

#[test]
fn what_was_asked_for_is_asked_for_again_whatever_is_wanted_then() {
    let mut life = sent(V2);
    ask(&mut life, Commit);
    assert!(matches!(life.handle_end(Err(lost(ApiKey::END_TXN))), Ended::Again(_)));
    assert!(matches!(life.poll_end(Abort), Ok(End::Call(_, Commit))));
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::End(Commit));
    assert!(matches!(life.handle_end(Ok(SECOND)), Ended::Check));
}

#[test]
fn what_is_left_open_is_aborted() {
    let mut life = sent(V2);
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::End(Abort));
    done(&mut life, Abort, SECOND);
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::Ready);
}

#[test]
fn a_commit_that_the_coordinator_refuses_for_an_abort_is_aborted() {
    let mut life = sent(V2);
    ask(&mut life, Commit);
    let refused = refused(ApiKey::END_TXN, ErrorCode::TRANSACTION_ABORTABLE);
    let Ended::Failed(error) = life.handle_end(Err(refused)) else { panic!() };
    assert!(error.requires_abort(), "{error}");
    done(&mut life, Abort, SECOND);
}

#[test]
fn who_is_fenced_is_over_and_says_so_to_everything() {
    let codes = [
        ErrorCode::PRODUCER_FENCED,
        ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::INVALID_TXN_STATE,
    ];
    for code in codes {
        let mut life = sent(V2);
        ask(&mut life, Commit);
        let Ended::Failed(error) = life.handle_end(Err(refused(ApiKey::END_TXN, code))) else {
            panic!("{code}")
        };
        assert!(error.is_fatal() && !error.maybe_written(), "{code}: it was not committed");
        assert!(life.poll_begin(V2).unwrap_err().is_fatal(), "{code}");
        assert!(life.poll_end(Abort).unwrap_err().is_fatal(), "{code}");
    }
}

#[test]
fn rules_that_were_taken_back_cost_one_transaction_and_are_asked_for() {
    let unsupported = || refused(ApiKey::PRODUCE, ErrorCode::UNSUPPORTED_VERSION);
    for by_step in [false, true] {
        let mut life = life(V2);
        life.begin().unwrap();
        if by_step {
            life.handle_step(ApiKey::TXN_OFFSET_COMMIT, &Err(unsupported()));
        } else {
            let (failure, trace) = (Some(unsupported()), Trace::Perhaps);
            life.handle_records(Report { failure, trace, ..Report::default() });
        }
        assert!(life.poll_end(Commit).unwrap_err().requires_abort());
        assert!(matches!(life.poll_end(Abort), Ok(End::Call(..))));
        assert!(matches!(life.handle_end(Ok(SECOND)), Ended::Done(Abort)));
        assert!(life.doubts_rules());
        life.handle_rules();
        assert!(matches!(life.poll_begin(V1), Ok(Begin::Renew(_))) && !life.doubts_rules());
    }
    // It says nothing of older rules, which no broker gives up.
    let mut life = life(V1);
    life.begin().unwrap();
    life.handle_step(ApiKey::TXN_OFFSET_COMMIT, &Err(unsupported()));
    assert!(life.poll_end(Abort).unwrap_err().is_fatal() && !life.doubts_rules());
}

#[test]
fn after_a_lost_commit_a_refusal_does_not_say_that_it_failed() {
    let mut life = sent(V1);
    ask(&mut life, Commit);
    assert!(matches!(life.handle_end(Err(lost(ApiKey::END_TXN))), Ended::Again(_)));
    let fenced = refused(ApiKey::END_TXN, ErrorCode::PRODUCER_FENCED);
    let Ended::Failed(error) = life.handle_end(Err(fenced)) else { panic!() };
    assert!(error.maybe_written() && error.is_fatal(), "{error}");
    // Whoever asks again may be the first one to hear of it.
    let again = life.poll_end(Commit).unwrap_err();
    assert!(again.maybe_written() && again.is_fatal(), "{again}");
    assert!(life.poll_begin(V1).is_err());
}

#[test]
fn what_perhaps_was_never_begun_is_aborted_if_there_is_nothing_to_abort() {
    let mut life = life(V1);
    life.begin().unwrap();
    let failure = Some(lost(ApiKey::ADD_PARTITIONS_TO_TXN));
    let (trace, numbers) = (Trace::Perhaps, Some(Numbers::new()));
    life.handle_records(Report { trace, failure, numbers, is_suspect: true });
    fence(&mut life, SECOND);
    let mut life = self::life(V2);
    life.begin().unwrap();
    let failure = Some(refused(ApiKey::PRODUCE, ErrorCode::INVALID_RECORD));
    life.handle_records(Report { trace: Trace::Perhaps, failure, ..Report::default() });
    ask(&mut life, Abort);
    let nothing = refused(ApiKey::END_TXN, ErrorCode::INVALID_TXN_STATE);
    assert!(matches!(life.handle_end(Err(nothing)), Ended::Done(Abort)));
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::Renew(FIRST));
}

#[test]
fn an_end_that_is_refused_while_the_one_before_ends_leaves_it_to_the_next_epoch_who_is_shut_out() {
    for code in [ErrorCode::PRODUCER_FENCED, ErrorCode::INVALID_PRODUCER_EPOCH] {
        let mut life = life(V2);
        life.begin().unwrap();
        let failure = Some(refused(ApiKey::PRODUCE, ErrorCode::CONCURRENT_TRANSACTIONS));
        life.handle_records(Report { trace: Trace::Perhaps, failure, ..Report::default() });
        ask(&mut life, Abort);
        let ended = life.handle_end(Err(refused(ApiKey::END_TXN, code)));
        assert!(matches!(ended, Ended::Done(Abort)), "{ended:?}");
        assert_eq!(life.poll_begin(V2).unwrap(), Begin::Renew(FIRST));
        let refused = refused(ApiKey::INIT_PRODUCER_ID, ErrorCode::PRODUCER_FENCED);
        assert!(life.handle_init(V2, Err(refused)).unwrap_err().is_fatal());
    }
}

/// Brokers before 2.5 are asked for the next epoch without being told the present one.
#[test]
fn an_epoch_goes_up_once_or_twice_if_a_transaction_is_aborted_by_it() {
    let mut life = sent(V1);
    assert!(matches!(life.poll_end(Commit), Ok(End::Call(..))));
    assert!(matches!(life.handle_end(Err(lost(ApiKey::END_TXN))), Ended::Again(_)));
    done(&mut life, Commit, FIRST);
    assert_eq!((life.poll_begin(V1).unwrap(), life.epochs_ahead()), (Begin::Renew(FIRST), 1));
    life.handle_init(V1, Ok(SECOND)).unwrap();
    send(&mut life);
    life.handle_lost(ApiKey::ADD_OFFSETS_TO_TXN);
    assert!(matches!(life.poll_end(Abort), Ok(End::Fence(_))));
    assert_eq!(life.epochs_ahead(), 2);
}

#[test]
fn the_next_epoch_is_its_own_only_if_nobody_else_can_have_it() {
    let concurrent = || refused(ApiKey::INIT_PRODUCER_ID, ErrorCode::CONCURRENT_TRANSACTIONS);
    let mut open = sent(V1);
    open.handle_lost(ApiKey::ADD_OFFSETS_TO_TXN);
    assert!(matches!(open.poll_end(Abort), Ok(End::Fence(FIRST))));
    assert_eq!(open.next_epoch(), NextEpoch::Own, "who takes it over gets the one after");
    let mut life = life(V1);
    life.begin().unwrap();
    life.handle_lost(ApiKey::ADD_OFFSETS_TO_TXN);
    assert!(matches!(life.poll_end(Abort), Ok(End::Fence(FIRST))));
    assert_eq!(life.next_epoch(), NextEpoch::Foreign, "perhaps nothing was open");
    for passing in [concurrent(), lost(ApiKey::INIT_PRODUCER_ID)] {
        assert!(matches!(life.handle_fence(Err(passing)), Ended::Again(_)));
        assert_eq!(life.next_epoch(), NextEpoch::Unknown);
    }
    life.handle_own_epoch();
    assert!(matches!(life.handle_fence(Err(concurrent())), Ended::Again(_)));
    assert_eq!(life.next_epoch(), NextEpoch::Own, "it was looked at");
    assert!(matches!(life.handle_fence(Ok(SECOND)), Ended::Done(Abort)));
    assert_eq!(life.next_epoch(), NextEpoch::Foreign, "of another epoch");
}

#[test]
fn an_epoch_that_may_have_been_raised_is_raised_before_anything_begins() {
    let mut life = sent(V1);
    done(&mut life, Commit, FIRST);
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::Renew(FIRST));
    life.handle_init(V2, Err(lost(ApiKey::INIT_PRODUCER_ID))).unwrap_err();
    assert_eq!(life.poll_begin(V1).unwrap(), Begin::Renew(FIRST));
}

#[test]
fn a_commit_is_not_done_before_all_of_it_was_seen() {
    let mut life = sent(V2);
    ask(&mut life, Commit);
    assert!(matches!(life.handle_end(Ok(SECOND)), Ended::Check));
    let unknown = lost(ApiKey::LIST_OFFSETS);
    assert!(matches!(life.handle_check(Err(unknown)), Ended::Again(_)));
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::End(Commit), "it is still owed");
    assert_eq!(life.poll_end(Abort).unwrap(), End::Check, "and nothing is asked for twice");
    assert!(matches!(life.handle_check(Ok(())), Ended::Done(Commit)));
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::Ready);
    let mut life = sent(V2);
    ask(&mut life, Commit);
    assert!(matches!(life.handle_end(Ok(SECOND)), Ended::Check));
    let fate = TransactionFate::Hidden { topic: "t".into(), partition: 0 };
    let hidden = life.fate(fate, None);
    assert!(matches!(life.handle_check(Err(hidden)), Ended::Failed(error) if error.is_fatal()));
    assert!(life.poll_begin(V2).is_err(), "another end would decide about its records");
}

#[test]
fn nothing_begins_before_partitions_have_heard_of_the_last_abort() {
    for version in [V1, V2] {
        let mut life = sent(version);
        done(&mut life, Abort, SECOND);
        life.handle_aborted(written());
        let look = Begin::Clear(SECOND, Clear::Look(written()));
        assert_eq!(life.poll_begin(version).unwrap(), look);
        assert!(life.begin().is_none());
        life.handle_look(written());
        let begun = life.handle_led(written()).unwrap();
        assert_eq!((begun.producer, begun.version), (SECOND, V1), "a transaction of version 1");
        life.handle_added(Ok(())).unwrap();
        assert_eq!(life.poll_begin(version).unwrap(), Begin::Clear(SECOND, Clear::Raise));
        let third = ProducerIdAndEpoch { id: 7, epoch: 2 };
        let passing = lost(ApiKey::INIT_PRODUCER_ID);
        assert!(life.handle_raised(Err(passing)).is_err());
        assert_eq!(life.poll_begin(version).unwrap(), Begin::Clear(SECOND, Clear::Raise));
        life.handle_raised(Ok(third)).unwrap();
        let look = Begin::Clear(third, Clear::Look(written()));
        assert_eq!(life.poll_begin(version).unwrap(), look, "their leaders may have gone again");
        life.handle_look(Vec::new());
        assert_eq!(life.poll_begin(version).unwrap(), Begin::Ready);
        assert_eq!(life.begin().unwrap().producer, third);
    }
}

#[test]
fn partitions_that_may_be_in_the_clearing_transaction_are_aborted_with_it() {
    let mut life = sent(V2);
    done(&mut life, Abort, SECOND);
    life.handle_aborted(written());
    life.handle_look(written());
    life.handle_led(written()).unwrap();
    let api = ApiKey::ADD_PARTITIONS_TO_TXN;
    let passing = refused(api, ErrorCode::CONCURRENT_TRANSACTIONS);
    assert!(life.handle_added(Err(passing)).is_err());
    let add = Begin::Clear(SECOND, Clear::Add(written()));
    assert_eq!(life.poll_begin(V2).unwrap(), add, "it was certainly not begun");
    life.handle_led(written()).unwrap();
    life.handle_added(Err(lost(api))).unwrap();
    assert_eq!(life.poll_begin(V2).unwrap(), Begin::Clear(SECOND, Clear::Raise));
    let fenced = refused(ApiKey::INIT_PRODUCER_ID, ErrorCode::PRODUCER_FENCED);
    assert!(life.handle_raised(Err(fenced)).unwrap_err().is_fatal());
    assert!(life.is_over());
}

#[test]
fn an_end_that_a_broker_of_another_release_does_not_have_is_asked_for_again() {
    let mut life = sent(V2);
    ask(&mut life, Commit);
    let (feature, needed) = ("EndTxn".into(), "version 5".into());
    let (offered, remedy) = ("version 4".into(), "wait".into());
    let unsupported = Error::Unsupported { feature, needed, offered, remedy };
    assert!(matches!(life.handle_end(Err(unsupported)), Ended::Again(_)));
    done(&mut life, Commit, SECOND);
}
