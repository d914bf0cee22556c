//! Short histories, and exactly what they break.

use std::time::Duration;

use crate::history::{Check, History, Invariant};

/// Checks lines of `process invoked completed outcome action`, and gives what they break. What the
/// operations that a violation names break alone is compared too.
#[track_caller]
fn broken(check: &Check, text: &str) -> Vec<Invariant> {
    let history: History = text.parse().unwrap();
    assert_eq!(history.to_string().parse::<History>().unwrap(), history);
    let found = check.run(&history);
    for violation in &found {
        let proof = check.run(&history.only(&violation.operations));
        let is_there = proof.iter().any(|again| again.is_like(violation));
        assert!(is_there, "{violation} does not follow from its proof: {proof:?}");
        assert!(violation.to_string().starts_with(&violation.invariant.to_string()));
    }
    let mut names: Vec<Invariant> = found.iter().flat_map(|found| found.invariants()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[track_caller]
fn holds(text: &str) {
    assert_eq!(broken(&Check::new(), text), []);
}

#[track_caller]
fn breaks(text: &str, expected: &[Invariant]) {
    assert_eq!(broken(&Check::new(), text), expected);
}

#[test]
fn an_offset_has_one_value_whoever_says_so() {
    breaks("1 1 2 ok send t-0 7@0\n2 3 4 ok poll committed t-0 8@0", &[Invariant::J1]);
    breaks("2 3 4 ok poll committed t-0 8@0\n3 3 4 ok poll uncommitted t-0 9@0", &[Invariant::J1]);
    breaks("1 1 2 ok send t-0 7@0\n2 3 4 ok send t-0 8@0", &[Invariant::J1]);
    holds("1 1 2 ok send t-0 7@0\n2 3 4 ok poll committed t-0 7@0 t-1 8@0");
}

#[test]
fn what_was_acknowledged_and_read_past_was_polled_by_somebody() {
    let sent = "1 1 2 ok send t-0 7@0\n1 3 4 ok send t-0 8@1\n1 5 6 ok send t-0 9@2\n";
    let lost = [Invariant::J2, Invariant::Q1];
    breaks(&format!("{sent}2 7 8 ok poll committed t-0 7@0 9@2"), &lost);
    // Across polls, and from where the assignment says.
    breaks(
        &format!(
            "{sent}2 7 8 ok poll committed t-0 7@0
             2 9 10 ok poll committed t-0 9@2"
        ),
        &lost,
    );
    breaks(
        &format!(
            "{sent}2 7 8 ok assign t-0=earliest
             2 9 10 ok poll committed t-0 8@1 9@2"
        ),
        &lost,
    );
    // Who began later has not read past it, and another one has it.
    holds(&format!("{sent}2 7 8 ok poll committed t-0 8@1 9@2"));
    holds(&format!("{sent}2 7 8 ok poll committed t-0 7@0"));
    holds(&format!("{sent}3 7 8 ok poll committed t-0 7@0 8@1 9@2"));
    // Nobody promised anything about these.
    let uncertain = "1 1 2 unknown send t-0 7\n1 3 4 failed send t-0 8\n1 5 - unknown send t-0 9\n";
    holds(&format!("{uncertain}2 7 8 ok poll committed t-0 1@0 2@5"));
}

#[test]
fn after_all_was_polled_everything_acknowledged_was_seen() {
    let history = "1 1 2 ok send t-0 7@0\n1 3 4 ok send t-0 8\n2 7 8 ok poll committed t-0 7@0";
    holds(history);
    assert_eq!(broken(&Check::new().drained(), history), [Invariant::J3, Invariant::Q1]);
    let seen = format!("{history} 8@1");
    assert_eq!(broken(&Check::new().drained(), &seen), []);
}

#[test]
fn a_value_stands_at_one_offset() {
    let twice = [Invariant::J4, Invariant::Q2];
    breaks("1 1 2 ok send t-0 7@0\n2 3 4 ok poll committed t-0 7@0 7@1", &twice);
    breaks("1 1 2 ok send t-0 7@1\n2 3 4 ok poll committed t-0 7@0", &twice);
    breaks("2 1 2 ok poll committed t-0 7@0\n2 3 4 ok poll committed t-1 7@0", &twice);
    let of_no_promise = Check::new().without(Invariant::J4);
    let text = "1 1 2 ok send t-0 7@0\n2 3 4 ok poll committed t-0 7@0 7@1";
    assert_eq!(broken(&of_no_promise, text), []);
}

#[test]
fn what_failed_is_never_polled() {
    let read = "2 7 8 ok poll committed t-0 7@0";
    breaks(&format!("1 1 2 failed send t-0 7\n{read}"), &[Invariant::J5, Invariant::Q3]);
    let aborted = [Invariant::J5, Invariant::Q3, Invariant::Q4];
    breaks(&format!("1 1 2 ok txn abort ; send t-0 7\n{read}"), &aborted);
    breaks(&format!("1 1 2 failed txn commit ; send t-0 7\n{read}"), &aborted);
    // Whoever wants uncommitted records gets them.
    holds("1 1 2 ok txn abort ; send t-0 7@0\n2 7 8 ok poll uncommitted t-0 7@0");
    holds(&format!("1 1 2 unknown txn commit ; send t-0 7\n{read}"));
}

#[test]
fn information_does_not_flow_in_a_circle() {
    let first = "1 1 9 ok txn commit ; send t-0 7@0 ; poll committed t-1 8@0\n";
    breaks(
        &format!("{first}2 1 9 ok txn commit ; send t-1 8@0 ; poll committed t-0 7@0"),
        &[Invariant::J6],
    );
    breaks(
        &format!(
            "{first}2 1 9 ok txn commit ; send t-1 8@0 ; poll committed t-2 9@0
             3 1 9 unknown txn commit ; send t-2 9@0 ; poll committed t-0 7@0"
        ),
        &[Invariant::J6],
    );
    holds(&format!("{first}2 1 9 ok txn commit ; send t-1 8@0 ; poll committed t-2 9@0"));
    holds(&format!("{first}2 1 9 ok txn commit ; send t-1 8@0 ; poll uncommitted t-0 7@0"));
}

#[test]
fn nobody_sees_a_transaction_before_its_end_is_asked_for() {
    breaks("1 1 9 ok txn commit@8 ; send t-0 7@0 ; poll committed t-0 7@0", &[Invariant::J7]);
    let writer = "1 1 9 ok txn commit@8 ; send t-0 7@0\n";
    breaks(&format!("{writer}2 2 7 ok poll committed t-0 7@0"), &[Invariant::J7]);
    breaks(&format!("{writer}2 2 20 ok txn commit@7 ; poll committed t-0 7@0"), &[Invariant::J7]);
    holds(&format!("{writer}2 2 8 ok poll committed t-0 7@0"));
    holds(&format!("{writer}2 2 7 ok poll uncommitted t-0 7@0"));
    holds(&format!("{writer}2 2 20 ok txn commit@10 ; poll committed t-0 7@0"));
}

#[test]
fn polls_of_an_operation_neither_skip_nor_go_back() {
    let other = "2 1 2 ok poll committed t-0 1@0 2@1 3@4\n";
    let broken = [Invariant::J8];
    breaks(&format!("{other}3 3 4 ok poll committed t-0 1@0 3@4"), &broken);
    breaks(&format!("{other}3 3 4 ok poll committed t-0 2@1 1@0"), &broken);
    breaks(&format!("{other}3 3 4 ok poll committed t-0 2@1 2@1"), &broken);
    let steps = "poll committed t-0 1@0 ; poll committed t-0 3@4";
    breaks(&format!("{other}3 3 4 ok txn commit ; {steps}"), &broken);
    // Offsets may be missing, and what another reader sees of transactions is not for all.
    holds(&format!("{other}3 3 4 ok poll committed t-0 2@1 3@4"));
    holds("2 1 2 ok poll uncommitted t-0 1@0 2@1 3@2\n3 3 4 ok poll committed t-0 1@0 3@2");
    // A new assignment in the midst of it may move the consumer.
    holds(&format!("{other}3 3 9 ok txn commit ; {steps}\n3 4 5 ok assign t-0"));
}

#[test]
fn polls_of_a_consumer_neither_skip_nor_go_back() {
    let other = "2 1 2 ok poll committed t-0 1@0 2@1 3@4\n";
    let first = format!("{other}3 3 4 ok poll committed t-0 1@0\n");
    let skipping = "3 20 21 ok poll committed t-0 3@4";
    let broken = [Invariant::J9];
    breaks(&format!("{first}{skipping}"), &broken);
    breaks(&format!("{first}3 9 9 ok assign t-0\n{skipping}"), &broken);
    breaks(&format!("{first}3 9 9 failed assign t-0=4\n{skipping}"), &broken);
    breaks(&format!("{first}3 9 9 failed poll committed\n{skipping}"), &broken);
    breaks(&format!("{first}3 20 21 ok poll committed t-0 1@0"), &broken);
    breaks(&format!("{other}3 3 4 ok assign t-0=1\n{skipping}"), &broken);
    breaks(&format!("{other}3 3 4 ok assign t-0=1\n3 5 6 ok poll committed t-0 1@0"), &broken);
    // What moves a consumer, or may have moved it.
    holds(&format!("{first}3 9 9 ok assign t-0=2\n{skipping}"));
    holds(&format!("{first}3 9 9 ok assign t-1\n3 10 10 ok assign t-0\n{skipping}"));
    holds(&format!("{first}3 9 9 ok subscribe g t\n{skipping}"));
    holds(&format!("{first}3 9 9 ok crash\n{skipping}"));
    holds(&format!("{first}3 9 9 unknown poll committed\n{skipping}"));
    holds(&format!("{first}3 9 9 ok poll committed t-0 2@1\n{skipping}"));
}

#[test]
fn after_an_aborted_transaction_a_consumer_goes_back() {
    let other = "2 1 2 ok poll committed t-0 1@0 2@1 3@4\n";
    let again = "3 9 10 ok poll committed t-0 1@0";
    let on = "3 9 10 ok poll committed t-0 2@1";
    for (end, is_back, is_on) in [
        ("ok txn commit", false, true),
        ("ok txn abort", true, false),
        ("failed txn commit", true, false),
        ("unknown txn commit", true, true),
    ] {
        let txn = format!("{other}3 3 4 {end} ; poll committed t-0 1@0\n");
        for (text, holds) in [(again, is_back), (on, is_on)] {
            let expected: &[Invariant] = if holds { &[] } else { &[Invariant::J9] };
            assert_eq!(broken(&Check::new(), &format!("{txn}{text}")), expected, "{end} {text}");
        }
    }
}

#[test]
fn a_producers_sends_land_in_order() {
    let broken = [Invariant::J10];
    breaks("1 1 9 ok send t-0 7@1\n1 2 9 ok send t-0 8@0", &broken);
    breaks("1 1 9 ok txn commit ; send t-0 7@1 ; send t-0 8@0", &broken);
    breaks("1 1 9 unknown txn commit ; send t-0 7@1 ; send t-0 8@0", &broken);
    breaks(
        "1 1 9 ok send t-0 7\n1 2 9 ok send t-0 8\n2 10 11 ok poll committed t-0 8@0 7@1",
        &broken,
    );
    // Other partitions, other producers, and what may land at any later time.
    holds("1 1 9 ok send t-0 7@1\n1 2 9 ok send t-1 8@0");
    holds("1 1 9 ok send t-0 7@1\n2 2 9 ok send t-0 8@0");
    holds("1 1 9 unknown send t-0 7\n1 2 9 ok send t-0 8@0\n2 10 11 ok poll committed t-0 8@0 7@1");
}

#[test]
fn transactions_may_stand_between_each_other() {
    // J11: each skips over a record of the other, and each wrote before and after the other.
    holds(
        "1 1 9 ok txn commit ; send t-0 1@0 ; send t-0 3@2 ; send t-1 5@0 ; send t-1 7@3
         2 1 9 ok txn commit ; send t-0 2@1 ; send t-0 4@3 ; send t-1 6@1 ; send t-1 8@2
         3 10 11 ok poll committed t-0 1@0 2@1 3@2 4@3 t-1 5@0 6@1 8@2 7@3",
    );
    assert!(Invariant::J11.may_break());
    assert_eq!(Invariant::ALL.iter().filter(|invariant| invariant.may_break()).count(), 1);
}

#[test]
fn if_a_part_of_a_transaction_can_be_read_all_can() {
    let unknown = "1 1 9 unknown txn commit ; send t-0 7@0 ; send t-1 8@0\n";
    let known = "1 1 9 ok txn commit ; send t-0 7@0 ; send t-1 8@0\n";
    let torn = "2 10 11 ok poll committed t-0 7@0\n2 12 13 ok assign t-1=earliest\n\
        2 14 15 ok poll committed t-1 9@2";
    breaks(&format!("{unknown}{torn}"), &[Invariant::J12, Invariant::Q4]);
    breaks(&format!("{known}{torn}"), &[Invariant::J12, Invariant::Q1, Invariant::Q4]);
    // It may still come.
    let early = format!("{unknown}2 10 11 ok poll committed t-0 7@0");
    holds(&early);
    let drained = broken(&Check::new().drained(), &early);
    assert_eq!(drained, [Invariant::J12, Invariant::Q4]);
    // Nothing of it, or all.
    holds(&format!("{unknown}2 10 11 ok poll committed t-0 6@2 t-1 9@2"));
    holds(&format!("{unknown}2 10 11 ok poll committed t-0 7@0 t-1 8@0 9@2"));
}

#[test]
fn transactions_of_a_group_consume_a_record_once() {
    let txn = |process, group, until| {
        let poll = "poll committed t-0 7@0 8@1";
        format!("{process} 1 9 ok txn commit ; {poll} ; offsets {group} t-0={until}\n")
    };
    breaks(&(txn(1, "g", 2) + &txn(2, "g", 2)), &[Invariant::J13]);
    holds(&(txn(1, "g", 2) + &txn(2, "h", 2)));
    holds(&(txn(1, "g", 2) + &txn(2, "g", 2).replace("ok", "failed")));
    // What a transaction does not commit it has not consumed.
    holds(&(txn(1, "g", 1) + "2 1 9 ok txn commit ; poll committed t-0 8@1 ; offsets g t-0=2"));
}

#[test]
fn consumers_are_not_further_behind_than_agreed() {
    let check = Check::new().lag_max(Duration::from_nanos(100), Duration::from_nanos(50));
    let sent = "1 1 2 ok send t-0 7@0\n1 110 120 ok send t-0 8@1\n\
        9 400 401 ok poll committed t-0 7@0 8@1\n2 3 4 ok assign t-0=earliest\n";
    let late = [Invariant::J14];
    assert_eq!(broken(&check, &format!("{sent}2 151 152 ok poll committed")), late);
    assert_eq!(broken(&check, &format!("{sent}2 150 152 ok poll committed")), []);
    assert_eq!(broken(&check, &format!("{sent}2 99 120 ok poll committed")), []);
    assert_eq!(broken(&check, &format!("{sent}2 170 172 ok poll committed t-0 7@0")), []);
    assert_eq!(broken(&check, &format!("{sent}2 171 172 ok poll committed t-0 7@0")), late);
    assert_eq!(broken(&check, &format!("{sent}2 171 172 ok poll committed t-0 7@0 8@1")), []);
}

#[test]
fn flush_and_close_wait_for_every_send() {
    for what in ["flush", "close"] {
        let broken = [Invariant::Q5];
        breaks(&format!("1 1 9 ok send t-0 7@0\n1 2 8 ok {what}"), &broken);
        breaks(&format!("1 1 - unknown send t-0 7\n1 2 8 ok {what}"), &broken);
        breaks(
            &format!("1 1 9 failed send t-0 7\n1 2 3 ok send t-0 8@0\n1 4 8 ok {what}"),
            &broken,
        );
        holds(&format!("1 1 8 unknown send t-0 7\n1 2 8 ok {what}"));
        holds(&format!("1 1 9 ok send t-0 7@0\n1 2 8 unknown {what}"));
        holds(&format!("2 1 9 ok send t-0 7@0\n1 2 8 ok {what}"));
        holds(&format!("1 2 8 ok {what}\n1 3 9 ok send t-0 7@0"));
        holds(&format!("1 1 9 ok send t-0 7@0\n1 2 2 ok crash\n1 3 8 ok {what}"));
    }
}

#[test]
fn a_committed_offset_covers_only_what_was_processed() {
    let seen = "9 90 91 ok poll committed t-0 1@0 2@1 3@2\n";
    let first = format!("{seen}1 1 2 ok poll committed t-0 1@0\n");
    let broken = [Invariant::Q6];
    breaks(&format!("{first}1 5 6 ok offsets g t-0=2"), &broken);
    breaks(&format!("{seen}1 1 7 ok poll committed t-0 1@0\n1 5 6 ok offsets g t-0=1"), &broken);
    breaks(
        &format!(
            "{seen}1 1 - unknown poll committed t-0 1@0\n2 5 6 ok subscribe g t\n\
        2 6 6 ok assign t-0=earliest\n2 7 8 ok offsets g t-0=1"
        ),
        &broken,
    );
    breaks(
        &format!("{seen}1 1 9 ok txn commit ; poll committed t-0 1@0 ; offsets g t-0=2"),
        &broken,
    );
    // Acknowledged is as good as seen.
    breaks(
        "3 1 2 ok send t-0 5@0\n1 1 2 ok assign t-0=earliest\n1 5 6 ok offsets g t-0=1",
        &broken,
    );
    holds(&format!("{first}1 5 6 ok offsets g t-0=1"));
    holds(&format!("{first}1 5 6 unknown offsets g t-0=2"));
    holds(&format!("{seen}1 1 9 ok txn commit ; poll committed t-0 1@0 ; offsets g t-0=1"));
    // Another member has done it, or it was before the group began.
    holds(&format!(
        "{first}1 2 2 ok subscribe g t\n2 1 1 ok subscribe g t\n2 3 4 ok poll committed t-0 2@1
         1 5 6 ok offsets g t-0=2"
    ));
    holds(&format!("{seen}1 1 2 ok poll committed t-0 2@1\n1 5 6 ok offsets g t-0=2"));
}

#[test]
fn text_that_is_no_history_is_refused_with_its_line() {
    for (text, line) in [
        ("\n# a run\n1 2", 3),
        ("1 2 3 ok dance", 1),
        ("1 2 3 good crash", 1),
        ("x 2 3 ok crash", 1),
        ("1 2 3 ok send t 7", 1),
        ("1 2 3 ok send t-0 7@x", 1),
        ("1 2 3 ok poll committed 7@0", 1),
        ("1 2 3 ok poll t-0", 1),
        ("1 2 3 ok offsets g t-0", 1),
        ("1 2 3 ok crash ; send t-0 7", 1),
        ("1 2 3 ok txn maybe", 1),
        ("1 2 3 ok send t-0 7@0\n\n2 3 4 ok send t-1 7@0", 3),
        ("1 2 3 ok send t-0 7@0\n2 3 4 ok txn abort ; send t-1 7@0", 2),
    ] {
        let error = text.parse::<History>().unwrap_err();
        assert_eq!(error.line, line, "{text}");
    }
    let twice = "1 2 3 ok send t-0 7@0\n2 3 4 ok send t-1 7@0".parse::<History>();
    assert_eq!(twice.unwrap_err().to_string(), "line 2: line 1 sends the value 7, too");
}
