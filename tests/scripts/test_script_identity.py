"""A script signs in as a person, or with a SAS token or a key: it cannot use the other sign-ins of a configuration, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from chorus_gui.core.config.load import loads
from chorus_gui.core.errors import UsageError
from chorus_gui.core.scripts.access import access
from chorus_gui.core.scripts.options import ScriptOptions, Target, Tool

CLIENT = "6f1c0000-0000-4000-8000-00000000cccc"
NAME = 'azure_account_name = "account"\n'
MODES = {
    "certificate": f'auth_mode = "certificate"\nazure_tenant_id = "t"\nazure_client_id = "{CLIENT}"\nazure_client_certificate_path = "c.pem"\n',
    "managed_identity": 'auth_mode = "managed_identity"\n',
    "workload_identity": f'auth_mode = "workload_identity"\nazure_tenant_id = "t"\nazure_client_id = "{CLIENT}"\nazure_federated_token_file = "t"\n',
}


@pytest.mark.parametrize("tool", Tool)
@pytest.mark.parametrize("where", ["central", "site", "journal"])
@pytest.mark.parametrize("mode", MODES)
def test_a_script_refuses_what_it_cannot_sign_in_with(mode: str, where: str, tool: Tool) -> None:
    login = 'auth_mode = "login"\n'
    keys = {place: MODES[mode] if place == where else login for place in ("central", "site", "journal")}
    text = (
        f'[journal.source]\npath = "az://box/j.db"\n[journal.source.auth]\n{NAME}{keys["journal"]}'
        f'[central_path]\npath = "az://box/"\n[central_path.auth]\n{NAME}{keys["central"]}'
        f'[site_path.default]\npath = "site"\n[site_path.Images]\npath = "az://site/"\n[site_path.Images.auth]\n{NAME}{keys["site"]}'
    )
    config = loads(text, Path("/chorus/c.toml").absolute(), environ={})
    options = ScriptOptions(tool, Target.here(), ("chorus-upload",))
    if where == "journal":
        access(config, options)  # a script does not touch it
        return
    with pytest.raises(UsageError) as caught:
        access(config, options)
    assert f'auth_mode = "{mode}"' in caught.value.meaning
    assert "file upload" in caught.value.remedy
