"""The functions of the package, around the native ones."""

from __future__ import annotations

import os
import warnings

from modelseal import _native, _vault
from modelseal._errors import AnyModelWarning, UsageError
from modelseal._progress import line_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as _datetime
    import pathlib as _pathlib
    import typing as _t

    # Paths are text, as everywhere in Python; `os.fsdecode` gives it for names that are not.
    _Path = _t.Union[str, os.PathLike[str]]
    _Paths = _t.Union[_Path, _t.Collection[_Path]]
    _Progress = _t.Union[bool, _t.Callable[[_native.Progress], object], None]
    # A JSON object, or the file with one.
    _Predicate = _t.Union[dict[str, _t.Any], _Path]
    _Digests = _t.Mapping[str, _t.Union[str, None]]


def sign_model_artifact(
    path: _Path,
    *,
    key: _Path,
    auth: _vault._Auth | None = None,
    server: _vault.VaultServer | None = None,
    name: str | None = None,
    bundle: _Path | None = None,
    provenance: _t.Literal["auto", "required", "off"] = "auto",
    jwks: _Path | None = None,
    identity_issuer: str | None = None,
    dependencies: _Digests | None = None,
    byproducts: _Digests | None = None,
    statements: _t.Mapping[str, _Predicate] | None = None,
    passphrase_file: _Path | None = None,
    passphrase_env: str | None = None,
    certificates: _Paths = (),
    ignore_paths: _Paths = (),
    ignore_git_paths: bool = True,
    method: _t.Literal["files", "shards"] = "files",
    shard_size: int | None = None,
    hash: _t.Literal["sha256", "blake2b", "blake3"] = "sha256",  # noqa: A002 - the format's own word
    expect_digest: str | None = None,
    expect_key_id: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    progress: _Progress = None,
    danger_allow_symlinks: bool = False,
    danger_allow_test_keys: bool = False,
) -> _native.SignedArtifact:
    """Sign the model at `path`, a directory or a file, and write its signature.

    The defaults give the form that every tool for OpenSSF Model Signing verifies. Nothing is written unless everything
    succeeded, and an existing file is only replaced when it is a signature.

    key: the private key, a PEM file. A text may also be a key reference such as "file:KEY.pem?scheme=ed25519", or
        "hashivault://MOUNT/KEY" for a key on a server of HashiCorp Vault or OpenBao.
    auth, server: for a key on a server: how to log in, such as `JwtAuth`, and which server. What is left out comes from
        the environment, as for the command. The token is obtained after hashing, and revoked whatever happens.
    name: the name that is signed, such as "acme/llama"; by default the last component of `path`.
    bundle: where the signature goes; by default "model.sig" in the directory, or `path` plus ".sig" for a file.
    provenance: whether it is signed along which job this is, as its identity token says. "auto": when one logs in,
        which must then verify; "required": or nothing is signed; "off": never. With a key in a file the token is that
        of `auth`, or where it is required that of the platform; no policy takes it for an identity then.
    jwks: a file with the key set of the token's issuer; by default it is fetched from the issuer. The token of a
        Kubernetes service account makes provenance only with it.
    identity_issuer: the issuer that the token must have; by default that of the platform, else the one it names.
    dependencies, byproducts: what the model was made from, and what was made along with it: names and their digests,
        such as {"base": "sha256:HEX"}; a name that is a URI may have None. Recorded in provenance, which is then
        required.
    statements: statements of your own to sign along: predicate types and their predicates, each a dictionary for a
        JSON object, or the path of a file with one.
    passphrase_file, passphrase_env: a file, or an environment variable, with the passphrase of an encrypted key.
    certificates: PEM files with the certificate of the key, then its intermediates; signs by certificate then.
    ignore_paths: files and directories to leave out, relative to the model.
    ignore_git_paths: leave out .git, .github, .gitignore and .gitattributes at the top.
    method, shard_size, hash: how files are listed. Anything but the default shuts out the reference tool's command.
    expect_digest, expect_key_id: sign only this content, and only with this key.
    dry_run: do everything but write.
    jobs: threads that hash; by default as many as the process may use.
    progress: called about 20 times a second with a `Progress`, also while a server is asked; what it raises stops the
        work. True: a line on stderr, if that is a terminal.
    danger_allow_symlinks: sign links to files inside the model by their content.
    danger_allow_test_keys: sign with a published test key.

    Raises `UsageError`, `InputError`, `PolicyError` when the content is not `expect_digest`, or what `progress` raised;
    for a key on a server also `BackendError`, and `IdentityError` for a token that is missing or does not verify.
    """
    _check_passphrase(passphrase_file, passphrase_env)
    _check_progress(progress)
    line = line_for(progress)
    try:
        return _native.sign_model_artifact(
            path,
            key=key,
            auth=_vault.credentials_of(auth),
            server=_vault.settings_of(server),
            name=name,
            bundle=bundle,
            provenance=provenance,
            jwks=jwks,
            identity_issuer=identity_issuer,
            dependencies=_pairs("dependencies", dependencies),
            byproducts=_pairs("byproducts", byproducts),
            statements=[(kind, _predicate(value)) for kind, value in _pairs("statements", statements)],
            passphrase_file=passphrase_file,
            passphrase_env=passphrase_env,
            certificates=_paths("certificates", certificates),
            ignore_paths=_paths("ignore_paths", ignore_paths),
            ignore_git_paths=ignore_git_paths,
            method=method,
            shard_size=_count("shard_size", shard_size),
            hash=hash,
            expect_digest=expect_digest,
            expect_key_id=expect_key_id,
            dry_run=dry_run,
            jobs=_count("jobs", jobs),
            progress=line if isinstance(progress, bool) else progress,
            danger_allow_symlinks=danger_allow_symlinks,
            danger_allow_test_keys=danger_allow_test_keys,
        )
    finally:
        if line is not None:
            line.clear()


def verify_model_artifact(
    path: _Path,
    *,
    key: _Paths | None = None,
    policy: _Path | None = None,
    policy_key: _Paths | None = None,
    min_policy_serial: int | None = None,
    require_provenance: bool = False,
    attestations: _Paths = (),
    expect_key_id: str | None = None,
    auth: _vault._Auth | None = None,
    server: _vault.VaultServer | None = None,
    online: bool = False,
    min_key_version: int | None = None,
    certificate_chain: _Paths | None = None,
    name: str | None = None,
    digest: str | None = None,
    bundle: _Path | None = None,
    only: str | _t.Collection[str] = (),
    certificate_fingerprint: str | None = None,
    certificate_subject: str | None = None,
    certificate_san: str | None = None,
    ignore_git_paths: bool = True,
    jobs: int | None = None,
    progress: _Progress = None,
    max_file_bytes: int | None = None,
    max_total_bytes: int | None = None,
    danger_any_model: bool = False,
    danger_ignore_paths: _Paths = (),
    danger_ignore_unsigned_files: bool = False,
    danger_allow_symlinks: bool = False,
    danger_accept_legacy: bool = False,
    danger_allow_test_keys: bool = False,
    danger_clock: _datetime.datetime | None = None,
) -> _native.VerifiedArtifact:
    """Verify the model at `path`, a directory or a file, and return the evidence. Raises when it is not verified.

    Verified means: the signature is by one of the trusted keys, it is for the wanted model, every signed file is there
    with the signed content, and no other file is there but those in `uncovered`.

    key: the trusted public keys, one or several PEM files or tables of keys, NAME.toml. A text may also be a key
        reference such as "file:KEY.pem?scheme=ed25519", which names the signature scheme of a key that is not ECDSA,
        or "hashivault://MOUNT/KEY", whose public keys are read from a server of HashiCorp Vault or OpenBao.
    policy: a policy file: who may sign what, instead of `key` and certificates. It must be said which model is wanted.
        The result, and a `PolicyError`, have its `decision`.
    policy_key, min_policy_serial: refuse a policy that none of these public keys signed, or with a smaller serial.
    require_provenance: refuse a model without provenance by the key that signed it.
    attestations: files with further attestations.
    expect_key_id: accept only what the trusted key of this id signed. Variables of the environment can decide which
        server, namespace and mount a reference leads to; an id leads to one key.
    auth, server: how to log in there, such as `JwtAuth`, and which server. What is left out comes from the environment,
        as for the command.
    online: also ask the server that keeps the key. It must agree, and does not suffice.
    min_key_version: refuse signatures of older versions of the keys, all of which must have one.
    certificate_chain: PEM files with trusted root, or pinned intermediate, certificates.
    name, digest: the model that is wanted, by its signed name or its root digest. Without either any model of a
        trusted key will do: whoever can write to `path` may put another one there. That draws an `AnyModelWarning`.
    bundle: the signature; by default "model.sig" in the directory, or `path` plus ".sig" for a file.
    only: verify only these files; others may be absent, and unsigned ones are refused all the same.
    certificate_fingerprint, certificate_subject, certificate_san: which certificate below the trusted ones it must be:
        its "sha256:HEX", its exact subject, one of its alternative names.
    ignore_git_paths: accept .git, .github, .gitignore and .gitattributes at the top when they are not signed.
    jobs: threads that hash; by default as many as the process may use.
    progress: called about 20 times a second with a `Progress`, also while a server is asked; what it raises stops the
        work. True: a line on stderr, if that is a terminal.
    max_file_bytes, max_total_bytes: refuse larger models; by default 4 TiB for a file and 16 TiB in all.
    danger_any_model: any model of a trusted key is meant; no warning.
    danger_ignore_paths: accept these files and directories, relative to the model, when they are not signed.
    danger_ignore_unsigned_files: accept files that are not signed.
    danger_allow_symlinks: follow links to files inside the model.
    danger_accept_legacy: accept the form from before v1.0.
    danger_allow_test_keys: trust published test keys.
    danger_clock: the time, with its zone, at which certificates must be valid.

    Raises `VerificationError` when the answer is no; `UsageError` and `InputError` when there is none, and where a
    server is asked `BackendError` and `IdentityError`; or what `progress` raised.
    """
    keys = _paths("key", key)
    anchors = _paths("certificate_chain", certificate_chain)
    policy_keys = _paths("policy_key", policy_key)
    if policy_key is not None and not policy_keys:
        # A list that came out empty by mistake must not mean that anybody may have signed the policy.
        raise _usage("no public key is given that must have signed the policy", "leave out policy_key=, or name a key")
    pinned = certificate_fingerprint, certificate_subject, certificate_san
    if policy is not None:
        trusted = keys or anchors or any(pin is not None for pin in pinned)
        if trusted or min_key_version is not None or danger_accept_legacy:
            raise _usage(
                "under a policy nothing is trusted but what the policy names",
                "give either policy=, or keys and the like",
            )
        _check_policy_model(name, digest, danger_any_model)
    elif policy_keys or min_policy_serial is not None:
        raise _usage("a policy is described, but none is given", "give it with policy=")
    elif not keys and not anchors:
        raise _usage("nothing is trusted", "give the public key of the signer with key=, certificate_chain= or policy=")
    if not anchors and any(pin is not None for pin in pinned):
        raise _usage("a certificate is described, but none is trusted", "give the root with certificate_chain=")
    _check_any_model(name, digest, danger_any_model)
    _check_progress(progress)
    _warn_of_any_model(name, digest, danger_any_model)
    line = line_for(progress)
    try:
        return _native.verify_model_artifact(
            path,
            key=keys,
            policy=policy,
            policy_key=policy_keys,
            min_policy_serial=_count("min_policy_serial", min_policy_serial),
            require_provenance=require_provenance,
            attestations=_paths("attestations", attestations),
            expect_key_id=expect_key_id,
            auth=_vault.credentials_of(auth),
            server=_vault.settings_of(server),
            online=online,
            min_key_version=_count("min_key_version", min_key_version),
            certificate_chain=anchors,
            name=name,
            digest=digest,
            bundle=bundle,
            only=[only] if isinstance(only, str) else list(only),
            certificate_fingerprint=certificate_fingerprint,
            certificate_subject=certificate_subject,
            certificate_san=certificate_san,
            ignore_git_paths=ignore_git_paths,
            jobs=_count("jobs", jobs),
            progress=line if isinstance(progress, bool) else progress,
            max_file_bytes=_count("max_file_bytes", max_file_bytes),
            max_total_bytes=_count("max_total_bytes", max_total_bytes),
            danger_ignore_paths=_paths("danger_ignore_paths", danger_ignore_paths),
            danger_ignore_unsigned_files=danger_ignore_unsigned_files,
            danger_allow_symlinks=danger_allow_symlinks,
            danger_accept_legacy=danger_accept_legacy,
            danger_allow_test_keys=danger_allow_test_keys,
            danger_clock=_instant(danger_clock),
        )
    finally:
        if line is not None:
            line.clear()


def attest_model_artifact(
    path: _Path,
    *,
    key: _Path,
    type: str,  # noqa: A002 - the format's own word
    predicate: _Predicate,
    verify_key: _Paths | None = None,
    policy: _Path | None = None,
    auth: _vault._Auth | None = None,
    server: _vault.VaultServer | None = None,
    name: str | None = None,
    digest: str | None = None,
    bundle: _Path | None = None,
    passphrase_file: _Path | None = None,
    passphrase_env: str | None = None,
    expect_key_id: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    progress: _Progress = None,
    danger_any_model: bool = False,
    danger_allow_symlinks: bool = False,
    danger_allow_test_keys: bool = False,
) -> _native.AttestedArtifact:
    """Verify the model at `path`, its files too, then sign one statement about it: that it was scanned, or reviewed.

    The statement is bound to the model's signature, and is appended to "model.attestations.jsonl" beside it, for a file
    to `path` plus ".attestations.jsonl". Signing the model again drops it.

    key: the private key that signs the statement, as for `sign_model_artifact`.
    type: the predicate type, a URI of your own.
    predicate: a dictionary for a JSON object, or the path of a file with one; at most 16 MiB. A policy that limits the
        age of evidence needs a time in it, at "time", "timestamp", "finishedOn" or "scannedOn".
    verify_key: the public keys that may have signed the model, as `key` of `verify_model_artifact`; without them and
        without a policy it must have been `key` itself.
    policy: a policy file that the model must satisfy, instead. It must be said which model is meant.
    auth, server: for keys on a server: how to log in, and which server; see `sign_model_artifact`.
    name, digest: the model that is meant, by its signed name or its root digest. Without either any model of those keys
        will do, and an `AnyModelWarning` says so.
    bundle: the signature; by default "model.sig" in the directory, or `path` plus ".sig" for a file.
    passphrase_file, passphrase_env: a file, or an environment variable, with the passphrase of an encrypted key.
    expect_key_id: sign only with this key.
    dry_run: do everything but write.
    jobs: threads that hash; by default as many as the process may use.
    progress: as for `sign_model_artifact`.
    danger_any_model: any model of those keys is meant; no warning.
    danger_allow_symlinks: follow links to files inside the model.
    danger_allow_test_keys: sign with a published test key, and trust it.

    Raises `VerificationError` when the model is not verified; `UsageError`, `InputError`; where a server is asked
    `BackendError` and `IdentityError`; or what `progress` raised. Nothing is written then.
    """
    _check_passphrase(passphrase_file, passphrase_env)
    verify_keys = _paths("verify_key", verify_key)
    if policy is not None:
        if verify_keys:
            raise _usage(
                "under a policy nothing is trusted but what the policy names", "give either policy= or verify_key="
            )
        _check_policy_model(name, digest, danger_any_model)
    _check_any_model(name, digest, danger_any_model)
    _check_progress(progress)
    predicate_argument = _predicate(predicate)
    _warn_of_any_model(name, digest, danger_any_model)
    line = line_for(progress)
    try:
        return _native.attest_model_artifact(
            path,
            key=key,
            type=type,
            predicate=predicate_argument,
            verify_key=verify_keys,
            policy=policy,
            auth=_vault.credentials_of(auth),
            server=_vault.settings_of(server),
            name=name,
            digest=digest,
            bundle=bundle,
            passphrase_file=passphrase_file,
            passphrase_env=passphrase_env,
            expect_key_id=expect_key_id,
            dry_run=dry_run,
            jobs=_count("jobs", jobs),
            progress=line if isinstance(progress, bool) else progress,
            danger_allow_symlinks=danger_allow_symlinks,
            danger_allow_test_keys=danger_allow_test_keys,
        )
    finally:
        if line is not None:
            line.clear()


def export_public_keys(
    key: str,
    directory: _Path,
    *,
    replace: bool = False,
    expect_key_id: str | None = None,
    auth: _vault._Auth | None = None,
    server: _vault.VaultServer | None = None,
) -> tuple[_pathlib.Path, ...]:
    """Write the public keys of a key on a server into `directory`, for verifiers that do not ask the server.

    Every version becomes a PEM file, KEY-vN.pem. Last comes a table of them, KEY.toml, which `verify_model_artifact`
    takes as `key`. Returns the paths. What the user should know of the token is logged by the logger "modelseal.vault".

    key: the key, such as "hashivault://MOUNT/KEY".
    directory: where the files go; it is made if it is not there.
    replace: replace files of an earlier export that are different.
    expect_key_id: write nothing unless the version that `key` names, else the latest, has this id.
    auth, server: how to log in, and which server; see `sign_model_artifact`.

    Raises `UsageError`, `BackendError` and `IdentityError`.
    """
    return _native.export_public_keys(
        key,
        directory,
        replace=replace,
        expect_key_id=expect_key_id,
        auth=_vault.credentials_of(auth),
        server=_vault.settings_of(server),
    )


def _paths(argument: str, value: _t.Any) -> list[_Path]:  # noqa: ANN401 - it is what is being checked
    """Return one path or several as a list. A text is one path, never a sequence of letters."""
    if value is None:
        return []
    if isinstance(value, (str, os.PathLike)):
        return [value]
    # Bytes would be taken for numbers, and an open file for the lines in it.
    several = hasattr(value, "__iter__") and hasattr(value, "__len__") and not isinstance(value, (bytes, bytearray))
    paths: list[_Path] = []
    for path in list(value) if several else [value]:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"{argument} must be str or os.PathLike, or several of them, not {type(path).__name__}")
        paths.append(path)
    return paths


def _pairs(argument: str, value: _t.Mapping[str, _t.Any] | None) -> list[tuple[str, _t.Any]]:
    if value is None:
        return []
    if not hasattr(value, "items"):
        raise TypeError(f"{argument} must be dict, not {type(value).__name__}")
    return list(value.items())


def _predicate(value: _t.Any) -> tuple[str, _Path]:  # noqa: ANN401 - it is what is being checked
    """Return a predicate as the native half takes it."""
    if isinstance(value, (str, os.PathLike)):
        return "file", value
    if not isinstance(value, dict):
        raise TypeError(f"a predicate must be dict, str or os.PathLike, not {type(value).__name__}")
    import json

    try:
        return "json", json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise _usage(f"the predicate cannot be written as JSON: {error}", "give what JSON has") from None


def _check_passphrase(passphrase_file: _Path | None, passphrase_env: str | None) -> None:
    if passphrase_file is not None and passphrase_env is not None:
        raise _usage("a passphrase file and a passphrase variable are given", "give one of them")


def _check_policy_model(name: str | None, digest: str | None, danger_any_model: bool) -> None:
    if name is None and digest is None and not danger_any_model:
        raise _usage(
            "under a policy it must be said which model is wanted",
            "give name= or digest=; danger_any_model=True if any that the policy allows will do",
        )


def _check_any_model(name: str | None, digest: str | None, danger_any_model: bool) -> None:
    if danger_any_model and (name is not None or digest is not None):
        raise _usage("any model is accepted, and one is expected", "give either name= or digest=, or danger_any_model=")


def _warn_of_any_model(name: str | None, digest: str | None, danger_any_model: bool) -> None:
    if name is None and digest is None and not danger_any_model:
        warnings.warn(
            "any model signed by the trusted key is accepted: say with name= or digest= which one is wanted",
            AnyModelWarning,
            stacklevel=3,
        )


def _count(argument: str, value: int | None) -> int | None:
    """Check a number that must be at least 1 and fit into 63 bits."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{argument} must be int, not {type(value).__name__}")
    if not 1 <= value < 1 << 63:
        raise _usage(f"{argument} is {value}", "it must be at least 1, and less than 2**63")
    return value


def _instant(value: _datetime.datetime | None) -> str | None:
    """Write an instant as RFC 3339 text."""
    if value is None:
        return None
    from datetime import datetime, timezone

    if not isinstance(value, datetime):
        raise TypeError(f"danger_clock must be datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise _usage("danger_clock has no time zone", "make it with datetime(..., tzinfo=timezone.utc)")
    return value.astimezone(timezone.utc).isoformat()


def _check_progress(progress: _Progress) -> None:
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise TypeError(f"progress must be callable or bool, not {type(progress).__name__}")


def _usage(message: str, hint: str) -> UsageError:
    return UsageError(message, code="usage/arguments", hint=hint)
