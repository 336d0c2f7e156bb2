"""Read the server's audit log after the demo: one short-lived token signed once and was revoked, nothing else signed.

The login is the one that the signed provenance names.

Usage: demo_audit.py AUDIT-LOG ATTESTATIONS
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any


def main(log: Path, attestations: Path) -> int:
    """Show what happened, and return 0 only if it is what it should be."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    done = [entry for entry in entries if entry["type"] == "response"]
    logins = [entry for entry in done if entry["request"]["path"] == "auth/jwt/login"]
    granted = [entry for entry in logins if (entry.get("response") or {}).get("auth")]
    signed = [entry for entry in done if entry["request"]["path"] == "transit/sign/models"]
    refused = [entry for entry in logins if entry not in granted]
    if len(granted) != 1 or len(signed) != 1:
        say(f"{len(granted)} logins were granted and {len(signed)} signatures made, expected was one of each")
        return 1
    accessor = granted[0]["response"]["auth"]["accessor"]
    mine = [entry for entry in done if (entry.get("auth") or {}).get("accessor") == accessor]
    for entry in mine:
        show(entry)
    revoked = any(entry["request"]["path"] == "auth/token/revoke-self" and not entry.get("error") for entry in mine)
    say(f"{len(refused)} logins refused; signatures by anybody else: none")
    named = login_of(attestations)
    if named != granted[0]["request"]["id"]:
        say(f"the signed provenance names the login {named}, which is another one")
        return 1
    say(f"the signed provenance names this very login: {named}")
    return 0 if revoked and signed[0] in mine else 1


def login_of(attestations: Path) -> str:
    """Return the id of the login request in the provenance; the demo verified its signature."""
    bundle = json.loads(attestations.read_text().splitlines()[0])
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    vault: dict[str, str] = statement["predicate"]["buildDefinition"]["internalParameters"]["vault"]
    return vault["login_request_id"]


def show(entry: dict[str, Any]) -> None:
    """One line of the log, shortened."""
    request, auth = entry["request"], entry["auth"]
    facts = [f"token_ttl={auth['token_ttl']}", f"policies={','.join(auth['policies'])}"]
    facts += [f"{name}={value}" for name, value in sorted((auth.get("metadata") or {}).items())]
    results = (entry.get("response") or {}).get("data") or {}
    if "batch_results" in results:
        facts.append(f"key_version={results['batch_results'][0]['key_version']}")
    say(f"{entry['time'][:19]}Z {request['operation']:6} {request['path']:24} {' '.join(facts)}")


def say(line: str) -> None:
    """Write one line, indented like what commands say."""
    sys.stdout.write(f"  {line}\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
