//! A row of the matrix.

use std::pin::Pin;

use crate::code::{Cell, Column};
use crate::ran::Ran;
use crate::settings::Settings;
use crate::world::World;

/// One fault, and what must hold in each column.
pub(crate) struct Row {
    pub(crate) number: u32,
    /// What goes wrong.
    pub(crate) what: &'static str,
    pub(crate) proof: Proof,
    /// P, I, T, G, K, R, X.
    pub(crate) expect: [Cell; 7],
    /// What its runs are set to besides what every run is.
    pub(crate) tune: fn(&mut Settings),
    /// And what those of members of groups are set to besides.
    pub(crate) tune_group: fn(&mut Settings),
    /// What lets it go wrong for members of groups, and for consumers alone, if they are run.
    pub(crate) members: Option<Inject>,
    pub(crate) readers: Option<Inject>,
    /// And for sessions.
    pub(crate) sessions: Option<Inject>,
    /// What must hold of all runs of a column together, besides the codes.
    pub(crate) also: fn(Column, &[Ran]) -> Result<(), String>,
}

/// How it is shown that it holds.
pub(crate) enum Proof {
    /// By runs in which this lets it go wrong.
    Runs(Inject),
    /// By this test or these tests, as it is no matter of what a producer does over time.
    Elsewhere(&'static str),
    /// In no column that there is.
    Nothing,
}

/// Lets something go wrong, at random moments and places.
pub(crate) type Inject = fn(&World) -> Happening<'_>;

pub(crate) type Happening<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

impl Row {
    pub(crate) const fn new(
        number: u32,
        what: &'static str,
        proof: Proof,
        expect: [Cell; 7],
    ) -> Self {
        let (tune, also): (fn(&mut Settings), _) = (|_| {}, |_: Column, _: &[Ran]| Ok(()));
        Self {
            number,
            what,
            proof,
            expect,
            tune,
            tune_group: tune,
            members: None,
            readers: None,
            sessions: None,
            also,
        }
    }

    /// The same with other settings.
    pub(crate) const fn tuned(self, tune: fn(&mut Settings)) -> Self {
        Self { tune, ..self }
    }

    /// The same, where consumers meet what producers do.
    pub(crate) fn shared(self) -> Self {
        let Proof::Runs(inject) = self.proof else { panic!("row {} has no runs", self.number) };
        self.readers(inject).members(inject)
    }

    /// The same, where members of groups meet this.
    pub(crate) fn members(self, inject: Inject) -> Self {
        Self { members: Some(inject), ..self }
    }

    /// The same, where members of groups are set so.
    pub(crate) fn grouped(self, tune_group: fn(&mut Settings)) -> Self {
        Self { tune_group, ..self }
    }

    /// The same, where consumers meet this.
    pub(crate) fn readers(self, inject: Inject) -> Self {
        Self { readers: Some(inject), ..self }
    }

    /// The same, where sessions meet what members do, or else producers.
    pub(crate) fn sessions(self) -> Self {
        let of_producers = match self.proof {
            Proof::Runs(inject) => Some(inject),
            Proof::Elsewhere(_) | Proof::Nothing => None,
        };
        Self { sessions: self.members.or(of_producers), ..self }
    }

    /// What lets it go wrong for a column, if that is run.
    pub(crate) fn inject(&self, column: Column) -> Option<Inject> {
        let is_held = self.cell(column) != Cell::Nothing;
        match (column, &self.proof) {
            (Column::G | Column::K, _) => self.members.filter(|_| is_held),
            (Column::R, _) => self.readers,
            (Column::S, _) => self.sessions,
            (_, Proof::Runs(inject)) => Some(*inject),
            (_, Proof::Elsewhere(_) | Proof::Nothing) => None,
        }
    }

    /// The same, if this holds too.
    pub(crate) const fn also(self, also: fn(Column, &[Ran]) -> Result<(), String>) -> Self {
        Self { also, ..self }
    }

    pub(crate) fn cell(&self, column: Column) -> Cell {
        let [p, i, t, g, k, r, _] = self.expect;
        match column {
            Column::P => p,
            Column::I => i,
            Column::T => t,
            Column::G => g,
            Column::K => k,
            Column::R => r,
            // It is the same that is promised, whatever goes wrong.
            Column::S if self.sessions.is_some() => Cell::Holds("X A C P"),
            Column::S => Cell::Nothing,
        }
    }
}

/// `fault!(number, "what goes wrong", inject, expect[P, I, T, G, K, R, X])`. A column holds codes
/// as text, `-` if it does not apply, or `later`. In place of `inject`: `(tests)` that show it, or
/// `-`.
macro_rules! fault {
    ($number:literal, $what:literal, -, expect[$($cell:tt),*]) => {
        $crate::row::Row::new($number, $what, $crate::row::Proof::Nothing, [$(cell!($cell)),*])
    };
    ($number:literal, $what:literal, ($tests:expr), expect[$($cell:tt),*]) => {
        $crate::row::Row::new(
            $number, $what, $crate::row::Proof::Elsewhere($tests), [$(cell!($cell)),*],
        )
    };
    ($number:literal, $what:literal, $inject:path, expect[$($cell:tt),*]) => {
        $crate::row::Row::new(
            $number,
            $what,
            $crate::row::Proof::Runs(|world| Box::pin($inject(world))),
            [$(cell!($cell)),*],
        )
    };
}

macro_rules! cell {
    (-) => {
        $crate::code::Cell::Nothing
    };
    (later) => {
        $crate::code::Cell::Later
    };
    ($codes:literal) => {
        $crate::code::Cell::Holds($codes)
    };
}

pub(crate) use {cell, fault};
