package model

import rego.v1

default allow := false

allow if input.artifact.name == "acme/other"
