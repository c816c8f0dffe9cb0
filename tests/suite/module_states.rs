//! The state of the server's modules: what its commands show, in both dialects and with the
//! oddities of each.

use crate::support::modules::{exporter, samples, success};
use crate::support::stand_in::{KAMAILIO, KAMAILIO_6_1, V1_11, V2_4, V3_6, V4_0};

/// What a server may answer, and what becomes of it. JSON and lines say the same.
#[test]
fn replies_of_any_kind_are_read() {
    let cases: &[(&str, &str, &str, &str, &[&str])] = &[
        // A set without destinations, the same name in two partitions, an IPv6 address, attributes
        // with anything.
        (
            "ds_list",
            "PARTITION:: a\n\tSET:: 1\n\t\tURI:: sip:[2001:db8::1]:5060 state=Active first_hit_counter=3\n\t\t\tattr:: x=\"1\" state=Inactive\n\t\t\tsocket:: udp:[::1]:5060\n\tSET:: 2\nPARTITION:: b\n\tSET:: 1\n\t\tURI:: sip:[2001:db8::1]:5060 state=Inactive first_hit_counter=0\n",
            r#"{"PARTITIONS":[{"name":"a","SETS":[{"id":1,"Destinations":[{"URI":"sip:[2001:db8::1]:5060","state":"Active","first_hit_counter":3,"attr":"x=\"1\" state=Inactive","socket":"udp:[::1]:5060"}]},{"id":2,"Destinations":[]}]},{"name":"b","SETS":[{"id":1,"Destinations":[{"URI":"sip:[2001:db8::1]:5060","state":"Inactive","first_hit_counter":0}]}]}]}"#,
            "opensips_dispatcher_destination_up",
            &[
                "partition=a,set=1,socket=udp:[::1]:5060,uri=sip:[2001:db8::1]:5060 1",
                "partition=b,set=1,uri=sip:[2001:db8::1]:5060 0",
            ],
        ),
        // A state of a version to come.
        (
            "ds_list",
            "PARTITION:: a\n\tSET:: 1\n\t\tURI:: sip:x state=Half Open first_hit_counter=3\n",
            r#"{"PARTITIONS":[{"name":"a","SETS":[{"id":1,"Destinations":[{"URI":"sip:x","state":"Half Open"}]}]}]}"#,
            "opensips_dispatcher_destination_state",
            &[
                "partition=a,set=1,state=active,uri=sip:x 0",
                "partition=a,set=1,state=inactive,uri=sip:x 0",
                "partition=a,set=1,state=probing,uri=sip:x 0",
                "partition=a,set=1,state=half_open,uri=sip:x 1",
            ],
        ),
        // States padded with spaces, as up to 3.0.
        (
            "clusterer_list",
            "Cluster:: 1\n\tNode:: 2 DB_ID=-1 URL=bin:[::1]:5999 Enabled=1 Link_state=Up      Next_hop=2 Description=a Enabled=0\n",
            r#"{"Clusters":[{"cluster_id":1,"Nodes":[{"node_id":2,"url":"bin:[::1]:5999","link_state":"Up     ","Enabled":true,"description":"x"}]}]}"#,
            "opensips_clusterer_node_up",
            &["cluster=1,node=2,url=bin:[::1]:5999 1"],
        ),
        (
            "clusterer_list",
            "Cluster:: 1\n\tNode:: 2 DB_ID=-1 URL=bin:[::1]:5999 Enabled=0 Link_state=Down    Next_hop=2 Description=a\n",
            r#"{"Clusters":[{"cluster_id":1,"Nodes":[{"node_id":2,"url":"bin:[::1]:5999","link_state":"Down","state":"disabled"}]}]}"#,
            "opensips_clusterer_node_enabled",
            &["cluster=1,node=2,url=bin:[::1]:5999 0"],
        ),
        (
            "clusterer_list_cap",
            "Cluster:: 1\n\tCapability:: dialog-dlg-repl State=not synced\n\tCapability:: usrloc State=Ok\nCluster:: 2\n",
            r#"{"Clusters":[{"cluster_id":1,"Capabilities":[{"name":"dialog-dlg-repl","state":"not synced"},{"name":"usrloc","state":"Ok"}]},{"cluster_id":2,"Capabilities":[]}]}"#,
            "opensips_clusterer_capability_state",
            &[
                "capability=dialog-dlg-repl,cluster=1,state=ok 0",
                "capability=dialog-dlg-repl,cluster=1,state=not_synced 1",
                "capability=usrloc,cluster=1,state=ok 1",
                "capability=usrloc,cluster=1,state=not_synced 0",
            ],
        ),
        // Passwords, and a registration whose state is new.
        (
            "reg_list",
            "AOR:: sip:a:secret@h expires=3600\n\tstate:: WRONG_CREDENTIALS_STATE\n\tregistrar:: sip:r:5060\n\tbinding:: sip:a:secret@[::1]:5060\n",
            r#"{"Records":[{"AOR":"sip:a:secret@h","state":"WRONG_CREDENTIALS_STATE","registrar":"sip:r:5060","binding":"sip:a:secret@[::1]:5060","username":"a","password":"secret"}]}"#,
            "opensips_uac_registrant_registration_up",
            &["aor=sip:a@h,binding=sip:a@[::1]:5060,registrar=sip:r:5060 0"],
        ),
        (
            "lb_list",
            "Destination:: sip:x id=1 group=1 enabled=no auto-reenable=off\n\tResources:: \n",
            r#"{"Destinations":[{"uri":"sip:x","id":1,"group":1,"enabled":"no","Resources":[],"attrs":"enabled=yes"}]}"#,
            "opensips_load_balancer_destination_up",
            &["group=1,id=1,uri=sip:x 0"],
        ),
        (
            "cc_list_agents",
            "Agent:: a Ref=0 Loged in=YES State=wrapup\nAgent:: b Ref=0 Loged in=NO\n",
            r#"{"Agents":[{"id":"a","Ref":0,"Loged in":"YES","State":"wrapup"},{"id":"b","Loged in":"NO"}]}"#,
            "opensips_call_center_agent_state",
            &[
                "agent=a,state=free 0",
                "agent=a,state=wrapup 1",
                "agent=a,state=incall 0",
                "agent=a,state=inchat 0",
            ],
        ),
        (
            "cc_list_flows",
            "Flow:: f Avg Call Duration=12.5 Processed Calls=3 Logged Agents=1 Ongoing Calls=2 Ref=0\n",
            r#"{"Flows":[{"id":"f","Avg Call Duration":12.5,"Processed Calls":3}]}"#,
            "opensips_call_center_flow_average_call_duration_seconds",
            &["flow=f 12.5"],
        ),
        (
            "list_blacklists",
            "List:: net owner=0 flags=1\n\tRule:: 1\n\t\tIP:: 192.0.2.1\n\tRule:: 2\n\t\tIP:: 192.0.2.2\nList:: none owner=0 flags=1\n",
            r#"{"Lists":[{"name":"net","owner":"core","Rules":[{"IP":"192.0.2.1"},{"IP":"192.0.2.2"}]},{"name":"none","Rules":[]}]}"#,
            "opensips_blacklists_rules",
            &["list=net 2", "list=none 0"],
        ),
        (
            "list_tcp_conns",
            "Connection::  ID=1 Type=tcp State=0 Remote=192.0.2.1:5060 Local=x Lifetime=1\nConnection::  ID=2 Type=tcp State=0 Remote=192.0.2.2:5060 Local=x Lifetime=1\nConnection::  ID=3 Type=tls State=-2 Remote=192.0.2.2:5061 Local=x Lifetime=1\n",
            r#"{"Connections":[{"ID":1,"Type":"tcp","State":0},{"ID":2,"Type":"tcp","State":0},{"ID":3,"Type":"tls","State":-2}]}"#,
            "opensips_tcp_connections",
            &["protocol=tcp,state=0 2", "protocol=tls,state=-2 1"],
        ),
        // Not all versions answer alike to nothing.
        (
            "list_tcp_conns",
            "",
            "null",
            "opensips_tcp_connections",
            &[],
        ),
        (
            "ds_list",
            "",
            r#"{"PARTITIONS":[]}"#,
            "opensips_dispatcher_destination_up",
            &[],
        ),
        ("rtpproxy_show", "", "[]", "opensips_rtpproxy_node_up", &[]),
        // One that is disabled by MI, and one that failed.
        (
            "rtpproxy_show",
            "Set:: 1\n\tnode:: udp:h:1 index=0 disabled=1 weight=1 recheck_ticks=4294967295\n\tnode:: udp:h:2 index=1 disabled=1 weight=1 recheck_ticks=64\n",
            r#"[{"Set":1,"Nodes":[{"url":"udp:h:1","disabled":1,"recheck_ticks":4294967295},{"url":"udp:h:2","disabled":1,"recheck_ticks":64}]}]"#,
            "opensips_rtpproxy_node_enabled",
            &["node=udp:h:1,set=1 0", "node=udp:h:2,set=1 1"],
        ),
        (
            "dr_gw_status",
            "",
            "{}",
            "opensips_drouting_gateway_up",
            &[],
        ),
    ];
    for (command, lines, json, family, expected) in cases {
        for (version, answer) in [(V2_4, lines), (V3_6, json)] {
            let flags = ["--collect=all,tcp_connections"];
            let (_directory, _server, exporter) = exporter(version, &flags, |server| {
                // The next best thing to an answer of several partitions.
                server.teach("sr_list_status", "[]");
                server.teach_only(command, answer);
            });
            let page = exporter.scrape();
            let shown = samples(&page, family);
            assert_eq!(shown, *expected, "{command} of {}", version.name);
            let text = exporter.get("/metrics").text();
            assert!(!text.contains("secret"), "{command} of {}", version.name);
            assert!(
                text.contains("opensips_scrape_collector_success"),
                "{command}"
            );
        }
    }
}

#[test]
fn sharing_tags_have_states_and_are_never_down() {
    let (_directory, _server, exporter) = exporter(V4_0, &[], |server| {
        server.teach(
            "clusterer:list_shtags",
            r#"[{"Tag":"vip","Cluster":1,"State":"backup"}]"#,
        );
    });
    let page = exporter.scrape();
    assert_eq!(
        samples(&page, "opensips_clusterer_sharing_tag_state"),
        [
            "cluster=1,state=active,tag=vip 0",
            "cluster=1,state=backup,tag=vip 1"
        ]
    );
}

/// With partitions drouting answers to none of its commands without one.
#[test]
fn each_partition_of_drouting_is_asked_for() {
    let (lines, json) = (
        [
            (
                "dr_reload_status",
                "Partition:: a\n\tDate:: x\nPartition:: b\n\tDate:: y\n",
            ),
            (
                ":dr_gw_status:\na\n",
                "ID:: gw1 IP=192.0.2.1 State=Active\n",
            ),
            (
                ":dr_gw_status:\nb\n",
                "ID:: gw1 IP=192.0.2.2 State=Probing\n",
            ),
            (":dr_carrier_status:\na\n", "ID:: c1 Enabled=yes\n"),
            (":dr_carrier_status:\nb\n", "ID:: c1 Enabled=no \n"),
            (":dr_gw_status:\n", "400 Partition mandatory\n"),
        ],
        [
            (
                "dr_reload_status",
                r#"{"Partitions":[{"name":"a","Date":"x"},{"name":"b","Date":"y"}]}"#,
            ),
            (
                r#"dr_gw_status{"partition_name":"a"}"#,
                r#"{"Gateways":[{"ID":"gw1","IP":"192.0.2.1","State":"Active"}]}"#,
            ),
            (
                r#"dr_gw_status{"partition_name":"b"}"#,
                r#"{"Gateways":[{"ID":"gw1","IP":"192.0.2.2","State":"Probing"}]}"#,
            ),
            (
                r#"dr_carrier_status{"partition_name":"a"}"#,
                r#"{"Carriers":[{"ID":"c1","Enabled":"yes"}]}"#,
            ),
            (
                r#"dr_carrier_status{"partition_name":"b"}"#,
                r#"{"Carriers":[{"ID":"c1","Enabled":"no "}]}"#,
            ),
            ("dr_gw_status", "\"the whole\""),
        ],
    );
    for (version, answers) in [(V2_4, lines), (V3_6, json)] {
        let (_directory, server, exporter) = exporter(version, &[], |server| {
            for (command, answer) in answers {
                server.teach(command, answer);
            }
        });
        for _ in 0..2 {
            let page = exporter.scrape();
            assert_eq!(
                samples(&page, "opensips_drouting_gateway_up"),
                [
                    "address=192.0.2.1,gateway=gw1,partition=a 1",
                    "address=192.0.2.2,gateway=gw1,partition=b 0"
                ]
            );
            assert_eq!(
                samples(&page, "opensips_drouting_carrier_up"),
                ["carrier=c1,partition=a 1", "carrier=c1,partition=b 0"]
            );
            assert_eq!(success(&page, "drouting").as_deref(), Some("1"));
        }
        assert_eq!(server.times("dr_reload_status"), 1, "{}", version.name);
    }
}

#[test]
fn a_dispatcher_with_partitions_is_asked_for_each() {
    let (_directory, _server, exporter) = exporter(V3_6, &[], |server| {
        server.teach(
            r#"sr_list_status{"group":"dispatcher"}"#,
            r#"[{"Name":"a;events","Status":1},{"Name":"a","Status":1},{"Name":"b \"q\"","Status":1},{"Name":"c","Status":1}]"#,
        );
        for name in ["a", "c"] {
            server.teach(
                &format!("ds_list{{\"partition\":\"{name}\"}}"),
                &format!(
                    r#"{{"PARTITIONS":[{{"name":"{name}","SETS":[{{"id":1,"Destinations":[{{"URI":"sip:x","state":"Active"}}]}}]}}]}}"#
                ),
            );
        }
        server.teach("ds_list", "\"the whole\"");
    });
    assert_eq!(
        samples(&exporter.scrape(), "opensips_dispatcher_destination_up"),
        [
            "partition=a,set=1,uri=sip:x 1",
            "partition=c,set=1,uri=sip:x 1"
        ]
    );
}

#[test]
fn a_reply_of_another_form_is_no_success() {
    for answer in ["\"text\"", "5", r#"{"Targets":[]}"#] {
        let (_directory, _server, exporter) = exporter(V3_6, &[], |server| {
            server.teach("lb_list", answer);
        });
        let page = exporter.scrape();
        assert_eq!(
            success(&page, "load_balancer").as_deref(),
            Some("0"),
            "{answer}"
        );
        assert_eq!(success(&page, "dispatcher").as_deref(), Some("1"));
        exporter.wait_for_log(
            "load_balancer is not complete on the page, lb_list: the reply has an unknown form",
        );
    }
}

#[test]
fn one_partition_of_drouting_is_asked_for_by_its_name() {
    let (_directory, _server, exporter) = exporter(V3_6, &[], |server| {
        server.teach(
            "dr_reload_status",
            r#"{"Partitions":[{"name":"only","Date":"x"}]}"#,
        );
        server.teach(
            r#"dr_gw_status{"partition_name":"only"}"#,
            r#"{"Gateways":[{"ID":"gw1","IP":"192.0.2.1","State":"Active"}]}"#,
        );
    });
    assert_eq!(
        samples(&exporter.scrape(), "opensips_drouting_gateway_up"),
        ["address=192.0.2.1,gateway=gw1,partition=only 1"]
    );
}

#[test]
fn without_its_parts_a_command_is_asked_for_the_whole() {
    for answer in ["\"sick\"", "[]"] {
        let (_directory, _server, exporter) =
            exporter(V3_6, &["--exclude=status_report"], |server| {
                server.teach("sr_list_status", answer);
            });
        let page = exporter.scrape();
        assert_eq!(success(&page, "dispatcher").as_deref(), Some("1"));
        assert_eq!(
            samples(&page, "opensips_dispatcher_destination_up").len(),
            3
        );
    }
}

#[test]
fn dialog_profiles_are_counted_where_the_operator_names_them() {
    for version in [V1_11, V2_4, V3_6, V4_0, KAMAILIO, KAMAILIO_6_1] {
        let flags = ["--dialog-profiles=inbound, nosuch,caller"];
        let (_directory, _server, exporter) = exporter(version, &flags, |_| {});
        let page = exporter.scrape();
        let profiles = samples(&page, "opensips_dialog_profile_dialogs");
        let names: Vec<_> = profiles
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(
            names,
            ["profile=inbound", "profile=caller"],
            "{}",
            version.name
        );
        assert_eq!(success(&page, "dialog").as_deref(), Some("0"));
        exporter.wait_for_log("get_size nosuch: the server has no data, or nothing of that name");
    }
}
