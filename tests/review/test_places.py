"""Names that cannot be side by side in a central store that is a folder: which of two files is a problem, and which is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World

from chorus_gui.core.review import places
from chorus_gui.core.review.staging import Staging


def clashes(world: World, files: list[str | tuple[str, str, str]], *, own_paths: bool = False) -> dict[str, str]:
    """path → note of what becomes a problem; a file is a path, or a path with its kind and its version."""
    with Staging.create(world.base / "review.db") as staging:
        for file in files:
            path, kind, version = (file, "added", None) if isinstance(file, str) else file
            staging.db.execute("INSERT INTO change (kind, modality, path, version) VALUES (?, 'Images', ?, ?)", (kind, path, version))
        places.find_clashes(world.config, staging, "path", own_paths=own_paths)
        return dict(staging.db.execute("SELECT path, note FROM change WHERE kind = 'problem'").fetchall())


@pytest.mark.parametrize(
    ("files", "ignoring_case", "distinguishing"),
    [
        pytest.param(["1/a", "1/b", "2/a"], set(), set(), id="other names"),
        pytest.param(["1/A", "1/a"], {"1/a"}, set(), id="two spellings of a file: the first is sent"),
        pytest.param(["1/S/a", "1/s/b"], {"1/s/b"}, set(), id="two spellings of a folder"),
        pytest.param(["1/S/a", "1/s/b", "1/s/c", "1/S/d"], {"1/s/b", "1/s/c"}, set(), id="every file in the second folder"),
        pytest.param(["1/S/x/a", "1/s/x/b"], {"1/s/x/b"}, set(), id="a folder far above"),
        pytest.param(["1/S", "1/S/a"], {"1/S"}, {"1/S"}, id="a file with the name of a folder"),
        pytest.param(["1/S/a", "1/S"], {"1/S"}, {"1/S"}, id="whichever comes first"),
        pytest.param(["1/S/x/y/a", "1/S/x"], {"1/S/x"}, {"1/S/x"}, id="the name of a folder far above"),
        pytest.param(["1/S/a", "1/s"], {"1/s"}, set(), id="the name of a folder in another spelling"),
        pytest.param(["a", "A"], {"A"}, set(), id="files in no folder"),
        pytest.param(["1/Ä", "1/ä"], {"1/ä"}, set(), id="letters beyond ASCII"),
        pytest.param([("1/A", "added", "v1"), ("1/a", "added", "v2")], set(), set(), id="each version has its own folder"),
        pytest.param([("1/S", "updated", "v1"), ("1/S/a", "added", "v1")], {"1/S"}, {"1/S"}, id="a file that is replaced"),
        pytest.param([("1/S", "deleted", "v1"), ("1/S/a", "added", "v1")], set(), set(), id="what is not sent takes no place"),
        pytest.param([("1/S", "added", "v1"), ("1/S/a", "moved", "v1")], set(), set(), id="nor does a file that lies there"),
    ],
)
@pytest.mark.parametrize("folded", [True, False], ids=["ignoring case", "distinguishing case"])
def test_which_names_cannot_be_side_by_side(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: list[str | tuple[str, str, str]],
    ignoring_case: set[str],
    distinguishing: set[str],
    folded: bool,
) -> None:
    monkeypatch.setattr(places, "folder_ignores_case", lambda _: folded)
    found = clashes(World(tmp_path), files)
    assert set(found) == (ignoring_case if folded else distinguishing)
    for note in found.values():
        assert places.AFTERWARDS in note


def test_the_other_spelling_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "folder_ignores_case", lambda _: True)
    assert "“1/S”" in clashes(World(tmp_path), ["1/S/a", "1/s/b"])["1/s/b"]
    assert "“1/s/A”" in clashes(World(tmp_path / "other"), ["1/s/A", "1/s/a"])["1/s/a"]


@pytest.mark.parametrize(("own_paths", "folded", "looked_at"), [(True, False, False), (True, True, True), (False, False, True)])
def test_what_the_site_itself_has_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_paths: bool, folded: bool, looked_at: bool
) -> None:
    """A folder of the site cannot have such names either, as long as its own paths are the places, and both distinguish case."""
    monkeypatch.setattr(places, "folder_ignores_case", lambda _: folded)
    assert bool(clashes(World(tmp_path), ["1/S", "1/S/a"], own_paths=own_paths)) is looked_at
