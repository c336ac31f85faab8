"""Files whose modality the configuration no longer includes: no command takes them, so they are no next step, and each command says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World, ran

from chorus_gui.app import facts
from chorus_gui.app.doctor.model import Case
from chorus_gui.app.doctor.submission import check_status
from chorus_gui.app.repair import repair
from chorus_gui.app.site_status import Action, SiteStatus, site_status
from chorus_gui.app.submit import upload
from chorus_gui.app.verify import verify
from chorus_gui.cli.main import main
from chorus_gui.core.job import JobContext
from chorus_gui.core.submission.work import Selection

PENDING = (
    "1 file of Waveforms is recorded and not uploaded: the configuration does not include Waveforms. "
    "To upload it, add Waveforms to “supported_modalities” in the configuration."
)
WRONG = "1 file of Waveforms is known to be missing or different in the central store."


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for path in ("1/Images/a.dcm", "1/Waveforms/a.dat"):
        world.put(path, path)
    world.run(version="v1")
    ran(verify(world.workspace(), JobContext(), Selection()))
    return world


def without(world: World, *modalities: str) -> None:
    """The configuration includes all modalities but these."""
    names = [name for name in ("OMOP", "Images", "Waveforms") if name not in modalities]
    lines = world.file.read_text("utf-8").splitlines()
    changed = [f'supported_modalities = "{",".join(names)}"' if line.startswith("supported_modalities") else line for line in lines]
    world.file.write_text("\n".join(changed), "utf-8")


def status(world: World) -> SiteStatus:
    return site_status(facts.known(world.workspace(), JobContext()))


def test_pending_files_of_a_modality_that_is_left_out_are_a_warning_with_a_remedy_that_works(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("2/Waveforms/b.dat", "b")
    world.run("record", version="v2")
    without(world, "Waveforms")
    shown = status(world)
    assert shown.next.action is not Action.UPLOAD
    assert shown.next.action in (Action.SCAN, Action.NOTHING)
    assert PENDING in shown.warnings
    assert PENDING in [found.what for found in check_status(Case(world.file, world.config))]
    assert PENDING in ran(upload(world.workspace(), JobContext(), Selection())).log.notes
    assert main(["-c", str(world.file), "file", "upload"]) == 0
    said = capsys.readouterr()
    assert "Nothing to do" not in said.out
    assert PENDING in said.out + said.err
    without(world)
    assert status(world).next.action is Action.UPLOAD
    assert ran(upload(world.workspace(), JobContext(), Selection())).log.uploaded["Waveforms"].files == 1


@pytest.mark.parametrize("options", [[], ["--all"]])
def test_wrong_files_of_a_modality_that_is_left_out_are_a_warning_and_a_repair_says_that_it_left_them(
    world: World, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (world.central / "v1" / "1" / "Waveforms" / "a.dat").unlink()
    ran(verify(world.workspace(), JobContext(), Selection()))
    assert status(world).next.action is Action.REPAIR
    without(world, "Waveforms")
    assert main(["-c", str(world.file), "file", "repair", *options]) == 0
    said = capsys.readouterr()
    assert WRONG in said.out + said.err
    assert "1 file failed" not in said.out + said.err
    ran(verify(world.workspace(), JobContext(), Selection()))
    shown = status(world)
    assert shown.next.action not in (Action.REPAIR, Action.SEE_VERIFICATION)
    assert [warning for warning in shown.warnings if warning.startswith(WRONG)]
    without(world)
    assert status(world).next.action is Action.REPAIR
    assert ran(repair(world.workspace(), JobContext(), Selection(), known=True)).value.wrong == 1
    assert not status(world).warnings


@pytest.mark.parametrize("modality", ["Waveforms", "Images"])
def test_a_verification_without_a_modality_does_not_verify_its_files_when_it_is_included_again(world: World, modality: str) -> None:
    """What nobody compared is not verified: not after the configuration left the modality out, and then included it again."""
    world.put(f"2/{modality}/b", "b")
    world.run(version="v2")
    without(world, "Waveforms")
    ran(verify(world.workspace(), JobContext(), Selection("v2")))
    assert "submitted and verified" in status(world).headline
    without(world)
    shown = status(world)
    assert (shown.next.action, shown.next.version) == ((Action.VERIFY, "v2") if modality == "Waveforms" else (Action.SCAN, None))
    ran(verify(world.workspace(), JobContext(), Selection("v2")))
    assert status(world).next.action is Action.SCAN


def test_a_difference_in_one_version_verifies_nothing_in_another_one_that_was_not_compared(world: World) -> None:
    """The verification was of both versions, without a modality: that its only wrong file is in the first one says nothing of the second."""
    world.put("2/Images/b", "b")
    world.put("2/Waveforms/b", "b")
    world.run(version="v2")
    without(world, "Waveforms")
    first = next(path for path in sorted((world.central / "v1").rglob("*")) if path.is_file() and "Images" in path.parts)
    first.unlink()
    ran(verify(world.workspace(), JobContext(), Selection()))
    assert ran(repair(world.workspace(), JobContext(), Selection(), known=True)).value is not None
    without(world)
    shown = status(world)
    assert "verified" not in shown.headline.lower() or shown.next.action is Action.VERIFY, shown
    assert shown.next.action is Action.VERIFY, shown
