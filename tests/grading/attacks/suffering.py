"""What every attack is put through: no points, no seed said, no process left."""

import os
from pathlib import Path

from tester.grading.handed import checked
from tester.grading.isolation import SLOTS, Isolation, Kind, first_user
from tests.grading.attacks.labs import LabAttack
from tests.grading.attacks.table import REFUSED, SEED, Attack

TEST = "test_unreliable_net"


def suffer(attack: Attack | LabAttack) -> list[str]:
    """Grade a seed; all texts that came of it."""
    handed = checked(attack.submission())
    texts = list(handed.notes)
    lab, test = (attack.lab, attack.test) if isinstance(attack, LabAttack) else ("kvsrv", TEST)
    with Isolation(lab, handed.files) as isolated:
        texts += isolated.notes
        if isolated.refusal:
            kind, sentence = REFUSED, isolated.refusal
        else:
            result = isolated.run(test, SEED)
            kind, sentence = result.kind, result.sentence
        mine = isolated.enforced
    texts.append(sentence)
    if "ctypes.call_function reaches around Python" in sentence:
        # Newer CPythons say so to the guard of every function in C, and older ones of few.
        assert kind == Kind.FAILED
    elif attack.ends == "bad":
        assert kind != Kind.PASSED, sentence
        assert attack.says in sentence, sentence
    else:
        assert kind == (attack.ends or Kind.PASSED), sentence
        assert attack.says in sentence, sentence
    assert mine.level == 4, mine.report()
    assert leaked(texts) == []
    assert all(text.isprintable() for text in texts)
    assert users_left() == []
    return texts


def leaked(texts: list[str]) -> list[str]:
    """The texts that hold the seed."""
    spelled = (str(SEED), f"{SEED:x}", f"{SEED:X}")
    return [text for text in texts if any(seed in text for seed in spelled)]


def users_left() -> list[str]:
    """The processes of users that are nobody else's than a node's of ours."""
    first = first_user()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and first <= os.stat(folder).st_uid < first + SLOTS:
                found.append((folder / "stat").read_text()[:80])
        except OSError:
            continue
    return found
