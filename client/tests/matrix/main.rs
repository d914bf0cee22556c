//! The fault matrix: what goes wrong, row by row, and what holds nevertheless, column by column.
//!
//! Each row of `RELIABILITY.md`'s matrix is one entry in code (`faults/`): its number, what goes
//! wrong, a function that lets it go wrong at random moments and places of a workload, and what
//! each column must hold as a set of codes (`code.rs`). A cell is run over seeds (`run.rs`): first
//! workload and faults, then all is well again and progress is demanded, at last the history is
//! checked and every code asked (`judge.rs`). A fault that was not seen to happen fails its row.
//! `docs/matrix.md` has the table that a run makes.
//!
//! ```sh
//! cargo test -p kurier-client --test matrix                    # a few seeds a cell
//! KURIER_SEEDS=20 cargo test -p kurier-client --test matrix    # 20
//! KURIER_ROW=27 KURIER_COLUMN=T KURIER_SEED=3 cargo test -p kurier-client --test matrix
//! KURIER_ROW=42,43 KURIER_COLUMN=G,K cargo test -p kurier-client --test matrix every_cell
//! KURIER_LOG=1 KURIER_ROW=27 KURIER_COLUMN=T KURIER_SEED=3 ...  # the same, and what clients tell
//! KURIER_BLESS=1 cargo test -p kurier-client --test matrix     # writes the table anew
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../simulation/dice.rs"]
mod dice;
#[path = "../simulation/stage.rs"]
mod stage;
mod code;
mod group;
mod settings;
mod ledger;
mod reader;
mod wall;
mod gone;
mod ahead;
mod world;
mod onward;
mod plain;
mod transactional;
mod assigned;
mod member;
mod session;
mod row;
mod faults;
mod ran;
mod judge;
mod run;
#[path = "../simulation/numbers.rs"]
mod numbers;
mod page;
mod cells;
