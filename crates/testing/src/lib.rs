//! What integration tests share: folders that go away, other processes that play a part.

mod actors;
mod folders;

pub use actors::{
    Actor, await_signal, forked, give_up_root, own_mounts, play, role, signal, sleep_on,
};
pub use folders::{Scratch, copy_with_logs, with_end};

/// What a panic of `body` says.
#[track_caller]
pub fn panics(body: impl FnOnce()) -> String {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    let payload = payload.expect_err("a panic was expected");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().map_or("", |text| text).to_string(),
    }
}
