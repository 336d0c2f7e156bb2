#!/bin/sh
# Sign a small model as a CI job with an identity, with a key that never leaves a real OpenBao, through a token that lives
# for seconds; verify it without the server, under a policy that says which job may sign; show what is refused, and what
# the audit log says. Every exit status is checked: the demo fails if one is not the expected one. The servers listen on
# loopback, keep everything in memory, and end with the demo.
#
# Usage: demo.sh DIRECTORY-OF-THE-BUILT-PROGRAMS PYTHON
set -eu

scripts=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:?usage: demo.sh DIRECTORY PYTHON}" && pwd)
python=${2:?usage: demo.sh DIRECTORY PYTHON}
modelseal="$programs/modelseal"
vault="$scripts/../tests/vault"
work=$(mktemp -d "${TMPDIR:-/tmp}/modelseal-demo.XXXXXX")
server='' issuer_server=''
# Each server ends when its standard input does.
end() {
    exec 3>&- 4>&- || true
    [ -z "$server" ] || wait "$server" || true
    [ -z "$issuer_server" ] || wait "$issuer_server" || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"
# The demo's servers, tokens and identity only, whatever the caller has set.
unset BAO_ADDR BAO_TOKEN BAO_NAMESPACE BAO_CACERT BAO_AGENT_ADDR VAULT_ADDR VAULT_TOKEN VAULT_NAMESPACE VAULT_CACERT \
    VAULT_AGENT_ADDR TRANSIT_SECRET_ENGINE_PATH MODELSEAL_PROVENANCE GITHUB_ACTIONS GITHUB_RUN_ID GITHUB_RUN_ATTEMPT \
    GITHUB_EVENT_NAME GITHUB_EVENT_PATH FORGEJO_ACTIONS GITEA_ACTIONS ACTIONS_ID_TOKEN_REQUEST_URL \
    ACTIONS_ID_TOKEN_REQUEST_TOKEN
# shellcheck source=scripts/demo-lib.sh
. "$scripts/demo-lib.sh"

# field FILE NAME: one field of what a server printed when it was ready.
field() {
    "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"
}

# ready FILE PID: wait until a server says that it is.
ready() {
    waited=0
    until [ -s "$1" ]; do
        kill -0 "$2" 2>/dev/null && [ "$waited" -lt 600 ] || {
            sed 's/^/  /' server.err
            printf '  %sno server: the demo failed%s\n' "$red" "$plain"
            exit 1
        }
        waited=$((waited + 1))
        sleep 0.1
    done
}

# job REPOSITORY ID REF RUN: what follows runs in a CI job with this identity, as on GitHub.
job() {
    does "a CI job of $1 (repository $2) on $3: the runner gives it a token that says so, and no other secret"
    workflow=$1/.github/workflows/release.yml@$3
    cat >issuer/claims.json <<JSON
{ "sub": "repo:$1:ref:$3", "repository": "$1", "repository_id": "$2", "repository_owner": "${1%/*}",
  "repository_owner_id": "65", "ref": "$3", "workflow_ref": "$workflow", "job_workflow_ref": "$workflow",
  "run_id": "$4", "environment": null }
JSON
    export GITHUB_ACTIONS=true ACTIONS_ID_TOKEN_REQUEST_URL="$issuer/token?api-version=2.0" \
        ACTIONS_ID_TOKEN_REQUEST_TOKEN=of-the-runner
}

# nobody: what follows runs anywhere else.
nobody() {
    unset GITHUB_ACTIONS ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN
}

# operator ARGUMENTS…: what an operator does once, shown.
operator() {
    printf '%s$ bao %s%s\n' "$bold" "$*" "$plain"
    BAO_ADDR=$address BAO_TOKEN=$root HOME=$work "$bao" "$@" >output 2>&1 </dev/null || {
        sed 's/^/  /' output
        printf '  %sthe operator'"'"'s command failed: the demo failed%s\n' "$red" "$plain"
        exit 1
    }
    sed 's/^/  /' output
}

title '1. A real OpenBao, in memory, on loopback'
mkfifo server.stdin
"$python" "$vault/serve.py" openbao --audit <server.stdin >server.json 2>server.err &
server=$!
exec 3>server.stdin
ready server.json "$server"
address=$(field server.json address) root=$(field server.json root_token)
bao=$(field server.json binary) audit=$(field server.json audit_log)
does "OpenBao $(field server.json version) at $address"
"$python" "$vault/issuer.py" new issuer
mkfifo issuer.stdin
"$python" "$vault/issuer.py" serve issuer <issuer.stdin >issuer.json 2>>server.err &
issuer_server=$!
exec 4>issuer.stdin
ready issuer.json "$issuer_server"
issuer=$(field issuer.json issuer)
does "and an issuer of identity tokens in the place of GitHub's, at $issuer"

title '2. What an operator sets up once'
operator secrets enable transit
operator write -f transit/keys/models type=ecdsa-p256
cat >signer.hcl <<'HCL'
path "transit/keys/models" { capabilities = ["read"] }
path "transit/sign/models" {
  capabilities        = ["update"]
  required_parameters = ["prehashed", "hash_algorithm", "marshaling_algorithm", "key_version"]
  allowed_parameters  = {
    "batch_input" = [], "key_version" = [], "prehashed" = [true]
    "hash_algorithm" = ["sha2-256"], "marshaling_algorithm" = ["asn1"]
  }
}
path "auth/token/revoke-self" { capabilities = ["update"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "sys/capabilities-self"  { capabilities = ["update"] }
HCL
does 'the smallest policy that can sign with this key, and with nothing else:'
sed 's/^/  /' signer.hcl
operator policy write model-signer signer.hcl
operator auth enable jwt
operator write auth/jwt/config oidc_discovery_url="$issuer" bound_issuer="$issuer"
cat >role.json <<'JSON'
{ "role_type": "jwt", "user_claim": "repository_id", "bound_audiences": ["https://bao.example"],
  "bound_claims": { "repository_id": "456789", "event_name": "push", "ref": "refs/heads/main" },
  "claim_mappings": { "repository": "repository", "run_id": "run_id" },
  "token_policies": ["model-signer"], "token_no_default_policy": true, "token_ttl": "60s", "token_max_ttl": "60s" }
JSON
does 'a role for the release job of one repository:'
sed 's/^/  /' role.json
operator write auth/jwt/role/release @role.json
(umask 077 && printf "%s\n" "$root" >root.token)
run 0 keys export hashivault://models --vault-addr "$address" --token-file root.token --danger-unlimited-token --out keys

title '3. A CI job signs: it holds nothing but its identity'
"$programs/examples/make_demo_model" llama-demo >output
does "a small model of the usual shape: $(cat output)"
job acme/llama 456789 refs/heads/main 1001
run 0 sign llama-demo --name acme/llama --key hashivault://models --vault-addr "$address" --role release \
    --identity github --identity-issuer "$issuer" --audience https://bao.example --provenance required -v
nobody

title '4. Anybody verifies, without the server'
run 0 verify llama-demo --key keys/models.toml --expect-name acme/llama

title '5. A policy says which job may sign'
run 0 policy init --from llama-demo --key keys/models.toml -o policy.toml
does 'what it wrote, without its comments and the key:'
sed -e '/^#/d' -e '/^$/d' -e '/^public_key_pem/,/^"""/d' -e 's/^/  /' policy.toml
run 0 verify llama-demo --policy policy.toml --expect-name acme/llama --require-provenance
sed 's#^ref = .*#ref = ["refs/tags/v1"]#' policy.toml >releases.toml
does 'another policy wants what was built from a release tag:'
refuse policy/no-rule-matches policy explain llama-demo --policy releases.toml --expect-name acme/llama

title '6. One bit of one weight changes'
size=$(wc -c <llama-demo/model.safetensors)
offset=$((size - 1000))
flip llama-demo/model.safetensors "$offset"
does "the lowest bit of byte $offset of model.safetensors is now inverted"
refuse artifact/modified verify llama-demo --policy policy.toml --expect-name acme/llama
flip llama-demo/model.safetensors "$offset"
does 'the bit is back'

title '7. A file is slipped in'
printf 'import os\n' >llama-demo/modeling_llama.py
refuse artifact/unexpected verify llama-demo --policy policy.toml --expect-name acme/llama
rm llama-demo/modeling_llama.py

title '8. The job of another repository, and one of another branch, ask for a signature'
job evil/llama 666 refs/heads/main 1002
server_refuses vault/login-refused sign llama-demo --key hashivault://models --vault-addr "$address" --role release \
    --identity github --identity-issuer "$issuer" --audience https://bao.example
job acme/llama 456789 refs/heads/feature 1003
server_refuses vault/login-refused sign llama-demo --key hashivault://models --vault-addr "$address" --role release \
    --identity github --identity-issuer "$issuer" --audience https://bao.example
nobody
run 0 verify llama-demo --policy policy.toml --expect-name acme/llama

title '9. What the audit log says of it'
"$python" "$scripts/demo_audit.py" "$audit" llama-demo/model.attestations.jsonl || {
    printf '  %sthe audit log does not prove it: the demo failed%s\n' "$red" "$plain"
    exit 1
}

printf '\n%sdemo: %d commands, every exit status as expected; %d times refused; the key never left the server%s\n' \
    "$green" "$steps" "$refused" "$plain"
