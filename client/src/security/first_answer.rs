//! Asks places one after the other, and the next beside a silent one.

use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

/// Asks one after the other until one has an answer: the next one begins when the one before has
/// failed, or has been silent for a second, and then both are listened to. `note` hears of each
/// failure.
pub(super) async fn first_answer<'a, P, T, F: Future<Output = io::Result<T>>>(
    places: &'a [P],
    ask: impl Fn(&'a P) -> F,
    mut note: impl FnMut(&'a P, io::Error),
) -> Option<(&'a P, T)> {
    let mut running = FuturesUnordered::new();
    let mut rest = places.iter();
    let mut next_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some((place, answer)) = running.next(), if !running.is_empty() => match answer {
                Ok(answer) => return Some((place, answer)),
                Err(error) => {
                    note(place, error);
                    next_at = Instant::now();
                }
            },
            () = sleep_until(next_at), if rest.len() > 0 => {
                running.extend(rest.next().map(|place| {
                    let answer = ask(place);
                    async move { (place, answer.await) }
                }));
                next_at = Instant::now() + HEDGE_AFTER;
            }
            else => return None,
        }
    }
}

/// How long one place may be silent before the next is asked as well.
pub(super) const HEDGE_AFTER: Duration = Duration::from_secs(1);
/// How many addresses of one name are asked.
pub(super) const ADDRESSES_MAX: usize = 8;
