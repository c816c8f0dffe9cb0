//! The group `load`, in percent: per SIP socket up to 2.3, per process and in all since 2.4
//! (OpenSIPS, `statistics.c` and `pt_load.c`).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor { group: "load", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    // IPv6 addresses stand in brackets.
    gauge("opensips_load_load",
        "Percent of the processes of a SIP socket that are busy now \
         (load:<protocol>:<ip>:<port>-load)",
        &["ip", "port", "protocol"],
        &[
            ("{protocol}:[{ip}]:{port}-load", &["{ip}", "{port}", "{protocol}"]),
            ("{protocol}:{ip}:{port}-load", &["{ip}", "{port}", "{protocol}"]),
        ]),
    gauge("opensips_load_tcp_load",
        "Percent of the TCP processes that are busy now (load:tcp-load)",
        &[], &[("tcp-load", &[])]),
    gauge("opensips_load_core",
        "Load of the processes that handle SIP traffic now, in percent (load:load)",
        &[], &[("load", &[])]),
    gauge("opensips_load_core_1m",
        "Load of the processes that handle SIP traffic over the last minute, in percent \
         (load:load1m)",
        &[], &[("load1m", &[])]),
    gauge("opensips_load_core_10m",
        "Load of the processes that handle SIP traffic over the last 10 minutes, in percent \
         (load:load10m)",
        &[], &[("load10m", &[])]),
    gauge("opensips_load_all",
        "Load of all processes now, in percent (load:load-all)",
        &[], &[("load-all", &[])]),
    gauge("opensips_load_all_1m",
        "Load of all processes over the last minute, in percent (load:load1m-all)",
        &[], &[("load1m-all", &[])]),
    gauge("opensips_load_all_10m",
        "Load of all processes over the last 10 minutes, in percent (load:load10m-all)",
        &[], &[("load10m-all", &[])]),
    gauge("opensips_load_process",
        "Load of one process now, in percent (load:load-proc-<process>)",
        &["process"], &[("load-proc-{process}", &["{process}"])]),
    gauge("opensips_load_1m",
        "Load of one process over the last minute, in percent (load:load1m-proc-<process>)",
        &["process"], &[("load1m-proc-{process}", &["{process}"])]),
    gauge("opensips_load_10m",
        "Load of one process over the last 10 minutes, in percent (load:load10m-proc-<process>)",
        &["process"], &[("load10m-proc-{process}", &["{process}"])]),
    gauge("opensips_load_processes_number",
        "Processes of the server (load:processes_number)",
        &[], &[("processes_number", &[])]),
];
