//! The mechanism of the Python package `redismutex`.
//!
//! Knows: Python objects on one side, the library on the other, and how to wait without holding the
//! interpreter. Must not know: what users see. Names, defaults and manners are Python's, in
//! `python/redismutex`; the rules are the library's.

mod asynchronous;
mod blocking;
mod convert;
mod errors;
mod kept;
mod operation;
mod place;
mod reactor;
mod rules;
mod server;
mod signals;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {
    use super::*;

    #[pymodule_export]
    use super::asynchronous::{AsyncGuard, AsyncMutex};
    #[pymodule_export]
    use super::blocking::{Guard, Mutex};
    #[pymodule_export]
    use super::kept::settle;
    #[pymodule_export]
    use super::operation::Operation;
    #[pymodule_export]
    use super::reactor::Reactor;
    #[pymodule_export]
    use super::rules::{
        Acquiring, Call, Releasing, Tenure, Wanted, inspect, inspected, now, release, released,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
