package model

import rego.v1

deny contains "too old" if input.signature.signed_at < "2026"

allow if count(deny) == 0
