//! Panics of tasks, which a runtime keeps to itself.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    static SEEN: Cell<usize> = const { Cell::new(0) };
}

/// How many there were on this thread since it was first asked.
pub(super) fn count() -> usize {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            SEEN.set(SEEN.get() + 1);
            others(info);
        }));
    });
    SEEN.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_a_runtime_keeps_to_itself_is_counted() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let before = count();
        let task = runtime.spawn(async { panic!("of a task, as it must") });
        assert!(runtime.block_on(task).is_err());
        assert_eq!(count(), before + 1);
    }
}
