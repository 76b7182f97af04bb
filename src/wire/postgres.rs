//! Messages of the Postgres protocol, version 3: a letter, four bytes of length, and a body.
//!
//! Where a message ends is asked apart from what it says: most of them pass without being looked at, and a row
//! of a gigabyte costs no more memory than a short one.

mod bodies;
mod messages;
mod place;
mod sql;
mod startup;

pub use bodies::{bind, chain, copy_failed, error, error_code, first_text, message, parse, simple_query};
pub use messages::Messages;
pub use place::{FromServer, Place, ToServer};
pub use sql::comment_length;
pub use startup::{First, first};
