//! redismutex
