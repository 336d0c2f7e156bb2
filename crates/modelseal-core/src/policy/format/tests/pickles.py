"""Prints, in hexadecimal, mutated pickles with which Python's loaders really call something.

What is called does nothing but count, and nothing else can be imported.
"""

import io
import pickle
import random
import resource
import sys
import time

# Large lengths must fail at once.
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

called = 0


class Marker:
    def __init__(self, *arguments):
        global called
        called += 1

    def __new__(cls, *arguments, **named):
        global called
        called += 1
        return object.__new__(cls)

    def __setstate__(self, state):
        global called
        called += 1


def mark(*arguments):
    global called
    called += 1


def find(self, module, name):
    # A directory of any name can be imported, and has what all modules have.
    odd = not module or any(character.isspace() or ord(character) < 32 for character in module)
    if module and name == "__mark":
        return mark
    if not odd and name in ("mark", "Marker"):
        return globals()[name]
    raise ImportError(name)


class Fast(pickle.Unpickler):
    find_class = find


class Slow(pickle._Unpickler):
    find_class = find


def runs(data):
    global called
    called = 0
    for loader in (Fast, Slow):
        try:
            # Again and again, as loaders of several values do it.
            file = io.BytesIO(data)
            for _ in range(3):
                loader(file).load()
        except Exception:
            pass
    return called > 0


GARBAGE = [
    b"N", b")", b"]", b"}", b"\x88", b"\x89", b"\x8f", b"(", b"(t", b"(l", b"(d", b"(\x91", b"0", b"1", b"2", b"N2",
    b"K\x01", b"M\x01\x02", b"J\x01\x02\x03\x04", b"G\x00\x00\x00\x00\x00\x00\x00\x00", b"\x8a\x01\x05", b"\x8a\x00",
    b"U\x03abc", b"C\x03a\nb", b"T\x01\x00\x00\x00.", b"X\x01\x00\x00\x00c", b"B\x02\x00\x00\x00\x00\xff", b"\x8c\x01.",
    b"\x8d\x01\x00\x00\x00\x00\x00\x00\x00(", b"\x8e\x01\x00\x00\x00\x00\x00\x00\x00\xff",
    b"\x96\x01\x00\x00\x00\x00\x00\x00\x00\xff", b"\x8b\x01\x00\x00\x00\x05", b"\x80\x00", b"\x80\x05",
    b"\x95\x00\x00\x00\x00\x00\x00\x00\x00", b"I0o7\n", b"I0x_f\n", b"I01\n", b"I \x0b\x0c-1 \r\n", b"I1_0\n", b"I1\x00text\n",
    b"I" + b"9" * 300 + b"\n", b"FInf\n", b"F-NaN\n", b"FINFINITY\n", b"F.5e-3\n", b"F1_0\n", b"F 1 \n", b"F1\x00text\n",
    b"L5L\n", b"L-0b1\n", b"L1\n", b"S'a\\x41'\n", b'S"it\'s"\n', b"S''\n", b"Vtext\xff\n", b"V\n", b"V" + b"x" * 9000 + b"\n",
    b"Np0\n", b"Np +1\n", b"Nq\x05", b"Nr\x05\x00\x00\x00", b"N\x94", b"Np0\n0g0\n", b"Nq\x050h\x05", b"Nr\x01\x00\x00\x000j\x01\x00\x00\x00",
    b"N\x85", b"NN\x86", b"NNN\x87", b"}Nb", b"NNb", b"}(NNtb", b"N)}\x86b", b"]Na", b"](NNe", b"}NNs", b"}(NNu", b"\x8f(N\x90",
    b"]2b", b"}}b", b"N(e", b"N(u", b".", b"N.",
]

NAME = [b"cm\nmark\n", b"ca b\n__mark\n", b"V\x6d\nVmark\n\x93", b"\x8c\x01m\x8c\x04mark\x93"]
CLASS = [b"cm\nMarker\n", b"\x8c\x01m\x8c\x06Marker\x93"]


def payload(pick):
    name, cls = pick(NAME), pick(CLASS)
    return pick([
        name + b")R", name + b"(tR", name + b"(S'x'\ntR", name + b"N\x85R", b"(" + name + b"o", b"(" + name + b"No",
        b"(im\nmark\n", b"(NNim\nmark\n", b"(im\nmark ", cls + b")\x81", cls + b")}\x92", cls + b")RNb", name + b"q\x000h\x00)R",
        name + b"p0\n0Vx\n0g0\n(tR",
    ])


def mutated(data, random):
    data = bytearray(data)
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        at = random.randrange(len(data))
        kind = random.randrange(4)
        if kind == 0:
            data[at] = random.choice(b"\n\x00 ()0.N'-_1eL\x85\xff\x80") if random.random() < 0.5 else random.randrange(256)
        elif kind == 1:
            data.insert(at, random.randrange(256))
        elif kind == 2 and len(data) > 1:
            del data[at]
        else:
            end = min(len(data), at + random.randrange(1, 9))
            data[at:at] = data[at:end]
    return bytes(data)


def main():
    chance = random.Random(int(sys.argv[1]))
    end = time.monotonic() + float(sys.argv[2])
    seen = set()
    while time.monotonic() < end and len(seen) < 20000:
        parts = [chance.choice(GARBAGE) for _ in range(chance.choice((0, 1, 1, 2, 3, 6)))]
        data = mutated(b"".join(parts) + payload(chance.choice) + chance.choice((b".", b"", b"text")), chance)
        if data not in seen and runs(data):
            seen.add(data)
            print(data.hex())


main()
