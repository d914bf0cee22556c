//! The codes, as functions of a run.

use std::collections::BTreeSet;

use kurier_testkit::history::{Action, Invariant, Outcome, Violation};

use crate::code::{Cell, Code, Column};
use crate::ledger::Fate;
use crate::ran::Ran;
use crate::reader::FIRST_READER;
use crate::settings::SECOND;
use crate::world::CLEANER;

type Verdict = Result<(), String>;

/// Everything that a run must hold in a cell.
pub(crate) fn judge(cell: Cell, ran: &Ran) -> Verdict {
    for choice in cell.codes() {
        let verdicts: Vec<Verdict> = choice.iter().map(|code| holds(*code, ran)).collect();
        if verdicts.iter().all(Verdict::is_err) {
            let why: Vec<String> = verdicts.into_iter().filter_map(Result::err).collect();
            let codes: Vec<String> = choice.iter().map(Code::to_string).collect();
            return Err(format!("{}: {}", codes.join("|"), why.join("; ")));
        }
    }
    always(cell, ran)
}

/// What the runs of a cell must have shown together: else a code held as nothing put it to the
/// test.
pub(crate) fn judge_together(cell: Cell, runs: &[Ran]) -> Verdict {
    let shown = |code: Code| match code {
        // Of consumers, where it is about them.
        Code::Told => runs.iter().any(|ran| {
            let reads = ran.settings.column.reads();
            ran.pages.told.iter().any(|told| !reads || told.by.0 >= FIRST_READER)
        }),
        Code::Fenced => runs.iter().any(|ran| !ran.pages.over.is_empty()),
        Code::Aborts => runs.iter().any(|ran| ran.pages.redeemed > 0),
        Code::Noticed => runs.iter().any(|ran| kept(ran).is_err()),
        _ => true,
    };
    for choice in cell.codes() {
        if !choice.iter().any(|code| shown(*code)) {
            return Err(format!("{choice:?} was not put to the test by any run"));
        }
    }
    Ok(())
}

fn holds(code: Code, ran: &Ran) -> Verdict {
    match code {
        Code::Kept => kept(ran),
        Code::Once => once(ran),
        Code::Ordered => ordered(ran),
        Code::Atomic => atomic(ran),
        Code::Fenced => fenced(ran),
        Code::Aborts => aborts(ran),
        Code::Told => told(ran),
        Code::Progress => ran.progress.clone().and_then(|()| none_of(ran, &[Invariant::J14])),
        Code::Unbroken => {
            none_of(ran, &[Invariant::J8, Invariant::J9])?;
            in_turn(ran)
        }
        Code::Exact => exact(ran),
        Code::Covered => none_of(ran, &[Invariant::Q6]),
        Code::Bounded => bounded(ran),
        Code::Ends => ends(ran),
        // Of one run nothing is asked; they are counted, or asked of all runs together.
        Code::Counted | Code::Noticed => Ok(()),
    }
}

/// What holds in each cell whatever its codes are, unless they say otherwise: nothing that was
/// acknowledged is lost, what was told to have failed is not there, transactions are whole, no
/// number of a batch means two things, and whoever has no right to be over is not.
fn always(cell: Cell, ran: &Ran) -> Verdict {
    if !cell.names(Code::Noticed) {
        kept(ran)?;
        none_of(ran, &OF_VALUES)?;
    }
    atomic(ran)?;
    if ran.settings.column.has_members() {
        in_turn(ran)?;
    }
    if ran.settings.column != Column::P {
        once(ran)?;
    }
    if let Some(wrong) = ran.pages.wrong.first() {
        return Err(wrong.clone());
    }
    // Whoever must get on does so with the producer that it has.
    let is_free = cell.names(Code::Fenced) || cell.names(Code::Told);
    let may_be_over = is_free || !cell.names(Code::Progress);
    if !may_be_over && let Some((name, _)) = ran.pages.over.first_key_value() {
        let told = ran.pages.told.iter().find(|told| told.by == *name && told.error.is_fatal());
        let why = told.map(|told| format!("{}: {}", told.call, told.error));
        return Err(format!("producer {name:?} is over: {}", why.unwrap_or_default()));
    }
    fenced_is_silent(ran)
}

/// `L`.
fn kept(ran: &Ran) -> Verdict {
    none_of(ran, &[Invariant::J2, Invariant::J3, Invariant::Q1])
}

/// `D`.
fn once(ran: &Ran) -> Verdict {
    none_of(ran, &[Invariant::J4, Invariant::Q2])?;
    match (&ran.reused, ran.duplicates()) {
        _ if ran.settings.column == Column::P && ran.duplicates() == 0 => Ok(()),
        (Some(reused), _) => Err(reused.clone()),
        (None, 0) => Ok(()),
        (None, count) => Err(format!("{count} records are stored twice")),
    }
}

/// `O`.
fn ordered(ran: &Ran) -> Verdict {
    none_of(ran, &[Invariant::J10])
}

/// `A`.
fn atomic(ran: &Ran) -> Verdict {
    let of_transactions =
        [Invariant::J5, Invariant::J7, Invariant::J12, Invariant::Q3, Invariant::Q4];
    none_of(ran, &of_transactions)?;
    for (process, offsets) in &ran.pages.offsets {
        let found = ran.committed.get(process).copied().flatten();
        offsets_are_whole(offsets, found)
            .map_err(|why| format!("offsets of process {process}: {why}"))?;
    }
    Ok(())
}

/// A group has the offsets of the last transaction that was committed, or of a later one of which
/// that is not known.
fn offsets_are_whole(offsets: &[(i64, Fate)], found: Option<i64>) -> Verdict {
    let last = offsets.iter().rposition(|(_, fate)| *fate == Fate::Committed);
    let least = last.and_then(|at| offsets.get(at)).map(|(offset, _)| *offset);
    let later = offsets.get(last.map_or(0, |at| at + 1)..).unwrap_or_default();
    let mut open = later.iter().filter(|(_, fate)| *fate == Fate::Unknown);
    if found == least || open.any(|(offset, _)| Some(*offset) == found) {
        return Ok(());
    }
    Err(format!("{found:?} is committed, and {least:?} should be, or one of {later:?}"))
}

/// `X`: what was read and what was made of it is committed together, once.
fn exact(ran: &Ran) -> Verdict {
    none_of(ran, &[Invariant::J13])?;
    let mut copies = ran.copies.clone();
    copies.sort_unstable();
    if let Some(twice) = copies.windows(2).find(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(format!("{:?} has two copies", twice.first()));
    }
    let inputs = ran.stored.iter().map(|(partition, offset, _)| (*partition, *offset));
    let without = |of: &(i32, i64)| copies.binary_search(of).is_err();
    match inputs.into_iter().find(without) {
        Some(of) => Err(format!("{of:?} has no copy")),
        None => Ok(()),
    }
}

/// Whoever processes a record, all that is before it in its partition was processed by then.
fn in_turn(ran: &Ran) -> Verdict {
    if !ran.settings.column.has_members() {
        return Ok(());
    }
    let mut open: BTreeSet<(i32, i64)> = ran.readable.iter().copied().collect();
    let operations = ran.history.operations.iter().filter(|one| one.outcome == Outcome::Ok);
    let mut polls: Vec<_> = operations
        .filter_map(|one| match &one.action {
            Action::Poll(polled) => Some((one.completed?, one.process, polled)),
            _ => None,
        })
        .collect();
    polls.sort_by_key(|(at, ..)| *at);
    for (at, process, polled) in polls {
        for stretch in &polled.stretches {
            let partition = stretch.of.partition;
            for (offset, _) in &stretch.records {
                let mut before = open.range((partition, 0)..(partition, *offset));
                if let Some((_, first)) = before.next().filter(|_| process != CLEANER) {
                    let who = format!("{process} had {partition}-{offset} at {at:?}");
                    return Err(format!("{who}, and nobody had processed {first}"));
                }
                open.remove(&(partition, *offset));
            }
        }
    }
    Ok(())
}

/// `F`.
fn fenced(ran: &Ran) -> Verdict {
    if ran.pages.over.is_empty() {
        return Err("nobody heard that it is over".to_owned());
    }
    fenced_is_silent(ran)
}

/// Nothing of a producer came into the logs after it had heard that it is over.
fn fenced_is_silent(ran: &Ran) -> Verdict {
    for (name, ends) in &ran.pages.over {
        let Some(ends) = ends else { continue };
        let late = ran.stored.iter().find(|(partition, offset, value)| {
            let end = usize::try_from(*partition).ok().and_then(|at| ends.get(at));
            ran.pages.values.get(value) == Some(name) && end.is_some_and(|end| offset >= end)
        });
        if let Some((partition, offset, value)) = late {
            return Err(format!("{name:?} was over, and {value} is at {partition}-{offset}"));
        }
    }
    Ok(())
}

/// `a`.
fn aborts(ran: &Ran) -> Verdict {
    if let Some((name, _)) = ran.pages.over.first_key_value() {
        return Err(format!("{name:?} is over"));
    }
    match ran.pages.in_debt.first() {
        Some(name) => Err(format!("{name:?} has not committed since it was told to abort")),
        None => Ok(()),
    }
}

/// `E`: what was told in time; that it was true is a matter of `J5` and `J3`.
fn told(ran: &Ran) -> Verdict {
    match ran.pages.late.first() {
        Some(late) => Err(late.clone()),
        None => none_of(ran, &[Invariant::J5]),
    }
}

/// `M`.
fn bounded(ran: &Ran) -> Verdict {
    if ran.settings.column.reads() {
        let held = usize::try_from(ran.pages.ahead_max).unwrap() * ran.settings.value_bytes;
        let limit = ran.settings.budget;
        return match held > limit {
            true => Err(format!("{held} bytes were held, and the budget is {limit}")),
            false => Ok(()),
        };
    }
    let limit = ran.settings.producer.buffer_bytes_max;
    match ran.pages.pending_max {
        most if most > limit => Err(format!("{most} bytes waited, and the buffer has {limit}")),
        _ => Ok(()),
    }
}

/// `N`.
fn ends(ran: &Ran) -> Verdict {
    let pages = &ran.pages;
    let producers = usize::try_from(ran.settings.producers).unwrap();
    let lives = pages.values.values().map(|(_, life)| life).max().map_or(0, |life| *life as usize);
    // A leader, the coordinator of each, and whoever is asked for metadata.
    let connections_max = CONNECTIONS_MAX * (producers * (1 + lives) + pages.consumers);
    let readers = usize::try_from(ran.settings.readers).unwrap();
    let each = if ran.settings.life.small_fetches { 10 * REQUESTS_MAX } else { REQUESTS_MAX };
    let requests_max = each * (producers + readers);
    let late = pages.late.first().cloned();
    let limits = [
        late,
        (ran.tasks_left > 0).then(|| format!("{} tasks are left", ran.tasks_left)),
        (ran.connections_left > 0).then(|| format!("{} connections", ran.connections_left)),
        (pages.connections_max > connections_max)
            .then(|| format!("{} connections at a time", pages.connections_max)),
        (pages.requests_max > requests_max)
            .then(|| format!("{} requests within {SECOND:?}", pages.requests_max)),
        (pages.turns_max > TURNS_MAX).then(|| format!("{} turns in {SECOND:?}", pages.turns_max)),
        (ran.done() == 0).then(|| "nothing was done".to_owned()),
    ];
    match limits.into_iter().flatten().next() {
        Some(wrong) => Err(wrong),
        None => none_of(ran, &[Invariant::Q5]),
    }
}

fn none_of(ran: &Ran, wanted: &[Invariant]) -> Verdict {
    match broken(ran, wanted) {
        Some(violation) => Err(violation.to_string()),
        None => Ok(()),
    }
}

fn broken<'a>(ran: &'a Ran, wanted: &[Invariant]) -> Option<&'a Violation> {
    ran.violations.iter().find(|found| wanted.contains(&found.invariant))
}

/// What no fault excuses.
const OF_VALUES: [Invariant; 6] =
    [Invariant::J1, Invariant::J6, Invariant::J8, Invariant::J9, Invariant::Q5, Invariant::Q6];
/// Connections of a producer at a time, those that one end has forgotten among them.
const CONNECTIONS_MAX: usize = 20;
/// Requests of a producer or a consumer within a second, unless it asks for a byte at a time.
const REQUESTS_MAX: usize = 150;
/// How often the runtime may look for something to do within a second.
const TURNS_MAX: u64 = 20_000;
