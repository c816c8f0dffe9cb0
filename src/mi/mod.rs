//! The server's Management Interface (MI): a request in, statistics or an [`Error`] out.
//!
//! `transport` moves bytes, `wire` gives them meaning, `split` says how to ask for what is too
//! large for one reply, `server` holds what is known of the server, and the [`Client`] puts them
//! together. This room knows neither what the statistics mean and how Prometheus calls them, nor
//! the flags.

mod caller;
mod client;
mod deadline;
mod error;
mod retry;
mod server;
mod split;
mod transport;
mod wire;

pub use client::Client;
pub use deadline::Deadline;
pub use error::{CommandError, Error};
pub use server::{Call, Command, Process};
pub use split::{Reading, Wanted, groups_of_processes};
pub use transport::{Endpoint, Login, Places, ReplyDirectory, Target};
pub use wire::{Content, Dialect, Product, Refused, Statistic, Unparsed, Value, line};
