"""Arguments: wrong types are refused early, by TypeError, and wrong values by UsageError."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import modelseal
import pytest
from modelseal import _native
from support import PUBLIC, sign, verify

SOME_DIGEST = "sha256:" + "0" * 64
FUNCTIONS = ["sign_model_artifact", "verify_model_artifact", "attest_model_artifact"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_the_path_is_positional(function: str) -> None:
    parameters = list(inspect.signature(getattr(modelseal, function)).parameters.values())
    assert parameters[0].name == "path"
    assert parameters[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters[1:])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_argument_is_explained(function: str) -> None:
    public = getattr(modelseal, function)
    # The lines "name: ..." or "one, other: ...", flush left once the docstring is cleaned.
    lines = re.findall(r"^([a-z_]+(?:, [a-z_]+)*): ", inspect.getdoc(public) or "", re.MULTILINE)
    explained = [name for line in lines for name in line.split(", ")]
    assert explained == list(inspect.signature(public).parameters)[1:]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_native_function_takes_the_same(function: str) -> None:
    public = set(inspect.signature(getattr(modelseal, function)).parameters) - {"danger_any_model"}
    assert set(inspect.signature(getattr(_native, function)).parameters) == public


def test_weakenings_have_their_name_and_are_off() -> None:
    for function in FUNCTIONS:
        for parameter in inspect.signature(getattr(modelseal, function)).parameters.values():
            if parameter.name.startswith("danger_"):
                assert not parameter.default


@pytest.mark.parametrize(
    "options",
    [
        {"key": None},
        {"key": b"key.pem"},
        {"key": ["key.pem"]},
        {"key": 1},
        {"name": b"model"},
        {"bundle": b"model.sig"},
        {"bundle": 1},
        {"provenance": True},
        {"provenance": None},
        {"jwks": b"jwks.json"},
        {"identity_issuer": 1},
        {"dependencies": ["base=sha256:00"]},
        {"dependencies": "base"},
        {"byproducts": {"report": 1}},
        {"byproducts": {1: "sha256:00"}},
        {"statements": [("urn:scan", {})]},
        {"statements": {"urn:scan": []}},
        {"statements": {"urn:scan": b"{}"}},
        {"statements": {"urn:scan": None}},
        {"statements": {"urn:scan": {"a": {1, 2}}}},
        {"statements": {1: {}}},
        {"passphrase_file": b"file"},
        {"passphrase_env": b"NAME"},
        {"certificates": b"leaf.pem"},
        {"certificates": [b"leaf.pem"]},
        {"certificates": 1},
        {"ignore_paths": b"config.json"},
        {"ignore_paths": [1]},
        {"ignore_git_paths": "no"},
        {"ignore_git_paths": None},
        {"method": None},
        {"method": "shards", "shard_size": "1000"},
        {"method": "shards", "shard_size": True},
        {"method": "shards", "shard_size": 1000.0},
        {"hash": 1},
        {"expect_digest": b"sha256:"},
        {"expect_key_id": 1},
        {"dry_run": 1},
        {"jobs": "2"},
        {"jobs": 2.0},
        {"jobs": True},
        {"progress": 1},
        {"progress": "yes"},
        {"danger_allow_symlinks": 1},
        {"danger_allow_test_keys": "yes"},
        {"password": "secret"},
    ],
    ids=str,
)
def test_types_of_signing(model: Path, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        sign(model, **options)
    assert not (model / "model.sig").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"key": b"key.pem"},
        {"key": [b"key.pem"]},
        {"key": 1},
        {"certificate_chain": b"root.pem"},
        {"certificate_chain": [1]},
        {"name": 1},
        {"digest": b"sha256:"},
        {"bundle": 1},
        {"only": 1},
        {"only": [b"w/0.bin"]},
        {"only": b"w"},
        {"certificate_chain": "root.pem", "certificate_fingerprint": 1},
        {"certificate_chain": "root.pem", "certificate_subject": 1},
        {"certificate_chain": "root.pem", "certificate_san": ["x"]},
        {"ignore_git_paths": None},
        {"jobs": "2"},
        {"progress": 1},
        {"max_file_bytes": 1.5},
        {"max_total_bytes": "1"},
        {"danger_ignore_paths": [None]},
        {"danger_ignore_unsigned_files": 1},
        {"danger_allow_symlinks": None},
        {"danger_accept_legacy": "yes"},
        {"danger_allow_test_keys": 0},
        {"danger_clock": "2026-01-01"},
    ],
    ids=str,
)
def test_types_of_verifying(signed: Path, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        verify(signed, **options)


@pytest.mark.parametrize("path", [b"model", None, 1, ["model"]])
def test_types_of_paths(path: Any) -> None:
    with pytest.raises(TypeError):
        sign(path)
    with pytest.raises(TypeError):
        verify(path)


def test_an_open_key_file_is_not_read(signed: Path) -> None:
    with PUBLIC.open() as file, pytest.raises(TypeError):
        verify(signed, key=file)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"jobs": 0}, "usage/arguments"),
        ({"jobs": -1}, "usage/arguments"),
        ({"jobs": 1 << 70}, "usage/arguments"),
        ({"method": "file"}, "usage/arguments"),
        ({"shard_size": 1000}, "usage/arguments"),
        ({"method": "shards", "shard_size": 0}, "usage/arguments"),
        ({"method": "shards", "hash": "blake3"}, "usage/arguments"),
        ({"hash": "md5"}, "usage/arguments"),
        ({"name": "a b"}, "usage/name"),
        ({"expect_digest": "0" * 64}, "usage/arguments"),
        ({"expect_key_id": "x"}, "usage/arguments"),
        ({"provenance": "on"}, "usage/arguments"),
        ({"provenance": "off", "dependencies": {"base": SOME_DIGEST}}, "usage/arguments"),
        ({"dependencies": {"base": None}}, "usage/arguments"),
        ({"dependencies": {f"base={SOME_DIGEST}": None}}, "usage/arguments"),
        ({"dependencies": {"base": "sha256:xyz"}}, "usage/arguments"),
        ({"dependencies": {"": SOME_DIGEST}}, "usage/arguments"),
        ({"byproducts": {"a\nb": SOME_DIGEST}}, "usage/arguments"),
        ({"byproducts": {"https://user:planted@host.example/r": SOME_DIGEST}}, "usage/arguments"),
        ({"statements": {"https://slsa.dev/provenance/v1": {}}}, "usage/attestation-type"),
        ({"statements": {"scan": {}}}, "usage/attestation-type"),
        ({"statements": {"urn:scan": {"a": float("nan")}}}, "usage/arguments"),
        ({"statements": {"urn:scan": {"1": 1, 1: 2}}}, "usage/arguments"),
        ({"statements": {"urn:scan": "/not/there.json"}}, "input/not-found"),
    ],
    ids=str,
)
def test_values_of_signing(model: Path, options: dict[str, Any], code: str) -> None:
    with pytest.raises(modelseal.InputError if code.startswith("input/") else modelseal.UsageError) as refused:
        sign(model, **options)
    assert refused.value.code == code
    assert "planted" not in str(refused.value)
    assert refused.value.hint
    assert not (model / "model.sig").exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"jobs": 0}, "usage/arguments"),
        ({"max_file_bytes": 0}, "usage/arguments"),
        ({"max_total_bytes": -5}, "usage/arguments"),
        ({"name": ""}, "usage/name"),
        ({"digest": "sha256:xyz"}, "usage/arguments"),
        ({"danger_ignore_paths": ["../x"]}, "usage/ignore-path"),
    ],
    ids=str,
)
def test_values_of_verifying(signed: Path, options: dict[str, Any], code: str) -> None:
    with pytest.raises(modelseal.UsageError) as refused:
        verify(signed, **options)
    assert refused.value.code == code


def test_text_and_paths_are_the_same(signed: Path) -> None:
    assert verify(str(signed), key=str(PUBLIC), bundle=str(signed / "model.sig")).path == signed
