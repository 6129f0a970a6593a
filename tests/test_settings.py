"""Settings come from the environment, complain all at once, and hide what is secret."""

from pathlib import Path

import pytest

from hub.errors import BadInput
from hub.settings import Settings, describe, load, without_password


def test_nothing_said_means_the_defaults() -> None:
    assert load({}) == Settings()
    assert load({"HUB_LOG_LEVEL": "", "HUB_HOME": "", "HUB_CRM_TOKEN": "x"}) == Settings()


def test_what_is_said_counts() -> None:
    said = load(
        {
            "HUB_HOME": "/srv/hub",
            "HUB_DATABASE_URL": "postgresql://hub:pw@db/hub",
            "HUB_SECRET_KEY": "k",
            "HUB_LOG_LEVEL": " INFO ",
            "HUB_LOG_FORMAT": "json",
        }
    )
    assert said.home == Path("/srv/hub")
    assert said.database_url is not None
    assert said.database_url.get_secret_value() == "postgresql://hub:pw@db/hub"
    assert (said.log_level, said.log_format) == ("info", "json")
    assert "pw" not in repr(said)


def test_all_complaints_at_once_and_no_secret_quoted() -> None:
    with pytest.raises(BadInput) as error:
        load({"HUB_LOG_LEVEL": "loud", "HUB_LOG_FORMAT": "xml", "HUB_DATABASE_URL": "mysql://root:pw@db/x"})
    said = [str(c) for c in error.value.complaints]
    assert len(said) == 3
    assert any("HUB_LOG_LEVEL: 'loud'; expected debug or info or warning or error" in s for s in said)
    assert any("HUB_DATABASE_URL" in s and "postgresql://" in s for s in said)
    assert not any("pw" in s for s in said)


def test_every_setting_is_described_with_its_source() -> None:
    shown = describe({"HUB_SECRET_KEY": "k3y", "HUB_DATABASE_URL": "postgresql://hub:pw@db/hub?password=pw2"})
    assert {d.name for d in shown} == set(Settings.model_fields)
    assert all(d.means and d.variable == f"HUB_{d.name.upper()}" for d in shown)
    by = {d.name: d for d in shown}
    assert (by["secret_key"].value, by["secret_key"].source) == ("(set)", "environment")
    assert by["database_url"].value == "postgresql://hub:***@db/hub"
    assert (by["log_level"].value, by["log_level"].source) == ("warning", "default")


def test_a_url_without_a_password_is_shown_as_it_is() -> None:
    assert without_password("sqlite:////srv/hub.db") == "sqlite:////srv/hub.db"
    assert without_password("postgresql://hub@db/hub") == "postgresql://hub@db/hub"
