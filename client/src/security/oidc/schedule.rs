//! When to fetch the next token. *Core.*

use std::time::Duration;

use super::settings::OidcConfig;

/// How long after a token was fetched the next one is: after a part of its life, but not too soon
/// and not too close to its end, unless it lives too shortly for both (Java's rule). `chance` is
/// from 0 to 1.
pub(super) fn refresh_after(lifetime: Duration, config: &OidcConfig, chance: f64) -> Duration {
    let part = config.refresh_window_factor + config.refresh_jitter * chance;
    let due = lifetime.mul_f64(part.clamp(0.0, 1.0));
    let (soonest, buffer) = (config.refresh_period_min, config.refresh_buffer);
    match lifetime.checked_sub(soonest.saturating_add(buffer)) {
        Some(_) => due.clamp(soonest, lifetime - buffer),
        None => due,
    }
}

#[cfg(test)]
mod tests {
    use kurier_auth::Secret;

    use super::*;

    #[test]
    fn a_token_is_renewed_in_time_as_javas_client_does_it() {
        let config = OidcConfig::new("https://idp", "id", Secret::new("x"));
        let after = |seconds, chance| {
            refresh_after(Duration::from_secs(seconds), &config, chance).as_secs()
        };
        assert_eq!(after(3600, 0.0), 2880);
        assert_eq!(after(3600, 1.0), 3060);
        assert_eq!(after(1000, 0.0), 700, "five minutes before its end");
        assert_eq!(after(360, 0.0), 60, "the least that allows both");
        assert_eq!(after(359, 0.0), 287, "too short for either");
        assert_eq!(after(0, 1.0), 0);
        let config = OidcConfig { refresh_window_factor: 0.5, ..config };
        let half = refresh_after(Duration::from_secs(100_000), &config, 0.0);
        assert_eq!(half.as_secs(), 50_000);
        let late = OidcConfig { refresh_period_min: Duration::from_secs(900), ..config };
        assert_eq!(refresh_after(Duration::from_secs(1300), &late, 0.0).as_secs(), 900);
    }
}
