"""Reading again after a mapping was edited: a link's memory in the words of the new mapping.

What a remote shows did not change, only how it is read. So a changed form is no news: what was agreed and what people
said is put in the new form. Where a field is read from another place, the memory of the old place says nothing about
it; hearing then takes what the new place shows as it takes any first sight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from hub.domain.edit import Moved
from hub.domain.link import Link, Said
from hub.domain.policy import Compare, StreamPolicy
from hub.domain.values import Value, Values
from hub.engine.compare import same

Translate: TypeAlias = Callable[[str, Value], Value]
"""Field and a value in the old form -> the value in the new form; the value itself where there is no way."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one record shows, in the old words and in the new ones."""

    before: Values
    after: Values

    def agrees(self, name: str) -> bool:
        """The field reads as it did."""
        if name not in self.before or name not in self.after:
            return False
        a, b = self.before[name], self.after[name]
        return a == b and isinstance(a, bool) == isinstance(b, bool)


def reread(
    link: Link,
    sight: Sight,
    moved: Mapping[str, Moved],
    old: StreamPolicy,
    new: StreamPolicy,
    translate: Translate,
) -> Link:
    """The link with its memory of the `moved` fields in the words of the new mapping. Doing it twice changes nothing
    more: a re-reading that was interrupted may begin again."""
    memory = _Memory(link)
    for name, how in moved.items():
        if how is Moved.REMOVED or not memory.knows(name) or sight.agrees(name):
            continue
        compare = new.fields[name].compare if name in new.fields else Compare.EXACT
        if how is Moved.RESTATED:
            was = old.fields[name].compare if name in old.fields else compare
            memory.restate(name, sight, was, translate)
        elif name not in sight.after or not same(compare, sight.after[name], memory.echo.get(name)):
            memory.forget(name)
    return memory.link()


class _Memory:
    """Copies of one link's memory, changed field by field."""

    __slots__ = ("_link", "echo", "said", "sent")

    def __init__(self, link: Link) -> None:
        self._link = link
        self.echo = dict(link.echo)
        self.sent = dict(link.sent)
        self.said: dict[str, Said] = dict(link.said)

    def knows(self, name: str) -> bool:
        return name in self.echo or name in self.sent or name in self.said

    def forget(self, name: str) -> None:
        for part in (self.echo, self.sent, self.said):
            part.pop(name, None)

    def restate(self, name: str, sight: Sight, was: Compare, translate: Translate) -> None:
        """Only what was heard as it is shown: then the new reading of the same thing is no news. A second time nothing
        is left to do, since what is remembered is no more what the old words said."""
        echo = self.echo.get(name)
        if name not in sight.before or name not in sight.after or not same(was, sight.before[name], echo):
            return
        shown = sight.after[name]
        if name in self.said:
            self.said[name] = _restated(name, self.said[name], echo, was, shown, translate)
        if name in self.sent:
            sent = self.sent[name]
            self.sent[name] = shown if same(was, sent, echo) else translate(name, sent)
        self.echo[name] = shown

    def link(self) -> Link:
        link = self._link
        if (self.echo, self.sent, self.said) == (link.echo, link.sent, link.said):
            return link
        return replace(link, echo=self.echo, sent=self.sent, said=self.said)


def _restated(name: str, said: Said, echo: Value, was: Compare, shown: Value, translate: Translate) -> Said:
    """A word in the new form, said when it was said. What the record still shows is taken as it shows it now."""
    if isinstance(said, tuple):
        value, at = said
        if same(was, value, echo) and not isinstance(shown, tuple):
            return shown, at
        restated = translate(name, value)
        return (value if isinstance(restated, tuple) else restated), at
    words: dict[str, tuple[bool, str]] = {}
    for element, word in said.items():
        restated = translate(name, (element,))
        for now in restated if isinstance(restated, tuple) else (element,):
            if now not in words or words[now][::-1] < word[::-1]:
                words[now] = word
    return words
