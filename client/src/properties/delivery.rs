//! How a producer's delivery timeout and its request timeout are made to fit. *core*

use crate::producer::ProducerConfig;

/// By which names they were set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DeliveryNames {
    /// The delivery timeout was set by its name.
    is_set: bool,
    /// One of both was set by a name that librdkafka alone has.
    are_librdkafkas: bool,
}

impl DeliveryNames {
    /// A setting of this name was set.
    pub(super) fn note(&mut self, name: &str) {
        self.is_set |= matches!(name, "delivery.timeout.ms" | "message.timeout.ms");
        self.are_librdkafkas |= matches!(name, "message.timeout.ms" | "socket.timeout.ms");
    }

    /// As Java, raises a delivery timeout that nobody set to what linger and request timeout need.
    /// As librdkafka, whose message timeout may be the shorter one, lets a request end with its
    /// records.
    pub(super) fn fit(self, config: &mut ProducerConfig) {
        let least = config.delivery_timeout_least();
        if config.delivery_timeout >= least {
            return;
        }
        if !self.is_set && config.delivery_timeout == ProducerConfig::default().delivery_timeout {
            config.delivery_timeout = least;
        } else if self.are_librdkafkas {
            let rest = config.delivery_timeout.saturating_sub(config.linger);
            if !rest.is_zero() {
                config.request_timeout = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::settings::Properties;

    /// The request timeout and the delivery timeout of these settings, in milliseconds.
    #[track_caller]
    fn check(pairs: &[(&str, &str)], wanted: (u64, u64)) {
        let config = Properties::from_pairs(pairs.iter().copied()).unwrap().producer_config();
        let found = (config.request_timeout, config.delivery_timeout);
        assert_eq!(found, (Duration::from_millis(wanted.0), Duration::from_millis(wanted.1)));
        config.validate().unwrap();
    }

    #[test]
    fn what_librdkafka_takes_fits() {
        let (socket, message) = (("socket.timeout.ms", "60000"), ("message.timeout.ms", "30000"));
        check(&[socket, message], (29_995, 30_000));
        check(&[message, socket], (29_995, 30_000));
        check(&[("message.timeout.ms", "1000"), ("linger.ms", "0")], (1000, 1000));
        check(&[("message.timeout.ms", "200000"), socket], (60_000, 200_000));
    }

    #[test]
    fn a_delivery_timeout_that_nobody_set_is_raised_as_in_java() {
        check(&[], (30_000, 120_000));
        check(&[("request.timeout.ms", "200000"), ("linger.ms", "10")], (200_000, 200_010));
    }

    #[test]
    fn what_java_refuses_is_refused_with_the_remedy() {
        let pairs = [("delivery.timeout.ms", "1000")];
        let config = Properties::from_pairs(pairs).unwrap().producer_config();
        let error = config.validate().unwrap_err().to_string();
        for part in ["1s is less than linger.ms plus request.timeout.ms", "30.005s", "; raise"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
