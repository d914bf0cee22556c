//! How many seeds a test takes.

/// As many seeds as usual, or as `KURIER_SEEDS` asks for.
pub(crate) fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("KURIER_SEEDS").ok();
    0..asked.map_or(usual, |text| text.parse().unwrap())
}
