//! The attribute macro of `redismutex`.
