# shellcheck shell=sh disable=SC2034,SC2154 # read by the demos, which set $modelseal
# What the demos share: each shows a command, what it says and its exit status, and fails if that is not the expected one.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else
    bold='' green='' red='' dim='' plain=''
fi
steps=0
refused=0

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
    [ "$status" -ne "${refusal:-1}" ] || refused=$((refused + 1))
}

# refuse CODE ARGUMENTS…: the command must exit with 1 and name this code.
refuse() {
    refused_with 1 "$@"
}

# server_refuses CODE ARGUMENTS…: the command must exit with 4 and name this code.
server_refuses() {
    refused_with 4 "$@"
}

# refused_with STATUS CODE ARGUMENTS…
refused_with() {
    refusal=$1
    code=$2
    shift 2
    run "$refusal" "$@"
    refusal=
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
