"""What operators type: read as they mean it, complained of all at once, and never echoed when it is secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from hub.errors import BadInput, NotFound
from hub.operations import forms
from hub.sdk.connector import Secret


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    audience_id: str = Field(description="the audience's id, e.g. a1b2c3")
    page_size: int = 100
    lists: tuple[str, ...] = ()
    strict: bool = False


TOKEN = Secret("access_token", "The private app's token")
OPTIONAL = Secret("webhook_secret", "The webhook secret", required=False)


def nobody(secret: Secret) -> None:
    return None


def test_settings_are_read_by_their_types() -> None:
    said = {"audience_id": "007", "page_size": "50", "lists": "a, b", "strict": "true"}
    read = forms.settings(Settings, said)
    assert read == Settings(audience_id="007", page_size=50, lists=("a", "b"), strict=True)


def test_a_list_may_be_json() -> None:
    assert forms.settings(Settings, {"audience_id": "x", "lists": '["a,1", "b"]'}).lists == ("a,1", "b")  # type: ignore[attr-defined]


def test_all_complaints_come_at_once_with_the_nearest_name() -> None:
    with pytest.raises(BadInput) as refused:
        forms.settings(Settings, {"audiense_id": "x", "page_size": "many"})
    texts = {c.where: c for c in refused.value.complaints}
    assert texts["--set audience_id"].said == "not given"
    assert texts["--set audience_id"].expected == "the audience's id, e.g. a1b2c3"
    assert 'did you mean "audience_id"?' in texts["--set audiense_id"].mend
    assert texts["--set page_size"].said == '"many"'
    assert "integer" in texts["--set page_size"].expected


def test_pairs_keep_further_equals_signs_and_complain_of_all() -> None:
    assert forms.pairs(["q=a=b", "n="], "--set") == {"q": "a=b", "n": ""}
    with pytest.raises(BadInput) as refused:
        forms.pairs(["nothing", "a=1", "a=2", "=x"], "--set")
    assert len(refused.value.complaints) == 3


def test_a_secret_comes_from_the_first_place_that_has_it() -> None:
    env = {"HUB_MY_CRM_ACCESS_TOKEN": "from env"}
    assert forms.secrets("my-crm", [TOKEN], {"access_token": "said"}, nobody, env) == {"access_token": "said"}
    assert forms.secrets("my-crm", [TOKEN], {}, lambda s: "asked", env) == {"access_token": "from env"}
    assert forms.secrets("my-crm", [TOKEN, OPTIONAL], {}, lambda s: "asked" if s is TOKEN else "", {}) == {
        "access_token": "asked"
    }


def test_a_missing_secret_names_its_variable_and_no_value() -> None:
    with pytest.raises(BadInput) as refused:
        forms.secrets("crm", [TOKEN, OPTIONAL], {"webhook_secret": "hush-hush"}, nobody, {})
    (complaint,) = refused.value.complaints
    assert "HUB_CRM_ACCESS_TOKEN" in complaint.mend
    assert "hush-hush" not in str(refused.value) + str(refused.value.complaints)


def test_an_unknown_secret_answers_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="access_token"):
        forms.secrets("crm", [TOKEN], {"acces_token": "x"}, nobody, {})


def test_a_secret_file_is_read_without_its_last_line_end(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("-----BEGIN\nabc\n-----END\n")
    assert forms.read_secret_file(str(file), "private_key") == "-----BEGIN\nabc\n-----END"
    with pytest.raises(BadInput, match="No such file"):
        forms.read_secret_file(str(tmp_path / "none"), "private_key")


@pytest.mark.parametrize("name", ["", "CRM", "1crm", "a b", "a/b", "ü", "a" * 41])
def test_names_that_cannot_be_used(name: str) -> None:
    with pytest.raises(BadInput, match="cannot name a connection"):
        forms.check_name(name)


def test_unknown_connectors_answer_with_the_nearest() -> None:
    with pytest.raises(NotFound, match='nearest is "hubspot"'):
        forms.connector("hubsport")
    with pytest.raises(NotFound, match="salesforce"):
        forms.connector("zzz")
