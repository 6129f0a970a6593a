"""Days and moments: read strictly from what vendors write, written back in the same form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.domain import moments
from mappings import formats, kinds
from mappings.misfit import Misfit
from mappings.transforms import Args, BadArgument, Step, plain_step

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _format(args: Args, *, time: bool) -> formats.Format | None:
    if "format" not in args:
        return None
    found = formats.compiled(args["format"])
    if found is None or found.has_time != time:
        raise BadArgument("format", "a format such as DD.MM.YYYY" + (" HH:mm" if time else ""))
    return found


def _zone(args: Args) -> ZoneInfo:
    try:
        return ZoneInfo(args.get("zone", "UTC"))
    except (ValueError, OSError, KeyError):
        raise BadArgument("zone", "a time zone such as Europe/Berlin") from None


def date(args: Args) -> Step:
    form = _format(args, time=False)

    def read(value: Any) -> Any:
        if form is None:
            return kinds.day(value)
        found = form.read(value.strip()) if isinstance(value, str) and len(value) <= 60 else None
        if found is None:
            raise Misfit(f"a day that exists, as {form.text}")
        return kinds.day(found.date().isoformat())

    return plain_step(read)


def date_back(args: Args) -> Step:
    form = _format(args, time=False)
    if form is None:
        return plain_step(kinds.day)
    return plain_step(lambda value: form.write(datetime.fromisoformat(kinds.day(value))))


def moment(args: Args) -> Step:
    form, zone = _format(args, time=True), _zone(args)

    def read(value: Any) -> Any:
        if not isinstance(value, str) or len(value) > 60:
            raise Misfit("a time")
        found = form.read(value.strip()) if form else _iso(value.strip())
        if found is None:
            raise Misfit(f"a time that exists, as {form.text if form else 'ISO 8601'}")
        return kinds.told(found if found.tzinfo else found.replace(tzinfo=zone))

    return plain_step(read)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def moment_back(args: Args) -> Step:
    form, zone = _format(args, time=True), _zone(args)

    def write(value: Any) -> Any:
        text = kinds.moment(value)
        return form.write(moments.parse(text).astimezone(zone)) if form else text

    return plain_step(write)


def epoch(unit_ms: int) -> Callable[[Args], Step]:
    def read(value: Any) -> Any:
        try:
            return kinds.told(_EPOCH + timedelta(milliseconds=kinds.integer(value) * unit_ms))
        except OverflowError:
            raise Misfit("a time before the year 10000") from None

    return lambda _args: plain_step(read)


def epoch_back(unit_ms: int) -> Callable[[Args], Step]:
    def make(args: Args) -> Step:
        def write(value: Any) -> Any:
            count = (moments.parse(kinds.moment(value)) - _EPOCH) // timedelta(milliseconds=unit_ms)
            return str(count) if args.get("as") == "text" else count

        return plain_step(write)

    return make
