//! Prometheus exporter for OpenSIPS and Kamailio.
//!
//! A scrape goes one way through these modules, and none of them is visited twice:
//!
//! ```text
//! TCP client -> gate -> tiny_http -> site -> scrape -> mi -> processors -> exposition -> out
//!                                           modules
//! ```
//!
//! `README.md` beside this file says what each module knows. The library exists so that tests can
//! reach the modules; the program is the binary.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing))]

pub mod assets;
mod bytes;
pub mod check;
pub mod config;
pub mod exposition;
pub mod families;
pub mod files;
pub mod gate;
mod landing;
pub mod logging;
pub mod mi;
pub mod modules;
mod names;
mod news;
mod process;
pub mod processors;
pub mod scrape;
pub mod selection;
pub mod site;
mod sorted;
pub mod telemetry;
mod turns;
