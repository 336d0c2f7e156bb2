"""The exceptions of the package: one tree, a stable code on each, and a hint with the next step."""

from __future__ import annotations

import sys

from modelseal import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing as _t


class ModelsealError(Exception):
    """Why something was refused or could not be done; `str()` gives the message and the code."""

    #: One line that names the thing. Hostile names in it are escaped, and it holds no secret.
    message: str
    #: Stable text such as "artifact/modified"; docs/troubleshooting.md has a heading for each.
    code: str
    #: The next step. Switches of the command in it are keywords here: --danger-x is danger_x=.
    hint: str
    #: Everything wrong with the model, sorted; empty for other errors.
    findings: tuple[_native.Finding, ...]
    #: Whether `findings` is all there is; False when the search stopped early.
    findings_complete: bool

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str = "",
        findings: tuple[_native.Finding, ...] = (),
        findings_complete: bool = True,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.findings = findings
        self.findings_complete = findings_complete
        if hint and sys.version_info >= (3, 11):
            # Shown below a traceback, where nobody would see the attribute.
            self.add_note(f"hint: {hint}")

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"

    def __reduce__(self) -> tuple[_t.Callable[..., ModelsealError], tuple[_t.Any, ...], dict[str, _t.Any]]:
        # The inherited form would call the class with the message alone.
        return _remake, (type(self), self.message, self.code), self.__dict__


def _remake(cls: type[ModelsealError], message: str, code: str) -> ModelsealError:
    return cls(message, code=code)


class UsageError(ModelsealError):
    """The call, a key or the configuration is wrong; nothing was decided."""


class VerificationError(ModelsealError):
    """Verification says no. Do not use the model."""


class BundleError(VerificationError):
    """The signature's file is malformed, or of a kind that is not accepted."""


class SignatureError(VerificationError):
    """The signature is not good, or not by a key or certificate that is trusted here."""


class MismatchError(VerificationError):
    """The files are not those that were signed, or there is no signature; `findings` names them all."""


class PolicyError(VerificationError):
    """The signature is good, but not for this use: another model than the expected one, or what the policy refuses."""

    #: The record of the policy's decision, as docs/policy.md describes it; None when no policy file decided.
    decision: dict[str, _t.Any] | None

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str = "",
        findings: tuple[_native.Finding, ...] = (),
        findings_complete: bool = True,
        decision: dict[str, _t.Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, findings=findings, findings_complete=findings_complete)
        self.decision = decision


class InputError(ModelsealError):
    """Something cannot be read, or changed while it was read; nothing was decided."""


class BackendError(ModelsealError):
    """Who keeps the key, or says who this is, refuses or is unavailable."""

    #: Whether the same call may succeed later.
    retryable: bool

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str = "",
        findings: tuple[_native.Finding, ...] = (),
        findings_complete: bool = True,
        retryable: bool = False,
    ) -> None:
        super().__init__(message, code=code, hint=hint, findings=findings, findings_complete=findings_complete)
        self.retryable = retryable


class IdentityError(BackendError):
    """There is no identity, or it cannot be believed."""


class IdentityUnavailable(IdentityError):  # noqa: N818 - says what is the matter, and is one
    """There is no identity token to be had: the job may not ask for one, or who gives them does not answer."""


class Cancelled(ModelsealError):  # noqa: N818 - a wish that was granted, not an error
    """The work was stopped by the caller; nothing was decided or written. A progress callable may raise it."""

    def __init__(
        self,
        message: str = "stopped by the caller",
        *,
        code: str = "usage/interrupted",
        hint: str = "run it again",
        findings: tuple[_native.Finding, ...] = (),
        findings_complete: bool = True,
    ) -> None:
        super().__init__(message, code=code, hint=hint, findings=findings, findings_complete=findings_complete)


class AnyModelWarning(UserWarning):
    """_t.Any model signed by a trusted key was acceptable, because the call did not say which one it wants."""
