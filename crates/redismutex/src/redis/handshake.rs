//! Opening a connection: find the server, say who we are, see what it can do.

use super::address::{Address, Place};
use super::clock;
use super::encode::pack;
use super::hub::Hub;
use super::link::{Link, Unclaimed};
use super::slot::Reply;
use super::turn::Flag;
use super::wire::{Socket, Wire};
use crate::rules::Moment;
use crate::rules::protocol::{Fault, FaultKind, Item, Script};
use std::future::Future;
use std::net::{TcpStream, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How long opening may take in all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What a connection is opened for.
pub(super) struct Opening<'a> {
    pub(super) address: &'a Address,
    /// The channel to listen on from the beginning, where there was one before.
    pub(super) channel: Option<&'a str>,
    pub(super) hub: Arc<Hub>,
    pub(super) unclaimed: Unclaimed,
}

impl Opening<'_> {
    /// Opens it, blocking.
    pub(super) fn open(self) -> Result<Arc<Link>, Fault> {
        let until = clock::now() + PATIENCE;
        let wire = connect(self.address, until).map_err(|why| self.unreachable(&why))?;
        let link = Link::new(wire, self.hub.clone(), self.unclaimed.clone());
        match self.greet(&link, until) {
            Ok(()) => Ok(link),
            Err(fault) => {
                link.fail("it was refused");
                Err(self.refused(fault))
            }
        }
    }

    /// Says which server it was; whoever cannot be reached is named already.
    fn refused(&self, fault: Fault) -> Fault {
        match fault.kind {
            FaultKind::NotSent => fault,
            kind => Fault::new(kind, format!("{} refuses us: {fault}", self.address)),
        }
    }

    fn unreachable(&self, why: &str) -> Fault {
        Fault::new(FaultKind::NotSent, format!("no connection to {}: {why}", self.address))
    }

    fn greet(&self, link: &Arc<Link>, until: Moment) -> Result<(), Fault> {
        let (user, password) = self.who()?;
        self.introduce(link, user.as_deref(), password.as_deref(), until)?;
        let database = self.address.database.to_string();
        let select = (self.address.database != 0)
            .then(|| link.ask(&pack(&[b"SELECT", database.as_bytes()])));
        // Loaded beforehand, a script costs no second request at its first use. Not being allowed to is fine.
        let scripts = [Script::Acquire, Script::Extend, Script::Release]
            .map(|script| link.ask(&pack(&[b"SCRIPT", b"LOAD", script.source().as_bytes()])));
        let subscription = self
            .channel
            .filter(|_| link.pushes.load(Ordering::Acquire))
            .map(|channel| link.subscribe(channel));
        if let Some(select) = select {
            self.await_reply(link, select, until)?;
        }
        for reply in scripts.into_iter().chain(subscription) {
            match self.await_reply(link, reply, until) {
                Err(fault) if fault.kind == FaultKind::NotSent => return Err(fault),
                _ => {}
            }
        }
        Ok(())
    }

    /// HELLO brings messages over the same connection; servers and proxies that do not know it are
    /// greeted in the old way and polled.
    fn introduce(
        &self,
        link: &Arc<Link>,
        user: Option<&str>,
        password: Option<&str>,
        until: Moment,
    ) -> Result<(), Fault> {
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if let Some(password) = password {
            let user = user.unwrap_or("default");
            hello.extend([b"AUTH", user.as_bytes(), password.as_bytes()]);
        }
        match self.await_reply(link, link.ask(&pack(&hello)), until) {
            Ok(_) => {
                link.pushes.store(true, Ordering::Release);
                return Ok(());
            }
            Err(fault)
                if fault.kind != FaultKind::Nonsense && !fault.message.starts_with("NOPERM") =>
            {
                return Err(fault);
            }
            Err(_) => {}
        }
        let auth: Vec<&[u8]> = match (user, password) {
            (_, None) => vec![b"PING"],
            (None, Some(password)) => vec![b"AUTH", password.as_bytes()],
            (Some(user), Some(password)) => vec![b"AUTH", user.as_bytes(), password.as_bytes()],
        };
        match self.await_reply(link, link.ask(&pack(&auth)), until) {
            // Not allowed to PING: so be it, that was only to see an answer.
            Err(fault) if fault.message.starts_with("NOPERM") => Ok(()),
            other => other.map(drop),
        }
    }

    fn who(&self) -> Result<(Option<String>, Option<String>), Fault> {
        match &self.address.credentials {
            None => Ok((self.address.user.clone(), self.address.password.clone())),
            Some(credentials) => credentials().map_err(|why| self.unreachable(&why)),
        }
    }

    /// Nothing that is said while greeting needs to be undone, so whatever stops it means "not sent".
    fn await_reply(
        &self,
        link: &Arc<Link>,
        mut reply: Reply,
        until: Moment,
    ) -> Result<Item, Fault> {
        let flag = Flag::new();
        let waker = Waker::from(flag.clone());
        loop {
            flag.take();
            match Pin::new(&mut reply).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(Err(fault)) if fault.may_have_run() => {
                    return Err(self.unreachable(&fault.message));
                }
                Poll::Ready(Err(fault)) if fault.message.contains("max number of clients") => {
                    return Err(self.unreachable(&fault.message));
                }
                Poll::Ready(answer) => return answer,
                Poll::Pending if clock::now() >= until => {
                    return Err(self.unreachable(&format!("no answer within {PATIENCE:?}")));
                }
                Poll::Pending => link.wait(&flag, until),
            }
        }
    }
}

fn connect(address: &Address, until: Moment) -> Result<Wire, String> {
    match &address.place {
        #[cfg(unix)]
        Place::Unix(path) => {
            let socket =
                std::os::unix::net::UnixStream::connect(path).map_err(|error| error.to_string())?;
            prepared(Socket::Unix(socket)).map(Wire::plain)
        }
        #[cfg(not(unix))]
        Place::Unix(_) => Err("this system has no unix sockets".into()),
        Place::Tcp { host, port, encrypted } => {
            let stream = dial(host, *port, until)?;
            // Small requests must leave at once; a peer that vanished must be noticed.
            let _ = stream.set_nodelay(true);
            let keep_alive = socket2::TcpKeepalive::new().with_time(KEEP_ALIVE);
            let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
            let wire = Wire::plain(prepared(Socket::Tcp(stream))?);
            if *encrypted { encrypt(wire, host, address) } else { Ok(wire) }
        }
    }
}

/// Tries one address after the other; one that does not answer leaves the rest their share of the time.
fn dial(host: &str, port: u16, until: Moment) -> Result<TcpStream, String> {
    let mut why = "the name has no address".to_owned();
    let places: Vec<_> = (host, port).to_socket_addrs().map_err(|e| e.to_string())?.collect();
    for (place, rest) in places.iter().zip((1..=places.len() as u32).rev()) {
        let share = (clock::now().until(until) / rest).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(place, share) {
            Ok(stream) => return Ok(stream),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

fn prepared(socket: Socket) -> Result<Socket, String> {
    socket.set_write_timeout(PATIENCE).map_err(|error| error.to_string())?;
    Ok(socket)
}

#[cfg(feature = "tls-rustls")]
fn encrypt(mut wire: Wire, host: &str, address: &Address) -> Result<Wire, String> {
    wire.tls = Some(super::tls::Session::new(host, &address.tls)?);
    Ok(wire)
}

#[cfg(not(feature = "tls-rustls"))]
fn encrypt(_: Wire, _: &str, _: &Address) -> Result<Wire, String> {
    Err("encryption needs the feature tls-rustls".into())
}
