"""Makes pickles and tapes that begin like something else. None is ever loaded."""

import io
import json
import pickle
import struct
import tarfile
from pathlib import Path


def tape_and_tensors():
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as target:
        for name in ("storages", "tensors", "pickle"):
            member, data = tarfile.TarInfo(name), pickle.dumps([1], 2)
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    tail = inner.getvalue()
    header = json.dumps({"w": {"dtype": "U8", "shape": [len(tail)], "data_offsets": [0, len(tail)]}})[1:].encode()
    block = bytearray(b" " * 512)
    total = 1024
    block[0:8] = struct.pack("<Q", total - 8)
    start = b'{"__metadata__":{"a":"'
    block[8 : 8 + len(start)] = start
    block[100:124] = b"0000644 0000000 0000000 "
    block[124:148] = b"00000001000 00000000000 "
    block[156:157] = b"0"
    block[510:512] = b'"}'
    block[148:156] = b" " * 8
    block[148:156] = b"%06o  " % sum(block)
    second = (b"," + header).ljust(512)
    return bytes(block) + second + tail


EVIL = Path("evil")
EVIL.mkdir()


def write(name, data):
    (EVIL / name).write_bytes(data)


call = b"0cos\nsystem\n(S'id'\ntR."
write("long-text.txt", b"S'" + b"text " * 40000 + b"'\n" + call)
# What Python reads as a number.
for number, line in enumerate((b"FNaN", b"FINF", b"F-Infinity", b"I0o7", b"I0O7", b"L0o7", b"I\x0b7")):
    write(f"number{number}.txt", line + b"\n" + call)
# A tape of the form before it had a mark, as old loaders of PyTorch accept it, that begins with a header of tensors.
write("tape.safetensors", tape_and_tensors())
