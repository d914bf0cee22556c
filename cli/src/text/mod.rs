//! Small readers of what a user types, all of them cores: escapes, times, lists. And a wait.

pub(crate) mod escape;
pub(crate) mod time;
pub(crate) mod list;
pub(crate) mod moment;

/// Why I/O failed, without the number of the operating system.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
