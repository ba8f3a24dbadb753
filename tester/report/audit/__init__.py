"""The audits behind a story: the rules of Raft and of MapReduce, held against a run."""
