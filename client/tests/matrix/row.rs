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
    /// P, I, T, G, K, X.
    pub(crate) expect: [Cell; 6],
    /// What its runs are set to besides what every run is.
    pub(crate) tune: fn(&mut Settings),
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
        expect: [Cell; 6],
    ) -> Self {
        Self { number, what, proof, expect, tune: |_| {}, also: |_, _| Ok(()) }
    }

    /// The same with other settings.
    pub(crate) const fn tuned(self, tune: fn(&mut Settings)) -> Self {
        Self { tune, ..self }
    }

    /// The same, if this holds too.
    pub(crate) const fn also(self, also: fn(Column, &[Ran]) -> Result<(), String>) -> Self {
        Self { also, ..self }
    }

    pub(crate) fn cell(&self, column: Column) -> Cell {
        let [p, i, t, ..] = self.expect;
        match column {
            Column::P => p,
            Column::I => i,
            Column::T => t,
        }
    }
}

/// `fault!(number, "what goes wrong", inject, expect[P, I, T, G, K, X])`. A column holds codes as
/// text, `-` if it does not apply, or `later`. In place of `inject`: `(tests)` that show it, or
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
