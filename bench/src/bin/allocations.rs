//! Prints a line for each cell: task, who, allocations in one go.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    for cell in kurier_bench::cells() {
        let region = Region::new(ALLOCATOR);
        (cell.run)();
        let stats = region.change();
        println!("{}\t{}\t{}", cell.task, cell.who, stats.allocations + stats.reallocations);
    }
}
