//! The files around the program, which it carries since it is often the only file that is copied to
//! a host.

pub mod dashboard;
pub mod metrics;

/// The unit for systemd.
pub const UNIT: &str = include_str!("opensips_exporter.service");

/// The service script for OpenRC.
pub const OPENRC: &str = include_str!("opensips_exporter.openrc");

/// The service script for OpenWrt.
pub const PROCD: &str = include_str!("opensips_exporter.procd");

/// What opensips.cfg needs, and kamailio.cfg.
pub const OPENSIPS_CONFIG: &str = include_str!("opensips.cfg");

/// What prometheus.yml needs.
pub const SCRAPE_CONFIG: &str = include_str!("scrape-config.yml");

/// Alert and recording rules for Prometheus.
pub const ALERTS: &str = include_str!("alerts.yml");

/// A container that holds nothing else.
pub const DOCKERFILE: &str = include_str!("Dockerfile");
