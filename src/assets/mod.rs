//! The files around the program, which it carries since it is often the only file that is copied to
//! a host.

pub mod dashboard;
pub mod metrics;

use std::fs;

/// The unit for systemd, with the groups of servers that there are on this host.
pub fn unit() -> String {
    let all = fs::read_to_string("/etc/group").unwrap_or_default();
    let is_there = |group: &&str| all.lines().any(|line| line.split(':').next() == Some(group));
    let groups: Vec<&str> = ["opensips", "kamailio"].into_iter().filter(is_there).collect();
    let (unit, line) = (include_str!("opensips_exporter.service"), "SupplementaryGroups=");
    unit.replace(&format!("{line}\n"), &format!("{line}{}\n", groups.join(" ")))
}

/// The unit for systemd that listens for it.
pub const SOCKET: &str = include_str!("opensips_exporter.socket");

/// The service script for OpenRC.
pub const OPENRC: &str = include_str!("opensips_exporter.openrc");

/// The service script for OpenWrt.
pub const PROCD: &str = include_str!("opensips_exporter.procd");

/// What opensips.cfg needs.
pub const OPENSIPS_CONFIG: &str = include_str!("opensips.cfg");

/// What kamailio.cfg needs.
pub const KAMAILIO_CONFIG: &str = include_str!("kamailio.cfg");

/// What prometheus.yml needs.
pub const SCRAPE_CONFIG: &str = include_str!("scrape-config.yml");

/// Alert and recording rules for Prometheus.
pub const ALERTS: &str = include_str!("alerts.yml");

/// A container that holds nothing else.
pub const DOCKERFILE: &str = include_str!("Dockerfile");
