//! Things that a server tells apart by nothing, or by something that not every server has.

use crate::support::modules::{exporter, samples};
use crate::support::stand_in::{KAMAILIO, V2_4, V3_6, Version};

/// What one command shows: the samples of these families.
fn assert_shown(version: Version, command: &str, answer: &str, expected: &[(&str, &[&str])]) {
    let (_directory, _server, exporter) = exporter(version, &[], |server| {
        server.teach(command, answer);
    });
    let page = exporter.scrape();
    for (family, expected) in expected {
        assert_eq!(samples(&page, family), *expected, "{command}: {family}");
    }
}

#[test]
fn what_nothing_tells_apart_is_up_if_any_is_and_summed_by_state() {
    assert_shown(
        V2_4,
        "ds_list",
        "PARTITION:: a\n\tSET:: 1\n\
         \t\tURI:: sip:a:one@h state=Active first_hit_counter=3\n\
         \t\tURI:: sip:b@h state=Probing first_hit_counter=1\n\
         \t\tURI:: sip:a:two@h state=Inactive first_hit_counter=4\n",
        &[
            (
                "opensips_dispatcher_destination_up",
                &[
                    "partition=a,set=1,uri=sip:b@h 0",
                    "partition=a,set=1,uri=sip:a@h 1",
                ],
            ),
            (
                "opensips_dispatcher_destination_state",
                &[
                    "partition=a,set=1,state=active,uri=sip:b@h 0",
                    "partition=a,set=1,state=inactive,uri=sip:b@h 0",
                    "partition=a,set=1,state=probing,uri=sip:b@h 1",
                    "partition=a,set=1,state=active,uri=sip:a@h 1",
                    "partition=a,set=1,state=inactive,uri=sip:a@h 1",
                    "partition=a,set=1,state=probing,uri=sip:a@h 0",
                ],
            ),
            (
                "opensips_dispatcher_destination_hits_total",
                &[
                    "partition=a,set=1,uri=sip:b@h 1",
                    "partition=a,set=1,uri=sip:a@h 7",
                ],
            ),
        ],
    );
    assert_shown(
        V3_6,
        "rtpproxy_show",
        r#"[{"Set":1,"Nodes":[{"url":"udp:h:1","index":0,"disabled":1,"weight":3},
            {"url":"udp:h:1","index":1,"disabled":0,"weight":2},
            {"url":"udp:h:1","index":2,"disabled":1,"weight":1}]}]"#,
        &[
            ("opensips_rtpproxy_node_up", &["node=udp:h:1,set=1 1"]),
            (
                "opensips_rtpproxy_node_state",
                &[
                    "node=udp:h:1,set=1,state=enabled 1",
                    "node=udp:h:1,set=1,state=disabled 2",
                ],
            ),
            ("opensips_rtpproxy_node_weight", &["node=udp:h:1,set=1 3"]),
        ],
    );
}

#[test]
fn sockets_and_identifiers_tell_apart_where_the_server_has_them() {
    let record = |socket: &str, state: &str| {
        format!(
            r#"{{"AOR":"sip:a@h","state":"{state}","registrar":"sip:r","binding":"sip:a@b"{socket}}}"#
        )
    };
    let records = [
        record(r#","socket":"udp:192.0.2.1:5060""#, "REGISTERED_STATE"),
        record(r#","socket":"udp:192.0.2.2:5060""#, "REGISTERING_STATE"),
        record("", "REGISTERED_STATE"),
    ];
    assert_shown(
        V3_6,
        "reg_list",
        &format!(r#"{{"Records":[{}]}}"#, records.join(",")),
        &[(
            "opensips_uac_registrant_registration_up",
            &[
                "aor=sip:a@h,binding=sip:a@b,registrar=sip:r,socket=udp:192.0.2.1:5060 1",
                "aor=sip:a@h,binding=sip:a@b,registrar=sip:r,socket=udp:192.0.2.2:5060 0",
                "aor=sip:a@h,binding=sip:a@b,registrar=sip:r 1",
            ],
        )],
    );
    assert_shown(
        KAMAILIO,
        "dispatcher.list",
        r#"{"NRSETS":1,"RECORDS":[{"SET":{"ID":1,"TARGETS":[
            {"DEST":{"URI":"sip:x","FLAGS":"IP","PRIORITY":0,"ATTRS":{"BODY":"duid=a","DUID":"a","SOCKET":null}}},
            {"DEST":{"URI":"sip:x","FLAGS":"AP","PRIORITY":0,"ATTRS":{"BODY":"duid=b","DUID":"b","SOCKET":null}}},
            {"DEST":{"URI":"sip:x","FLAGS":"AP","PRIORITY":0}}]}}]}"#,
        &[(
            "opensips_dispatcher_destination_up",
            &[
                "duid=a,set=1,uri=sip:x 0",
                "duid=b,set=1,uri=sip:x 1",
                "set=1,uri=sip:x 1",
            ],
        )],
    );
}

/// To Prometheus a label without a value is none.
#[test]
fn a_label_without_a_value_is_left_out() {
    let (_directory, _server, exporter) = exporter(KAMAILIO, &[], |_| {});
    let text = exporter.get("/metrics").text();
    assert!(!text.contains("=\"\""), "{text}");
}
