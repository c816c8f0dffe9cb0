//! Beside real programs, of Debian packages that each test names. `make e2e` and `make
//! package-test` run them.

#[path = "../support/mod.rs"]
mod support;

mod activation;
mod auto;
mod browser;
mod fifo_users;
mod kamailio;
mod package;
mod printed_files;
mod prometheus;
mod real_kamailio;
