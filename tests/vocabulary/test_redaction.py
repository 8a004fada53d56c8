from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from prefect_tuner.redaction import (
    has_credentials,
    names_secret,
    redacted,
    secrets_in,
    without_credentials,
)
from prefect_tuner.validation import mistakes_from

SECRET = "x7-very/secret+8"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "value",
    [
        f"s3://AKIA123:{SECRET}@bucket/studies",
        f"https://user:{SECRET}@example.org/file.py:train",
        f"https://{SECRET.replace('/', '-')}@example.org",
        f"postgresql+asyncpg://tuner:p@{SECRET}@db/optuna",
        f"https://example.org/?user=a&token={SECRET}#top",
        f"https://example.org/?X-Amz-Signature={SECRET}",
        f"host=db password={SECRET} dbname=x",
        f"host=db password='{SECRET}'",
        f"AccountName=a;AccountKey={SECRET}",
        f'{{"api_key": "{SECRET}"}}',
        f"Authorization: Bearer {SECRET}",
        {"password": SECRET},
        {"options": [{"apiKey": SECRET}]},
        {"credentials": {"user": "a", "key": SECRET}},
        {"token": [SECRET, SECRET]},
        {"authtoken": SECRET},
        {"accountkey": {"secretaccesskey": SECRET}},
        f"https://example.org/?accesstoken={SECRET}",
        f"https://example.org/?sas={SECRET}",
        ({"aws_secret_access_key": SECRET},),
        {"storage": f"s3://a:{SECRET}@bucket"},
    ],
    ids=str,
)
def test_a_secret_is_not_shown(value: Any) -> None:
    shown = redacted(value)
    assert "***" in shown
    assert SECRET not in shown
    assert "very" not in shown


@pytest.mark.parametrize(
    "value",
    [
        "package.tokenizer:train",
        "models/token_classifier.py:train",
        "s3://bucket/studies?region=eu",
        "https://example.org:8080/path",
        {"max_tokens": 5, "monkey": "a", "author": "b", "key": "c"},
        ["a@example.org", 3, 0.1, None],
        ("a",),
        "x == 1, y = 2",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(value: Any) -> None:
    assert redacted(value) == repr(value)


@given(JSON)
def test_a_value_under_a_secret_name_is_hidden_whatever_it_is(value: object) -> None:
    assert redacted({"n": 1, "password": value}) == "{'n': 1, 'password': ***}"


@given(JSON)
def test_anything_can_be_shown(value: object) -> None:
    assert redacted(value)


def test_a_value_that_cannot_be_shown_does_not_hide_the_mistake() -> None:
    class Unshowable:
        def __repr__(self) -> str:
            raise RuntimeError

    cycle: list[Any] = []
    cycle.append(cycle)
    assert redacted(Unshowable()) == "a Unshowable whose repr() raises"
    assert redacted(cycle)


def test_a_model_shows_nothing_of_its_secrets() -> None:
    class Options(BaseModel):
        password: str
        key: SecretStr

    assert SECRET not in redacted(Options(password=SECRET, key=SecretStr(SECRET)))


@pytest.mark.parametrize(
    "name", ["password", "API_KEY", "apiKey", "X-Api-Key", "privateKey", "dbPassword2", "auth"]
)
def test_names_of_secrets_are_known_in_all_spellings(name: str) -> None:
    assert names_secret(name)


def test_a_mistake_in_a_secret_does_not_show_it() -> None:
    class Login(BaseModel):
        api_key: int
        url: int
        nested: dict[str, dict[str, int]]

    with pytest.raises(ValidationError) as raised:
        Login.model_validate(
            {
                "api_key": SECRET,
                "url": f"https://a:{SECRET}@example.org",
                "nested": {"token": {"a": SECRET}},
            }
        )
    mistakes = mistakes_from(raised.value, "login", Login)
    assert SECRET not in str(mistakes)
    key, url, nested = mistakes
    assert re.fullmatch(r"login\.api_key: must .* \*\*\*", key)
    assert re.fullmatch(r"login\.url: must .* 'https://\*\*\*@example\.org'", url)
    assert re.fullmatch(r"login\.nested\.token\.a: must .* \*\*\*", nested)


@pytest.mark.parametrize(
    "address",
    [
        f"s3://AKIA123:{SECRET}@bucket/studies",
        f"s3://bucket/studies?key={SECRET}",
        f"az://studies?sas={SECRET}",
        f"gs://bucket?accesstoken={SECRET}",
        f"simplecache::s3://user:{SECRET}@bucket",
    ],
)
def test_an_address_with_credentials_is_known_and_shown_without_them(address: str) -> None:
    assert has_credentials(address)
    assert SECRET not in without_credentials(address)
    assert not has_credentials(without_credentials(address))


@pytest.mark.parametrize(
    "address", ["~/studies", "s3://bucket/studies", "sftp://bob@host/studies", "http://host:80/a@b"]
)
def test_an_address_without_credentials_is_shown_as_it_is(address: str) -> None:
    assert not has_credentials(address)
    assert without_credentials(address) == address


@pytest.mark.parametrize(
    ("data", "places"),
    [
        ({"address": f"tls://user:{SECRET}@host:8786"}, [("address",)]),
        ({"env": {"WANDB_API_KEY": SECRET}}, [("env", "WANDB_API_KEY")]),
        ({"auth": [{"user": SECRET}]}, [("auth",)]),
        ({"env": [f"PASSWORD={SECRET}", "A=1"]}, [("env", 0)]),
        ([f"curl -H 'Authorization: Bearer {SECRET}'"], [(0,)]),
        (f"https://example.org?token={SECRET}", [()]),
        ({"env": {"API_KEY": "$API_KEY", "TOKEN": "", "auth": False, "max_tokens": "9"}}, []),
        (["export TOKEN=$TOKEN", "token='$OTHER'", "a basic computing node"], []),
        ({"address": "tcp://scheduler:8786", "resources": {"GPU": 1}, "user": "ada"}, []),
        ({"address": "ssh://ada@host", "odd": "http://[", "nothing": None}, []),
    ],
    ids=str,
)
def test_secrets_in_data_are_found_where_they_stand(
    data: Any, places: list[tuple[object, ...]]
) -> None:
    assert list(secrets_in(data)) == places


@given(JSON)
def test_any_data_can_be_searched_for_secrets(data: Any) -> None:
    assert all(isinstance(place, tuple) for place in secrets_in(data))
