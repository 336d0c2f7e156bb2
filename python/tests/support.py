"""What the tests share and is no fixture."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import modelseal

VECTORS = Path(__file__).parents[2] / "tests" / "vectors"
KEYS = VECTORS / "keys"
PRIVATE, PUBLIC = KEYS / "p256.pem", KEYS / "p256.pub.pem"

#: The verbs with the published test key, for the model "model".
sign = functools.partial(modelseal.sign_model_artifact, key=PRIVATE, danger_allow_test_keys=True)
attest = functools.partial(modelseal.attest_model_artifact, key=PRIVATE, name="model", danger_allow_test_keys=True)
verify = functools.partial(modelseal.verify_model_artifact, key=PUBLIC, name="model", danger_allow_test_keys=True)


def sign_in_child(arguments: dict[str, Any]) -> tuple[str | None, int | None]:
    """Sign in a process that imports this; what signing returns is not pickled."""
    signed = modelseal.sign_model_artifact(**arguments)
    return signed.key_name, signed.key_version
