//! What a cell of the matrix says must hold, as letters.

use std::fmt;

/// Something that must hold. The letters are those of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    /// `L`: no acknowledged record is lost; where there are readers, each is read.
    Kept,
    /// `D`: no record is there twice.
    Once,
    /// `d`: records may be there twice, and are counted.
    Counted,
    /// `O`: each partition has what a producer sent in its order.
    Ordered,
    /// `A`: a transaction is there whole or not at all, its offsets too.
    Atomic,
    /// `F`: who is shut out hears it in an error that is final, and nothing more is accepted of it.
    Fenced,
    /// `a`: the transaction is aborted, and its producer goes on.
    Aborts,
    /// `E`: the caller has an error in time, which says whether it may have been written.
    Told,
    /// `P`: everybody gets on within twice the longest timeout after all is well.
    Progress,
    /// `M`: what waits to be sent takes no more room than the buffer may.
    Bounded,
    /// `N`: nothing panics, hangs, is left behind, or spins.
    Ends,
    /// `g`: a reader gets each record after its predecessors, none twice, and none is left out.
    Unbroken,
    /// `X`: of each record there is one copy, in the transaction that commits that it was read.
    Exact,
    /// `C`: what a group has committed it has processed.
    Covered,
    /// `!`: here records may be lost, and the checker must see that they are.
    Noticed,
}

impl Code {
    const ALL: [(Self, char); 15] = [
        (Self::Kept, 'L'),
        (Self::Once, 'D'),
        (Self::Counted, 'd'),
        (Self::Ordered, 'O'),
        (Self::Atomic, 'A'),
        (Self::Fenced, 'F'),
        (Self::Aborts, 'a'),
        (Self::Told, 'E'),
        (Self::Progress, 'P'),
        (Self::Bounded, 'M'),
        (Self::Ends, 'N'),
        (Self::Unbroken, 'g'),
        (Self::Exact, 'X'),
        (Self::Covered, 'C'),
        (Self::Noticed, '!'),
    ];

    fn of(letter: char) -> Option<Self> {
        Self::ALL.iter().find(|(_, it)| *it == letter).map(|(code, _)| *code)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = Self::ALL.iter().find(|(code, _)| code == self).map(|(_, letter)| letter);
        write!(f, "{}", letter.unwrap_or(&'?'))
    }
}

/// What a column must hold in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// These codes, apart by blanks; of `F|a` one.
    Holds(&'static str),
    /// It does not apply.
    Nothing,
    /// The part of the client that it is about is not built.
    Later,
}

impl Cell {
    /// Everything that must hold: of each element one. That everything ends must hold always.
    pub(crate) fn codes(self) -> Vec<Vec<Code>> {
        let Self::Holds(text) = self else { return Vec::new() };
        let word = |word: &str| -> Vec<Code> {
            let letters = word.split('|').map(|letter| letter.chars().next().unwrap());
            letters.map(|letter| Code::of(letter).unwrap_or_else(|| panic!("{letter}"))).collect()
        };
        let mut codes: Vec<Vec<Code>> = text.split_whitespace().map(word).collect();
        if !codes.contains(&vec![Code::Ends]) {
            codes.push(vec![Code::Ends]);
        }
        codes
    }

    /// Whether a code must hold here, or may be what holds.
    pub(crate) fn names(self, code: Code) -> bool {
        self.codes().iter().flatten().any(|it| *it == code)
    }
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    /// A plain producer: acks from all, without idempotence.
    P,
    /// An idempotent one, as by default.
    I,
    /// A transactional one.
    T,
    /// Members of a classic group, to which idempotent producers write.
    G,
    /// Members of a group of KIP-848, to which idempotent producers write.
    K,
    /// Readers of assigned partitions, to which idempotent producers write.
    R,
    /// Sessions of a group, of either protocol, which copy in transactions what idempotent
    /// producers write.
    S,
}

impl Column {
    pub(crate) const ALL: [Self; 7] =
        [Self::P, Self::I, Self::T, Self::G, Self::K, Self::R, Self::S];

    /// Whether it is about consumers.
    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::G | Self::K | Self::R | Self::S)
    }

    /// Whether it is about a group.
    pub(crate) fn shares(self) -> bool {
        self.has_members() || self == Self::S
    }

    /// Whether it is about members of a group that are no sessions.
    pub(crate) fn has_members(self) -> bool {
        matches!(self, Self::G | Self::K)
    }
}

#[test]
fn a_cell_says_what_must_hold_and_that_all_ends() {
    let cell = Cell::Holds("L F|a");
    assert_eq!(
        cell.codes(),
        [vec![Code::Kept], vec![Code::Fenced, Code::Aborts], vec![Code::Ends]]
    );
    assert!(cell.names(Code::Aborts) && !cell.names(Code::Ordered));
    assert!(Cell::Nothing.codes().is_empty());
}
