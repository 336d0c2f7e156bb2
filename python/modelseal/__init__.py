"""Sign machine-learning models, and refuse every model that is unsigned, altered, or signed by somebody else.

In a loader, verify before a byte of the model is used, and say which model you want:

    import modelseal

    artifact = modelseal.verify_model_artifact("llama", key="acme.pub.pem", name="acme/llama")
    model = load(artifact.path)

A verification that fails raises a `VerificationError`; nothing returns `False` that could be overlooked. The result is
the evidence: who signed what, and what was *not* checked (`unchecked`), weakened (`relaxed`) or covered (`uncovered`).
The files must not be writable by others between the verification and the loading: keep them where only you can write.

To sign, with a key made by `modelseal keys generate`:

    modelseal.sign_model_artifact("llama", key="acme.pem", name="acme/llama")

The key may also stay on a server of HashiCorp Vault or OpenBao:

    modelseal.sign_model_artifact(
        "llama",
        key="hashivault://model-signing/models",
        auth=modelseal.JwtAuth(role="models-sign", token_file="identity-token", audience="https://vault.example.com"),
        server=modelseal.VaultServer(address="https://vault.example.com"),
        name="acme/llama",
    )

Its requests are logged at level DEBUG by the logger "modelseal.vault". A job that logs in with an identity token signs
along which job it is; a verifier finds that in `provenance`, and a policy can demand it. `attest_model_artifact` adds
statements of others, such as scanners. `modelseal.identity` gets the identity token of a CI job, for services that ask
their callers for one.

These functions release the interpreter while they work, so other threads go on; Ctrl-C stops them at once, and nothing
is written then. They work in the OpenSSF Model Signing format, so other tools verify what is signed here.
"""

from __future__ import annotations

from modelseal import identity
from modelseal._api import attest_model_artifact, export_public_keys, sign_model_artifact, verify_model_artifact
from modelseal._errors import (
    AnyModelWarning,
    BackendError,
    BundleError,
    Cancelled,
    IdentityError,
    IdentityUnavailable,
    InputError,
    MismatchError,
    ModelsealError,
    PolicyError,
    SignatureError,
    UsageError,
    VerificationError,
)
from modelseal._native import (
    Attestation,
    AttestedArtifact,
    Certificate,
    Finding,
    Progress,
    Provenance,
    Resource,
    Serialization,
    SignedArtifact,
    Uncovered,
    VerifiedArtifact,
    __version__,
)
from modelseal._vault import AgentAuth, AppRoleAuth, JwtAuth, KubernetesAuth, TokenAuth, VaultServer

__all__ = [
    "AgentAuth",
    "AnyModelWarning",
    "AppRoleAuth",
    "Attestation",
    "AttestedArtifact",
    "BackendError",
    "BundleError",
    "Cancelled",
    "Certificate",
    "Finding",
    "IdentityError",
    "IdentityUnavailable",
    "InputError",
    "JwtAuth",
    "KubernetesAuth",
    "MismatchError",
    "ModelsealError",
    "PolicyError",
    "Progress",
    "Provenance",
    "Resource",
    "Serialization",
    "SignatureError",
    "SignedArtifact",
    "TokenAuth",
    "Uncovered",
    "UsageError",
    "VaultServer",
    "VerificationError",
    "VerifiedArtifact",
    "__version__",
    "attest_model_artifact",
    "export_public_keys",
    "identity",
    "sign_model_artifact",
    "verify_model_artifact",
]

# Their public home, in tracebacks and pickles too.
for _class in (
    AgentAuth,
    AnyModelWarning,
    AppRoleAuth,
    BackendError,
    BundleError,
    Cancelled,
    IdentityError,
    IdentityUnavailable,
    InputError,
    JwtAuth,
    KubernetesAuth,
    MismatchError,
    ModelsealError,
    PolicyError,
    SignatureError,
    TokenAuth,
    UsageError,
    VaultServer,
    VerificationError,
):
    _class.__module__ = __name__
del _class
