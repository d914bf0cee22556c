//! What numbered batches do: in order, once, five at a time.

use super::*;

const OUT_OF_ORDER: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;

/// (producer id, epoch, sequence) of the only batch in a request.
fn number(call: &Call) -> (i64, i16, i32) {
    let records = call.request.topic_data[0].partition_data[0].records.clone().unwrap();
    let batch = RecordBatches::new(records.0).next().unwrap().unwrap();
    batch.check_crc().unwrap();
    (batch.producer_id(), batch.producer_epoch(), batch.base_sequence())
}

impl Fixture {
    /// A record alone in its batch, and what is sent then.
    fn send(&mut self, value: &[u8]) -> (Delivery, Vec<Call>) {
        let delivery = self.append(0, value);
        (delivery, self.calls_after(5 * MS))
    }

    /// Has one batch stored, so that the leader knows the producer, and then sends five.
    fn in_flight(&mut self) -> (Vec<Delivery>, Vec<Call>) {
        let (_delivery, calls) = self.send(b"first");
        self.stored(&calls[0], 0);
        let sent = [b"a", b"b", b"c", b"d", b"e"].map(|value| self.send(value));
        let (deliveries, calls): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
        (deliveries, calls.into_iter().flatten().collect())
    }
}

#[test]
fn five_batches_are_in_flight_once_the_leader_has_taken_one() {
    let mut f = Fixture::new(&[1]);
    let (_first, calls) = f.send(b"a");
    let (_second, none) = f.send(b"b");
    assert!(none.is_empty(), "nobody knows yet that the leader has the first");
    f.stored(&calls[0], 0);
    assert_eq!(f.calls().iter().map(number).collect::<Vec<_>>(), [(7, 0, 1)]);
    let mut sent = 1;
    for value in [b"c", b"d", b"e", b"f", b"g"] {
        sent += f.send(value).1.len();
    }
    assert_eq!(sent, 5);
}

#[test]
fn batches_that_a_moved_leader_sends_back_go_to_the_new_one_in_order_with_the_same_bytes() {
    let mut f = Fixture::new(&[1]);
    let (mut deliveries, calls) = f.in_flight();
    assert_eq!(calls.iter().map(number).collect::<Vec<_>>(), [1, 2, 3, 4, 5].map(|n| (7, 0, n)));
    f.lead(&[Some(2)]);
    for call in &calls {
        assert!(f.calls_after(200 * MS).is_empty(), "all of it is answered before the oldest goes");
        f.answer(call, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    }
    let again = f.call_after(100 * MS);
    assert_eq!((again.broker, &again.request.topic_data), (2, &calls[0].request.topic_data));
    assert!(f.calls_after(1000 * MS).is_empty(), "the oldest goes alone");
    f.stored(&again, 1);
    let rest = f.calls();
    let bytes =
        |calls: &[Call]| calls.iter().map(|c| c.request.topic_data.clone()).collect::<Vec<_>>();
    assert_eq!(bytes(&rest), bytes(&calls[1..]));
    for (call, offset) in rest.iter().zip(2..) {
        f.stored(call, offset);
    }
    assert_eq!(deliveries.iter_mut().map(offset).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(f.sender.is_idle());
}

#[test]
fn batches_that_come_too_early_wait_for_the_one_that_failed() {
    let mut f = Fixture::new(&[1]);
    let (mut deliveries, calls) = f.in_flight();
    f.answer(&calls[0], ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    calls[1..].iter().for_each(|call| f.answer(call, OUT_OF_ORDER, -1));
    let again = f.call_after(100 * MS);
    f.stored(&again, 1);
    let rest = f.calls();
    assert_eq!(rest.iter().map(number).collect::<Vec<_>>(), [2, 3, 4, 5].map(|n| (7, 0, n)));
    rest.iter().zip(2..).for_each(|(call, offset)| f.stored(call, offset));
    assert_eq!(deliveries.iter_mut().map(offset).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_gap_that_nothing_explains_is_bridged_by_the_next_epoch() {
    let mut f = Fixture::new(&[1]);
    let (mut deliveries, calls) = f.in_flight();
    calls.iter().for_each(|call| f.answer(call, OUT_OF_ORDER, -1));
    let again = f.call_after(100 * MS);
    assert_eq!((number(&again), content(&again)), ((7, 1, 0), one(0, &["a"])));
    f.stored(&again, 1);
    let rest = f.calls();
    assert_eq!(rest.iter().map(number).collect::<Vec<_>>(), [1, 2, 3, 4].map(|n| (7, 1, n)));
    rest.iter().zip(2..).for_each(|(call, offset)| f.stored(call, offset));
    assert_eq!(deliveries.iter_mut().map(offset).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn what_was_taken_back_before_it_was_written_is_a_hole_for_certain() {
    let mut f = Fixture::new(&[1]);
    let (_first, calls) = f.send(b"a");
    f.stored(&calls[0], 0);
    let (mut late, calls) = f.send(b"b");
    f.calls_after(ProducerConfig::default().delivery_timeout);
    assert!(!outcome(&mut late).unwrap_err().maybe_written());
    // Of the request that it stood in nobody knows; of this batch everybody does.
    f.lose(&calls[0]);
    let (_next, calls) = f.send(b"c");
    assert_eq!(number(&calls[0]), (7, 1, 0));
}

#[test]
fn only_what_was_certainly_not_written_gets_another_number() {
    let mut f = Fixture::new(&[1]);
    let (mut deliveries, calls) = f.in_flight();
    // Of the first nobody knows whether it was written.
    f.lose(&calls[0]);
    calls[1..].iter().for_each(|call| f.answer(call, OUT_OF_ORDER, -1));
    let again = f.call_after(100 * MS);
    assert_eq!(number(&again), (7, 0, 1));
    f.answer(&again, OUT_OF_ORDER, -1);
    let error = outcome(&mut deliveries[0]).unwrap_err();
    assert!(error.maybe_written(), "{error}");
    // If it was, the next one follows on it under the number that it has.
    let next = f.call_after(NOW);
    assert_eq!(number(&next), (7, 0, 2));
    f.answer(&next, OUT_OF_ORDER, -1);
    let next = f.call_after(1000 * MS);
    assert_eq!((number(&next), content(&next)), ((7, 1, 0), one(0, &["b"])));
    f.stored(&next, 1);
    f.calls().iter().zip(2..).for_each(|(call, offset)| f.stored(call, offset));
    assert_eq!(deliveries[1..].iter_mut().map(offset).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn what_may_have_been_written_fails_when_a_batch_before_it_leaves_a_hole() {
    let mut f = Fixture::new(&[1]);
    let (mut deliveries, calls) = f.in_flight();
    f.answer(&calls[0], ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1);
    f.lose(&calls[1]);
    calls[2..].iter().for_each(|call| f.lose_unsent(call));
    let next = f.call_after(100 * MS);
    assert_eq!((number(&next), content(&next)), ((7, 1, 0), one(0, &["c"])));
    let written = |d: &mut Delivery| outcome(d).unwrap_err().maybe_written();
    assert_eq!(deliveries[..2].iter_mut().map(written).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_batch_that_ran_out_of_time_leaves_a_hole_only_if_it_was_not_written() {
    for was_written in [true, false] {
        let mut f = Fixture::new(&[1]);
        let (mut first, calls) = f.send(b"a");
        drop(calls[0].gates.pass(calls[0].request.clone()));
        f.lose(&calls[0]);
        f.lead(&[None]);
        f.calls_after(ProducerConfig::default().delivery_timeout);
        assert!(outcome(&mut first).unwrap_err().maybe_written());
        f.lead(&[Some(1)]);
        let (mut second, mut calls) = f.send(b"b");
        if calls.is_empty() {
            calls = f.calls_after(1000 * MS);
        }
        assert_eq!(number(&calls[0]), (7, 0, 1));
        if was_written {
            f.stored(&calls[0], 1);
        } else {
            f.answer(&calls[0], OUT_OF_ORDER, -1);
            let call = f.call_after(1000 * MS);
            assert_eq!(number(&call), (7, 1, 0));
            f.stored(&call, 1);
        }
        assert_eq!(offset(&mut second), 1);
    }
}

#[test]
fn the_pieces_of_a_batch_that_is_too_large_keep_its_numbers() {
    let mut f = Fixture::new(&[1]);
    let mut deliveries: Vec<_> = [b"a", b"b", b"c"].map(|v| f.append(0, v)).into();
    let call = f.call_after(5 * MS);
    let (late, _) = f.send(b"d");
    f.answer(&call, ErrorCode::MESSAGE_TOO_LARGE, -1);
    deliveries.push(late);
    let first = f.call_after(NOW);
    assert_eq!((number(&first), content(&first)), ((7, 0, 0), one(0, &["a"])));
    f.stored(&first, 0);
    let [second, third] = &f.calls()[..] else { panic!() };
    assert_eq!((number(second), content(second)), ((7, 0, 1), one(0, &["b", "c"])));
    assert_eq!((number(third), content(third)), ((7, 0, 3), one(0, &["d"])));
    // The second piece fails, and goes again before what stands behind it.
    f.answer(second, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    f.answer(third, OUT_OF_ORDER, -1);
    let again = f.call_after(100 * MS);
    assert_eq!(again.request.topic_data, second.request.topic_data);
    f.stored(&again, 1);
    let last = f.call_after(NOW);
    f.stored(&last, 3);
    assert_eq!(deliveries.iter_mut().map(offset).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_leader_that_has_a_batch_need_not_know_its_offset() {
    let mut f = Fixture::new(&[1]);
    let (mut delivery, calls) = f.send(b"a");
    f.lose(&calls[0]);
    let again = f.call_after(100 * MS);
    f.answer(&again, ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1);
    assert_eq!(offset(&mut delivery), -1);
    assert_eq!(number(&f.send(b"b").1[0]), (7, 0, 1));
}

#[test]
fn a_leader_that_refuses_every_epoch_of_an_id_gets_another_one() {
    let mut f = Fixture::new(&[1]);
    let (mut delivery, mut calls) = f.send(b"a");
    for wanted in [(7, 0, 0), (7, 1, 0)] {
        assert_eq!(number(&calls[0]), wanted);
        f.answer(&calls[0], ErrorCode::INVALID_PRODUCER_EPOCH, -1);
        calls = f.calls_after(1000 * MS);
    }
    assert_eq!(number(&calls[0]), (8, 0, 0));
    f.stored(&calls[0], 3);
    assert_eq!(offset(&mut delivery), 3);
}

#[test]
fn a_leader_that_has_forgotten_the_producer_begins_anew_with_it() {
    let mut f = Fixture::new(&[1]);
    let (_, calls) = f.send(b"a");
    f.stored(&calls[0], 0);
    let (mut delivery, calls) = f.send(b"b");
    let forgotten = PartitionProduceResponse {
        error_code: ErrorCode::UNKNOWN_PRODUCER_ID,
        log_start_offset: 9,
        ..PartitionProduceResponse::default()
    };
    f.answer_with(&calls[0], &forgotten);
    let again = f.call_after(100 * MS);
    assert_eq!((number(&again), content(&again)), ((7, 1, 0), one(0, &["b"])));
    f.stored(&again, 9);
    assert_eq!(offset(&mut delivery), 9);
}

#[test]
fn in_a_topic_that_was_created_anew_numbers_begin_anew_when_all_is_settled() {
    let mut f = Fixture::new(&[1]);
    let with_id = |id: u8| picture_with("t", Uuid([id; 16]), &[Some(1)]);
    f.picture = with_id(1);
    let (_, calls) = f.send(b"a");
    f.stored(&calls[0], 0);
    let (_, calls) = f.send(b"b");
    f.picture = with_id(2);
    f.sender.handle_picture();
    let (_, none) = f.send(b"c");
    assert!(none.is_empty());
    f.answer(&calls[0], ErrorCode::UNKNOWN_TOPIC_ID, -1);
    let again = f.call_after(100 * MS);
    assert_eq!(number(&again), (7, 0, 1), "it may have been written");
    f.stored(&again, 0);
    assert_eq!(number(&f.call_after(NOW)), (7, 1, 0));
}

#[test]
fn nothing_is_sent_before_there_is_a_producer_id() {
    let mut f = Fixture::new(&[1]);
    let mut delivery = f.append(0, b"a");
    let next = f.sender.poll_action(f.now, &f.picture);
    assert!(matches!(next, Some(Action::Identify)), "{next:?}");
    f.now += 5 * MS;
    assert!(f.sender.poll_action(f.now, &f.picture).is_none());
    let busy = Error::broker(
        ApiKey::INIT_PRODUCER_ID,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        crate::error::About::Nothing,
    );
    f.sender.handle_identity(f.now, Err(busy), 200);
    assert!(f.calls_after(99 * MS).is_empty());
    let call = f.call_after(MS);
    f.stored(&call, 0);
    assert_eq!(offset(&mut delivery), 0);
}

#[test]
fn a_refused_producer_id_fails_what_waits_for_it_and_the_next_record_asks_again() {
    let mut f = Fixture::new(&[1]);
    let mut first = f.append(0, b"a");
    assert!(f.sender.poll_action(f.now, &f.picture).is_some());
    f.now += 5 * MS;
    assert!(f.sender.poll_action(f.now, &f.picture).is_none());
    let refused = Error::broker(
        ApiKey::INIT_PRODUCER_ID,
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        crate::error::About::Nothing,
    );
    f.sender.handle_identity(f.now, Err(refused), 200);
    let error = outcome(&mut first).unwrap_err();
    assert!(!error.maybe_written() && error.to_string().contains("IdempotentWrite"), "{error}");
    assert!(f.sender.is_idle());
    let mut second = f.append(0, b"b");
    let call = f.call_after(100 * MS);
    f.stored(&call, 0);
    assert_eq!(offset(&mut second), 0);
}

#[test]
fn a_broker_that_remembers_one_batch_gets_one_at_a_time() {
    let mut f = Fixture::new(&[1]);
    drop(f.append(0, b"a"));
    assert!(f.sender.poll_action(f.now, &f.picture).is_some());
    let identity = ProducerIdAndEpoch { id: 3, epoch: 0 };
    f.sender.handle_identity(f.now, Ok((identity, 3)), 200);
    let call = f.call_after(5 * MS);
    f.stored(&call, 0);
    assert_eq!(f.send(b"b").1.len() + f.send(b"c").1.len(), 1);
}

#[test]
fn a_leader_without_numbers_gets_none_unless_they_were_asked_for() {
    let mut f = Fixture::new(&[1]);
    f.sender.handle_versions(1, 2);
    let (_, calls) = f.send(b"a");
    assert_eq!(calls[0].versions, 2..=2);
    assert!(f.send(b"b").1.is_empty(), "one is in flight");
    let required = Idempotence::Required;
    let config = ProducerConfig { idempotence: required, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1], config);
    f.sender.handle_versions(1, 2);
    let (mut delivery, calls) = f.send(b"a");
    assert!(calls.is_empty());
    let error = outcome(&mut delivery).unwrap_err().to_string();
    assert!(error.contains("InitProducerId") && error.contains("Kafka 0.11"), "{error}");
}
