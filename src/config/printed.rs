//! The table of all files that `print` writes.

use crate::assets::{self, dashboard, metrics};

/// A file for operators.
pub struct Asset {
    /// The word behind `print`.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Where it goes.
    pub path: &'static str,
    /// What is in it.
    pub content: Content,
}

/// What is in a file.
#[derive(Clone, Copy)]
pub enum Content {
    /// This text.
    Text(&'static str),
    /// What this makes.
    Made(fn() -> String),
    /// The completions, by the table of flags.
    Completions,
    /// The manual page, by the table of flags.
    ManPage,
}

/// All files, in the order of the help.
pub const ASSETS: &[Asset] = &[
    Asset {
        name: "unit",
        help: "a unit for systemd",
        path: "/etc/systemd/system/opensips_exporter.service",
        content: Content::Made(assets::unit),
    },
    Asset {
        name: "socket",
        help: "a socket unit for systemd",
        path: "/etc/systemd/system/opensips_exporter.socket",
        content: Content::Text(assets::SOCKET),
    },
    Asset {
        name: "openrc",
        help: "a service script for OpenRC",
        path: "/etc/init.d/opensips_exporter",
        content: Content::Text(assets::OPENRC),
    },
    Asset {
        name: "procd",
        help: "a service script for OpenWrt",
        path: "/etc/init.d/opensips_exporter",
        content: Content::Text(assets::PROCD),
    },
    Asset {
        name: "opensips-config",
        help: "lines for opensips.cfg",
        path: "to be added to /etc/opensips/opensips.cfg",
        content: Content::Text(assets::OPENSIPS_CONFIG),
    },
    Asset {
        name: "kamailio-config",
        help: "lines for kamailio.cfg",
        path: "to be added to /etc/kamailio/kamailio.cfg",
        content: Content::Text(assets::KAMAILIO_CONFIG),
    },
    Asset {
        name: "scrape-config",
        help: "lines for prometheus.yml",
        path: "to be added to /etc/prometheus/prometheus.yml",
        content: Content::Text(assets::SCRAPE_CONFIG),
    },
    Asset {
        name: "alerts",
        help: "alert and recording rules for Prometheus",
        path: "/etc/prometheus/opensips.yml, below rule_files: of prometheus.yml",
        content: Content::Text(assets::ALERTS),
    },
    Asset {
        name: "dashboard",
        help: "a dashboard for Grafana",
        path: "to be imported in Grafana",
        content: Content::Made(dashboard::json),
    },
    Asset {
        name: "metrics",
        help: "the list of all metrics, in Markdown",
        path: "METRICS.md",
        content: Content::Made(metrics::markdown),
    },
    Asset {
        name: "completions",
        help: "completions for bash",
        path: "/etc/bash_completion.d/opensips_exporter",
        content: Content::Completions,
    },
    Asset {
        name: "man",
        help: "the manual page",
        path: "/usr/local/share/man/man8/opensips_exporter.8",
        content: Content::ManPage,
    },
    Asset {
        name: "dockerfile",
        help: "a Dockerfile for the static binary alone",
        path: "Dockerfile",
        content: Content::Text(assets::DOCKERFILE),
    },
];
