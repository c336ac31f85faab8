"""The window signs in without a person: each identity that an app registration or a computer in Azure has, from its check-out to its check-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from entra import CLIENT, PASSWORD, TENANT, Authority, serve_metadata, write
from faces import Asked, Window
from pytestqt.qtbot import QtBot
from test_azure_sign_in_submissions import authority, certificate_keys, folder, https_azurite, site_container, world_of
from uiworld import a_session

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.custody.state import State
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents
from chorus_gui.ui.session import Session

__all__ = ["authority", "folder", "https_azurite"]


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path) -> Iterator[Session]:
    (tmp_path / "settings").mkdir()
    with a_session(qtbot, tmp_path / "settings") as session:
        yield session


def token_file_keys(authority: Authority, base: Path) -> str:
    authority.federated = "of.another.service"
    write(base, "token", b"of.another.service")
    return (
        f'auth_mode = "workload_identity"\nazure_tenant_id = "{TENANT}"\nazure_client_id = "{CLIENT}"\n'
        f'azure_federated_token_file = "token"\nazure_authority_host = "{authority.host}"\n'
    )


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """What gives a computer in Azure its identity."""
    there = Authority()
    serving = serve_metadata(there)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", serving.url)
    yield there
    serving.close()


@pytest.mark.parametrize("way", ["certificate", "workload_identity", "managed_identity"])
def test_the_window_checks_out_submits_verifies_and_checks_in(
    https_azurite: Azurite,
    authority: Authority,
    computer: Authority,
    tmp_path: Path,
    qtbot: QtBot,
    session: Session,
    way: str,
) -> None:
    keys = {"certificate": certificate_keys, "workload_identity": token_file_keys}
    given, text = authority.given, 'auth_mode = "managed_identity"\n'
    if way in keys:
        text = keys[way](authority, tmp_path)
    else:
        given = computer.given
    world = world_of(tmp_path, https_azurite, text, site=site_container(https_azurite))
    window = Window(world, qtbot, session)
    window.open()
    assert session.state.custody.state is State.NEW, (session.state.config_error, session.state.faults, session.state.custody)
    assert session.state.credential.grade is Grade.INFO, "nobody is asked, and nothing expires"
    ends = [
        window.run(intents.CheckOut()),
        window.scan_and("submit", Asked(version="v1")),
        window.verify(reread=True),
        window.run(intents.CheckIn()),
    ]
    assert [end.outcome for end in ends] == [OutcomeKind.DONE] * len(ends), [end.said for end in ends]
    assert session.state.custody.state is State.FREE
    assert {path.rpartition("/")[2] for path in world.active()} == {"person.csv", "a.dcm", "b.dcm"}
    window.run(intents.Examine())
    assert session.state.doctor is not None
    assert not [found for found in session.state.doctor.findings if found.grade is Grade.BAD], session.state.doctor.findings
    said = "\n".join(message.text for message in session.state.messages)
    assert PASSWORD not in said
    assert given
    assert not any(token in said for token in given)
