//! What `print` writes: the files around the program, which it carries since it is often the only file that is copied
//! to a host.

pub mod dashboard;

use crate::config::{bash_completions, man_page};

/// A file for operators.
pub struct Asset {
    /// The word behind `print`.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Where it goes.
    pub path: &'static str,
    /// Its content.
    pub text: fn() -> String,
}

/// All files, in the order of the help.
pub const ASSETS: &[Asset] = &[
    Asset {
        name: "unit",
        help: "a unit for systemd",
        path: "/etc/systemd/system/opensips_exporter.service",
        text: || include_str!("opensips_exporter.service").to_string(),
    },
    Asset {
        name: "openrc",
        help: "a service script for OpenRC",
        path: "/etc/init.d/opensips_exporter",
        text: || include_str!("opensips_exporter.openrc").to_string(),
    },
    Asset {
        name: "procd",
        help: "a service script for OpenWrt",
        path: "/etc/init.d/opensips_exporter",
        text: || include_str!("opensips_exporter.procd").to_string(),
    },
    Asset {
        name: "opensips-config",
        help: "what opensips.cfg needs, and kamailio.cfg",
        path: "to be added to /etc/opensips/opensips.cfg",
        text: || include_str!("opensips.cfg").to_string(),
    },
    Asset {
        name: "scrape-config",
        help: "what prometheus.yml needs",
        path: "to be added to /etc/prometheus/prometheus.yml",
        text: || include_str!("scrape-config.yml").to_string(),
    },
    Asset {
        name: "alerts",
        help: "alert and recording rules for Prometheus",
        path: "/etc/prometheus/opensips.yml, below rule_files: of prometheus.yml",
        text: || include_str!("alerts.yml").to_string(),
    },
    Asset {
        name: "dashboard",
        help: "a dashboard for Grafana",
        path: "to be imported in Grafana",
        text: dashboard::json,
    },
    Asset {
        name: "completions",
        help: "completions for bash",
        path: "/etc/bash_completion.d/opensips_exporter",
        text: bash_completions,
    },
    Asset {
        name: "man",
        help: "the manual page",
        path: "/usr/local/share/man/man8/opensips_exporter.8",
        text: man_page,
    },
    Asset {
        name: "dockerfile",
        help: "a container that holds nothing else",
        path: "Dockerfile",
        text: || include_str!("Dockerfile").to_string(),
    },
];
