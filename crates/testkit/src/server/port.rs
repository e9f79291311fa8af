//! A loopback port that stays ours while the server behind it comes and goes.
//!
//! Knows sockets only.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, setsockopt, socket, sockopt,
};

/// A port number, kept from everybody but the server.
///
/// A free port that was merely looked up may be gone again before the server takes it, and after
/// a crash another test's server could take it and answer in the first one's place. So a socket
/// stays bound to it. It never listens, so that connecting is refused while no server runs, and
/// it permits address reuse, so that Linux lets the server, which does so too, listen beside it.
pub(super) struct Port {
    number: u16,
    _kept: Option<OwnedFd>,
}

impl Port {
    pub(super) fn reserve() -> io::Result<Self> {
        let kept = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
        // Not SOCK_CLOEXEC, which macOS lacks.
        fcntl(&kept, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        setsockopt(&kept, sockopt::ReuseAddr, &true)?;
        bind(kept.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0))?;
        let address: SockaddrIn = getsockname(kept.as_raw_fd())?;
        // Other systems do not let two sockets share a port this way: there, take the risk.
        let kept = cfg!(target_os = "linux").then_some(kept);
        Ok(Self { number: address.port(), _kept: kept })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }
}
