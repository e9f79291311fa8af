//! Which reply answers which request.
//!
//! A server answers in order, so a queue would do, but for two things: pushes answer nothing, and
//! a subscription is answered once per channel, in RESP3 by pushes. Knows messages, no sockets.
//! `CLIENT REPLY OFF` and `SKIP` are not understood.

use std::collections::VecDeque;
use std::sync::Arc;

use super::rule::Armed;
use crate::admin::confirms_subscription;
use crate::resp::Reply;

/// What to do with a reply when it comes.
#[derive(Clone, Default)]
pub(super) enum Plan {
    /// Hand it on.
    #[default]
    Pass,
    /// The client did not ask: lose it.
    Swallow,
    /// Carry out the rule's action.
    Act(Arc<Armed>),
}

/// What a message from the server is.
pub(super) enum Meaning {
    Answer(Plan),
    Push,
    /// Nobody asked, yet it is no push: "max number of clients reached".
    Unasked,
}

struct Expected {
    answers: usize,
    subscription: bool,
    plan: Plan,
}

/// The requests of one connection that wait for their replies.
#[derive(Default)]
pub(super) struct Pending {
    queue: VecDeque<Expected>,
    /// From the first subscription on, a RESP2 connection may get messages in the form of arrays.
    has_subscribed: bool,
}

impl Pending {
    /// Must be called before the request is sent, or its reply could come first.
    pub(super) fn expect(&mut self, args: &[Vec<u8>], plan: Plan) {
        let name = args.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let subscription = name.ends_with(b"subscribe");
        self.has_subscribed |= subscription;
        let answers = if subscription { (args.len() - 1).max(1) } else { 1 };
        self.queue.push_back(Expected { answers, subscription, plan });
    }

    pub(super) fn meaning(&mut self, message: &Reply) -> Meaning {
        if confirms_subscription(message) {
            return match self.queue.front_mut() {
                Some(front) if front.subscription => {
                    front.answers -= 1;
                    let plan = std::mem::take(&mut front.plan);
                    if front.answers == 0 {
                        self.queue.pop_front();
                    }
                    Meaning::Answer(plan)
                }
                // The second and further answers to an UNSUBSCRIBE of everything.
                _ => Meaning::Push,
            };
        }
        if matches!(message, Reply::Push(_)) || (self.has_subscribed && is_message(message)) {
            return Meaning::Push;
        }
        self.queue.pop_front().map_or(Meaning::Unasked, |front| Meaning::Answer(front.plan))
    }
}

/// Whether it is what a RESP2 subscription delivers.
fn is_message(message: &Reply) -> bool {
    let parts = message.parts();
    let kind = parts.first().and_then(Reply::text);
    match kind.as_deref() {
        Some("message" | "smessage") => parts.len() == 3,
        Some("pmessage") => parts.len() == 4,
        _ => false,
    }
}
