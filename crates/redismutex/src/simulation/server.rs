//! The server: the simulated machine with a clock, connections and standstills around it.
//!
//! Knows how bytes become commands and who hears what was published. Must not know what a script does.

use super::dice::Dice;
use super::mistakes;
use super::network::{Call, Down, Up};
use super::plan::Plan;
use super::time::{Drifting, Nanos, SECOND, WORST_RATE};
use super::world::{Event, World};
use crate::rules::protocol::request::Arg;
use crate::rules::protocol::{Request, Script};
use redismutex_testkit::{Loaded, Reply, Simulated};

/// How those who know nothing of us give back.
const COMPARE_AND_DELETE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

pub(super) struct Server {
    pub(super) machine: Simulated,
    scripts: Vec<(Script, Loaded)>,
    compare_and_delete: Loaded,
    clock: Drifting,
    /// It was set back by so much.
    pub(super) set_back_us: u64,
    pub(super) paused_until: Nanos,
    pub(super) refuses_until: Nanos,
    /// Since when everybody can expect answers again.
    pub(super) able_since: Nanos,
}

impl Server {
    pub(super) fn new(plan: &Plan, dice: &mut Dice) -> Self {
        let mut machine = Simulated::new();
        let scripts = Script::ALL
            .map(|script| (script, machine.load(&mistakes::script(script, plan.mistake))));
        let compare_and_delete = machine.load(COMPARE_AND_DELETE);
        // Since 1970, and not on a whole second.
        let clock =
            Drifting { start: 1_790_000_000 * SECOND + 123_456_789, ppm: dice.rate(WORST_RATE) };
        Self {
            machine,
            scripts: scripts.into(),
            compare_and_delete,
            clock,
            set_back_us: 0,
            paused_until: 0,
            refuses_until: 0,
            able_since: 0,
        }
    }

    /// Its clock at a true time, in microseconds.
    pub(super) fn us(&self, now: Nanos) -> u64 {
        self.clock.shows(now).0 / 1000 - self.set_back_us
    }

    /// The true time by which its clock has reached a millisecond.
    pub(super) fn when_ms(&self, ms: u64) -> Nanos {
        self.clock.when(crate::rules::Moment((ms * 1000 + self.set_back_us) * 1000))
    }

    pub(super) fn look(&self, now: Nanos) {
        self.machine.set_time(self.us(now));
    }

    fn run(&self, call: &Call, names: impl Fn(usize) -> Vec<u8>) -> Reply {
        match call {
            Call::Ping => self.machine.command(&[b"PING"]),
            Call::Take { key, token, expiry } => {
                let ms = expiry.as_millis().to_string();
                let key = names(*key);
                self.machine.command(&[b"SET", &key, token.as_bytes(), b"NX", b"PX", ms.as_bytes()])
            }
            Call::GiveUp { key, token } => {
                let args = [token.as_bytes().to_vec()];
                self.machine.run(self.compare_and_delete, &[names(*key)], &args)
            }
            Call::Lock(request) => {
                let script = request.script();
                let loaded = self.scripts.iter().find(|(known, _)| *known == script);
                let keys: Vec<_> = request.keys().map(<[u8]>::to_vec).collect();
                let args = arguments(request);
                self.machine.run(loaded.expect("all are loaded").1, &keys, &args)
            }
        }
    }
}

/// ARGV of a request, as it is written.
pub(super) fn arguments(request: &Request) -> Vec<Vec<u8>> {
    let written = |arg: Arg<'_>| {
        let mut bytes = Vec::new();
        arg.pieces(|pieces| bytes = pieces.concat());
        bytes
    };
    request.args().map(written).collect()
}

impl World {
    /// Bytes came.
    pub(super) fn at_server(&mut self, wire: usize, up: Up, landed: bool) {
        if !landed && self.is_lost_up(wire) {
            return;
        }
        if self.now < self.server.paused_until {
            let until = self.server.paused_until;
            return self.put_off(until, Event::ToServer { wire, up, landed: true });
        }
        if !self.wires[wire].is_served {
            return;
        }
        match up {
            Up::Closed => self.end_service(wire),
            Up::Open { .. } if self.now < self.server.refuses_until => {
                self.wires[wire].is_served = false;
                self.send_down(wire, Down::Refused);
            }
            Up::Open { channel } => {
                if let Some(channel) = channel {
                    self.subscribe(wire, channel);
                }
                self.send_down(wire, Down::Opened);
            }
            Up::Subscribe(channel) => {
                self.subscribe(wire, channel);
                self.send_down(wire, Down::Subscribed);
            }
            Up::Ask(call) => self.serve(wire, &call),
        }
    }

    fn serve(&mut self, wire: usize, call: &Call) {
        self.server.look(self.now);
        let before = self.before(call);
        let keys = &self.judge.keys;
        let reply = self.server.run(call, |key| keys[key].lock.as_bytes().to_vec());
        self.tally.scripts += u64::from(!matches!(call, Call::Ping));
        let published = self.server.machine.published();
        self.after(wire, call, before, &reply, &published);
        let own = if self.plan.pushes_follow { Some(wire) } else { None };
        let mut followed = Vec::new();
        for it in &published {
            for hearer in self.hearers(&it.channel) {
                if Some(hearer) == own {
                    followed.push(it.message.clone());
                } else {
                    self.send_down(hearer, Down::Push(it.message.clone()));
                }
            }
        }
        self.send_down(wire, Down::Reply(reply));
        for message in followed {
            self.send_down(wire, Down::Push(message));
        }
    }

    fn hearers(&self, channel: &[u8]) -> Vec<usize> {
        let hears = |wire: &usize| {
            let wire = &self.wires[*wire];
            wire.is_served && wire.channel.as_deref() == Some(channel)
        };
        (0..self.wires.len()).filter(hears).collect()
    }

    fn subscribe(&mut self, wire: usize, channel: Vec<u8>) {
        if self.wires[wire].channel.is_none() {
            self.server.machine.subscribe(&channel);
            self.wires[wire].channel = Some(channel);
        }
    }

    /// The server forgets a connection.
    pub(super) fn end_service(&mut self, wire: usize) {
        let it = &mut self.wires[wire];
        if std::mem::replace(&mut it.is_served, false)
            && let Some(channel) = it.channel.take()
        {
            self.server.machine.unsubscribe(&channel);
        }
    }
}
