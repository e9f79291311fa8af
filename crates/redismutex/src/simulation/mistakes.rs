//! Mistakes made on purpose, to see that the judge finds them.
//!
//! Scripts are not edited but replaced or begun otherwise, so that no mistake depends on their wording.

use crate::rules::protocol::Script;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    /// A lease counts from the reply instead of from the sending.
    CountsFromTheReply,
    /// A pushed lease counts from when its message was read.
    CountsFromTheMessage,
    /// A lease is trusted to its last moment, as if all clocks ran alike.
    TrustsItsClock,
    /// Whoever holds believes in it until it lets go.
    IgnoresItsDeadline,
    /// A release deletes the record, whoever's it is.
    ReleasesAnybodys,
    /// A release deletes the record and leaves those who wait alone.
    WakesNobody,
    /// Whoever waits listens, and looks at no clock until its block time is over.
    OnlyListens,
    /// Whoever is told that it is among the first goes on to sleep.
    DeafToHints,
    /// Whoever asks while the lock is free gets it, whoever waits.
    Overtakes,
    /// A fence does not look at the one before.
    ForgetsTheFence,
    /// An acquisition that is given up is not undone.
    GivesNothingBack,
    /// A renewal counts although nobody has answered it.
    TakesSilenceForSuccess,
}

/// The script that the server is given.
pub(super) fn script(script: Script, mistake: Option<Mistake>) -> String {
    let source = script.source();
    match (script, mistake) {
        (Script::Release, Some(Mistake::ReleasesAnybodys)) => {
            "if ARGV[2] then redis.call('ZREM', KEYS[2], ARGV[2]) end return redis.call('DEL', KEYS[1])".to_owned()
        }
        (Script::Release, Some(Mistake::WakesNobody)) => {
            "if ARGV[2] then redis.call('ZREM', KEYS[2], ARGV[2]) end \
             if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])"
                .to_owned()
        }
        (Script::Acquire, Some(Mistake::Overtakes)) => {
            format!("redis.pcall('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])\n{source}")
        }
        (Script::Acquire, Some(Mistake::ForgetsTheFence)) => {
            format!("redis.call('DEL', KEYS[4])\n{source}")
        }
        _ => source.to_owned(),
    }
}
