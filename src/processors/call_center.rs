//! The group `call_center`: calls and chats that wait for agents, in all, by flow (queue) and by
//! agent (OpenSIPS 1.11 to 4.0, `modules/call_center/cc_data.c`), and by its commands what each
//! agent and flow does.
//!
//! Up to 3.2 four of the names of a flow lack their last letter. What is averaged is so since the
//! start of the server, or since `cc_reset_stats`.

use super::state::{Listing, Reading, count, listing, metric, records, step};
use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "call_center", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_call_center_calls_total",
        "Calls that entered the call center (call_center:ccg_incalls)",
        &[], &[("ccg_incalls", &[])]),
    counter("opensips_call_center_distributed_calls_total",
        "Calls that were sent to an agent (call_center:ccg_distributed_incalls)",
        &[], &[("ccg_distributed_incalls", &[])]),
    counter("opensips_call_center_answered_calls_total",
        "Calls that an agent answered (call_center:ccg_answered_incalls)",
        &[], &[("ccg_answered_incalls", &[])]),
    counter("opensips_call_center_answered_chats_total",
        "Chats that an agent answered (call_center:ccg_answered_inchats)",
        &[], &[("ccg_answered_inchats", &[])]),
    counter("opensips_call_center_abandoned_calls_total",
        "Calls whose caller left before an agent answered (call_center:ccg_abandonned_incalls)",
        &[], &[("ccg_abandonned_incalls", &[])]),
    gauge("opensips_call_center_waiting_calls",
        "Calls that wait for an agent now (call_center:ccg_onhold_calls)",
        &[], &[("ccg_onhold_calls", &[])]),
    gauge("opensips_call_center_waiting_chats",
        "Chats that wait for an agent now (call_center:ccg_onhold_chats)",
        &[], &[("ccg_onhold_chats", &[])]),
    gauge("opensips_call_center_free_agents",
        "Agents that are logged in and free now (call_center:ccg_free_agents)",
        &[], &[("ccg_free_agents", &[])]),
    gauge("opensips_call_center_average_wait_seconds",
        "Average time that calls waited (call_center:ccg_awt)",
        &[], &[("ccg_awt", &[])]),
    gauge("opensips_call_center_load_percent",
        "Waiting calls and busy agents in percent of the agents that are logged in; may pass \
         100 (call_center:ccg_load)",
        &[], &[("ccg_load", &[])]),
    counter("opensips_call_center_flow_calls_total",
        "Calls that entered a flow (call_center:ccf_incalls-<flow>)",
        &["flow"], &[("ccf_incalls-{flow}", &["{flow}"])]),
    counter("opensips_call_center_flow_distributed_calls_total",
        "Calls of a flow that were sent to an agent (call_center:ccf_dist_incalls-<flow>)",
        &["flow"],
        &[("ccf_dist_incalls-{flow}", &["{flow}"]), ("ccf_dist_incall-{flow}", &["{flow}"])]),
    counter("opensips_call_center_flow_answered_calls_total",
        "Calls of a flow that an agent answered (call_center:ccf_answ_incalls-<flow>)",
        &["flow"],
        &[("ccf_answ_incalls-{flow}", &["{flow}"]), ("ccf_answ_incall-{flow}", &["{flow}"])]),
    counter("opensips_call_center_flow_answered_chats_total",
        "Chats of a flow that an agent answered (call_center:ccf_answ_inchats-<flow>)",
        &["flow"], &[("ccf_answ_inchats-{flow}", &["{flow}"])]),
    counter("opensips_call_center_flow_abandoned_calls_total",
        "Calls of a flow whose caller left before an agent answered \
         (call_center:ccf_aban_incalls-<flow>)",
        &["flow"],
        &[("ccf_aban_incalls-{flow}", &["{flow}"]), ("ccf_aban_incall-{flow}", &["{flow}"])]),
    gauge("opensips_call_center_flow_waiting_calls",
        "Calls of a flow that wait for an agent now (call_center:ccf_onhold_calls-<flow>)",
        &["flow"],
        &[("ccf_onhold_calls-{flow}", &["{flow}"]), ("ccf_onhold_call-{flow}", &["{flow}"])]),
    gauge("opensips_call_center_flow_waiting_chats",
        "Chats of a flow that wait for an agent now (call_center:ccf_onhold_chats-<flow>)",
        &["flow"], &[("ccf_onhold_chats-{flow}", &["{flow}"])]),
    gauge("opensips_call_center_flow_queued_calls",
        "Calls of a flow that are in its queue now (call_center:ccf_queued_calls-<flow>)",
        &["flow"], &[("ccf_queued_calls-{flow}", &["{flow}"])]),
    gauge("opensips_call_center_flow_free_agents",
        "Agents that could take a call of a flow now (call_center:ccf_free_agents-<flow>)",
        &["flow"], &[("ccf_free_agents-{flow}", &["{flow}"])]),
    gauge("opensips_call_center_flow_estimated_wait_seconds",
        "Time that a new call of a flow would wait, by estimate (call_center:ccf_etw-<flow>)",
        &["flow"], &[("ccf_etw-{flow}", &["{flow}"])]),
    gauge("opensips_call_center_flow_average_wait_seconds",
        "Average time that calls of a flow waited (call_center:ccf_awt-<flow>)",
        &["flow"], &[("ccf_awt-{flow}", &["{flow}"])]),
    gauge("opensips_call_center_flow_load_percent",
        "Waiting calls and busy agents of a flow in percent of its agents that are logged in; \
         may pass 100 (call_center:ccf_load-<flow>)",
        &["flow"], &[("ccf_load-{flow}", &["{flow}"])]),
    counter("opensips_call_center_agent_distributed_calls_total",
        "Calls that were sent to an agent (call_center:cca_dist_incalls-<agent>)",
        &["agent"], &[("cca_dist_incalls-{agent}", &["{agent}"])]),
    counter("opensips_call_center_agent_answered_calls_total",
        "Calls that an agent answered (call_center:cca_answ_incalls-<agent>)",
        &["agent"], &[("cca_answ_incalls-{agent}", &["{agent}"])]),
    counter("opensips_call_center_agent_answered_chats_total",
        "Chats that an agent answered (call_center:cca_answ_inchats-<agent>)",
        &["agent"], &[("cca_answ_inchats-{agent}", &["{agent}"])]),
    counter("opensips_call_center_agent_abandoned_calls_total",
        "Calls that were sent to an agent who did not take them \
         (call_center:cca_aban_incalls-<agent>)",
        &["agent"], &[("cca_aban_incalls-{agent}", &["{agent}"])]),
    gauge("opensips_call_center_agent_average_talk_seconds",
        "Average time that an agent talked (call_center:cca_att-<agent>)",
        &["agent"], &[("cca_att-{agent}", &["{agent}"])]),
];

#[rustfmt::skip]
const LISTINGS: &[Listing] = &[
    listing(
        &["cc_list_agents", "call_center:list_agents"],
        &["Ref", "Loged in", "State"],
        &[records(&[step(&["Agent", "Agents"], &[("agent", &["Agent", "id"])])], &[
            metric("opensips_call_center_agent_logged_in",
                "Whether an agent is logged in (cc_list_agents)",
                Reading::Flag(&["Loged in"], &["YES"])),
            metric("opensips_call_center_agent_state",
                "The state of an agent that is logged in, 1 for the current one (cc_list_agents)",
                Reading::State(&["State"], &[
                    ("free", "free", true), ("wrapup", "wrapup", true),
                    ("incall", "incall", true), ("inchat", "inchat", true),
                ])),
        ])],
    ),
    listing(
        &["cc_list_flows", "call_center:list_flows"],
        &["Avg Call Duration", "Processed Calls", "Logged Agents", "Ongoing Calls", "Ref"],
        &[records(&[step(&["Flow", "Flows"], &[("flow", &["Flow", "id"])])], &[
            metric("opensips_call_center_flow_logged_in_agents",
                "Agents of a flow that are logged in now (cc_list_flows)",
                Reading::Number(&["Logged Agents"])),
            metric("opensips_call_center_flow_ongoing_calls",
                "Calls of a flow now (cc_list_flows)", Reading::Number(&["Ongoing Calls"])),
            count("opensips_call_center_flow_processed_calls_total",
                "Calls of a flow that an agent ended (cc_list_flows)", &["Processed Calls"]),
            metric("opensips_call_center_flow_average_call_duration_seconds",
                "Average time that an agent spends with a call of a flow (cc_list_flows)",
                Reading::Number(&["Avg Call Duration"])),
        ])],
    ),
];
