"""Signing: what is written, what is recorded, and what is refused before anything is written."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Literal

import modelseal
import pytest
from support import KEYS, PRIVATE, PUBLIC, VECTORS, sign, verify

KEY_ID = "601856183c448221cf02fa1b97a56d4b7ba101f1a3d58c875995b5cce82b57e4"


def test_a_directory(model: Path) -> None:
    signed = sign(model)
    assert signed.path == model
    assert signed.name == "model"
    assert signed.bundle == model / "model.sig"
    assert signed.key_id == KEY_ID
    assert (signed.key_kind, signed.scheme, signed.method) == ("ecdsa-p256", "ecdsa", "key")
    assert (signed.files, signed.bytes) == (3, 3 + 2560 + 1000)
    assert (signed.uncovered, signed.warnings, signed.attestations, signed.written) == ((), (), None, True)
    assert [resource.name for resource in signed.resources] == ["config.json", "w/0.bin", "w/1.bin"]
    assert json.loads(signed.bundle.read_bytes())["dsseEnvelope"]

    verified = verify(model)
    assert verified.root_digest == signed.root_digest
    assert verified.root_digest.startswith("sha256:")
    assert verified.payload_digest == signed.payload_digest
    assert verified.resources == signed.resources
    assert verified.resources is verified.resources


def test_a_single_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"weights")
    signed = sign(path)
    assert signed.bundle == tmp_path / "weights.bin.sig"
    assert [resource.name for resource in signed.resources] == ["."]
    assert verify(path, name="weights.bin").files == 1


def test_deep_and_empty_and_odd_names(tmp_path: Path) -> None:
    model = tmp_path / "model"
    names = ["a/b/c/d/e/f/deep.bin", "empty.bin", "sp ace é中.txt", "tab\tand\nnewline", "a:0:5"]
    for name in names:
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_text("" if name == "empty.bin" else name)
    sign(model)
    assert sorted(resource.name for resource in verify(model).resources) == sorted(names)


def test_shards(model: Path) -> None:
    signed = sign(model, method="shards", shard_size=1000)
    assert signed.serialization.method == "shards"
    assert signed.serialization.shard_size == 1000
    assert any("shards" in warning for warning in signed.warnings)
    shards = [resource for resource in verify(model).resources if resource.name == "w/0.bin"]
    assert sorted((shard.start, shard.end, shard.size) for shard in shards) == [
        (0, 1000, 1000),
        (1000, 2000, 1000),
        (2000, 2560, 560),
    ]
    (model / "w" / "0.bin").write_bytes(b"\1" * 2560)
    with pytest.raises(modelseal.MismatchError) as refused:
        verify(model)
    assert refused.value.code == "artifact/modified"


def test_shards_have_the_size_of_the_reference_tool(model: Path) -> None:
    assert sign(model, method="shards").serialization.shard_size == 1_000_000_000


@pytest.mark.parametrize("algorithm", ["sha256", "blake2b", "blake3"])
def test_hashes(model: Path, algorithm: Literal["sha256", "blake2b", "blake3"]) -> None:
    signed = sign(model, hash=algorithm)
    assert signed.serialization.hash == algorithm
    assert all(resource.digest.startswith(algorithm + ":") for resource in verify(model).resources)


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ("p384.pem", "p384.pub.pem"),
        ("p521.pem", "p521.pub.pem"),
        ("p256-sec1.pem", "p256.pub.pem"),
        ("ed25519.pem", "file:{}/ed25519.pub.pem?scheme=ed25519"),
    ],
)
def test_keys(model: Path, private: str, public: str) -> None:
    signed = sign(model, key=KEYS / private)
    key = public.format(KEYS) if public.startswith("file:") else KEYS / public
    verified = verify(model, key=key)
    assert (verified.key_id, verified.key_kind, verified.scheme) == (signed.key_id, signed.key_kind, signed.scheme)


def test_the_name_is_signed(model: Path) -> None:
    assert sign(model, name="acme/llama").name == "acme/llama"
    assert verify(model, name="acme/llama").name == "acme/llama"


def test_a_bundle_elsewhere(model: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "signatures.json"
    assert sign(model, bundle=bundle).bundle == bundle
    assert not (model / "model.sig").exists()
    assert verify(model, bundle=bundle).bundle == bundle


def test_a_relative_path(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model)
    assert sign(".").name == "model"
    assert verify(".").path == Path()


def test_ignored_paths(model: Path) -> None:
    signed = sign(model, ignore_paths=["w/1.bin", model / "config.json", "nothing"])
    assert [resource.name for resource in signed.resources] == ["w/0.bin"]
    assert [uncovered.name for uncovered in signed.uncovered] == ["config.json", "w/1.bin"]
    assert any("nothing" in warning for warning in signed.warnings)
    assert [(uncovered.name, uncovered.kind) for uncovered in verify(model).uncovered] == [
        ("config.json", "file"),
        ("w/1.bin", "file"),
    ]


def test_one_ignored_path_is_no_sequence_of_letters(model: Path) -> None:
    assert [uncovered.name for uncovered in sign(model, ignore_paths="w").uncovered] == ["w"]


@pytest.mark.parametrize("path", ["../other", "*.bin", "."])
def test_unacceptable_ignored_paths(model: Path, path: str) -> None:
    with pytest.raises(modelseal.UsageError) as refused:
        sign(model, ignore_paths=[path])
    assert refused.value.code == "usage/ignore-path"


def test_git_paths(model: Path) -> None:
    (model / ".gitignore").write_text("x")
    assert [uncovered.name for uncovered in sign(model).uncovered] == [".gitignore"]
    assert sign(model, ignore_git_paths=False).uncovered == ()


def test_a_dry_run_writes_nothing(model: Path) -> None:
    signed = sign(model, dry_run=True)
    assert not signed.written
    assert not signed.bundle.exists()


def test_only_the_expected_content_and_key(model: Path) -> None:
    digest = sign(model, dry_run=True).root_digest
    sign(model, expect_digest=digest, expect_key_id=KEY_ID)
    (model / "config.json").write_text("{ }")
    with pytest.raises(modelseal.PolicyError) as refused:
        sign(model, expect_digest=digest)
    assert refused.value.code == "policy/other-model"
    with pytest.raises(modelseal.UsageError) as mismatch:
        sign(model, expect_key_id="0" * 64)
    assert mismatch.value.code == "key/mismatch"


def test_by_certificate(model: Path) -> None:
    leaf, intermediate, root = KEYS / "cert-leaf-p256.pem", KEYS / "cert-int.pem", KEYS / "cert-root.pem"
    signed = sign(model, certificates=[leaf, intermediate])
    assert signed.method == "certificate"
    verified = verify(model, key=None, certificate_chain=root)
    assert (verified.method, verified.scheme, verified.key_id) == ("certificate", "ecdsa", signed.key_id)
    certificate = verified.certificate
    assert certificate is not None
    assert certificate.subject
    assert certificate.fingerprint.startswith("sha256:")
    assert certificate.anchor_fingerprint.startswith("sha256:")
    assert not certificate.pinned
    assert "leaf-identity" in verified.unchecked

    pinned = verify(
        model,
        key=None,
        certificate_chain=[root],
        certificate_fingerprint=certificate.fingerprint,
        certificate_subject=certificate.subject,
    )
    assert pinned.certificate is not None
    assert pinned.certificate.pinned
    with pytest.raises(modelseal.SignatureError):
        verify(model, key=None, certificate_chain=root, certificate_subject="CN=somebody else")
    with pytest.raises(modelseal.SignatureError):
        verify(model, key=None, certificate_chain=root, certificate_san="somebody@example.org")


def test_a_passphrase_from_a_file(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("test\n")
    sign(model, key=KEYS / "p256-encrypted.pem", passphrase_file=file)
    verify(model)


def test_a_passphrase_from_the_environment(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSEAL_TEST_PASSPHRASE", "test")
    sign(model, key=KEYS / "p256-encrypted.pem", passphrase_env="MODELSEAL_TEST_PASSPHRASE")
    verify(model)


def test_no_passphrase(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSEAL_TEST_PASSPHRASE", "wrong-hunter2")
    options: list[dict[str, Any]] = [
        {},
        {"passphrase_env": "MODELSEAL_TEST_PASSPHRASE"},
        {"passphrase_env": "MODELSEAL_TEST_NOT_SET"},
    ]
    for given in options:
        with pytest.raises(modelseal.UsageError) as refused:
            sign(model, key=KEYS / "p256-encrypted.pem", **given)
        assert refused.value.code == "key/passphrase"
        assert "hunter2" not in repr(refused.value) + str(refused.value) + refused.value.hint
    with pytest.raises(modelseal.UsageError) as both:
        sign(model, key=PRIVATE, passphrase_file="p", passphrase_env="P")
    assert both.value.code == "usage/arguments"


def test_keys_that_cannot_sign(model: Path, tmp_path: Path) -> None:
    with pytest.raises(modelseal.UsageError) as test_key:
        modelseal.sign_model_artifact(model, key=PRIVATE)
    assert test_key.value.code == "key/test-key"
    with pytest.raises(modelseal.UsageError) as public:
        sign(model, key=PUBLIC)
    assert public.value.code == "key/wrong-form"
    with pytest.raises(modelseal.InputError) as missing:
        sign(model, key=tmp_path / "missing.pem")
    assert missing.value.code == "input/not-found"
    for reference in ["gcpkms://key", "file:key.pem?shceme=ed25519"]:
        with pytest.raises(modelseal.UsageError) as unknown:
            sign(model, key=reference)
        assert unknown.value.code == "usage/arguments"


def test_a_path_is_never_taken_for_a_reference(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file:key.pem").write_bytes(PRIVATE.read_bytes())
    monkeypatch.chdir(tmp_path)
    sign(model, key=Path("file:key.pem"))
    with pytest.raises(modelseal.InputError):
        sign(model, key="file:key.pem")


def test_only_a_signature_is_replaced(model: Path) -> None:
    sign(model)
    sign(model)
    (model / "model.sig").write_text("mine")
    with pytest.raises(modelseal.UsageError) as refused:
        sign(model)
    assert refused.value.code == "output/exists"
    assert (model / "model.sig").read_text() == "mine"


def test_a_signed_link_is_followed_only_when_asked(model: Path) -> None:
    (model / "link.bin").symlink_to("w/0.bin")
    with pytest.raises(modelseal.InputError) as refused:
        sign(model)
    assert refused.value.code == "input/symlink"
    assert [finding.name for finding in refused.value.findings] == ["link.bin"]
    sign(model, danger_allow_symlinks=True)
    verified = verify(model, danger_allow_symlinks=True)
    assert verified.followed_links == ("link.bin",)
    assert "danger-allow-symlinks" in verified.relaxed


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have only Unicode names")
def test_paths_that_are_not_utf8(model: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"m\xff")
    model.rename(odd)
    with pytest.raises(modelseal.InputError) as nameless:
        sign(odd)
    assert nameless.value.code == "input/name"
    key = tmp_path / os.fsdecode(b"\xfe.pem")
    key.write_bytes(PRIVATE.read_bytes())
    signed = sign(str(odd), key=str(key), name="model")
    assert signed.bundle == odd / "model.sig"
    assert signed.bundle.exists()
    assert "\\udcff" in repr(signed)
    assert verify(odd).path == odd

    (odd / os.fsdecode(b"w\xff")).write_text("")
    with pytest.raises(modelseal.InputError) as unsignable:
        sign(odd, name="model")
    assert unsignable.value.code == "input/name"


def test_our_signature_of_a_vector_is_the_recorded_content(tmp_path: Path) -> None:
    model = VECTORS / "key-p256-detached" / "model"
    signed = sign(model, bundle=tmp_path / "detached.sig", ignore_git_paths=False)
    recorded = verify(model, bundle=VECTORS / "key-p256-detached" / "outside.sig", ignore_git_paths=False)
    assert signed.root_digest == recorded.root_digest


def test_the_key_is_not_signed_along(model: Path, tmp_path: Path) -> None:
    """A private key or passphrase in the model would be published with it."""
    key = model / "signer.pem"
    key.write_bytes(Path(PRIVATE).read_bytes())
    with pytest.raises(modelseal.UsageError) as caught:
        modelseal.sign_model_artifact(model, key=key, danger_allow_test_keys=True)
    assert caught.value.code == "usage/trust-inside-model"
    assert not (model / "model.sig").exists()
