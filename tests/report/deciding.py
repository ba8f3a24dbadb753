"""The deciding event of each planted bug: what its story must say, whoever breaks it and when.

One line a bug. A pattern is looked for in the headline and in the sentences below the rows, where
line breaks are blanks.
"""

S = r"s\d+"
LEFT_OUT = rf"{S} has left out request \d+( \(entry \d+\))?, after"
HANDED = r"handed Raft one up to entry \d+ at .* had applied \d+ requests \(up to entry \d+\)"
"""Of a snapshot, what it covers, and what had been applied when it was made."""
ONLY_ON = "which is known to be on only"

RAFT = {
    # what is saved, and who is elected
    "forgets_its_vote": rf"{S} forgot its vote when it restarted: vote {S} -> none",
    "forgets_its_term": rf"{S} forgot its term when it restarted: term \d+ -> 0",
    "forgets_its_log": rf"{S} lost entries when it restarted: last entry \d+ -> 0",
    "answers_before_it_has_saved": rf"{S} had answered that it has all entries up to \d+ .* power",
    "sends_before_it_has_saved": rf"{S} lost entries when it restarted: .* The power failure took",
    "votes_for_anybody": rf"{S} voted for {S}, whose log lacks entries of its own",
    "compares_logs_by_length": rf"{S} voted for {S}, whose log lacks entries of its own",
    "votes_twice": rf"{S} voted twice in term \d+, for {S} and for {S}",
    "has_two_votes": rf"{S} became leader with 1 of 3 votes; 2 are needed",
    "counts_late_votes": rf"{S} became leader with 1 of 3 votes.*(is a vote|are votes) of term \d",
    "never_steps_down": rf"{S} stays in term 1 when it hears of term 2",
    "heartbeats_do_not_calm": rf"{S} starts an election though its leader has just called",
    "old_leaders_calm": rf"have started no election .* messages of {S}, a leader of an older term",
    "refused_votes_calm": rf"{S} has started no election .* it refused \d+ requests for a vote",
    "all_wait_as_long": r"votes split in \d+ terms in a row: s0, s1 and s2 stand at one instant",
    "waits_before_it_votes": rf"{S} voted twice in term \d+, for {S} and for {S}",
    "votes_before_it_has_saved": rf"{S} forgot its term when it restarted: .* The power failure",
    "asks_before_it_has_saved": rf"{S} forgot its term when it restarted: .* The power failure",
    "takes_its_vote_back": rf"{S} voted twice in term \d+, for {S} and for {S}",
    "refuses_if_either_is_less": rf"{S} refused its vote to {S}, whose log is at least as",
    "takes_half_for_a_majority": rf"{S} (became leader with|commits entry .*) 2 of 4 .*3 are",
    "asks_with_the_length": rf"{S} asked for votes with another last entry than its log has",
    "forgets_the_term_of_its_snapshot": rf"{S} voted for {S}, whose log lacks entries of its own",
    # how logs are replicated and committed
    "commits_entries_of_old_terms": rf"{S} commits entry \d of term \d by counting, as leader",
    "counts_its_log_twice": rf"{S} commits entry \d+, {ONLY_ON} 1 of 3",
    "keeps_what_conflicts": rf"{S} agreed to entries that it has not taken over",
    "keeps_the_tail_of_a_conflict": rf"{S} keeps entry \d of term 1 after one of term 2",
    "truncates_what_matches": rf"{S} deleted entr.*, which conflicted with nothing",
    "commits_beyond_what_is_new": rf"{S} commits entry \d+, further than #\d+ says",
    "agrees_to_any_heartbeat": rf"{S} agreed to entries that do not follow what it has",
    "counts_late_answers": rf"{S} commits entry 4, {ONLY_ON} 2 of 5 .* and answered in term 1",
    "follows_and_takes_commands": rf"{S} took a command, and does not lead",
    "waits_before_it_appends": rf"{S} gave two commands the index \d of term 1",
    "waits_for_itself": r"await self._lock.acquire\(\)",
    "storms": rf"{S} sends a heartbeat every 0\.010 s",
    "goes_back_one_by_one": rf"{S} looks for where the logs agree one entry at a time",
    "goes_back_at_heartbeats": rf"{S} looks for where the logs agree one entry at a time",
    "sends_the_whole_log": rf"{S} sends {S} entries that it has already",
    "counts_what_it_has_itself": rf"{S} commits entry \d+, {ONLY_ON} 1 of 3 .* the entries up to",
    "counts_the_snapshot_of_now": rf"{S} does not go back after {S} has refused",
    "follows_whoever_answers": rf"{S} goes back from term \d+ to term \d+",
    "commits_as_the_leader_says": rf"{S}'s commit index goes back from \d+ to \d+",
    "commits_before_it_has_compared": rf"{S} commits entry \d+, further than #\d+ says .* refused",
    "saves_no_entries": rf"{S} lost entries when it restarted: last entry \d+ -> \d+",
    "heeds_old_leaders": rf"{S} in term \d+ (heeds the leader|agreed to entries) of term",
    "commits_its_log_after_a_restart": rf"{S} commits entry \d+, which no leader has said is",
    "loses_the_tail_at_a_snapshot": rf"{S} deleted entr.* What follows a snapshot stays",
    "ignores_terms_in_appends": rf"{S} stays in term \d+ when it hears of term \d+",
    "appends_what_a_snapshot_covers": rf"{S} had answered .* restarted and got #\d+: its log",
    "keeps_its_counts": rf"{S} commits entry \d+, {ONLY_ON} \d of \d",
    "never_retries": rf"{S} does not go back after {S} has refused",
    # what is applied, and snapshots
    "applies_only_the_last": rf"{S} applied index \d+ after index \d+",
    "applies_what_is_not_committed": rf"{S} commits entry \d+, {ONLY_ON} 1 of 3",
    "applies_out_of_order": rf"{S} applied index \d+ after index \d+",
    "never_compacts": rf"{S} has saved a Raft state of \d+ bytes, though its service makes",
    "compacts_one_too_few": rf"{S} applied index 9 after index 9",
    "restarts_one_too_late": rf"{S} applied index \d+ after index \d+",
    "goes_back_to_old_snapshots": rf"{S} had saved a snapshot up to \d+, and saves one up to \d+",
    "installs_over_what_follows": rf"{S} deleted entr.* What follows a snapshot stays in the log",
    "installs_without_the_term": rf"{S} installs a snapshot with the wrong last term",
    "installs_for_now": rf"{S} restarts without the snapshot that its log begins after",
    "restarts_without_its_snapshot": rf"{S} had saved a snapshot up to \d+, and saves none",
    "installs_and_tells_nobody": rf"{S} installs a snapshot, and its service goes on without it",
    "replaces_a_newer_snapshot": rf"{S} had saved a snapshot up to \d+, and saves one up to \d+",
    "saves_in_two_steps": rf"{S} restarts without the snapshot that its log begins after",
    "applies_snapshots_by_another_way": rf"{S} installs a snapshot, and its service goes on",
    "installs_into_a_wrong_log": rf"{S} installs a snapshot with the wrong last term",
    "commits_its_tail_with_a_snapshot": rf"{S} applied .\d+. at index \d+, where {S} applied",
    "looks_before_its_snapshot": rf"{S} applied '' at index \d+, where {S} applied",
    "commits_old_entries_below_new_ones": rf"{S} commits entry 2 of term 1 by counting, as leader",
    "appends_without_leading": rf"{S} answered Start\(.* that it leads term \d+, and get_state",
    "drops_zeros": r"got the index \d+ of term \d+, and b'' was applied there",
    "drops_what_it_has_not_committed": rf"{S} deleted entr.*, which conflicted with nothing",
    "keeps_where_a_snapshot_ends": rf"{S} applied .\d+. at index \d+, where {S} applied",
    "shifts_entries_at_a_snapshot": rf"{S} applied '\d+' at index \d+, where {S} applied '\d+'",
    "installs_without_saving": rf"{S} had applied all entries up to \d+, and was restarted: its",
    "votes_by_what_it_knew": rf"{S} voted twice in term \d+, for {S} and for {S}",
}

C = r"c\d+"

LOCK = {
    "maybe_is_mine": rf"{C}'s Acquire returned after #\d+ was answered Err.*: the lock held {C}'s",
    "never_looks": r"since #\d+, at .* this Acquire has put it itself, and goes on waiting",
    "checks_then_acts": rf"{C}'s Acquire put {C}'s id by #\d+ at version \d+, at which {C} held",
    "one_name_for_all": rf"{C} puts the same value, and took it for its own",
    "gives_away_what_it_has_not": rf"{C}'s Release put '' by #\d+, and {C} held the lock since #",
    "releases_nothing": rf"{C}'s Release never puts at the version that the lock has",
    "one_lock_for_all_names": r"The locks '\w+' and '\w+' are kept at one key",
    "loses_its_patience": rf"{C}'s Acquire put {C}'s id by #\d+ at version \d+, at which {C} held",
    "waits_for_nobody": rf"{C}\.\w+'s Acquire has sent nothing since #\d+",
    "async_with_keeps_the_lock": r"has put it, and has not released it",
    "async_with_does_not_wait": r"client 1 is inside `async with`, and Put",
    "async_with_swallows": r"an exception inside `async with` did not come out of it",
    "leases_for_a_minute": rf"{C}'s Acquire put {C}'s id by #\d+ at version \d+, at which {C}",
    "releases_later": r"has put it, and its Release has returned without a Put. After release",
    "leases": rf"{C}'s Acquire put {C}'s id by #\d+ at version \d+, at which {C} held",
    "normalizes_names": r"are kept at one key. Locks of different names are independent",
    "goes_by_the_first_letter": r"are kept at one key. Locks of different names are independent",
}

RSM = {
    "answers_before_commit": rf"{S} answered b'inc \d+'.* with OK, though its machine had not",
    "waits_for_a_deposed_leader": rf"{S}'s submit does not return after it heard of a newer",
    "wakes_whoever_has_the_index": rf"applied at that moment was b'\w+ \d+', submitted to {S}",
    "knows_requests_by_number_alone": rf"applied at that moment was b'\w+ \d+', submitted to {S}",
    "counts_anew_after_a_restart": rf"{S} answered b'inc \d+' with",
    "waits_when_it_is_killed": rf"{S}'s submit does not return after it was shut down",
    "makes_no_snapshot": r"hand Raft a snapshot of what has been applied",
    "makes_snapshots_always": r"handed Raft a snapshot up to entry \d+ .* a maxraftstate of -1",
    "starts_without_its_snapshot": rf"{S} has left out requests 1 to \d+.* taken over no snapshot",
    "ignores_installed_snapshots": r"#\d+ had brought a snapshot up to entry \d+, .* over none",
    "skips_after_a_snapshot": rf"{LEFT_OUT}.* snapshot of \d+",
    "snapshot_between_check_and_apply": rf"{LEFT_OUT} its machine .* {HANDED}",
    "snapshot_covers_one_too_few": rf"{S} has applied it again, after its machine .* {HANDED}",
    "takes_a_snapshot_for_an_answer": rf"{S} answered b'dec \d+'.* though its machine had not",
    "takes_a_timeout_for_an_answer": rf"{S} answered b'dec \d+'.* though its machine had not",
    "answers_with_the_latest_reply": r"another reply than its machine gave to it: \d+ instead of",
    "locks_itself_out": r"async with self._lock:",
    "forgets_no_request": r"forget a request when submit returns",
    "applies_its_own_only": rf"{S} does not apply what is committed",
    "applies_twice_when_it_leads": r"the machine was called twice for one entry",
    "submits_again_by_itself": r"It stands in the log twice, as entry \d+ of term \d+ \(#\d+\)",
}

KVRAFT = {
    "reads_what_it_has": rf"{S} (did not lead and must answer Err|answered #.* from what it had)",
    "reads_while_it_believes_that_it_leads": rf"It believed that it led term \d+, and {S} led",
    "lease_longer_than_the_promise": rf"{S} answered .* to #\d+ .*: expected \('\d+'",
    "promise_forgotten_by_a_restart": rf"{S} answered .* to #\d+ .*: expected \('\d+'",
    "knows_no_key_when_it_does_not_lead": rf"{S} did not lead and must answer ErrWrongLeader",
    "answers_puts_without_a_majority": rf"{S} answered a write before it had applied it",
    "never_leaves_a_dead_leader": rf"{C} asks only {S}, and {S} leads",
    "stays_with_the_first_server": rf"{C} asks only {S}, and {S} leads",
    "sure_that_nothing_happened": r"Put must return ErrMaybe, not ErrVersion",
    "takes_wrong_leader_for_a_proof": r"answered ErrWrongLeader, which is no proof that nothing",
    "doubts_what_it_must_know": r"so Put must return ErrVersion, not ErrMaybe",
    "takes_version_for_success": r"so Put must return ErrMaybe, not OK",
    "puts_at_a_later_version": r"Put was called with version \d+, and #\d+ puts at version \d+",
    "makes_no_snapshot": r"hand Raft a snapshot of what has been applied",
    "makes_snapshots_always": r"handed Raft a snapshot up to entry \d+ .* a maxraftstate of -1",
    "skips_after_a_snapshot": rf"{LEFT_OUT} its machine had taken over",
    "starts_without_its_snapshot": rf"{S} applied .* as request 1, .* taken over no snapshot",
    "goes_back_to_old_snapshots": rf"{S} had applied \d+ requests, and took over a snapshot of",
    "waits_for_a_heartbeat": r"a leader must send what it is given at once",
    "says_version_for_no_key": rf"{S} answered ErrVersion to #\d+ \(Put.*: expected ErrNoKey",
    "ends_keys_at_a_zero": rf"{S} answered ErrVersion to #\d+ .*x00.* is right for 'a', which #",
    "takes_empty_for_missing": rf"{S} answered ErrNoKey to #\d+ \(Get\(''\)\): expected",
    "doubts_that_there_is_no_key": r"none of them was carried out, and Put must return ErrNoKey",
    "gives_up_at_last": r"none of its \d+ requests was answered: a Put without a reply",
    "takes_a_snapshot_for_an_answer": rf"{S} answered #\d+ .* with OK as soon as it was entry",
    "answers_reads_from_a_cache": rf"{S} answered #\d+ .* from what it had, without an entry",
    "compares_versions_before_the_log": rf"{S} answered ErrVersion to #\d+ .*: expected OK",
    "reads_whether_it_has_happened": rf"{C}'s was answered ErrVersion",
}

V = r"\('\S*', v\d+\)"
ONCE = r"were in the server at the same time: one may have run between the check and the write"
MAYBE = r"so Put must return ErrMaybe, not"

KVSRV = {
    # what the clerk makes of answers
    "resend_says_version": rf"are the same Put.* {MAYBE} ErrVersion",
    "resend_says_ok": rf"are the same Put.* {MAYBE} OK",
    "resend_says_maybe": r"answered OK to #\d+, but Put returned ErrMaybe",
    "first_try_says_maybe": r"sent once, as #\d+, .* Put must return ErrVersion, not ErrMaybe",
    "lost_says_version": r"Put returned ErrVersion, but .* a Put without a reply must be sent",
    "gives_up": r"Get returned ErrNoKey, but .* a Get without a reply must be sent again",
    "loses_its_patience": r"none of its 10 requests was answered: a Put without a reply",
    "floods": r"#\d+ was lost the clerk of c0 sent 100 copies at once, #\d+ to #\d+",
    "puts_twice": r"#\d+ had been answered OK when the clerk sent the same Put again, as #\d+",
    "remembers_what_it_read": rf"Get returned {V} without a request: no server was asked",
    # what the server answers
    "ignores_the_version": r"answered OK to #\d+ \(Put.*: expected ErrVersion",
    "keeps_the_version": r"answered (OK|\(.*v1\)) to #\d+ \(.*: expected (ErrVersion|.* v2\))",
    "put_creates_at_any_version": r"answered OK to #\d+ \(Put.*: expected ErrNoKey",
    "normalizes_keys": r"answered ErrVersion to #\d+ .*: expected OK. .* right for 'é', which #",
    "takes_versions_of_the_future": r"answered OK to #\d+ \(Put.*: expected ErrVersion",
    "takes_equal_values_for_a_repetition": r"answered OK to #\d+ \(Put.*: expected ErrVersion",
    "get_is_ahead": rf"answered {V} to #\d+ \(Get.*: expected {V}",
    "get_is_stale_at_times": rf"answered {V} to #\d+ \(Get.*: expected {V}",
    "version_is_stale_at_times": rf"answered {V} to #\d+ \(Get.*: expected {V}",
    "misses_what_is_empty": rf"answered ErrNoKey to #\d+ \(Get\(''\)\): expected {V}",
    "says_ok_to_copies_in_flight": rf"answered (ErrNoKey|{V}) to #\d+ \(Get.*: expected {V}",
    "not_atomic": rf"{ONCE} of the other.*asyncio.sleep|asyncio.sleep.*{ONCE} of the other",
    "puts_in_two_steps": rf"asyncio.sleep.*{ONCE} of the other",
    # what it keeps
    "forgets_what_it_waited_for": r"no Put against version \d+ succeeded .* was answered Err",
    "keeps_a_hundred_keys": r"answered ErrNoKey to #\d+ \(Put.*: expected OK. 'key \d+' was at",
    "cuts_long_values": r"answered \(.*\(65536 long\), v2\) to .*: expected .*\(\d+ long\), v2",
    "remembers_its_readers": r"server's _reads has grown from \d+ to \d+ bytes: \d+ elements",
    "remembers_every_put": r"server's _puts has grown from \d+ to \d+ bytes: \d+ elements",
}

AGAIN = r"#\d+ repeats #\d+: expected the answer '.*', got '"
SENT_ALIKE = r"are different operations.* and both were sent as"
NAMED = r"are the same Append, but were sent with request=\d+ and \d+"

DEDUP = {
    # how the clerk names its requests, and when it gives up
    "a_new_number_for_each_try": NAMED,
    "loses_its_patience": NAMED,
    "one_name_for_all_clients": rf"{SENT_ALIKE} client=1, request=1: #\d+ is taken",
    "one_number_for_all_requests": rf"{SENT_ALIKE} client=c\d, request=1: #2 is taken",
    "gives_up_on_appends": r"Append returned '', but .* an Append without a reply must be",
    "gives_up_on_puts": r"Put returned, but .* a Put without a reply must be sent",
    # how often a request is carried out, and how it is answered
    "executes_every_copy": AGAIN,
    "executes_every_copy_of_a_put": r"#\d+ repeats #\d+, and was carried out again",
    "runs_copies_in_flight": r"#\d+ arrived twice, and was carried out again",
    "answers_copies_with_nothing": r"answered '' to #\d+ .* Another copy of #\d+ was still in",
    "answers_with_what_is_there": AGAIN,
    "answers_with_the_new_value": r"answered '.*' to #\d+ \(Append.*: expected '.*'",
    "one_answer_for_all_clients": AGAIN,
    "forgets_clients": AGAIN,
    "not_atomic": rf"asyncio.sleep.*{ONCE} of the other",
    # what it stores
    "put_appends": r"answered '.*'.* to #\d+ \(Get.*: expected '.*'. #\d+ had put '.*'",
    "get_is_behind_at_times": r"answered '.*' to #\d+ \(Get.*: expected '.*'",
    "drops_line_ends": r"answered 'a.r.na' to #\d+ \(Get.*: expected 'a.r.na.n'",
    "appends_nothing_for_nothing": r"answered '' to #\d+ \(Append\('.*', ''\)\): expected '.+'",
    "names_that_are_not_unique": r"client\d+'s Put.* were sent as client=\d+, request=1",
    # what it keeps
    "remembers_every_answer": r"server's _answers (has grown from \d+ to|holds) \d+ bytes",
    "remembers_what_it_replaced": r"server's _answer (has grown from \d+ to|holds) \d+ bytes",
    "remembers_whole_requests": r"server's _requests (has grown from \d+ to|holds) \d+ bytes",
    "forgets_after_a_minute": AGAIN,
    "remembers_every_number": r"server's _seen has grown from \d+ to \d+ bytes: \d+ elements",
    "creates_what_is_read": r"server's _table has grown from \d+ to \d+ bytes: \d+ elements",
    "remembers_its_readers": r"server's _gets has grown from \d+ to \d+ bytes",
}

STATES = rf"{S} replied to request \d+ in another way than {S} .* a snapshot of \d+ requests"

KVRAFT_DEDUP = {
    "table_not_in_the_snapshot": STATES,
    "table_lost_on_restart": STATES,
    "answers_not_in_the_snapshot": STATES,
    "table_keyed_by_number": rf"{S} answered '.*' to #\d+ \(Append.*: expected '.*'",
    "table_keyed_by_key": rf"{S} answered '.*' to #\d+ \(Append.*: expected '.*'",
    "each_server_remembers_for_itself": AGAIN,
    "answers_a_repetition_too_soon": AGAIN,
    "executes_every_copy": AGAIN,
    "answers_with_what_is_there": AGAIN,
    "one_answer_for_all_clients": AGAIN,
    "a_new_number_for_each_try": r"are the same Append, but were sent with number=\d+ and \d+",
    "reads_what_it_has": rf"{S} did not lead and must answer ErrWrongLeader",
    "never_leaves_a_dead_leader": rf"{C} asks only {S}, and {S} leads",
    "makes_no_snapshot": r"hand Raft a snapshot of what has been applied",
    "skips_after_a_snapshot": rf"{LEFT_OUT} its machine had taken over",
    "executes_every_copy_of_a_put": r"#\d+ repeats #\d+, and was carried out again",
    "forgets_silent_clients": AGAIN,
    "remembers_eight_clients": r"#\d+ repeats #\d+, and was carried out again",
    "gives_up_at_last": r"none of its \d+ requests was answered: an Append without a reply",
}

RENAMED = r"w\d has renamed mr-tmp-\S+ to (mr-out-\d+); in \1, "
OTHERS = rf"{RENAMED}'\S+' has '.*', expected '.*'"
BEGUN = r"w\d maps pg-\S+, which \w+ had begun at \S+ s"
TOO_EARLY = r"w\d was at a reduce task \(#\d+\) while the map of pg-\S+ by w\d \(#\d+\)"
SAID_TOO_EARLY = r"says that the job is done before w\d has completed its reduce task"

MAPREDUCE = {
    # what is handed out, and when
    "never_hands_out_again": r"w\d crashes, and nobody finishes the map of pg-\S+txt",
    "hands_out_only_map_tasks_again": r"w\d crashes, and nobody finishes the reduce task that",
    "has_no_patience": rf"{BEGUN} .* had not called again",
    "hands_out_what_is_under_way": r"w\d reduces what stands in mr-\S+, which w\d had begun at",
    "is_impatient_by_a_second": rf"{BEGUN} .* had not called again",
    "waits_for_half_a_minute": r"began it before 30\.\d+ s: .* by its last call \(#\d+\)",
    "hands_out_one_late_task_at_a_time": r"began it before 20\.\d+ s: .* by its last call",
    "hands_out_what_is_finished": rf"{BEGUN} .* had called again at \S+ s \(#\d+\)",
    "asks_seldom": r"w\d had nothing to do, and the number of its calls in 7 s was 1: it is",
    "drops_what_is_finished": rf"{BEGUN} .* had called again at \S+ s \(#\d+\)",
    "counts_reports": TOO_EARLY,
    "takes_reports_for_the_present_phase": SAID_TOO_EARLY,
    "reduces_before_all_is_mapped": TOO_EARLY,
    # the end of the job
    "is_done_when_all_is_handed_out": SAID_TOO_EARLY,
    "is_never_done_after_a_crash": r"w\d completes mr-out-\d, no task begins after that",
    "sends_idle_workers_home": r"w\d (returns while the map|has returned, and there is no mr-out)",
    "does_not_wait": r"a worker with nothing to do is to wait before it asks again",
    "gives_up_at_once": r"w\d returns after #\d+, which had no answer",
    "never_gives_up": r"The coordinator went at \S+ s\. Since #\d+ w\d has called \d+ times",
    "reports_before_it_is_done": r"w\d returns before w\d has completed its reduce task",
    "skips_what_is_there": r"w\d crashes, and nobody finishes the reduce task of mr-out-\d",
    # files
    "writes_the_output_in_place": r"w\d writes mr-out-\d in place",
    "writes_between_in_place": r"w\d reads mr-\d-\d, which was lost when w\d crashed",
    "shares_temporary_names": r"mr-out-\d, and it is wrong, while w\d was at the same",
    # what is in them
    "partitions_by_hash": rf"{RENAMED}there is '\S+', which belongs into mr-out-\d",
    "runs_numbers_together": r"w\d reads mr-\d+, which the maps of \d+.txt and \d+.txt have",
    "reduces_each_part": rf"{RENAMED}.*'\S+' is on more than one line",
    "drops_equal_values": OTHERS,
    "combines_by_reducing": OTHERS,
    "keeps_a_thousand_values": rf"{RENAMED}'same' has '1000', expected '3000'",
    "counts_on_ten_reduce_tasks": rf"{RENAMED}'\S+' is missing, expected '.*'",
    "forgets_the_last_file": r"completes mr-out-\d without what the map of pg-tom_sawyer.txt made",
}
