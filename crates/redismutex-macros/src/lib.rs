//! The attribute macro of `redismutex`, which re-exports it: depend on that crate, not on this one.
//!
//! It knows the syntax of functions and of its own options. It must not know anything of locks:
//! what it makes of a function is one call of the library, and all that can go wrong is decided
//! there.

mod body;
mod expand;
mod function;
mod key;
mod options;

use proc_macro::TokenStream;

/// Runs a function under a lock: acquired before its body begins, released before it returns.
///
/// ```no_run
/// use redismutex::{Error, RedisMutex, with_redismutex};
///
/// #[with_redismutex(mutex, key = "user:{user_id}")]
/// async fn settle(mutex: &RedisMutex, user_id: u64) -> Result<(), Error> {
///     // Nobody else is in here for the same user, on whatever machine.
///     Ok(())
/// }
/// ```
///
/// It goes on functions and methods, `async` or not, generic or not.
///
/// # The mutex
///
/// comes first: any expression that is in scope inside the function, such as an argument,
/// `self.mutex`, a `static` (in a `LazyLock`, too) or a call. An `async fn` takes a
/// `redismutex::RedisMutex`, any other function a `redismutex::blocking::RedisMutex`. It is cloned
/// before the body begins, which takes no I/O, so that the body can do with its arguments as it
/// likes:
///
/// ```no_run
/// use redismutex::blocking::RedisMutex;
/// use redismutex::{Error, with_redismutex};
///
/// struct Counter {
///     mutex: RedisMutex,
///     name: String,
///     count: u64,
/// }
///
/// impl Counter {
///     #[with_redismutex(self.mutex, key = "counter:{self.name}")]
///     fn add(&mut self, amount: u64) -> Result<u64, Error> {
///         self.count += amount;
///         Ok(self.count)
///     }
/// }
/// ```
///
/// # The key
///
/// - `key = "report"`: always this one.
/// - `key = "user:{user_id}"`, `key = "{self.shop.id}:{day:?}"`: a format string over the
///   arguments and their fields, checked by the compiler. A brace itself is written twice, so for
///   the hash tag of a cluster: `key = "{{user}}:{user_id}"`.
/// - `key = user.key()`, `key = KEY`: anything else that is `AsRef<[u8]>`, as it is.
///
/// # The settings
///
/// of the mutex can be changed for this function: `block_time`, `delay`, `expiry`, `renew`,
/// `max_hold` and `label` take what the mutex's `with_block_time` and so on take, and the arguments
/// are in scope there, too.
///
/// ```no_run
/// # use redismutex::{Error, RedisMutex, with_redismutex};
/// use std::time::Duration;
///
/// #[with_redismutex(
///     mutex,
///     key = "report",
///     block_time = patience,
///     max_hold = Duration::from_secs(600),
/// )]
/// async fn report(mutex: &RedisMutex, patience: Duration) -> Result<(), Error> {
///     Ok(())
/// }
/// ```
///
/// One more option is for those who depend on `redismutex` by another name: `crate = other_name`.
///
/// # What the function must return
///
/// is a `Result` whose error can be made from `redismutex::Error`, as the lock may not be had:
///
/// ```no_run
/// # use redismutex::{RedisMutex, with_redismutex};
/// #[derive(Debug)]
/// enum AppError {
///     Lock(redismutex::Error),
///     NotANumber(std::num::ParseIntError),
/// }
///
/// impl From<redismutex::Error> for AppError {
///     fn from(error: redismutex::Error) -> Self {
///         Self::Lock(error)
///     }
/// }
///
/// #[with_redismutex(mutex, key = "import")]
/// async fn import(mutex: &RedisMutex, line: &str) -> Result<u64, AppError> {
///     if line.is_empty() {
///         return Ok(0);
///     }
///     line.parse().map_err(AppError::NotANumber)
/// }
/// ```
///
/// - Without the lock the body does not run. `return` and `?` release it, too. After a panic, or
///   when the future is dropped, it is given back in the background.
/// - When the lock is lost, an `async` body is dropped at its next `.await`; any other body runs to
///   its end. The function then returns `Error::Lost`, unless the body failed by itself.
/// - An error of the body comes before an error of the release. A lock that turns out to be lost
///   stands in for what the body returned, as it was not protected to the end. A server that does
///   not answer the release does not: the body was done under the lock, and the background goes on.
///
/// # Good to know
///
/// - The lock knows nothing of who calls: a function that calls itself, or another one with the
///   same key, waits for itself until `block_time` is over.
/// - An attribute that makes async methods usable as `dyn` goes on the trait and its `impl`, this
///   one on the methods in the `impl`.
/// - Other functions that return a future would give the lock back before it runs, and are refused.
#[proc_macro_attribute]
pub fn with_redismutex(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match expand::expand(options.into(), item.clone()) {
        Ok(expanded) => expanded,
        // The function stays, so that the mistake is reported and not also each of its callers.
        Err(error) => [error.into_compile_error(), item].into_iter().collect(),
    }
    .into()
}
