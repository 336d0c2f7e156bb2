"""What the tests share and is no fixture."""

from __future__ import annotations

import functools
from pathlib import Path

import modelseal

VECTORS = Path(__file__).parents[2] / "tests" / "vectors"
KEYS = VECTORS / "keys"
PRIVATE, PUBLIC = KEYS / "p256.pem", KEYS / "p256.pub.pem"

#: The two verbs with the published test key, for the model "model".
sign = functools.partial(modelseal.sign_model_artifact, key=PRIVATE, danger_allow_test_keys=True)
verify = functools.partial(modelseal.verify_model_artifact, key=PUBLIC, name="model", danger_allow_test_keys=True)
