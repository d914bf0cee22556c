//! The variables of a process's environment, such as `KRB5_CONFIG`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::Arc;

/// Where variables come from.
#[derive(Clone, Debug)]
pub(crate) enum Variables {
    /// The environment of this process, as it is when somebody asks.
    OfProcess,
    /// These, and no others.
    Given(Arc<HashMap<String, OsString>>),
}

impl Variables {
    pub(crate) fn get(&self, name: &str) -> Option<OsString> {
        match self {
            Self::OfProcess => std::env::var_os(name),
            Self::Given(known) => known.get(name).cloned(),
        }
    }
}
