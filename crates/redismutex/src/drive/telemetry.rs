//! What is told to the outside: events through `tracing`, numbers through `metrics`, each behind its
//! feature. The only module that knows either. Owner tokens are never told.

use crate::rules::acquire::Failure;
use crate::rules::fence::Fence;
use crate::rules::protocol::Names;
use crate::rules::release::Outcome;
use std::time::Duration;

pub(super) fn acquired(names: &Names, waited: Duration, tries: u32, fence: Option<Fence>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        key = %names.lock,
        waited_ms = waited.as_millis() as u64,
        tries,
        fence = fence.map(u64::from),
        "acquired"
    );
    #[cfg(feature = "metrics")]
    {
        metrics::counter!("redismutex_acquired_total").increment(1);
        metrics::histogram!("redismutex_wait_seconds").record(waited.as_secs_f64());
    }
    let _ = (names, waited, tries, fence);
}

pub(super) fn not_acquired(names: &Names, failure: &Failure) {
    #[cfg(feature = "tracing")]
    match failure {
        Failure::Busy => tracing::debug!(key = %names.lock, "busy"),
        Failure::Unavailable(fault) | Failure::Hopeless(fault) => {
            tracing::warn!(key = %names.lock, %fault, "no answer to an acquire");
        }
    }
    #[cfg(feature = "metrics")]
    match failure {
        Failure::Busy => metrics::counter!("redismutex_busy_total").increment(1),
        _ => metrics::counter!("redismutex_unavailable_total").increment(1),
    }
    let _ = (names, failure);
}

pub(super) fn released(names: &Names, released: &Outcome) {
    #[cfg(feature = "tracing")]
    match released {
        Outcome::Released => tracing::debug!(key = %names.lock, "released"),
        Outcome::Lost => tracing::warn!(key = %names.lock, "was not ours any more when released"),
        Outcome::Unknown(fault) | Outcome::Denied(fault) => {
            tracing::warn!(key = %names.lock, %fault, "not released yet");
        }
    }
    let _ = (names, released);
}

/// A lease was kept alive.
pub(super) fn renewed(names: &Names) {
    #[cfg(feature = "tracing")]
    tracing::trace!(key = %names.lock, "renewed");
    #[cfg(feature = "metrics")]
    metrics::counter!("redismutex_renewed_total").increment(1);
    let _ = names;
}

/// A lease was found to be gone while it was held.
pub(super) fn lost(names: &Names) {
    #[cfg(feature = "tracing")]
    tracing::warn!(key = %names.lock, "lost while it was held");
    #[cfg(feature = "metrics")]
    metrics::counter!("redismutex_lost_total").increment(1);
    let _ = names;
}

/// Something was given back by the background.
pub(super) fn released_late(names: &Names) {
    #[cfg(feature = "tracing")]
    tracing::debug!(key = %names.lock, "released late");
    #[cfg(feature = "metrics")]
    metrics::counter!("redismutex_released_late_total").increment(1);
    let _ = names;
}
