//! The module `sockets_mgm`: the sockets that a database tells (OpenSIPS 3.6 and 4.0,
//! `modules/sockets_mgm/sockets_mgm.c`, not seen on a running server).

use super::Processor;
use super::state::{Reading, listing, metric, records};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "sockets_mgm",
    listings: &[listing(&["sockets_list", "sockets_mgm:list"], &[], &[records(&[], &[
        metric("opensips_sockets_mgm_sockets", "Sockets loaded from a database now (sockets_list)",
            Reading::CountOf(&[])),
    ])])],
    ..Processor::NONE
};
