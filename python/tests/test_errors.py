"""The exceptions: one table, one tree, and nothing in them that should not be printed."""

from __future__ import annotations

import copy
import pickle
import sys
import traceback
from pathlib import Path

import modelseal
import pytest
from modelseal import _native
from support import sign, verify

TREE = {
    "UsageError": modelseal.ModelsealError,
    "VerificationError": modelseal.ModelsealError,
    "BundleError": modelseal.VerificationError,
    "SignatureError": modelseal.VerificationError,
    "MismatchError": modelseal.VerificationError,
    "PolicyError": modelseal.VerificationError,
    "InputError": modelseal.ModelsealError,
    "BackendError": modelseal.ModelsealError,
    "IdentityError": modelseal.BackendError,
    "IdentityUnavailable": modelseal.IdentityError,
    "Cancelled": modelseal.ModelsealError,
}
#: Which exit statuses the codes of a class have.
STATUSES = {
    "UsageError": {2},
    "InputError": {3},
    "BackendError": {4, 5, 6},
    "IdentityError": {2, 5},
    "IdentityUnavailable": {2, 5},
    "Cancelled": {130},
}


@pytest.mark.parametrize(("code", "status", "class_name", "hint"), _native._codes())
def test_every_code_has_its_class(code: str, status: int, class_name: str, hint: str) -> None:
    assert class_name in modelseal.__all__
    error_class = getattr(modelseal, class_name)
    assert issubclass(error_class, modelseal.ModelsealError)
    assert hint
    assert status in STATUSES.get(class_name, {1})
    family = code.split("/")[0]
    if issubclass(error_class, modelseal.VerificationError):
        assert family in {"artifact", "format", "policy", "signature"}
    error = error_class("a message", code=code, hint=hint)
    assert str(error) == f"a message [{code}]"


def test_the_tree() -> None:
    for name, parent in TREE.items():
        error_class = getattr(modelseal, name)
        assert error_class.__bases__ == (parent,)
        assert error_class.__module__ == "modelseal"
        assert error_class.__doc__


def failed(model: Path) -> modelseal.MismatchError:
    (model / "config.json").write_text("changed")
    with pytest.raises(modelseal.MismatchError) as refused:
        verify(model)
    return refused.value


def test_errors_are_copied_and_pickled(signed: Path) -> None:
    error = failed(signed)
    for twin in [copy.copy(error), copy.deepcopy(error), *(pickle.loads(pickle.dumps(error, n)) for n in range(2, 6))]:
        assert type(twin) is modelseal.MismatchError
        assert twin.args == error.args
        assert (str(twin), twin.message, twin.code, twin.hint) == (str(error), error.message, error.code, error.hint)
        assert twin.findings == error.findings
        assert twin.findings_complete is True
    backend = modelseal.BackendError("the server is sealed", code="backend/sealed", retryable=True)
    assert pickle.loads(pickle.dumps(backend)).retryable
    assert pickle.loads(pickle.dumps(modelseal.Cancelled())).code == "usage/interrupted"


def test_subclasses_are_pickled() -> None:
    error = pickle.loads(pickle.dumps(MyError("mine", code="a/b")))
    assert type(error) is MyError
    assert error.code == "a/b"


class MyError(modelseal.ModelsealError):
    """As a caller may write it."""


def test_what_an_error_says(signed: Path) -> None:
    error = failed(signed)
    assert str(error) == "`config.json` was modified [artifact/modified]"
    assert error.message == "`config.json` was modified"
    assert error.args == (error.message,)
    assert repr(error) == "MismatchError('`config.json` was modified')"
    assert repr(error.findings[0]).startswith(
        "Finding(code='artifact/modified', name='config.json', detail='size is 7 bytes"
    )


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
def test_a_traceback_shows_the_hint(signed: Path) -> None:
    error = failed(signed)
    for shown in [error, pickle.loads(pickle.dumps(error))]:
        lines = "".join(traceback.format_exception(type(shown), shown, None)).splitlines()
        assert lines[-2:] == [
            "modelseal.MismatchError: `config.json` was modified [artifact/modified]",
            f"hint: {error.hint}",
        ]


def test_findings() -> None:
    finding = modelseal.Finding("artifact/missing", "a")
    assert finding == modelseal.Finding("artifact/missing", "a", "")
    assert finding != modelseal.Finding("artifact/missing", "b")
    assert len({finding, copy.copy(finding), pickle.loads(pickle.dumps(finding))}) == 1
    with pytest.raises(AttributeError):
        finding.code = "x"  # type: ignore[misc]


def test_hostile_names_are_escaped(model: Path) -> None:
    name = "a\nb\x1b[31m\u202e"
    sign(model)
    (model / name).write_text("")
    with pytest.raises(modelseal.MismatchError) as refused:
        verify(model)
    error = refused.value
    shown = str(error) + repr(error) + error.hint + repr(error.findings) + repr(error.findings[0])
    assert not set("\n\x1b\u202e") & set(shown)
    assert "\\u{1b}" in str(error)
    # The name itself is data, exactly as it is on disk.
    assert error.findings[0].name == name
    artifact = verify(model, danger_ignore_unsigned_files=True)
    assert artifact.uncovered[0].name == name
    assert not set("\n\x1b\u202e") & set(repr(artifact) + repr(artifact.uncovered[0]))


def test_a_key_file_is_never_quoted(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWtleS1ieXRlcw==\n-----END PRIVATE KEY-----\n")
    with pytest.raises(modelseal.UsageError) as refused:
        sign(model, key=broken)
    assert refused.value.code == "key/malformed"
    for secret in ["c2VjcmV0", "secret"]:
        assert secret not in repr(refused.value) + str(refused.value) + refused.value.hint
