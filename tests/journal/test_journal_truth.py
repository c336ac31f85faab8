"""Random work against a plain model: both schemas come to the same truth."""

import copy
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from chorus_gui.core.errors import JournalChangedError
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.journal.v1 import V1
from chorus_gui.core.model import Action, Entry

PATHS = ["a.csv", "O'x/b.dat", "O'x/deep/c.dat"]


@dataclass
class Fact:
    modality: str
    path: str
    size: int
    mtime_us: int
    md5: str
    valid_us: int
    invalid_us: int | None
    uploaded: str | None
    version: str


NOTHING = Fact("", "", 0, 0, "", 0, None, None, "")


class Model:
    """What the rows mean, without SQL."""

    def __init__(self):
        self.rows, self.last = {}, 0

    def apply(self, entries, at_us):
        """True if all went in; otherwise nothing did."""
        before = copy.deepcopy((self.rows, self.last))
        if all(self.one(entry, at_us) for entry in entries):
            return True
        self.rows, self.last = before
        return False

    def taken(self, modality, path):
        return any(r.invalid_us is None and (r.modality, r.path) == (modality, path) for r in self.rows.values())

    def retire(self, key, at_us):
        if self.rows[key].uploaded is None:
            del self.rows[key]
        else:
            self.rows[key].invalid_us = at_us

    def add(self, fact):
        self.last += 1
        self.rows[self.last] = fact

    def one(self, e, at_us):
        if e.old_id is not None and e.old_id not in self.rows:
            return False
        old = self.rows.get(e.old_id, NOTHING)
        match e.action:
            case Action.ENTER:
                if old is not NOTHING:
                    if old.invalid_us is not None:
                        return False
                    self.retire(e.old_id, at_us)
                if self.taken(e.modality, e.path):
                    return False
                self.add(Fact(e.modality, e.path, e.size, e.mtime_us, e.md5, at_us, None, e.uploaded, e.version))
            case Action.REPEAT:
                if old.invalid_us is not None and (old.uploaded is None or self.taken(old.modality, old.path)):
                    return False
                fact = copy.copy(old)
                fact.mtime_us, fact.valid_us, fact.invalid_us = e.mtime_us, at_us, None
                if old.invalid_us is None:
                    self.retire(e.old_id, at_us)
                self.add(fact)
            case Action.CLOSE:
                if old.invalid_us is not None:
                    return False
                self.retire(e.old_id, at_us)
            case Action.UPLOADED:
                if old.invalid_us is not None or old.uploaded is not None:
                    return False
                old.uploaded = e.uploaded
        return True

    def truth(self):
        return {(key, *vars(row).values()) for key, row in self.rows.items()}


entry = st.builds(
    Entry,
    st.just(Action.ENTER),
    modality=st.sampled_from(["OMOP", "Images"]),
    path=st.sampled_from(PATHS),
    size=st.integers(0, 2**50),
    mtime_us=st.integers(0, 2**51),
    md5=st.sampled_from(["a" * 32, "b" * 32]),
    version=st.sampled_from(["20250101000000", "20250102000000"]),
    uploaded=st.sampled_from([None, "20250101101010"]),
    old_id=st.none() | st.integers(1, 6),
    state=st.sampled_from(["ADDED", "UPDATED"]),
) | st.builds(
    Entry,
    st.sampled_from([Action.REPEAT, Action.CLOSE, Action.UPLOADED]),
    mtime_us=st.integers(0, 2**51),
    uploaded=st.just("20250202020202"),
    old_id=st.integers(1, 8),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(entry, min_size=1, max_size=4), max_size=12))
def test_both_schemas_come_to_the_models_truth(batches):
    with tempfile.TemporaryDirectory() as folder:
        for schema in (1, 2):
            path = Path(folder) / f"{schema}.db"
            if schema == 1:
                import sqlite3
                from contextlib import closing

                with closing(sqlite3.connect(path)) as conn:
                    for statement in V1.statements:
                        conn.execute(statement)
            model = Model()
            with Journal.open(path, create=True) as journal:
                journal._conn.execute("PRAGMA synchronous = OFF")
                journal._kept = True
                for at_us, batch in enumerate(batches, 1000):
                    before = journal.fingerprint()
                    expected = model.truth()
                    try:
                        journal.commit(batch, at_us=at_us)
                        went_in = True
                    except JournalChangedError:
                        went_in = False
                    assert model.apply(batch, at_us) is went_in
                    rows = {
                        (r.file_id, r.modality, r.path, r.size, r.mtime_us, r.md5, r.valid_us, r.invalid_us, r.uploaded, r.version)
                        for r in journal.rows()
                    }
                    assert rows == model.truth()
                    assert (journal.fingerprint() == before) is (rows == expected)
                    assert not [r for r in journal.rows(active=False) if r.uploaded is None]
                assert sum(c.active for c in journal.counts()) == sum(r.invalid_us is None for r in model.rows.values())
                assert not [f for f in journal.check() if f.kind == "duplicate"]
