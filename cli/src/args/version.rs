//! What `--version` tells: the version, of which commit it is where that is known, and what is
//! built in.

use std::sync::LazyLock;

use kurier_client::Compression;
use kurier_client::security::{HAS_TLS, MECHANISMS};

/// The version and the commit, then SASL mechanisms, TLS and codecs.
pub(super) static LONG: LazyLock<String> = LazyLock::new(|| {
    let codecs = Compression::ALL.iter().filter(|codec| codec.is_built());
    let codecs: Vec<String> = codecs.map(ToString::to_string).collect();
    format!(
        "{}{}\nSASL mechanisms: {}\nTLS: {}\ncodecs: {}",
        env!("CARGO_PKG_VERSION"),
        option_env!("KURIER_COMMIT").map(|commit| format!(" ({commit})")).unwrap_or_default(),
        MECHANISMS.join(", "),
        if HAS_TLS { "yes" } else { "no" },
        codecs.join(", ")
    )
});
