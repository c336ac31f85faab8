"""How the tools are let into the central store, and where they read the site's files."""

from __future__ import annotations

from dataclasses import dataclass

from chorus_gui.core.config.credentials import AuthMode, AwsKeys, Secret
from chorus_gui.core.config.hosts import Host, admit, is_account
from chorus_gui.core.config.model import BY_THE_PROGRAM, SCRIPTS_NEED_AZURE, Config, Place, PlaceKind, UploadMethod
from chorus_gui.core.config.policy import Rule, read_policy
from chorus_gui.core.errors import UsageError
from chorus_gui.core.scripts.options import ScriptOptions, SecretMode, Tool
from chorus_gui.core.scripts.text import address_part


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that the script needs.  ``value`` is there where it is written into the script."""

    name: str
    says: str
    value: Secret | None = None


@dataclass(frozen=True, slots=True)
class ScriptAccess:
    """The central store for a script.

    ``auth`` is LOGIN, SAS or KEY.  ``url`` is the container's, with the prefix; ``options`` what every ``az storage`` call gets.
    ``sign``: AzCopy takes no account key, so the program signs a SAS with it.  ``trusted``: a host that AzCopy must be told about
    before it sends a login's token there.
    """

    auth: AuthMode
    url: str
    container: str
    prefix: str
    options: tuple[str, ...]
    variables: tuple[Variable, ...]
    sign: bool = False
    trusted: str = ""

    @property
    def secret_inside(self) -> bool:
        """A secret is written into the script."""
        return any(variable.value for variable in self.variables)

    def blob(self, path: str) -> str:
        """The whole name of a blob, of its path below the central store."""
        return f"{self.prefix}/{path}".strip("/")

    def address(self, path: str) -> str:
        """Its URL, without a SAS."""
        return f"{self.url}/{address_part(path)}"


def access(config: Config, options: ScriptOptions) -> ScriptAccess:
    """Resolve the central store.

    Raises :class:`UsageError` if no script of these tools can reach it, :class:`PolicyError` if the machine policy does not allow it, and
    what :func:`~chorus_gui.core.config.hosts.admit` raises.
    """
    place = config.central
    if place.kind is PlaceKind.FOLDER and config.upload_method is UploadMethod.AZCLI:
        raise UsageError(SCRIPTS_NEED_AZURE, remedy=BY_THE_PROGRAM)
    if place.kind is not PlaceKind.AZURE:
        raise UsageError(
            f"The central store is the folder “{place.text}”, but azcli and AzCopy upload only to Azure.",
            remedy="Use “file upload”, or write a plain list (--output-type list).",
        )
    if not options.verify_tls and options.tool is Tool.AZCOPY:
        raise UsageError(
            "AzCopy always checks certificates, so --no-verify-tls is only for azcli.", remedy="Omit --no-verify-tls, or choose azcli."
        )
    for named in config.places():
        admit(named.place)
        if named.place.kind in _OWN and named.place.account.url and options.tool is Tool.AZCOPY:
            raise UsageError(
                f"AzCopy cannot read “{named.place.text}”: it reads only {_OWN[named.place.kind]}, and this bucket has another server.",
                remedy="Use “file upload”.",
            )
    for used in (place, *(site.place for site in config.sites.values())):
        if used.credentials.mode.is_identity:
            raise UsageError(
                f"A script cannot sign in to “{used.text}” in the way that the configuration has.",
                meaning=f'There, auth_mode = "{used.credentials.mode.value}". A script signs in as a person, or with a SAS token or a key.',
                remedy='Use “file upload”. Or set auth_mode = "login" (the script then runs “az login”), or enter a SAS token.',
            )
    if not options.verify_tls:
        read_policy().require(Rule.NO_UNVERIFIED_TLS)
    sas, key, account = place.credentials.sas, place.credentials.key, place.account
    auth = AuthMode.SAS if sas else AuthMode.KEY if key else AuthMode.LOGIN
    variables: list[Variable] = []
    sign = auth is AuthMode.KEY and options.tool is Tool.AZCOPY
    if sas:
        variables.append(_variable("AZURE_SAS_TOKEN", "SAS token of the central store", sas.token, options))
    elif key and not sign:
        variables.append(_variable("AZURE_ACCOUNT_KEY", "key of the storage account", key.secret, options))
    words = ["--account-name", account.name] if account.name else []
    if account.url != f"https://{account.name}.blob.core.windows.net":
        words += ["--blob-endpoint", account.url]
    words += ["--auth-mode", "login"] if auth is AuthMode.LOGIN else ["--auth-mode", "key"] if auth is AuthMode.KEY else []
    host = Host.of_url(account.url)
    foreign = host.name if host is not None and not host.account else ""
    every = (*variables, *_bucket_variables(config, options))
    if any(variable.value for variable in every):
        read_policy().require(Rule.NO_SECRETS_IN_SCRIPTS)
    return ScriptAccess(
        auth,
        "/".join([account.url, place.container, *([address_part(place.prefix)] if place.prefix else [])]),
        place.container,
        place.prefix,
        tuple(words),
        every,
        sign,
        foreign if auth is AuthMode.LOGIN and options.tool is Tool.AZCOPY else "",
    )


def _variable(name: str, says: str, secret: Secret | None, options: ScriptOptions) -> Variable:
    return Variable(name, says, secret if options.secret is SecretMode.INLINE else None)


def _bucket_variables(config: Config, options: ScriptOptions) -> list[Variable]:
    """What AzCopy reads for sources in S3 and Google's cloud."""
    out: dict[str, Variable] = {}
    for site in config.sites.values():
        given = site.place.credentials
        if isinstance(given, AwsKeys):
            key = Secret(given.key_id) if given.key_id else None
            out["id"] = _variable("AWS_ACCESS_KEY_ID", "access key id of the bucket", key, options)
            out["key"] = _variable("AWS_SECRET_ACCESS_KEY", "secret access key of the bucket", given.secret, options)
            if given.session:
                out["session"] = _variable("AWS_SESSION_TOKEN", "session token of the bucket", given.session, options)
        elif site.place.kind is PlaceKind.GCS:
            out["google"] = Variable("GOOGLE_APPLICATION_CREDENTIALS", "path of the file with Google's credentials")
    return list(out.values()) if options.tool is Tool.AZCOPY else []


_OWN = {PlaceKind.S3: "Amazon's own S3", PlaceKind.GCS: "Google's own Cloud Storage"}
"""Where AzCopy reads buckets."""
ROUTES = {PlaceKind.FOLDER: "LocalBlob", PlaceKind.AZURE: "BlobBlob", PlaceKind.S3: "S3Blob", PlaceKind.GCS: "GCPBlob"}
"""What AzCopy calls the way from a place into the central store (``--from-to``)."""


def remote_root(place: Place) -> str:
    """The URL of a source in the cloud, as AzCopy names it, without a SAS.

    Behind a custom URL a copy inside Azure names its source by the account's own host.
    """
    match place.kind:  # without “case _”, so that pyright names this line when there is another kind
        case PlaceKind.AZURE:
            account = place.account
            host = Host.of_url(account.url)
            here = host is not None and (host.is_loopback or host.name == "localhost")
            named = is_account(account.name) and not here and not (host and host.account)
            base = f"https://{account.name}.blob.core.windows.net" if named else account.url
        case PlaceKind.S3:
            base = "https://s3.amazonaws.com"
        case PlaceKind.GCS:
            base = "https://storage.cloud.google.com"
        case PlaceKind.FOLDER:
            raise ValueError("a folder")
    return "/".join([base, place.container, *([address_part(place.prefix)] if place.prefix else [])])


def needs_sas(place: Place) -> bool:
    """A source in Azure that is read with a SAS (one of its own, or signed with its key)."""
    return place.kind is PlaceKind.AZURE and place.credentials.mode is not AuthMode.LOGIN


def sas_of(place: Place, hours: float) -> str:
    """A SAS for the place: the one that is configured, otherwise one signed here with the account's key, valid for ``hours``.

    Raises :class:`UsageError` if there is neither.
    """
    sas, key = place.credentials.sas, place.credentials.key
    if sas:
        return sas.token.reveal()
    if key is None or not place.account.name:
        raise UsageError(f"The configuration has no SAS token and no account key for “{place.text}”.", remedy="Add one of them.")
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    now = datetime.now(UTC)
    return generate_container_sas(
        place.account.name,
        place.container,
        account_key=key.secret.reveal(),
        permission=ContainerSasPermissions(read=True, create=True, write=True, list=True),
        start=now - timedelta(minutes=15),
        expiry=now + timedelta(hours=hours),
    )
