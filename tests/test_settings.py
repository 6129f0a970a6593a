"""Settings come from the environment, complain all at once, and hide what is secret."""

from pathlib import Path

import pytest

from hub.errors import BadInput
from hub.settings import Settings, describe, load, variables, without_password


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


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://db:5432/hub?user=hub&password=geheim", "postgresql://db:5432/hub"),
        ("postgresql://hub@db/hub?password=geheim", "postgresql://hub@db/hub"),
        ("postgresql://hub:ge/heim@db/hub", "postgresql://hub:***@db/hub"),
        ("postgresql://hub:ge#heim@db/hub", "postgresql://hub:***@db/hub"),
        ("postgresql://hub:ge?heim@db/hub", "postgresql://hub:***@db/hub"),
        ("postgresql://hub:ge@heim@db/hub", "postgresql://hub:***@db/hub"),
        ("redis://:geheim@cache:6379/0", "redis://:***@cache:6379/0"),
        ("redis://cache:6379/0?password=geheim", "redis://cache:6379/0"),
        ("unix:///run/redis.sock?password=geheim", "unix:///run/redis.sock"),
    ],
)
def test_no_password_is_shown_wherever_it_stands(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_what_is_secret_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("correct horse battery\n")
    (tmp_path / "url").write_text("postgresql://hub:pw@db/hub")
    environ = {"HUB_SECRET_KEY_FILE": str(tmp_path / "key"), "HUB_DATABASE_URL_FILE": str(tmp_path / "url")}
    said = load(environ)
    assert said.secret_key is not None
    assert said.secret_key.get_secret_value() == "correct horse battery"
    assert load({**environ, "HUB_SECRET_KEY": "k"}).secret_key.get_secret_value() == "k"  # type: ignore[union-attr]
    by = {d.name: d for d in describe(environ)}
    assert (by["database_url"].variable, by["database_url"].value, by["database_url"].source) == (
        "HUB_DATABASE_URL_FILE",
        "postgresql://hub:***@db/hub",
        "environment",
    )


def test_a_file_that_holds_no_secret_is_complained_about_without_its_contents(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "url").write_text("mysql://root:pw@db/x")
    with pytest.raises(BadInput) as error:
        load(
            {
                "HUB_SECRET_KEY_FILE": str(tmp_path / "missing"),
                "HUB_REDIS_URL_FILE": str(tmp_path / "empty"),
                "HUB_ALERT_URL_FILE": str(tmp_path / "bytes"),
                "HUB_DATABASE_URL_FILE": str(tmp_path / "url"),
            }
        )
    said = sorted(str(c) for c in error.value.complaints)
    assert len(said) == 4
    assert all("_FILE" in s for s in said)
    assert any("No such file" in s for s in said)
    assert not any("pw" in s for s in said)


def test_a_number_beyond_its_bounds_is_told_the_bounds() -> None:
    with pytest.raises(BadInput) as error:
        load({"HUB_SWEEP_SECONDS": "100", "HUB_WORKER_JOBS": "0"})
    said = " ".join(str(c) for c in error.value.complaints)
    assert "from 0.2 to 60" in said
    assert "from 1 to 500" in said


def test_only_secrets_may_be_in_files() -> None:
    assert {"HUB_SECRET_KEY_FILE", "HUB_LISTEN"} < variables()
    assert "HUB_LISTEN_FILE" not in variables()


@pytest.mark.parametrize("said", ["hub.example", "ftp://hub.example", "https://", "https://hub.example/?x=1"])
def test_a_public_address_is_a_plain_web_address(said: str) -> None:
    with pytest.raises(BadInput):
        load({"HUB_PUBLIC_URL": said})
    assert load({"HUB_PUBLIC_URL": "https://hub.example/base/"}).public_url == "https://hub.example/base"


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("redis://cache:6379", "redis://cache:6379"),
        ("redis://cache:6379/", "redis://cache:6379"),
        ("rediss://:pw@cache:6380/3", "rediss://:pw@cache:6380/3"),
        ("unix:///run/redis/redis.sock", "unix:///run/redis/redis.sock"),
    ],
)
def test_an_address_of_redis_may_end_as_people_write_it(said: str, taken: str) -> None:
    found = load({"HUB_REDIS_URL": said}).redis_url
    assert found is not None
    assert found.get_secret_value() == taken


def test_a_database_of_redis_is_a_number() -> None:
    with pytest.raises(BadInput) as error:
        load({"HUB_REDIS_URL": "redis://:pw@cache:6379/hub"})
    [complaint] = error.value.complaints
    assert "redis://cache.example:6379/0" in str(complaint)
    assert "pw" not in str(complaint)
