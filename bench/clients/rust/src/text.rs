//! What of `kurier`'s text the measurements use.

/// One line, whatever is in it.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Why I/O failed.
pub(crate) fn reason(error: &std::io::Error) -> String {
    error.to_string()
}
