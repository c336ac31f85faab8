"""The quick part of ``dev.py soak``: each fault hits one submission, and nothing is lost or false."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chorus_gui.app.demo.azurite import Azurite

if os.name != "posix":
    pytest.skip("the faults are made with POSIX signals, limits and mounts", allow_module_level=True)
from cloud_scenes import SCENES
from run_soak import Sum, play, table
from scenes import NotHereError, Scene


@pytest.mark.slow
@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene.quick], ids=lambda scene: scene.play.__name__)
def test_a_fault_loses_nothing_and_leaves_nothing_false(azurite: Azurite, tmp_path: Path, scene: Scene) -> None:
    try:
        verdict = play(scene, azurite, 20261127, tmp_path / "trial")
    except NotHereError as error:
        pytest.skip(str(error))
    assert (verdict.lost, verdict.false, verdict.problems) == (0, 0, [])


def test_the_table_has_every_fault() -> None:
    sums = {scene.name: Sum() for scene in SCENES}
    text = table(sums)
    assert all(f"| {scene.name} | {scene.happens} |" in text for scene in SCENES)
    assert len({scene.name for scene in SCENES}) == len(SCENES)
