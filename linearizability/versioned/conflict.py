"""Why the versions of one key cannot have followed each other: core, sentence, longest prefix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from linearizability.decision import Conflict, Core
from linearizability.operation import Operation, in_call_order
from linearizability.versioned.facts import proof_of, smallest_contradiction
from linearizability.versioned.table import Clash, Table
from linearizability.versioned.words import clash_words, contradiction_words


@dataclass(frozen=True)
class VersionedConflict(Conflict):
    """Two operations that clash, or a table and the first transition that has no instant."""

    reason: Clash | tuple[Table, int]

    def core(self) -> Core:
        owners: Sequence[Operation]
        if isinstance(self.reason, Clash):
            owners = self.reason.operations
            why, missing = clash_words(self.reason)
        else:
            table, failed = self.reason
            facts = smallest_contradiction(table, failed)
            proof = proof_of(table, min(table.needed, failed + 1), facts)
            owners = (*(op for fact in facts for op in fact.owners), *proof)
            why, missing = contradiction_words(table, failed, facts, proof)
        return Core(in_call_order(owners), why, missing)
