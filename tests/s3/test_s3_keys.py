"""Where the keys of a bucket come from: the configuration, or what the AWS tools of this computer have; and whom nobody asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import pytest
from azure_server import Server, reply
from s3server import KEYS, S3Server, s3_place

from chorus_gui.core.config.credentials import AwsKeys, Secret
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import AccessError, Cancelled, StoreUnavailableError, TokenTimeError, UntrustedHostError, Why
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.s3.keys import AwsChain, GivenKeys, key_source
from chorus_gui.core.storage.s3.signature import Keys
from chorus_gui.core.storage.s3.wire import Bucket

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Writes the two files of the AWS tools."""
    for name, file in (("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")):
        monkeypatch.setenv(name, str(tmp_path / file))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr("botocore.tokens.SSOTokenProvider._SSO_TOKEN_CACHE_DIR", str(tmp_path / "sso"))

    def write(config: str, credentials: str = "") -> None:
        (tmp_path / "config").write_text(config)
        (tmp_path / "credentials").write_text(credentials)

    write("")
    return write


Write = Callable[[str, str], None]
CHAIN = AwsKeys()


def found(credentials: AwsKeys = CHAIN) -> Keys:
    return key_source(credentials, "").keys()


def test_keys_of_the_configuration_need_no_library() -> None:
    source = key_source(KEYS, "")
    assert isinstance(source, GivenKeys)
    assert source.keys() == Keys(KEYS.key_id, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    code = (
        "import sys\nfrom chorus_gui.core.config.credentials import AwsKeys, Secret\nfrom chorus_gui.core.storage.s3.wire import Bucket\n"
        "from chorus_gui.core.config.model import Place, PlaceKind\n"
        "Bucket(Place(PlaceKind.S3, 's3://box', None, 'box', '', AwsKeys('a', Secret('b'))))\n"
        "print([name for name in sys.modules if name.startswith(('botocore', 'azure.', 'boto3'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_the_environment_of_the_aws_tools(aws: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    aws("", "[default]\naws_access_key_id = FILE\naws_secret_access_key = FILESECRET\n")
    assert found() == Keys("FILE", "FILESECRET")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ENVSECRET")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "ENVTOKEN")
    assert found() == Keys("ENV", "ENVSECRET", "ENVTOKEN")
    assert found(AwsKeys(profile="default")) == Keys("FILE", "FILESECRET"), "a profile that the configuration names goes before"


def test_a_profile_brings_its_region_its_endpoint_and_its_style(aws: Write) -> None:
    aws(
        "[profile site]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:9\nca_bundle = /certificates\ns3 =\n  addressing_style = path\n"
        "[profile other]\nservices = these\n[services these]\ns3 =\n  endpoint_url = http://127.0.0.1:8\n",
        "[site]\naws_access_key_id = A\naws_secret_access_key = B\naws_session_token = C\n",
    )
    source = key_source(AwsKeys(profile="site"), "")
    assert source.keys() == Keys("A", "B", "C")
    settings = source.settings
    assert (settings.region, settings.endpoint, settings.style, settings.certificates) == (
        "eu-west-1",
        "http://127.0.0.1:9",
        "path",
        "/certificates",
    )
    assert key_source(AwsKeys(profile="site"), "us-east-2").settings.region == "us-east-2"
    assert key_source(AwsKeys(profile="other"), "").settings.endpoint == "http://127.0.0.1:8"


def test_an_endpoint_of_a_profile_passes_the_same_gate(aws: Write) -> None:
    aws("[profile site]\nendpoint_url = https://s3.example.org\n", "[site]\naws_access_key_id = A\naws_secret_access_key = B\n")
    with pytest.raises(UntrustedHostError) as caught:
        Bucket(s3_place("", "box", keys=AwsKeys(profile="site")))
    assert "AWS settings of this computer" in caught.value.meaning
    assert "manage the bucket" in caught.value.remedy, "the central team knows nothing of the site's buckets"


def test_a_program_that_gives_keys(aws: Write, tmp_path: Path) -> None:
    answer = {"Version": 1, "AccessKeyId": "P", "SecretAccessKey": "PSECRET", "SessionToken": "PTOKEN"}
    program = tmp_path / "give.py"
    program.write_text(f"print({json.dumps(json.dumps(answer))})")
    aws(f"[profile site]\ncredential_process = {sys.executable} {program}\n", "")
    assert found(AwsKeys(profile="site")) == Keys("P", "PSECRET", "PTOKEN")


def test_a_program_that_gives_none_is_said_without_what_it_printed_of_secrets(aws: Write, tmp_path: Path) -> None:
    program = tmp_path / "fail.py"
    program.write_text("import sys; sys.exit('no luck; aws_secret_access_key=TOPSECRET')")
    aws(f"[profile site]\ncredential_process = {sys.executable} {program}\n", "")
    with pytest.raises(AccessError, match="Could not get AWS credentials") as caught:
        found(AwsKeys(profile="site"))
    assert "no luck" in caught.value.meaning
    assert "TOPSECRET" not in str(caught.value)
    assert caught.value.why is Why.CREDENTIAL


def test_a_program_that_prints_its_answer_as_an_error_shows_no_secret(aws: Write, tmp_path: Path) -> None:
    program = tmp_path / "fail.py"
    program.write_text("""import sys; sys.exit('{"SecretAccessKey": "TOPSECRET", "SessionToken": "TOPTOKEN"}')""")
    aws(f"[profile site]\ncredential_process = {sys.executable} {program}\n", "")
    with pytest.raises(AccessError, match="Could not get AWS credentials") as caught:
        found(AwsKeys(profile="site"))
    assert "TOP" not in str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)


@pytest.mark.parametrize("roles", [False, True])
def test_a_role_that_requires_a_code_waits_for_nobody(aws: Write, monkeypatch: pytest.MonkeyPatch, roles: bool) -> None:
    asked: list[str] = []
    prompts = "botocore.credentials.AssumeRoleProvider.__init__.__defaults__"
    original = __import__("botocore.credentials").credentials.AssumeRoleProvider.__init__.__defaults__
    monkeypatch.setattr(prompts, tuple(asked.append if getattr(one, "__module__", "") == "getpass" else one for one in original))
    aws(
        "[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me\n",
        "[base]\naws_access_key_id = A\naws_secret_access_key = B\n",
    )
    with pytest.raises(AccessError, match="requires a code") as caught:
        found(AwsKeys(profile="role", roles=roles))
    assert asked == []
    assert "aws_session_token" in caught.value.remedy


def test_a_cancellation_does_not_wait_for_a_program_that_gives_keys(aws: Write, tmp_path: Path) -> None:
    program, done = tmp_path / "slow.py", tmp_path / "done"
    program.write_text(
        f"import time, pathlib\nend = time.time() + 60\nwhile time.time() < end and not pathlib.Path({str(done)!r}).exists(): time.sleep(0.1)"
    )
    aws(f"[profile site]\ncredential_process = {sys.executable} {program}\n", "")
    source, ctx = key_source(AwsKeys(profile="site"), ""), JobContext()
    threading.Timer(0.3, ctx.cancel).start()
    began = time.monotonic()
    with ctx.entered(), pytest.raises(Cancelled):
        source.keys()
    assert time.monotonic() - began < 15
    done.touch()


def test_the_endpoint_of_a_profile_can_be_switched_off_as_the_aws_tools_do(aws: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    aws("[profile site]\nendpoint_url = https://s3.example.org\n", "[site]\naws_access_key_id = A\naws_secret_access_key = B\n")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert key_source(AwsKeys(profile="site"), "").settings.endpoint == ""


def test_a_program_that_prints_no_keys_is_a_sentence(aws: Write, tmp_path: Path) -> None:
    program = tmp_path / "empty.py"
    for text in ("", "print('[]')", "print('{')"):
        program.write_text(text)
        aws(f"[profile site]\ncredential_process = {sys.executable} {program}\n", "")
        with pytest.raises(AccessError) as caught:
            found(AwsKeys(profile="site"))
        assert "what a program or a service answered" in caught.value.meaning


def test_keys_that_end_are_renewed(aws: Write, tmp_path: Path) -> None:
    program, count = tmp_path / "give.py", tmp_path / "count"
    program.write_text(
        "import json, pathlib, datetime\n"
        f"file = pathlib.Path({str(count)!r})\n"
        "number = int(file.read_text()) + 1 if file.exists() else 1\nfile.write_text(str(number))\n"
        "end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=60 if number == 1 else 7200)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'P{number}', 'SecretAccessKey': 's', 'SessionToken': 't', 'Expiration': end.isoformat()}))\n"
    )
    aws(f"[profile site]\ncredential_process = {sys.executable} {program}\n", "")
    source = key_source(AwsKeys(profile="site"), "")
    assert {source.keys().key_id for _ in range(3)} <= {"P1", "P2"}
    assert source.keys().key_id == "P2"


def sts(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_a_web_identity(aws: Write, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sts(s3, monkeypatch)
    (tmp_path / "token").write_text("eyJhbGciOiJub25lIn0.e30.")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    keys = found()
    assert keys.token
    name = s3.bucket()
    s3.put(name, "a", b"x")
    with closing(Bucket(s3_place(s3.url, name, keys=CHAIN))) as bucket:
        assert [one.key for one in bucket.list_page("").objects] == ["a"]


def test_a_role_of_another_profile(aws: Write, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sts(s3, monkeypatch)
    aws(
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/reader\nsource_profile = base\n[profile base]\nregion = us-east-1\n",
        "[base]\naws_access_key_id = A\naws_secret_access_key = B\n",
    )
    assert found(AwsKeys(profile="role")).token


def sso(tmp_path: Path, expires: datetime) -> None:
    folder = tmp_path / "sso"
    folder.mkdir(parents=True)
    token = {
        "accessToken": "SSOTOKEN",
        "expiresAt": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "startUrl": "https://start.example",
    }
    (folder / f"{sha1(b'corp').hexdigest()}.json").write_text(json.dumps(token))


SSO = (
    "[profile site]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n"
    "[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://start.example\n"
)


def test_the_sign_in_of_the_aws_tools(aws: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = datetime.now(UTC) + timedelta(hours=8)
    role = {
        "roleCredentials": {"accessKeyId": "S", "secretAccessKey": "SS", "sessionToken": "ST", "expiration": int(later.timestamp() * 1000)}
    }
    server = Server(reply(200, json.dumps(role).encode(), Content_Type="application/json"))
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", server.url)
        aws(SSO, "")
        sso(tmp_path, later)
        assert found(AwsKeys(profile="site")) == Keys("S", "SS", "ST")
        assert "role_name=Reader" in server.seen[0][0]
    finally:
        server.close()


def test_a_sign_in_that_ended_says_how_to_sign_in(aws: Write, tmp_path: Path) -> None:
    aws(SSO, "")
    for _ in range(2):
        with pytest.raises(TokenTimeError, match="sign-in to AWS has expired") as caught:
            found(AwsKeys(profile="site"))
        assert "aws sso login" in caught.value.remedy
        if not (tmp_path / "sso").exists():
            sso(tmp_path, datetime.now(UTC) - timedelta(hours=8))


def test_a_service_that_does_not_answer_is_an_outage(aws: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    aws(
        "[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n",
        "[base]\naws_access_key_id = A\naws_secret_access_key = B\n",
    )
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        found(AwsKeys(profile="role"))


@pytest.mark.parametrize(
    ("config", "profile", "words"),
    [
        ("", "", "no AWS credentials"),
        ("", "missing", "cannot be used"),
        ("[profile site\n", "site", "cannot be used"),
        ("[profile site]\ns3 = text\n", "site", "cannot be used"),
        ("[profile site]\nregion = us-east-1\n", "site", "no AWS credentials"),
        ("[profile site]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Ec2InstanceMetadata\n", "site", "cannot be used"),
        ("[profile site]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = site2\n", "site", "cannot be used"),
    ],
)
def test_settings_that_give_no_keys_are_a_sentence(aws: Write, config: str, profile: str, words: str) -> None:
    aws(config, "")
    with pytest.raises(AccessError, match=words) as caught:
        found(AwsKeys(profile=profile))
    assert caught.value.remedy


def test_the_role_of_the_computer_is_asked_for_only_if_the_configuration_requests_it(tmp_path: Path) -> None:
    """An audit hook sees every address that a process wants to reach, and none is in the cloud's local network."""
    code = (
        "import json, sys\n"
        "seen = []\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo'):\n"
        "        seen.append(str(args[1] if event == 'socket.connect' else args[0]))\n"
        "        raise OSError(101, 'not in this test')\n"
        "sys.addaudithook(hook)\n"
        "from chorus_gui.core.config.credentials import AwsKeys\n"
        "from chorus_gui.core.storage.s3.keys import key_source\n"
        "from chorus_gui.core.errors import StoreError\n"
        "try:\n"
        "    key_source(AwsKeys(profile=sys.argv[2], roles=sys.argv[1] == 'yes'), '').keys()\n"
        "except StoreError as error:\n"
        "    print(error.what, file=sys.stderr)\n"
        "print(json.dumps(seen))"
    )
    (tmp_path / "token").write_text("x")
    (tmp_path / "config").write_text(
        "[profile site]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Ec2InstanceMetadata\n"
        "[profile base]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
        "[profile role]\ndefaults_mode = auto\nregion = us-east-1\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
        f"[profile web]\ndefaults_mode = auto\nrole_arn = arn:aws:iam::123456789012:role/r\nweb_identity_token_file = {tmp_path / 'token'}\n"
        "[profile sso]\ndefaults_mode = auto\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n"
        "[sso-session s]\nsso_region = us-east-1\nsso_start_url = https://x.awsapps.com/start\n"
    )
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env = {**own, "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), "HOME": str(tmp_path)}

    def asked(roles: str, profile: str, **more: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code, roles, profile], capture_output=True, text=True, cwd=ROOT, env={**env, **more}, check=True
        )
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    assert asked("no", "") == []
    assert asked("no", "site") == []
    assert asked("no", "", AWS_CONTAINER_CREDENTIALS_FULL_URI="http://169.254.170.23/v1/credentials") == []
    for profile in ("role", "web", "sso"):
        addresses = asked("no", profile, AWS_DEFAULTS_MODE="auto")
        assert all(".amazonaws.com" in address for address in addresses), addresses
    assert asked("no", "role"), "the service that gives the role's credentials is asked"
    assert any("169.254.169.254" in address for address in asked("yes", ""))


def test_no_key_is_logged(aws: Write, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    aws("", "[default]\naws_access_key_id = FILE\naws_secret_access_key = TOPSECRET\n")
    source = AwsChain("", "", roles=False)
    assert source.keys().secret == "TOPSECRET"
    assert "TOPSECRET" not in caplog.text
    assert "TOPSECRET" not in repr(vars(source))


def test_a_place_without_credentials_asks_the_tools(aws: Write, s3: S3Server) -> None:
    there: Place = s3_place(s3.url, "box", keys=AwsKeys("", Secret("")))
    with closing(Bucket(there)) as bucket, pytest.raises(AccessError, match="no AWS credentials"):
        bucket.list_page("")
