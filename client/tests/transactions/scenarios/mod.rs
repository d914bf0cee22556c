//! What users of other clients met in transactions, scenario by scenario (TXN-06): each has one
//! outcome, which `docs/transactions.md` tells, and the same request is never sent in a storm.

mod scene;
mod codes;
mod ends;
mod outages;
mod moves;
mod calls;

use std::collections::BTreeSet;

#[test]
fn the_page_of_transactions_tells_the_outcome_of_each() {
    let page = include_str!("../../../../docs/transactions.md");
    let files = [
        include_str!("codes.rs"),
        include_str!("ends.rs"),
        include_str!("outages.rs"),
        include_str!("moves.rs"),
        include_str!("calls.rs"),
    ];
    let lines = files.iter().flat_map(|file| file.lines());
    let name = |line: &'static str| line.strip_prefix("async fn ")?.strip_suffix("() {");
    let tests: BTreeSet<&str> = lines.filter_map(name).collect();
    let row = |line: &'static str| line.strip_prefix("| ")?.strip_suffix("` |");
    let rows = page.lines().filter_map(row).filter_map(|row| row.rsplit_once("| `"));
    let told: Vec<&str> = rows.map(|(_, name)| name).collect();
    assert_eq!(told.len(), 34, "{told:?}");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), tests);
}
