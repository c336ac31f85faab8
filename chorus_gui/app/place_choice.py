"""Where the files of the site or of a modality are, as a configuration that is being edited says it, and changes to that.  No Qt, nothing is opened.

``modality`` is :data:`~chorus_gui.core.config.keys.DEFAULT` for the site.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote

from chorus_gui.app.answers import container_of, pasted_path
from chorus_gui.app.draft import Draft, Where
from chorus_gui.app.place_kinds import AZURE, FOLDER, FORMS, GCS, S3, PlaceForm, Way, form_of, kind_of, not_used, way_of
from chorus_gui.core.config.addresses import address_parts
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.model import Layout, PlaceKind
from chorus_gui.core.model import MODALITIES

if TYPE_CHECKING:
    from chorus_gui.core.config.save import Scalar

_KEY_NAMES = tuple(dict.fromkeys(name for form in FORMS for name in form.keys))
_AMAZON = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.)?s3[.-](?:dualstack\.)?(?:(?P<region>[a-z]{2}[a-z0-9-]+)\.)?amazonaws\.com(?:\.cn)?"
)
_CONSOLE = re.compile(r"(?:[a-z0-9-]+\.)?console\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)")


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """What the text says.  ``shared``: a modality whose files are in the site's place, with the site's credentials; ``form`` None: an address of a kind that no form has.

    ``way`` None: a folder, or nothing says how to sign in.  ``unused`` are the names of the modality's own keys that this choice does not use.
    """

    shared: bool
    form: PlaceForm | None
    path: str
    way: Way | None
    unused: tuple[str, ...]


class Address(NamedTuple):
    """What a person typed or pasted as an address: the path of the file, and keys that it says in addition."""

    path: str
    also: Mapping[str, str]


def choice(draft: Draft, modality: str) -> PlaceChoice:
    """What the text says about the place of the site or of a modality."""
    own, path = draft.own(("site.path", modality)), _text(draft.effective(("site.path", modality)))
    kind = kind_of(path)
    form = form_of(kind) if kind is not None else None
    way = way_of(form, values(draft, modality), draft.layout) if form else None
    mine = own_keys(draft, modality)
    itself = (
        any(name in form.keys and draft.own((f"site.{name}", modality)) != draft.own((f"site.{name}", DEFAULT)) for name in mine)
        if form
        else False
    )
    shared = modality != DEFAULT and (own is None or _is_repeated(draft, own)) and not itself
    unused = not_used(form or FOLDER, way, mine) if not shared or _is_nested(draft) else ()
    return PlaceChoice(shared, form, path, way, unused)


def values(draft: Draft, modality: str) -> dict[str, object]:
    """The credential keys that apply, by name."""
    return {name: value for name in _KEY_NAMES if (value := draft.effective((f"site.{name}", modality))) is not None}


def own_keys(draft: Draft, modality: str) -> tuple[str, ...]:
    """The names of the credential keys that the table of this modality has, empty ones not counted."""
    return tuple(name for name in _KEY_NAMES if draft.own((f"site.{name}", modality)) not in (None, ""))


def site_values(draft: Draft) -> tuple[tuple[Where, Scalar], ...]:
    """Every key about the places of the site and its modalities that the text has and its choices use, empty ones not counted."""
    found: list[tuple[Where, Scalar]] = []
    for modality in (DEFAULT, *MODALITIES):
        chosen = choice(draft, modality)
        for name in ("path", *_KEY_NAMES) if not chosen.shared else ():
            value = draft.own((f"site.{name}", modality))
            if name not in chosen.unused and isinstance(value, (str, int, bool)) and value != "":
                found.append(((f"site.{name}", modality), value))
    return tuple(found)


def with_form(draft: Draft, modality: str, form: PlaceForm, rest: str = "") -> Draft:
    """The files are in a place of this kind, at ``rest`` (a path without its scheme).  Keys of the old kind are not touched.

    In a flat file, where a modality's first own key brings the keys of the default along, those of other kinds do not come.
    """
    before = own_keys(draft, modality)
    after = draft.with_value(("site.path", modality), form.start + rest)
    brought = set(own_keys(after, modality)) - set(before)
    return without(after, modality, (name for name in brought if name not in form.keys))


def with_site_place(draft: Draft, modality: str) -> Draft:
    """The files of a modality are in the site's place.  In a flat file, its table repeats the path and the credentials of the default."""
    if draft.own(("site.path", modality)) is None:
        return draft
    if _is_nested(draft):
        return draft.with_value(("site.path", modality), None)
    for name in ("path", *_KEY_NAMES):
        value = draft.own((f"site.{name}", DEFAULT))
        draft = draft.with_value((f"site.{name}", modality), value if isinstance(value, (str, bool, int)) else None)
    return draft


def with_way(draft: Draft, modality: str, form: PlaceForm, way: Way) -> Draft:
    """The files are read with this way of signing in.  Only what chooses a way is changed: secrets of another way stay until they are removed."""
    for name in {name for other in form.ways for name in other.writes} - set(way.writes):
        if draft.own((f"site.{name}", modality)) is not None:
            draft = draft.with_value((f"site.{name}", modality), None)
    for name, value in way.writes.items():
        draft = draft.with_value((f"site.{name}", modality), value)
    return draft


def without(draft: Draft, modality: str, names: Iterable[str]) -> Draft:
    """The keys are removed."""
    for name in names:
        draft = draft.with_value((f"site.{name}", modality), None)
    return draft


def address(form: PlaceForm, text: str) -> Address:
    """What was typed as the place: "bucket/folder", the whole path, or an address copied from the service's own page.

    A secret in a pasted address goes to its key, not into the path.
    """
    text = pasted_path(text)
    scheme, separator, _ = text.partition("://")
    if form.kind is PlaceKind.FOLDER or (separator and scheme in {one.scheme for one in FORMS if one.scheme}):
        return Address(text, {})
    if form is S3:
        return _in_s3(text)
    if form is GCS and separator and scheme in ("http", "https"):
        return _in_google(scheme, text)
    if form is AZURE and separator and scheme in ("http", "https"):
        found = container_of(text)
        also = {"azure_account_url": found.url, "azure_sas_token": found.token, "auth_mode": "sas" if found.token else ""}
        return Address(_joined(form, found.name, found.prefix), {name: value for name, value in also.items() if value})
    return Address(form.start + text, {})


def _in_s3(text: str) -> Address:
    if text.startswith("arn:"):
        return Address(S3.start + text.rpartition(":")[2], {})
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in ("http", "https"):
        return Address(S3.start + text, {})
    host, path, query = address_parts(text)
    path = unquote(path).strip("/")
    if _CONSOLE.fullmatch(host):
        asked = parse_qs(query)
        bucket = re.search(r"buckets/([^/]+)", path)
        return _bucket(bucket[1] if bucket else "", next(iter(asked.get("prefix", ())), ""), next(iter(asked.get("region", ())), ""))
    found = _AMAZON.fullmatch(host)
    if found is None:  # another server: its name is the endpoint's
        bucket, _, rest = path.partition("/")
        return Address(_joined(S3, bucket, rest), {"aws_endpoint_url": f"{scheme}://{host}"})
    bucket, _, rest = (found["bucket"], "", path) if found["bucket"] else path.partition("/")
    return _bucket(bucket, rest, found["region"] or "")


def _in_google(scheme: str, text: str) -> Address:
    host, path, _ = address_parts(text)
    path = unquote(path).partition(";")[0].strip("/")
    console = host == "console.cloud.google.com"
    bucket, _, rest = (path.removeprefix("storage/browser/") if console else path).partition("/")
    own = console or host in ("storage.googleapis.com", "storage.cloud.google.com")
    return Address(_joined(GCS, bucket, rest), {} if own else {"google_endpoint_url": f"{scheme}://{host}"})


def _bucket(bucket: str, prefix: str, region: str) -> Address:
    return Address(_joined(S3, bucket, prefix), {"aws_region": region} if region else {})


def _joined(form: PlaceForm, name: str, prefix: str) -> str:
    prefix = prefix.strip("/")
    return f"{form.start}{name}/{prefix}" if prefix else form.start + name


def _is_repeated(draft: Draft, own: object) -> bool:
    """A flat table has to repeat the site's path."""
    return not _is_nested(draft) and bool(own) and own == draft.own(("site.path", DEFAULT))


def _is_nested(draft: Draft) -> bool:
    return draft.layout is Layout.NESTED


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
