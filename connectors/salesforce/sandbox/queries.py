"""The query resources: pages of up to 2,000 rows and locators to the rest."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from connectors.salesforce.ids import long_id
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.select import Selection
from connectors.salesforce.sandbox.soql import malformed, parse
from connectors.salesforce.sandbox.values import Refusal
from connectors.salesforce.sandbox.wire import Call, Reply

OPEN = 10
"""Locators a user may have open: a further one closes the oldest."""
STATEMENT_MAX = 100_000


class Queries:
    """Dial for tests: `page_size`, as Salesforce makes pages smaller when rows are wide."""

    def __init__(self, org: Org) -> None:
        self.page_size = 2000
        self._org = org
        self._open: OrderedDict[str, Selection] = OrderedDict()
        self._count = 0

    def query(self, call: Call) -> Reply:
        return self._first(call, deleted=False)

    def query_all(self, call: Call) -> Reply:
        return self._first(call, deleted=True)

    def _first(self, call: Call, *, deleted: bool) -> Reply:
        statement = call.query.get("q", "")
        if not statement.strip():
            raise malformed("A query string has to be specified")
        if len(statement) > STATEMENT_MAX:
            raise Refusal("QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100,000 characters.")
        selection = Selection(self._org, parse(statement), deleted=deleted, version=call.version)
        if selection.counts:
            return Reply(body={"totalSize": len(selection.rows), "done": True, "records": []})
        return Reply(body=self._page(call, selection, 0, ""))

    def more(self, call: Call) -> Reply:
        """The next page of a locator such as `01gHo0000000001AAA-2000`."""
        name, _, start = call.params["locator"].rpartition("-")
        selection = self._open.get(name)
        if selection is None or not start.isdecimal() or int(start) >= len(selection.rows):
            raise Refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
        return Reply(body=self._page(call, selection, int(start), name))

    def _page(self, call: Call, selection: Selection, start: int, name: str) -> dict[str, Any]:
        asked = re.search(r"batchsize=(\d+)", call.headers.get("sforce-query-options", "").lower())
        size = min(self.page_size, max(200, int(asked.group(1)))) if asked else self.page_size
        end = start + size
        records = [selection.shown(row) for row in selection.rows[start:end]]
        page: dict[str, Any] = {"totalSize": len(selection.rows), "done": end >= len(selection.rows)}
        if not page["done"]:
            name = name or self._keep(selection)
            page["nextRecordsUrl"] = f"/services/data/{call.version}/query/{name}-{end}"
        return {**page, "records": records}

    def _keep(self, selection: Selection) -> str:
        self._count += 1
        name = long_id(f"01gHo{self._count:010d}")
        self._open[name] = selection
        if len(self._open) > OPEN:
            self._open.popitem(last=False)
        return name
