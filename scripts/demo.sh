#!/bin/sh
# Sign a small model with a key that never leaves a real OpenBao, through a token that lives for seconds; verify it
# without the server; show what is refused, and what the audit log says. Every exit status is checked: the demo fails if
# one is not the expected one. The server listens on loopback, keeps everything in memory, and ends with the demo.
#
# Usage: demo.sh DIRECTORY-OF-THE-BUILT-PROGRAMS PYTHON
set -eu

scripts=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:?usage: demo.sh DIRECTORY PYTHON}" && pwd)
python=${2:?usage: demo.sh DIRECTORY PYTHON}
modelseal="$programs/modelseal"
vault="$scripts/../tests/vault"
work=$(mktemp -d "${TMPDIR:-/tmp}/modelseal-demo.XXXXXX")
server=
# The server ends when its standard input does.
end() {
    exec 3>&- || true
    [ -z "$server" ] || wait "$server" || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"
# The demo's servers and tokens only, whatever the caller has set.
unset BAO_ADDR BAO_TOKEN BAO_NAMESPACE BAO_CACERT BAO_AGENT_ADDR VAULT_ADDR VAULT_TOKEN VAULT_NAMESPACE VAULT_CACERT \
    VAULT_AGENT_ADDR TRANSIT_SECRET_ENGINE_PATH
# shellcheck source=scripts/demo-lib.sh
. "$scripts/demo-lib.sh"

# field NAME: one field of what the server printed when it was ready.
field() {
    "$python" -c 'import json, sys; print(json.load(open("server.json"))[sys.argv[1]])' "$1"
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
waited=0
until [ -s server.json ]; do
    kill -0 "$server" 2>/dev/null && [ "$waited" -lt 600 ] || {
        sed 's/^/  /' server.err
        printf '  %sno server: the demo failed%s\n' "$red" "$plain"
        exit 1
    }
    waited=$((waited + 1))
    sleep 0.1
done
address=$(field address) root=$(field root_token) bao=$(field binary) audit=$(field audit_log)
does "OpenBao $(field version) at $address"

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
"$python" "$vault/issuer.py" new issuer
operator auth enable jwt
operator write auth/jwt/config jwt_validation_pubkeys=@issuer/issuer.pem
cat >role.json <<'JSON'
{ "role_type": "jwt", "user_claim": "repository_id", "bound_audiences": ["https://bao.example"],
  "bound_claims": { "repository_id": "456789", "ref": "refs/heads/main" },
  "claim_mappings": { "repository": "repository", "run_id": "run_id" },
  "token_policies": ["model-signer"], "token_no_default_policy": true, "token_ttl": "60s", "token_max_ttl": "60s" }
JSON
does 'a role for the release job of one repository:'
sed 's/^/  /' role.json
operator write auth/jwt/role/release @role.json
(umask 077 && printf "%s\n" "$root" >root.token)
run 0 keys export hashivault://models --vault-addr "$address" --token-file root.token --danger-unlimited-token --out keys

title '3. A CI job signs: it holds nothing but its identity token'
"$programs/examples/make_demo_model" llama-demo >output
does "a small model of the usual shape: $(cat output)"
mint() {
    (umask 077 && "$python" "$vault/issuer.py" mint issuer --audience https://bao.example --claims "$1" >identity.token)
}
mint '{"repository": "acme/llama", "repository_id": "456789", "ref": "refs/heads/main", "run_id": "1001"}'
run 0 sign llama-demo --name acme/llama --key hashivault://models --vault-addr "$address" --role release \
    --identity-token-file identity.token --audience https://bao.example -v

title '4. Anybody verifies, without the server'
run 0 verify llama-demo --key keys/models.toml --expect-name acme/llama

title '5. One bit of one weight changes'
size=$(wc -c <llama-demo/model.safetensors)
offset=$((size - 1000))
flip llama-demo/model.safetensors "$offset"
does "the lowest bit of byte $offset of model.safetensors is now inverted"
refuse artifact/modified verify llama-demo --key keys/models.toml --expect-name acme/llama
flip llama-demo/model.safetensors "$offset"
does 'the bit is back'

title '6. A file is slipped in'
printf 'import os\n' >llama-demo/modeling_llama.py
refuse artifact/unexpected verify llama-demo --key keys/models.toml --expect-name acme/llama
rm llama-demo/modeling_llama.py

title '7. The job of another repository, and one of another branch, ask for a signature'
mint '{"repository": "evil/llama", "repository_id": "666", "ref": "refs/heads/main", "run_id": "1002"}'
server_refuses vault/login-refused sign llama-demo --key hashivault://models --vault-addr "$address" --role release \
    --identity-token-file identity.token --audience https://bao.example
mint '{"repository": "acme/llama", "repository_id": "456789", "ref": "refs/heads/feature", "run_id": "1003"}'
server_refuses vault/login-refused sign llama-demo --key hashivault://models --vault-addr "$address" --role release \
    --identity-token-file identity.token --audience https://bao.example
run 0 verify llama-demo --key keys/models.toml --expect-name acme/llama

title '8. What the audit log says of it'
"$python" "$scripts/demo_audit.py" "$audit" || {
    printf '  %sthe audit log does not prove it: the demo failed%s\n' "$red" "$plain"
    exit 1
}

printf '\n%sdemo: %d commands, every exit status as expected; %d times refused; the key never left the server%s\n' \
    "$green" "$steps" "$refused" "$plain"
