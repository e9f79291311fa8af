//! Who reads the connection for the async face: tokio's reactor, or a thread where there is no tokio.

use crate::redis::link::Link;
use crate::redis::node::Driver;
use std::io;
use std::sync::Arc;

/// Reads in a task of the runtime in which the connection is wanted, or in a thread.
pub(crate) fn driver() -> Driver {
    Arc::new(|| {
        #[cfg(feature = "tokio")]
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            return Box::new(move |link| in_tokio(&runtime, link));
        }
        Box::new(in_thread)
    })
}

fn in_thread(link: &Arc<Link>) -> io::Result<()> {
    let reading = link.clone();
    let reader = std::thread::Builder::new().name("redismutex-reader".into());
    reader.spawn(move || thread::read(&reading)).map(drop)
}

/// Without a reactor.
mod thread {
    use super::{Arc, Link};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Wake, Waker};

    /// How long a write that did not go at once may wait for the next look.
    const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    const LONG: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

    #[derive(Default)]
    struct Noted(AtomicBool);

    impl Wake for Noted {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    pub(super) fn read(link: &Arc<Link>) {
        let waker = Waker::from(Arc::new(Noted::default()));
        while !link.is_dead() && Arc::strong_count(link) > 1 {
            let left = link.flush(&mut Context::from_waker(&waker));
            let events = if left { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            let _ = poll(
                &mut [PollFd::from_borrowed_fd(link.socket(), events)],
                Some(if left { &LOOK } else { &LONG }),
            );
            while link.read_ready().is_ok_and(|drained| !drained) {}
        }
    }
}

#[cfg(feature = "tokio")]
fn in_tokio(runtime: &tokio::runtime::Handle, link: &Arc<Link>) -> io::Result<()> {
    let _entered = runtime.enter();
    drop(runtime.spawn(reactor::Watched::new(link.clone())?.drive()));
    Ok(())
}

/// With tokio's reactor.
#[cfg(feature = "tokio")]
mod reactor {
    use super::{Arc, Link};
    use std::future::poll_fn;
    use std::io::{self, ErrorKind};
    use std::task::{Context, Poll};
    use tokio::io::Interest;
    use tokio::net::{TcpStream, UnixStream};

    enum Socket {
        Tcp(TcpStream),
        Unix(UnixStream),
    }

    macro_rules! on_socket {
        ($socket:expr, $inner:ident => $do:expr) => {
            match $socket {
                Socket::Tcp($inner) => $do,
                Socket::Unix($inner) => $do,
            }
        };
    }

    /// A link as the reactor sees it: through a second handle on its socket. When the task goes, the
    /// connection goes: nobody would read it any more.
    pub(super) struct Watched {
        link: Arc<Link>,
        socket: Socket,
    }

    impl Watched {
        /// Has to be called in a runtime.
        pub(super) fn new(link: Arc<Link>) -> io::Result<Self> {
            let socket = link.handle(
                |tcp| TcpStream::from_std(tcp).map(Socket::Tcp),
                |unix| UnixStream::from_std(unix).map(Socket::Unix),
            )?;
            Ok(Self { link, socket })
        }

        /// Reads whenever there is something to read, until the link is dead.
        pub(super) async fn drive(self) {
            poll_fn(|cx| self.poll(cx)).await;
        }

        fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
            let Self { link, socket } = self;
            while on_socket!(socket, socket => socket.poll_read_ready(cx)).is_ready() {
                // An error clears the readiness; one that is more than "not now" has ended the link.
                let _ = self.try_io(Interest::READABLE, || match link.read_ready()? {
                    true => Err(ErrorKind::WouldBlock.into()),
                    false => Ok(()),
                });
                if link.is_dead() {
                    return Poll::Ready(());
                }
            }
            while link.flush(cx)
                && on_socket!(socket, socket => socket.poll_write_ready(cx)).is_ready()
            {
                let _ = self.try_io(Interest::WRITABLE, || {
                    if link.flush(cx) { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
                });
            }
            if link.is_dead() { Poll::Ready(()) } else { Poll::Pending }
        }

        fn try_io(
            &self,
            interest: Interest,
            io: impl FnOnce() -> io::Result<()>,
        ) -> io::Result<()> {
            on_socket!(&self.socket, socket => socket.try_io(interest, io))
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            self.link.fail("the runtime that read it has ended");
        }
    }
}
