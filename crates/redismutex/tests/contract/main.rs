//! The contract: every behaviour written once, run on each server and through each face.

#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod bad_input;
mod corners;
mod face;
mod fence;
mod lease;
mod limits;
mod looks;
mod queue;
mod runtimes;

/// Makes a test of every behaviour for every pair of server and face. A server that is not on this machine is
/// named in one line.
macro_rules! contract {
    ($($area:ident: $($behaviour:ident),+;)+) => {
        contract!(@on redis_7_0, Redis70; $($area: $($behaviour),+;)+);
        contract!(@on valkey_9_1, Valkey91; $($area: $($behaviour),+;)+);
        contract!(@on redis_6_2, Redis62; $($area: $($behaviour),+;)+);
    };
    (@on $server:ident, $flavor:ident; $($rest:tt)*) => {
        mod $server {
            contract!(@by asynchronous, Async, $flavor; $($rest)*);
            contract!(@by blocking, Blocking, $flavor; $($rest)*);
        }
    };
    (@by $module:ident, $kind:ident, $flavor:ident; $($area:ident: $($behaviour:ident),+;)+) => {
        mod $module {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    use crate::face::{Kind, Setting};
                    use redismutex_testkit::Flavor;
                    let name = concat!(stringify!($flavor), " ", stringify!($behaviour));
                    if let Some(setting) = Setting::on(Flavor::$flavor, Kind::$kind, name) {
                        crate::$area::$behaviour(&setting).await;
                    }
                }
            )+)+
        }
    };
}

contract! {
    queue: one_at_a_time, first_come_first_served, a_try_does_not_overtake_the_queue,
        block_time_zero_tries_once, block_time_is_kept, settings_of_one_call_site_are_its_own,
        the_next_has_it_when_release_returns, many_keys_share_one_connection;
    lease: expiry_frees_the_lock_of_the_dead, renewal_outlives_expiry, max_hold_ends_it,
        extend_replaces_and_never_adds, a_shorter_extension_is_not_undone_by_renewal, extend_of_what_was_lost_is_refused, release_of_what_was_lost_is_told,
        a_prefix_of_a_token_owns_nothing, deleting_the_key_is_a_loss, lost_comes_before_the_next_holder,
        leak_leaves_it_to_the_expiry, dropping_gives_back, plain_locks_and_ours_exclude_each_other,
        release_from_another_thread;
    fence: fences_grow, fences_grow_after_flushall;
    looks: the_record_is_the_plain_token, odd_keys_are_kept_verbatim, holder_and_waiters_are_seen,
        release_by_force_hands_on;
    bad_input: keys_that_cannot_be, another_type_under_the_key;
}
