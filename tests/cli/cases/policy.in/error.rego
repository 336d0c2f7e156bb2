package model

import rego.v1

allow := true if input.artifact.name == "acme/llama"

allow := false if startswith(input.artifact.name, "acme/")
