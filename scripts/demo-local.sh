#!/bin/sh
# Sign a small model with a key file, verify it, and show what is refused. Every exit status is checked: the demo
# fails if one is not the expected one.
#
# Usage: demo-local.sh DIRECTORY-OF-THE-BUILT-PROGRAMS
set -eu

scripts=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:?usage: demo-local.sh DIRECTORY}" && pwd)
modelseal="$programs/modelseal"
work=$(mktemp -d "${TMPDIR:-/tmp}/modelseal-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"

# shellcheck source=scripts/demo-lib.sh
. "$scripts/demo-lib.sh"
signed=

title '1. A model and a key'
"$programs/examples/make_demo_model" llama-demo >output
does "a small model of the usual shape: $(cat output)"
for file in llama-demo/*; do
    printf '  %8d  %s\n' "$(wc -c <"$file")" "$file"
done
run 0 keys generate signer.pem

title '2. Sign, and verify'
run 0 sign llama-demo --key signer.pem
[ -f llama-demo/model.sig ] || {
    printf '  %sno llama-demo/model.sig was written: the demo failed%s\n' "$red" "$plain"
    exit 1
}
signed=$(wc -c <llama-demo/model.sig | tr -d ' ')
run 0 verify llama-demo --key signer.pub.pem

title '3. One bit of one weight changes'
size=$(wc -c <llama-demo/model.safetensors)
offset=$((size - 1000))
flip llama-demo/model.safetensors "$offset"
does "the lowest bit of byte $offset of model.safetensors is now inverted"
refuse artifact/modified verify llama-demo --key signer.pub.pem
flip llama-demo/model.safetensors "$offset"
does 'the bit is back'
run 0 verify llama-demo --key signer.pub.pem

title '4. A file is slipped in'
printf 'import os\n' >llama-demo/modeling_llama.py
does 'modeling_llama.py is now in the model'
refuse artifact/unexpected verify llama-demo --key signer.pub.pem
rm llama-demo/modeling_llama.py

title '5. A file is taken away'
mv llama-demo/tokenizer.json .
does 'tokenizer.json is gone'
refuse artifact/missing verify llama-demo --key signer.pub.pem
mv tokenizer.json llama-demo/

title '6. Somebody else signed it'
run 0 keys generate stranger.pem
refuse signature/unknown-key verify llama-demo --key stranger.pub.pem

title '7. The signature is taken away'
mv llama-demo/model.sig .
does 'model.sig is gone'
refuse artifact/unsigned verify llama-demo --key signer.pub.pem
mv model.sig llama-demo/
run 0 verify llama-demo --key signer.pub.pem

printf '\n%sdemo: %d commands, every exit status as expected; %d times refused; the signature is %d bytes%s\n' \
    "$green" "$steps" "$refused" "$signed" "$plain"
