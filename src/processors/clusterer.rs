//! The group `clusterer`: the nodes of all clusters, as this one sees them (OpenSIPS 3.4 to 4.0,
//! `modules/clusterer/clusterer_mod.c`).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor {
    group: "clusterer",
    metrics: METRICS,
};

const METRICS: &[Metric] = &[
    gauge(
        "opensips_clusterer_nodes",
        "Nodes that this one knows, without itself (clusterer:clusterer_nodes)",
        &[],
        &[("clusterer_nodes", &[])],
    ),
    gauge(
        "opensips_clusterer_links",
        "Nodes whose link from this one is up, and is not, which includes those that are probed (clusterer:clusterer_nodes_up, clusterer:clusterer_nodes_down)",
        &["state"],
        &[
            ("clusterer_nodes_up", &["up"]),
            ("clusterer_nodes_down", &["down"]),
        ],
    ),
];
