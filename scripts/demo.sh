#!/bin/sh
# Sign a small model with a key file, verify it, and show what is refused. Every exit status is checked: the demo
# fails if one is not the expected one.
#
# Usage: demo.sh DIRECTORY-OF-THE-BUILT-PROGRAMS
set -eu

programs=$(cd "${1:?usage: demo.sh DIRECTORY}" && pwd)
modelseal="$programs/modelseal"
work=$(mktemp -d "${TMPDIR:-/tmp}/modelseal-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else
    bold='' green='' red='' dim='' plain=''
fi
steps=0
refused=0
signed=

title() {
    printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}

# run EXPECTED-STATUS ARGUMENTS…: run modelseal, show the command, what it says and its status.
run() {
    expected=$1
    shift
    printf '%s$ modelseal %s%s\n' "$bold" "$*" "$plain"
    status=0
    "$modelseal" "$@" >output 2>&1 </dev/null || status=$?
    sed 's/^/  /' output
    if [ "$status" -ne "$expected" ]; then
        printf '  %sexit %s, but %s was expected: the demo failed%s\n' "$red" "$status" "$expected" "$plain"
        exit 1
    fi
    colour=$green
    [ "$status" -eq 0 ] || colour=$red
    printf '  %sexit %s%s\n' "$colour" "$status" "$plain"
    steps=$((steps + 1))
    [ "$status" -ne 1 ] || refused=$((refused + 1))
}

# refuse CODE ARGUMENTS…: the command must exit with 1 and name this code.
refuse() {
    code=$1
    shift
    run 1 "$@"
    if ! grep -q -F "$code" output; then
        printf '  %s%s was expected in the output: the demo failed%s\n' "$red" "$code" "$plain"
        exit 1
    fi
}

does() {
    printf '%s# %s%s\n' "$dim" "$1" "$plain"
}

# flip FILE OFFSET: invert the lowest bit of one byte.
flip() {
    byte=$(dd if="$1" bs=1 skip="$2" count=1 2>/dev/null | od -An -tu1 | tr -d ' ')
    # shellcheck disable=SC2059 # the escape sequence is the format
    printf "\\$(printf '%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" count=1 conv=notrunc 2>/dev/null
}

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
