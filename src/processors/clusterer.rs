//! The group `clusterer`: the nodes of all clusters, as this one sees them (OpenSIPS 3.4 to 4.0,
//! `modules/clusterer/clusterer_mod.c`), and by its commands the state of each, of what they
//! replicate, and of the sharing tags (2.4 to 4.0).

use super::state::{
    Listing, Reading, States, Step, listing, metric, records, step, up_and_state, up_and_state_of,
};
use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "clusterer", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_clusterer_nodes",
        "Other nodes that this node knows (clusterer:clusterer_nodes)",
        &[], &[("clusterer_nodes", &[])]),
    gauge("opensips_clusterer_links",
        "Links to other nodes that are up, or not up, which includes those being probed \
         (clusterer:clusterer_nodes_up, clusterer:clusterer_nodes_down)",
        &["state"], &[("clusterer_nodes_up", &["up"]), ("clusterer_nodes_down", &["down"])]),
];

#[rustfmt::skip]
const LISTINGS: &[Listing] = &[
    listing(
        &["clusterer_list", "clusterer:list"],
        &["DB_ID", "URL", "Enabled", "Link_state", "Next_hop", "Description"],
        &[records(
            &[CLUSTERS, step(&["Node", "Nodes"],
                &[("node", &["Node", "node_id"]), ("url", &["URL", "url"])])],
            &[
                up_and_state!("opensips_clusterer_node", "the link to a node", "is up",
                    "clusterer_list", &["link_state", "Link_state"], STATES_OF_LINK),
                metric("opensips_clusterer_node_enabled",
                    "Whether a node is enabled, so that this node talks to it (clusterer_list)",
                    Reading::Flag(&["state", "Enabled"], &["enabled", "1", "true"])),
            ],
        )],
    ),
    listing(
        &["clusterer_list_cap", "clusterer:list_cap"],
        &["State"],
        &[records(
            &[CLUSTERS, step(&["Capability", "Capabilities"],
                &[("capability", &["Capability", "name"])])],
            &[
                up_and_state_of(
                    ["opensips_clusterer_capability_up", "opensips_clusterer_capability_state"],
                    ["Whether a capability (what a module replicates) is in sync with the cluster \
                      (clusterer_list_cap)",
                        "The state of a capability, 1 for the current one (clusterer_list_cap)"],
                    &["state", "State"],
                    &[("Ok", "ok", true), ("not synced", "not_synced", false)]),
                metric("opensips_clusterer_capability_enabled",
                    "Whether a capability is enabled (clusterer_list_cap)",
                    Reading::Flag(&["enabled"], &["yes"])),
            ],
        )],
    ),
    listing(
        &["clusterer_list_shtags", "clusterer:list_shtags"],
        &[],
        &[records(
            &[step(&[], &[("cluster", &["Cluster"]), ("tag", &["Tag"])])],
            &[metric("opensips_clusterer_sharing_tag_state",
                "Whether a sharing tag is active on this node, or on another one (backup) \
                 (clusterer_list_shtags)",
                Reading::State(&["State"],
                    &[("active", "active", true), ("backup", "backup", false)]))],
        )],
    ),
];

const CLUSTERS: Step = step(&["Cluster", "Clusters"], &[("cluster", &["Cluster", "cluster_id"])]);

const STATES_OF_LINK: States =
    &[("Up", "up", true), ("Probe", "probe", false), ("Down", "down", false)];
