//! The group `clusterer`: the nodes of all clusters, as this one sees them (OpenSIPS 3.4 to 4.0,
//! `modules/clusterer/clusterer_mod.c`), and by its commands the state of each, of what they replicate, and of the
//! sharing tags (2.4 to 4.0).

use super::state::{
    Labels, Listing, Parts, Reading, Records, Source, States, Step, metric, state, up,
};
use super::{Metric, Processor, gauge};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "clusterer",
    metrics: METRICS,
    listings: LISTINGS,
    ..Processor::NONE
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

const LISTINGS: &[Listing] = &[
    Listing {
        command: Command {
            names: &["clusterer_list", "clusterer:list"],
            attributes: &[
                "DB_ID",
                "URL",
                "Enabled",
                "Link_state",
                "Next_hop",
                "Description",
            ],
        },
        parts: Parts::Whole,
        records: &[Records {
            path: &[CLUSTERS, Step::To(&["Node", "Nodes"])],
            metrics: &[
                up(
                    "opensips_clusterer_node_up",
                    "Whether the link to a node is up (clusterer_list)",
                    LABELS_OF_NODE,
                    &["link_state", "Link_state"],
                    STATES_OF_LINK,
                ),
                state(
                    "opensips_clusterer_node_state",
                    "The state of the link to a node, 1 for the one that it is in (clusterer_list)",
                    LABELS_OF_NODE,
                    &["link_state", "Link_state"],
                    STATES_OF_LINK,
                ),
                metric(
                    "opensips_clusterer_node_enabled",
                    "Whether this one talks to a node (clusterer_list)",
                    LABELS_OF_NODE,
                    Reading::Flag(&["state", "Enabled"], &["enabled", "1", "true"]),
                ),
            ],
        }],
    },
    Listing {
        command: Command {
            names: &["clusterer_list_cap", "clusterer:list_cap"],
            attributes: &["State"],
        },
        parts: Parts::Whole,
        records: &[Records {
            path: &[CLUSTERS, Step::To(&["Capability", "Capabilities"])],
            metrics: &[
                up(
                    "opensips_clusterer_capability_up",
                    "Whether a capability, which is what a module replicates, is in sync with the cluster (clusterer_list_cap)",
                    LABELS_OF_CAPABILITY,
                    &["state", "State"],
                    STATES_OF_CAPABILITY,
                ),
                state(
                    "opensips_clusterer_capability_state",
                    "The state of a capability, 1 for the one that it is in (clusterer_list_cap)",
                    LABELS_OF_CAPABILITY,
                    &["state", "State"],
                    STATES_OF_CAPABILITY,
                ),
                metric(
                    "opensips_clusterer_capability_enabled",
                    "Whether a capability is enabled (clusterer_list_cap)",
                    LABELS_OF_CAPABILITY,
                    Reading::Flag(&["enabled"], &["yes"]),
                ),
            ],
        }],
    },
    Listing {
        command: Command {
            names: &["clusterer_list_shtags", "clusterer:list_shtags"],
            attributes: &[],
        },
        parts: Parts::Whole,
        records: &[Records {
            path: &[Step::To(&[])],
            metrics: &[state(
                "opensips_clusterer_sharing_tag_state",
                "Whether this node has a sharing tag (active) or another one (backup) (clusterer_list_shtags)",
                &[
                    ("cluster", Source::Field(0, &["Cluster"])),
                    ("tag", Source::Field(0, &["Tag"])),
                ],
                &["State"],
                &[("active", "active", true), ("backup", "backup", false)],
            )],
        }],
    },
];

const CLUSTERS: Step = Step::To(&["Cluster", "Clusters"]);

const LABELS_OF_NODE: Labels = &[
    CLUSTER,
    ("node", Source::Field(1, &["Node", "node_id"])),
    ("url", Source::Field(1, &["URL", "url"])),
];

const LABELS_OF_CAPABILITY: Labels = &[
    CLUSTER,
    ("capability", Source::Field(1, &["Capability", "name"])),
];

const CLUSTER: (&str, Source) = ("cluster", Source::Field(0, &["Cluster", "cluster_id"]));

const STATES_OF_LINK: States = &[
    ("Up", "up", true),
    ("Probe", "probe", false),
    ("Down", "down", false),
];

const STATES_OF_CAPABILITY: States = &[("Ok", "ok", true), ("not synced", "not_synced", false)];
