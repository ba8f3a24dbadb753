"""The Raft lab: leader election, a replicated log, persistence and snapshots."""

from typing import Final

from tester.labs.lab import Expected, Lab, Method

RAFT: Final = Expected(
    "raft.raft",
    "Raft",
    ("peers", "me", "persister", "apply"),
    (
        Method("start", ("command",)),
        Method("get_state"),
        Method("snapshot", ("index", "data")),
        Method("kill"),
    ),
)
"""What the peers say to each other is the submission's own business."""

LAB: Final = Lab(
    name="raft",
    suite="tester.labs.raft.suite",
    classes=(RAFT,),
    bugs="tester.labs.raft.bugs",
    document="6-raft.md",
    course=(
        "test_initial_election_3a",
        "test_re_election_3a",
        "test_many_elections_3a",
        "test_basic_agree_3b",
        "test_rpc_bytes_3b",
        "test_follower_failure_3b",
        "test_leader_failure_3b",
        "test_fail_agree_3b",
        "test_fail_no_agree_3b",
        "test_concurrent_starts_3b",
        "test_rejoin_3b",
        "test_backup_3b",
        "test_count_3b",
        "test_persist1_3c",
        "test_persist2_3c",
        "test_persist3_3c",
        "test_figure8_3c",
        "test_unreliable_agree_3c",
        "test_figure8_unreliable_3c",
        "test_reliable_churn_3c",
        "test_unreliable_churn_3c",
        "test_snapshot_basic_3d",
        "test_snapshot_install_3d",
        "test_snapshot_install_unreliable_3d",
        "test_snapshot_install_crash_3d",
        "test_snapshot_install_un_crash_3d",
        "test_snapshot_all_crash_3d",
        "test_snapshot_init_3d",
    ),
)
