"""The tables: the only truth. Times are text in the form of `hub.domain.moments.iso`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import BigInteger, TypeDecorator

from hub.domain.telling import UNASKED

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Serial = BigInteger().with_variant(Integer, "sqlite")


class Json(TypeDecorator[Any]):
    """JSON as text, written and parsed by orjson; the same on every dialect. Not for querying into."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return _parsed(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Text needs no processing before ours: the library's detour costs more than parsing a small value."""
        return _parsed


def _parsed(value: str | None) -> Any:
    return None if value is None else orjson.loads(value)


connections = Table(
    "connections",
    metadata,
    Column("name", String, primary_key=True),
    Column("connector", String, nullable=False),
    Column("base_url", String, nullable=False),
    Column("settings", Json, nullable=False),
    Column("state", String, nullable=False),  # active | paused | broken
    Column("state_reason", String, nullable=False, default=""),
    Column("writes", Boolean, nullable=False),  # a new connection begins read-only
    Column("rank", Integer, nullable=False),
    Column("account", Json),  # who answered `check`
    Column("created_at", String, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("connection", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", String, nullable=False),
)

keyring = Table(  # the data key, sealed with the master key; its id and a check value
    "keyring",
    metadata,
    Column("id", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", String, nullable=False),
)

discoveries = Table(  # what discovery last showed of a stream's fields
    "discoveries",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("fields", Json, nullable=False),
    Column("at", String, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("lane", String, primary_key=True),  # live | verify | backfill:<id>
    Column("position", Json),  # mid-walk; null between walks
    Column("at", String),  # the cursor from which the next walk starts
    Column("id", String, nullable=False, default=""),
    Column("until", String),  # the end of the walk under way, or of the backfill
    Column("walk", Integer, nullable=False, default=0),  # number of the walk under way
    Column("walk_full", Boolean, nullable=False, default=False),
    Column("read", Integer, nullable=False, default=0),  # records shown by the walk under way
    Column("began_at", String),  # when the walk under way began
    Column("finished_at", String),  # when a walk last ended
    Column("full_at", String),  # when a complete walk last ended
    Column("moved_at", String),  # when the last page was kept
    Column("not_before", String),  # the vendor asked to come back then
    Column("total", Integer),  # how many records the vendor says the walk will show
)

observations = Table(
    "observations",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("remote_id", String, primary_key=True),
    Column("raw", Json, nullable=False),
    Column("hash", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("heard", Integer, nullable=False, default=0),  # the revision that reconcile has heard
    Column("modified_at", String),
    Column("seen_at", String, nullable=False),
    Column("gone", Boolean, nullable=False, default=False),
    Column("merged_into", String),
    Column("aliases", Json),
    Column("walk", Integer, nullable=False, default=0),  # the last complete walk that showed it
    Column("parked", Boolean, nullable=False, default=False),  # waits for a person; see issues
)
Index(
    "ix_observations_unheard",
    observations.c.connection,
    observations.c.stream,
    observations.c.remote_id,
    sqlite_where=text("revision > heard AND NOT parked"),
    postgresql_where=text("revision > heard AND NOT parked"),
)

links = Table(
    "links",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("remote_id", String, primary_key=True),
    Column("entity_id", String, nullable=False, index=True),
    Column("state", String, nullable=False),  # live | gone | unlinked
    Column("echo", Json, nullable=False),  # canonical values the remote last showed and the hub has heard
    Column("sent", Json, nullable=False),  # canonical values both last agreed on, as the hub put them
    Column("said", Json, nullable=False),  # what people there said: field -> [value, at], sets element-wise
    Column("statements", Json, nullable=False),  # consent statements by channel
    Column("keys", Json, nullable=False),  # keys as text
    Column("in_scope", Boolean, nullable=False, default=True),
    Column("updated_at", String, nullable=False),
)

link_keys = Table(
    "link_keys",
    metadata,
    Column("entity", String, primary_key=True),  # contact | campaign
    Column("key", String, primary_key=True),
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("remote_id", String, primary_key=True),
    Column("entity_id", String, nullable=False),
)
Index("ix_link_keys_address", link_keys.c.connection, link_keys.c.stream, link_keys.c.remote_id)

golden = Table(
    "golden",
    metadata,
    Column("entity_id", String, primary_key=True),
    Column("entity", String, nullable=False),
    Column("values", Json, nullable=False),
    Column("origins", Json, nullable=False),  # field -> [connection, stream, remote_id, at, rule]
    Column("consent", Json, nullable=False),  # channel -> [state, at, origin, evidence]
    Column("state", String, nullable=False),  # live | buried | merged
    Column("merged_into", String),
    Column("rev", Integer, nullable=False),  # moves whenever a remote may have to be told
    Column("created_at", String, nullable=False),
    Column("updated_at", String, nullable=False),
)
Index("ix_golden_entity_state", golden.c.entity, golden.c.state)
# All that a walk over the ids, states and revisions of an entity reads, so that it never touches the wide rows.
Index("ix_golden_due", golden.c.entity, golden.c.entity_id, golden.c.state, golden.c.rev)

tellings = Table(  # how far each sink has been told of each entity; due when behind what is wanted
    "tellings",
    metadata,
    Column("entity_id", String, primary_key=True),
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("rev", Integer, nullable=False),
    Column("retry_at", String),  # not before
    Column("tries", Integer, nullable=False, default=0),
    Column("wanted", Integer, nullable=False, server_default=text(str(UNASKED))),  # the golden revision
)
_behind = text("rev < wanted")
Index(  # who has to be told, however many were
    "ix_tellings_due",
    tellings.c.connection,
    tellings.c.stream,
    tellings.c.entity_id,
    sqlite_where=_behind,
    postgresql_where=_behind,
)

sinks = Table(  # every stream that anything was ever to be written to: each has a telling of each of its entities
    "sinks",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("entity", String, nullable=False),
)

attempts = Table(  # opened and committed before a write leaves
    "attempts",
    metadata,
    Column("id", String, primary_key=True),
    Column("run_id", String, nullable=False, index=True),
    Column("entity_id", String, nullable=False, index=True),
    Column("connection", String, nullable=False),
    Column("stream", String, nullable=False),
    Column("remote_id", String),
    Column("op", String, nullable=False),
    Column("part", String, nullable=False, default=""),
    Column("key", String),
    Column("cells", Json, nullable=False),  # [[field, before, after, rule, origin], ...]
    Column("expect", Json, nullable=False),  # canonical values the remote should show afterwards
    Column("before", Json),  # the raw record as it was
    Column("state", String, nullable=False),  # open | applied | refused | later | in_doubt | settled
    Column("fault", Json),
    Column("opened_at", String, nullable=False),
    Column("closed_at", String),
    Column("lane", String, nullable=False, server_default="live"),  # whose lease it was opened under: live | consent
)
Index(
    "ix_attempts_unsettled",
    attempts.c.connection,
    attempts.c.stream,
    sqlite_where=text("state IN ('open', 'in_doubt')"),
    postgresql_where=text("state IN ('open', 'in_doubt')"),
)
Index("ix_attempts_opened_at", attempts.c.opened_at, attempts.c.id)

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("job", String, nullable=False),  # pull | reconcile | push | verify | backfill
    Column("connection", String, nullable=False, default=""),
    Column("stream", String, nullable=False, default=""),
    Column("lane", String, nullable=False, default="live"),
    Column("state", String, nullable=False),  # running | done | partial | failed | parked
    Column("counts", Json, nullable=False),
    Column("note", String, nullable=False, default=""),
    Column("started_at", String, nullable=False),
    Column("ended_at", String),
)
Index("ix_runs_started_at", runs.c.started_at)
Index("ix_runs_job", runs.c.job, runs.c.connection, runs.c.started_at)

issues = Table(
    "issues",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("dedupe", String, nullable=False),  # the same trouble is one issue
    Column("connection", String, nullable=False, default=""),
    Column("stream", String, nullable=False, default=""),
    Column("remote_id", String, nullable=False, default=""),
    Column("entity_id", String, nullable=False, default=""),
    Column("field", String, nullable=False, default=""),
    Column("state", String, nullable=False),  # open | answered | closed
    Column("summary", String, nullable=False),
    Column("detail", Json, nullable=False),
    Column("answer", Json),
    Column("times", Integer, nullable=False, default=1),
    Column("opened_at", String, nullable=False),
    Column("closed_at", String),
    UniqueConstraint("dedupe"),
)
Index("ix_issues_state", issues.c.state)
Index("ix_issues_address", issues.c.connection, issues.c.stream, issues.c.remote_id)

facts = Table(  # bitemporal: a restated value is a further row, `known_to` closes the old one
    "facts",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("campaign_ref", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("known_from", String, primary_key=True),
    Column("known_to", String),
    Column("currency", String),
    Column("impressions", BigInteger),
    Column("clicks", BigInteger),
    Column("cost_minor", BigInteger),
    Column("conversions", Float),
    Column("value_minor", BigInteger),
    Column("sends", BigInteger),
    Column("opens", BigInteger),
    Column("unsubscribes", BigInteger),
)
Index("ix_facts_day", facts.c.day)

changes = Table(  # what changed in the golden records, and why: the memory behind `hub explain`
    "changes",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("entity_id", String, nullable=False, index=True),
    Column("field", String, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("rule", String, nullable=False),
    Column("connection", String, nullable=False),
    Column("stream", String, nullable=False, default=""),
    Column("remote_id", String, nullable=False, default=""),
    Column("at", String, nullable=False),
)

pins = Table(
    "pins",
    metadata,
    Column("entity_id", String, primary_key=True),
    Column("field", String, primary_key=True),
    Column("value", Json),
    Column("who", String, nullable=False),
    Column("why", String, nullable=False, default=""),
    Column("at", String, nullable=False),
)

hub_statements = Table(  # consent said to the hub itself: an operator's evidenced grant or denial
    "hub_statements",
    metadata,
    Column("entity_id", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("statements", Json, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Json, nullable=False),
)

leases = Table(  # who may do what only one may do at a time
    "leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),  # empty: nobody
    Column("token", BigInteger, nullable=False),  # grows by one whenever the lease is taken, and never falls
    Column("until", String, nullable=False),  # when others may take it, unless it is renewed
)

mapping_versions = Table(  # documents and their history: append-only, but for states
    "mapping_versions",
    metadata,
    Column("name", String, primary_key=True),  # CONNECTION/STREAM, contact or campaign
    Column("version", Integer, primary_key=True),
    Column("state", String, nullable=False),  # draft | validated | published | retired | dropped
    Column("parent", Integer),
    Column("text", Text, nullable=False),
    Column("hash", String, nullable=False),  # of its meaning
    Column("who", String, nullable=False),
    Column("why", String, nullable=False),
    Column("at", String, nullable=False),
    Column("published_at", String),
    Column("plan", String, nullable=False),  # hash of the plan under which it was published
)
Index("ix_mapping_versions_state", mapping_versions.c.state, mapping_versions.c.name)

mapping_plans = Table(  # what plans of edits promised, to hold the world against when they are published
    "mapping_plans",
    metadata,
    Column("hash", String, primary_key=True),
    Column("versions", Json, nullable=False),
    Column("bases", Json, nullable=False),
    Column("hashes", Json, nullable=False),
    Column("counts", Json, nullable=False),
    Column("at", String, nullable=False),
)

rereadings = Table(  # published, and still to be read again: nothing is heard or told there before it is done
    "rereadings",
    metadata,
    Column("name", String, primary_key=True),
    Column("from_version", Integer, nullable=False),
    Column("to_version", Integer, nullable=False),
    Column("phase", String, nullable=False),  # records | entities
    Column("after", String, nullable=False),
    Column("began_at", String, nullable=False),
)

schedules = Table(  # how often a stream is read, where an operator said so; "" as stream: the whole connection
    "schedules",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("every", Integer),  # seconds; or
    Column("cron", String, nullable=False, default=""),
    Column("hours", String, nullable=False, default=""),  # working hours, e.g. "mon-fri 07:00-20:00"
    Column("zone", String, nullable=False, default="UTC"),
)

circuits = Table(  # connections that failed again and again, and when they are tried next
    "circuits",
    metadata,
    Column("connection", String, primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row
    Column("until", String, nullable=False),  # no calls before
    Column("since", String, nullable=False),
    Column("reason", String, nullable=False),
)

hints = Table(  # records of which a webhook said that they changed; looked at, then forgotten
    "hints",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("remote_id", String, primary_key=True),  # "": something in the stream
    Column("at", String, nullable=False),
)

passes = Table(  # a push that takes more than one job: planned as a whole, then told in slices
    "passes",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("phase", String, nullable=False),  # plan | tell
    Column("after", String, nullable=False),  # the last entity id that was planned, or told
    Column("due", Integer, nullable=False),
    Column("tally", Json, nullable=False),
    Column("began_at", String, nullable=False),
)

consent_changes = Table(  # from seen anywhere to written everywhere
    "consent_changes",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("entity_id", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("state", String, nullable=False),
    Column("seen_at", String, nullable=False),
    Column("heard_at", String, nullable=False),
    Column("written_at", String),
)
Index(
    "ix_consent_changes_open",
    consent_changes.c.entity_id,
    sqlite_where=text("written_at IS NULL"),
    postgresql_where=text("written_at IS NULL"),
)
Index("ix_consent_changes_written_at", consent_changes.c.written_at)

verified = Table(  # records that the verification under way was shown
    "verified",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("remote_id", String, primary_key=True),
    Column("hash", String),  # of contents that did not agree: to be judged once the live reading had its turn
    Column("asked_at", String),  # when these were asked for
)
Index(
    "ix_verified_doubted",
    verified.c.connection,
    verified.c.stream,
    verified.c.remote_id,
    sqlite_where=text("hash IS NOT NULL"),
    postgresql_where=text("hash IS NOT NULL"),
)

call_counts = Table(  # requests that were sent, by hour: what daily quotas are held against
    "call_counts",
    metadata,
    Column("connection", String, primary_key=True),
    Column("bucket", String, primary_key=True),
    Column("hour", String, primary_key=True),  # "2026-11-22T09"
    Column("lane", String, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("cost", Integer, nullable=False),  # for how many calls the vendor counts them
)

meters = Table(  # what each vendor last said of its quota
    "meters",
    metadata,
    Column("connection", String, primary_key=True),
    Column("said", Json, nullable=False),
    Column("at", String, nullable=False),
)

alerts = Table(  # what somebody should know, from its beginning to its end
    "alerts",
    metadata,
    Column("key", String, primary_key=True),  # the same trouble has the same key
    Column("kind", String, nullable=False),
    Column("connection", String, nullable=False, default=""),
    Column("stream", String, nullable=False, default=""),
    Column("summary", String, nullable=False),
    Column("mend", String, nullable=False, default=""),
    Column("began_at", String, primary_key=True),
    Column("seen_at", String, nullable=False),  # when the trouble was last there
    Column("ended_at", String),
    Column("told_began_at", String),
    Column("told_ended_at", String),
)
Index(  # the same trouble is open once, whoever looks
    "ix_alerts_open",
    alerts.c.key,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)

volumes = Table(  # how many records walks showed, by the hour in which they ended: what is usual for a stream
    "volumes",
    metadata,
    Column("connection", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("hour", Integer, primary_key=True),  # hours since 1970, so that days can be made of them from any hour on
    Column("changed", Integer, nullable=False),  # by walks from a cursor, together
    Column("whole", Integer),  # by the last walk from the beginning to the end
)

workers = Table(  # processes that work here, as they last said
    "workers",
    metadata,
    Column("id", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("process", Integer, nullable=False),
    Column("role", String, nullable=False),
    Column("release", String, nullable=False),
    Column("doing", Json, nullable=False),
    Column("counts", Json, nullable=False),
    Column("started_at", String, nullable=False),
    Column("seen_at", String, nullable=False),
)
