//! Panics, caught and made errors, so that a client gets an answer and does not wait for ever.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Does some work. The message of a panic in it is the error.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    // State that the work shares with others is consistent between any two statements, as in `sync`.
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.map_err(|panic| message_of(&*panic))
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().copied();
    let message = literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", message.unwrap_or("it does not say why"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message() {
        assert_eq!(caught(async { 1 }).await, Ok(1));
        let literal = caught::<()>(async { panic!("a fault") }).await;
        assert_eq!(literal, Err("it panicked: a fault".to_owned()));
        let number = 2;
        let formatted = caught::<()>(async { panic!("fault {number}") }).await;
        assert_eq!(formatted, Err("it panicked: fault 2".to_owned()));
    }
}
