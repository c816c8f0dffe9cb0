//! An exporter that runs as another user than the server whose FIFO it asks. `make e2e` runs this;
//! it needs to be root.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::support::fifo::Place;
use crate::support::stand_in::V3_6;
use crate::support::{Exporter, assert_up, binary_path, copy_program};

/// A user and a group without rights.
const NOBODY: u32 = 65534;

/// Groups that it is not in, and is in.
const STRANGE: u32 = 4321;
const OWN: u32 = NOBODY;

#[test]
#[ignore = "needs to be root: make e2e"]
fn only_the_group_of_the_server_may_write_where_the_exporter_is_in_it() {
    for (of_fifo, mode, of_reply) in [(OWN, 0o620, OWN), (STRANGE, 0o622, NOBODY)] {
        let place = Place::new();
        for directory in [&place.directory, &place.replies] {
            let all = Permissions::from_mode(0o1777);
            fs::set_permissions(directory.path(), all).expect("its mode");
        }
        let server = place.server(V3_6);
        chown(place.fifo(), None, Some(of_fifo)).expect("root");
        // The build directory may be closed to others.
        let binary = place.directory.join("opensips_exporter");
        copy_program(&binary_path(), &binary);
        let mut command = Command::new(binary);
        command
            .env_clear()
            .uid(NOBODY)
            .gid(NOBODY)
            .arg("--addr=127.0.0.1:0")
            .arg("--socket")
            .arg(place.fifo())
            .arg("--reply-dir")
            .arg(place.replies.path());
        assert_up(&Exporter::run(command));
        let replies = server.take_replies();
        assert!(!replies.is_empty());
        for reply in replies {
            assert_eq!((reply.mode, reply.group), (mode, of_reply));
        }
        assert_eq!(place.replies.files(), Vec::<String>::new());
    }
}
