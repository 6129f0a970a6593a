"""The mapping documents there are: the library that comes with the hub, and what a home puts in their place."""

from __future__ import annotations

from pathlib import Path

from hub.domain.policy import EntityPolicy
from hub.errors import BadInput, Complaint, NotFound
from mappings import survivorship
from mappings.compile import lens
from mappings.document import rejected
from mappings.lens import Lens
from mappings.shapes import nearest
from mappings.tree import MAX_BYTES

ROOT = Path(__file__).parent / "library"
ENTITIES = ("campaign", "contact")


def names() -> tuple[tuple[str, str], ...]:
    """(connector, stream) of every mapping document of the library, sorted."""
    return tuple(sorted((path.parent.name, path.stem) for path in ROOT.glob("*/*.yaml")))


def load(connector: str, stream: str, overrides: Path | None = None) -> Lens:
    """The lens of a stream of a connector.

    `overrides` is the folder of one connection, `<home>/mappings/<connection>`: its `<stream>.yaml` replaces the
    library's document. `NotFound` when neither has one, `BadDocument` with every complaint when it is wrong.
    """
    found = lens(*_text(source(connector, stream, overrides)))
    if (found.connector, found.stream) != (connector, stream):
        file = str(source(connector, stream, overrides))
        said = Complaint(f"{file}:1 mapping", f'"{found.name}"', f"{connector}/{stream}")
        raise rejected(file, (said,))
    return found


def source(connector: str, stream: str, overrides: Path | None = None) -> Path:
    """The file in which a mapping is written. `NotFound` when there is none."""
    own = overrides / f"{stream}.yaml" if overrides is not None else None
    if own is not None and own.is_file():
        return own
    path = ROOT / connector / f"{stream}.yaml"
    if (connector, stream) not in names():
        known = [f"{c}/{s}" for c, s in names()]
        raise NotFound(f"there is no mapping {connector}/{stream}", mend=nearest(f"{connector}/{stream}", known))
    return path


def entity_policy(name: str, overrides: Path | None = None) -> EntityPolicy:
    """Survivorship of an entity: `contact` or `campaign`.

    `overrides` is the folder `<home>/mappings`: its `<name>.yaml` replaces the library's. `NotFound` for other names,
    `BadDocument` with every complaint when the document is wrong.
    """
    path = entity_source(name, overrides)
    policy = survivorship.parse(*_text(path))
    if policy.entity != name:
        raise rejected(str(path), (Complaint(f"{path}:1 entity", f'"{policy.entity}"', name),))
    return policy


def entity_source(name: str, overrides: Path | None = None) -> Path:
    """The file in which survivorship of an entity is written. `NotFound` for other names."""
    if name not in ENTITIES:
        raise NotFound(f"there is no entity document {name}", mend=nearest(name, ENTITIES))
    own = overrides / f"{name}.yaml" if overrides is not None else None
    return own if own is not None and own.is_file() else ROOT / f"{name}.yaml"


def _text(path: Path) -> tuple[bytes, str]:
    """A document's bytes, one more than allowed at most, and the name to complain under."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1), str(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror})", mend="Check its permissions") from error
