"""A document held against the fields that discovery showed of the remote: what cannot work, and what may not.

Complaints are what is certainly wrong: a field that is not there, that cannot be read or written, values of another
type, words that the vendor does not offer. What discovery cannot know is a warning at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hub.errors import Complaint
from hub.sdk.streams import FieldInfo
from mappings.clauses import Condition, ConsentRead, Document, FieldDoc, MatchDoc
from mappings.conversions import TRANSFORMS
from mappings.currencies import is_code
from mappings.fitting_values import misfits, single
from mappings.match_authoring import MODIFIED_AT
from mappings.paths import touches
from mappings.places import place_of
from mappings.shapes import Place, nearest


@dataclass(frozen=True, slots=True)
class Fit:
    """`complaints` keep a mapping from working; `warnings` are worth a look."""

    complaints: tuple[Complaint, ...] = ()
    warnings: tuple[Complaint, ...] = ()


@dataclass(frozen=True, slots=True)
class _Use:
    """One place of the document that names a remote path. `writes`: it is written; `creates`: on creates too."""

    place: Place
    path: str
    reads: bool = True
    writes: bool = False
    creates: bool = False


@dataclass(slots=True)
class _Fitting:
    document: Document
    known: Mapping[str, FieldInfo]
    complaints: list[Complaint] = field(default_factory=list)
    warnings: list[Complaint] = field(default_factory=list)

    def complain(self, place: Place, said: str, expected: str, mend: str = "") -> None:
        self.complaints.append(Complaint(self.document.where(*place), said, expected, mend))

    def warn(self, place: Place, said: str, expected: str, mend: str = "") -> None:
        self.warnings.append(Complaint(self.document.where(*place), said, expected, mend))


def fit(document: Document, fields: Sequence[FieldInfo]) -> Fit:
    """What of a document doesn't go with the remote's fields. Nothing when discovery showed no fields at all."""
    fitting = _Fitting(document, {info.path: info for info in fields})
    if not fitting.known:
        return Fit()
    for use in dict.fromkeys(_uses(document)):
        _check_use(fitting, use)
    for doc in document.fields:
        _check_values(fitting, doc)
    _check_consent_words(fitting)
    _check_required(fitting)
    return Fit(tuple(dict.fromkeys(fitting.complaints)), tuple(dict.fromkeys(fitting.warnings)))


# -- paths --------------------------------------------------------------------------------------------------------


def _uses(document: Document) -> Iterator[_Use]:
    creates = document.policy.creates
    for doc in document.fields:
        place = (*place_of(document, doc.name), "path")
        for index, path in enumerate(doc.paths):
            writes = doc.direction.writes
            made = writes and creates and not doc.part and index == 0
            yield _Use(place, path, doc.direction.reads, writes, made)
        yield from _beside(doc)
    for index, match in enumerate(document.match):
        yield from _of_match(("match", str(index)), match)
    for consent in document.consent:
        here = ("consent", consent.channel)
        for at, read in enumerate(consent.reads):
            yield from _of_read((*here, "read", *((str(at),) if len(consent.reads) > 1 else ())), read)
        for state, told in (("deny", consent.deny), ("grant", consent.grant)):
            for path in told:
                made = creates and not consent.part and document.policy.create_denied and state == "deny"
                yield _Use((*here, "write", state, path), path, False, True, made)
    yield from (_Use(("scope",), path) for path in _of_scope(document.scope))
    if document.when is not None:
        yield from (_Use(("scope", "when"), path) for path in document.when.reads)


def _beside(doc: FieldDoc) -> Iterator[_Use]:
    if doc.country.path is not None:
        yield _Use(("fields", doc.name, "country"), doc.country.path)
    if doc.compute is not None:
        yield from (_Use(("fields", doc.name, "compute"), path) for path in doc.compute.reads)
    for index, (name, args) in enumerate(doc.transform):
        for arg in TRANSFORMS[name].args:
            said = args.get(arg.name)
            if arg.path and isinstance(said, str) and not is_code(said):
                yield _Use(("fields", doc.name, "transform", str(index)), said)


def _of_match(place: Place, match: MatchDoc) -> Iterator[_Use]:
    yield from (_Use((*place, "from"), path) for path in match.paths)
    yield from (_Use((*place, "name_from"), path) for path in match.name_from)
    if match.country.path is not None:
        yield _Use((*place, "country"), match.country.path)


def _of_read(place: Place, read: ConsentRead) -> Iterator[_Use]:
    named = (("path", read.path), ("at", read.at), ("evidence", read.who.path), ("evidence", read.how.path))
    for key, path in (*named, ("evidence", read.when)):
        if path is not None and path != MODIFIED_AT:
            yield _Use((*place, key), path)


def _of_scope(conditions: Sequence[Condition]) -> Iterator[str]:
    for condition in conditions:
        yield from _of_scope(condition.any) if condition.op == "any" else (condition.path,)


def _check_use(fitting: _Fitting, use: _Use) -> None:
    info = fitting.known.get(use.path)
    if info is None:
        _check_unknown(fitting, use)
        return
    if use.reads and not info.readable:
        fitting.complain(use.place, f'"{use.path}", which cannot be read there', "a field that can be read")
    if use.writes:
        _check_writable(fitting, use, info)


def _check_writable(fitting: _Fitting, use: _Use, info: FieldInfo) -> None:
    said = f'"{use.path}", which is only read there'
    read_only = "Say `direction: in`" if use.place[0] in ("fields", "composites") else "Leave `write` out"
    if not info.updatable and not info.creatable:
        fitting.complain(use.place, said, "a field that can be written", read_only)
    elif not info.updatable:
        said = f'"{use.path}", which cannot be changed once the record is there'
        fitting.complain(use.place, said, "a field that can be changed", read_only)
    elif use.creates and not info.creatable:
        said = f'"{use.path}", which cannot be given when a record is made'
        mend = "Give it a `part` of its own, or say `creates: false`"
        fitting.complain(use.place, said, "a field that can be written on creating", mend)


def _check_unknown(fitting: _Fitting, use: _Use) -> None:
    """A path that discovery didn't list: certainly wrong only where discovery lists all of its neighbours."""
    plain = _plain(use.path)
    near = [known for known in fitting.known if touches(known, plain)]
    if any(len(known) < len(plain) for known in near):
        _check_part(fitting, use, max((k for k in near if len(k) < len(plain)), key=len))
        return
    mend = nearest(plain, [info.path for info in fitting.known.values() if info.readable or use.writes])
    if near:
        if plain == use.path:
            fitting.warn(use.place, f'"{use.path}", which has parts', f"one of them, such as {near[0]}")
        return
    parent, _, _ = plain.rpartition(".")
    beside = [info for info in fitting.known.values() if info.path.rpartition(".")[0] == parent]
    certain = beside and not any(info.open for info in beside) and plain == use.path
    report = fitting.complain if certain and not _reaches(fitting, plain) else fitting.warn
    report(use.place, f'"{use.path}", which discovery does not show', "a field of the remote", mend)


def _plain(path: str) -> str:
    """A path without element steps: discovery lists fields, not the elements of lists."""
    return ".".join(step for step in path.replace("[]", "").split(".") if step and not step.isdigit()) or path


def _reaches(fitting: _Fitting, path: str) -> bool:
    """Whether a parent of the path is a relation of which discovery lists only some fields."""
    heads = {i.path.rpartition(".")[0] for i in fitting.known.values() if i.open}
    return any(touches(head, path) for head in heads if head)


def _check_part(fitting: _Fitting, use: _Use, whole: str) -> None:
    """A part of a field: fine where the field has parts or is not known to have none."""
    info = fitting.known[whole]
    if _plain(use.path) == use.path and info.type and single(info):
        said = f'"{use.path}", a part of {whole}, which is of type {info.type} there'
        fitting.warn(use.place, said, "a field that has parts, or the field as a whole")


# -- values -------------------------------------------------------------------------------------------------------


def _check_values(fitting: _Fitting, doc: FieldDoc) -> None:
    """Types, choices and lengths of the paths that discovery knows."""
    for path in doc.paths:
        info = fitting.known.get(path)
        if info is None:
            continue
        found = misfits(info, fitting.document, doc)
        place = place_of(fitting.document, doc.name)
        for key, said, expected, mend in found.complaints:
            fitting.complain((*place, key), said, expected, mend)
        for key, said, expected, mend in found.warnings:
            fitting.warn((*place, key), said, expected, mend)


def _check_consent_words(fitting: _Fitting) -> None:
    """The words of consents must be among the remote's choices: one that is misspelt would lose a denial."""
    for consent in fitting.document.consent:
        here = ("consent", consent.channel)
        for at, read in enumerate(consent.reads):
            info = fitting.known.get(read.path)
            if info is None or not info.choices:
                continue
            offered = {choice.strip().casefold() for choice in info.choices}
            place = (*here, "read", *((str(at),) if len(consent.reads) > 1 else ()))
            for key, words in (("denied", read.denied), ("granted", read.granted), ("none", read.none or ())):
                for word in sorted({*words} - offered - {"*", "", "null"}):
                    said = f'"{word}", which {read.path} does not offer'
                    fitting.warn((*place, key), said, "one of its choices", nearest(word, info.choices))
        for state, told in (("deny", consent.deny), ("grant", consent.grant)):
            for path, value in told.items():
                info = fitting.known.get(path)
                if info is not None and info.choices and str(value) not in info.choices:
                    said = f'"{value}", which {path} does not offer'
                    mend = nearest(str(value), info.choices)
                    fitting.complain((*here, "write", state, path), said, "one of its choices", mend)


def _check_required(fitting: _Fitting) -> None:
    """Fields that every new record needs must be written, and creates should wait until there is a value."""
    document = fitting.document
    if not document.policy.creates:
        return
    told = {path for consent in document.consent for path in consent.deny if not consent.part}
    waits = {document.policy.create_key, *document.policy.create_requires}
    for info in fitting.known.values():
        if not (info.required and info.creatable):
            continue
        writers = [f for f in document.fields if f.direction.writes and f.paths and touches(f.paths[0], info.path)]
        if not writers and not any(touches(path, info.path) for path in told):
            said = f'nothing that writes "{info.path}"'
            mend = "Map it, or say `creates: false`"
            fitting.complain(("policy",), said, f"{info.path}, which every new record must have", mend)
        elif writers and not any(f.name in waits for f in writers):
            said = f'"{info.path}", which every new record must have, from {writers[0].name}'
            mend = f"Say `create_requires: [{writers[0].name}]`"
            fitting.warn(("policy", "create_requires"), said, "creates that wait until there is a value", mend)
