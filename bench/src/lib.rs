//! The codec of Kurier beside its peers and beside bare loops: same bytes, same run.
//!
//! `times` measures how long each cell takes, and says whether what must be reached is reached;
//! `allocations` counts what each allocates. The cells are the same.

#[path = "../../protocol/benches/inputs/mod.rs"]
pub mod inputs;
pub mod cell;
pub mod ours;
pub mod peers;
pub mod bounds;

use cell::Cell;

/// All cells, ours first.
#[must_use]
pub fn cells() -> Vec<Cell> {
    let mut cells = ours::cells();
    cells.extend(peers::cells());
    cells.sort_by_key(|cell| cell.task);
    cells
}
