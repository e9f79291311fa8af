//! What a lease is worth: the only place where a deadline is computed.
//!
//! The server counts from when it ran the request, which is never before the request was sent. Counting
//! from the sending, less the drift of the clocks, gives an end that the server's own cannot precede.

use super::Moment;
use std::time::Duration;

/// Clocks may differ in rate by one part in a hundred.
const DRIFT_PARTS: u32 = 100;
/// Milliseconds are cut off on the wire and expiry has a millisecond's grain.
const GRAIN: Duration = Duration::from_millis(2);

/// The end of a lease of which `left` was left when the server answered a request first sent at `sent`.
pub(crate) fn deadline(sent: Moment, left: Duration) -> Moment {
    (sent + (left - left / DRIFT_PARTS)).earlier(GRAIN)
}

/// What is known of the server's clock: a reply said `server_us`, and its request was sent at `sent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockReading {
    pub(crate) sent: Moment,
    pub(crate) server_us: u64,
}

/// The end of a lease of `expiry` that the server granted at its own time `granted_us`, unasked,
/// and whose message was read at `received`.
///
/// The reading ties the server's clock to ours: the grant came `granted_us - reading.server_us` after
/// the reply, and the reply came after `reading.sent`. Should the server's clock have been stepped
/// forward in between, the arrival of the message bounds the error.
///
/// `None` for a grant that is not later than the reading: the reply came from a server that had already
/// forgotten the grant, and its request may have been sent long after that.
pub(crate) fn pushed_deadline(
    reading: ClockReading,
    granted_us: u64,
    received: Moment,
    expiry: Duration,
) -> Option<Moment> {
    let between = granted_us.checked_sub(reading.server_us).filter(|us| *us > 0)?;
    let between = Duration::from_micros(between);
    let granted = (reading.sent + between).min(received);
    Some(deadline(granted, expiry).earlier(between / DRIFT_PARTS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn deadline_counts_from_the_sending_not_the_reply() {
        let sent = Moment(5_000_000_000);
        assert_eq!(deadline(sent, secs(10)), sent + Duration::from_millis(9_898));
    }

    #[test]
    fn a_lease_too_short_to_use_is_past_at_once() {
        let sent = Moment(5_000_000_000);
        assert!(deadline(sent, Duration::from_millis(1)) < sent);
    }

    #[test]
    fn a_server_clock_that_jumps_forward_cannot_lengthen_a_pushed_lease() {
        let reading = ClockReading { sent: Moment(1_000_000_000), server_us: 50 };
        let received = Moment(1_100_000_000);
        let honest = pushed_deadline(reading, 50 + 100_000, received, secs(7));
        let jumped = pushed_deadline(reading, 50 + 3_600_000_000, received, secs(7));
        assert!(jumped.unwrap() <= honest.unwrap());
    }

    #[test]
    fn a_grant_that_was_over_before_a_later_busy_reply_is_worth_nothing() {
        let reading = ClockReading { sent: Moment(1_000_000_000), server_us: 50 };
        for granted_us in [0, 49, 50] {
            let deadline = pushed_deadline(reading, granted_us, Moment(1_100_000_000), secs(7));
            assert_eq!(deadline, None);
        }
    }

    proptest! {
        /// A server whose clock runs at a rate within the allowed drift never ends the lease before we do.
        #[test]
        fn the_server_never_ends_a_pushed_lease_first(
            to_reply in 0u64..2_000_000_000,
            to_grant in 0u64..60_000_000_000,
            to_read in 0u64..5_000_000_000,
            expiry_ms in 5u64..60_000,
            rate_ppm in -4_000i64..4_000,
        ) {
            // `served` and `granted` are true times; the server's clock runs fast or slow by `rate_ppm`.
            let server = |true_ns: u64| (true_ns as i128 * (1_000_000 + i128::from(rate_ppm)) / 1_000_000) as u64;
            let sent = Moment(1_000_000_000);
            let served = sent.0 + to_reply;
            let granted = served + to_grant;
            let reading = ClockReading { sent, server_us: server(served) / 1000 };
            let expiry = Duration::from_millis(expiry_ms);
            let ours = pushed_deadline(reading, server(granted) / 1000, Moment(granted + to_read), expiry);
            let Some(ours) = ours else { return Ok(()) };
            let expiry_true = expiry_ms as i128 * 1_000_000 * 1_000_000 / (1_000_000 + i128::from(rate_ppm));
            prop_assert!(i128::from(ours.0) <= i128::from(granted) + expiry_true);
        }
    }
}
