//! Running a future on the calling thread, which reads the connection itself while it waits.
//!
//! That spares the two thread hops of a runtime: between the caller and the socket there is nobody.

use super::timer;
#[cfg(feature = "blocking")]
use super::timer::Alarms;
use crate::redis::clock;
use crate::redis::node::Node;
use crate::redis::turn::Flag;
use crate::rules::Moment;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often a wait looks whether it is to be given up.
const LOOK: Duration = Duration::from_millis(50);

thread_local! {
    static FLAG: (Arc<Flag>, Waker) = {
        let flag = Flag::new();
        (flag.clone(), Waker::from(flag))
    };
}

/// Asked now and then during a wait; `true` ends it.
pub(crate) type Interrupt<'a> = Option<&'a mut dyn FnMut() -> bool>;

/// What the future gives, or `None` where it was interrupted.
pub(crate) fn block_on<T>(
    node: &Node,
    interrupt: Interrupt<'_>,
    future: impl Future<Output = T>,
) -> Option<T> {
    poll_between(|flag, until| sleep(node, flag, until), interrupt, future)
}

/// What a future that waits for no connection gives, or `None` where it has not by then.
#[cfg(feature = "blocking")]
pub(crate) fn park_until<T>(until: Moment, future: impl Future<Output = T>) -> Option<T> {
    poll_between(park, None, Alarms::Own.within(until, future)).flatten()
}

/// Polls the future, and sleeps until it is woken or wants to be polled again.
fn poll_between<T>(
    sleep: impl Fn(&Arc<Flag>, Moment),
    mut interrupt: Interrupt<'_>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let (flag, waker) = FLAG.with(|(flag, waker)| (flag.clone(), waker.clone()));
    let mut future = pin!(future);
    loop {
        flag.take();
        timer::reset_next_poll();
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        let mut until = timer::next_poll();
        if interrupt.is_some() {
            until = until.min(clock::now() + LOOK);
        }
        sleep(&flag, until);
        if let Some(interrupt) = &mut interrupt
            && interrupt()
        {
            return None;
        }
    }
}

fn sleep(node: &Node, flag: &Arc<Flag>, until: Moment) {
    match node.current().filter(|_| node.is_led()) {
        Some(link) => link.wait(flag, until),
        None => park(flag, until),
    }
}

fn park(flag: &Arc<Flag>, until: Moment) {
    if !flag.is_raised() {
        std::thread::park_timeout(clock::now().until(until));
    }
}
