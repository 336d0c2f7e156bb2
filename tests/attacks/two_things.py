"""Makes files that are two things at once, or claim to be another one. None is ever loaded."""

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path


class Evil:
    def __reduce__(self):
        return (os.system, ("id",))


EVIL = Path("evil")
EVIL.mkdir()


def write(name, data):
    (EVIL / name).write_bytes(data)


array_of_numbers = b"\x93NUMPY\x01\0\x36\0{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}\n" + b"\0" * 4
# An archive of a pickle, as torch.save makes it, which is a safetensors file as well: the tensor is the archive.
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as target:
    target.writestr("archive/data.pkl", pickle.dumps(Evil(), 2))
data = archive.getvalue()


def tensors(data):
    header = json.dumps({"w": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


write("zip.safetensors", tensors(data))
# The end record at the very front of the last 64 KiB.
with zipfile.ZipFile(archive, "a") as target:
    target.comment = b"x" * 65000
write("comment.safetensors", tensors(archive.getvalue()))
write("plain-zip.safetensors", data)
write("zip.json", data)
write("zip.txt", b"# text\n" + data)
for protocol in range(6):
    for name in ("p%d.json", "p%d.txt", "p%d.safetensors", "p%d.npy", "p%d.gguf"):
        write(name % protocol, pickle.dumps(Evil(), protocol))
write("old.txt", b"cos\nsystem\n(S'id'\ntR.")
write("instance.txt", b"(S'id'\nios\nsystem\n.")
write("mark.txt", b"((((cos\nsystem\n(S'id'\ntR.")
write("memo.txt", b"cos\nsystem\np0\n0g0\n(S'id'\ntR.")
# Formats that begin with an operation: the rest is the program.
call = b"0cos\nsystem\n(S'id'\ntR."
write("g.gguf", b"GGUF\x03\0\0\0\0" + call)
write("g.gif", b"GIF89a\0\0\0" + call)
# A size whose bytes are a short length for the operation `B`.
bitmap = b"BM" + struct.pack("<I", 2**24) + b"\0" * 76 + call
write("b.bmp", bitmap + b"\0" * (2**24 - len(bitmap)))
for name, magic in (
    ("a.png", b"\x89PNG\r\n\x1a\n"),
    ("a.gguf", b"GGUF\x03\0\0\0"),
    ("a.onnx", b"\x08\x08\x12\x01x"),
    ("a.npy", array_of_numbers),
    ("a.jpg", b"\xff\xd8\xff\xe0"),
):
    write(name, magic + data)
ODD = b"I+7", b"I01", b"I0xfF", b"I1_0", b"L7L", b"Fnan", b"F-inf", b'S"x"', b"Vany words", b"Np0\n0g0"
for number, line in enumerate(ODD):
    write(f"line{number}.txt", line + b"\n" + call)


# Arrays of objects: NumPy unpickles them.
def array(descr, version=1):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    length = struct.pack("<H", len(header)) if version == 1 else struct.pack("<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header


for number, descr in enumerate(["'|O'", "'O'", "'O8'", "'object'", "[('a', '<f4'), ('b', '|O')]", "'|\\x4f'"]):
    for version in (1, 2, 3):
        write(f"o{number}-{version}.npy", array(descr, version) + pickle.dumps([Evil()], 2))
write("elf.json", b"\x7fELF\x02\x01\x01" + b"\0" * 9)
write("script.txt", b"#!/bin/sh\nid\n")
# Sizes that lie.
write("long.safetensors", struct.pack("<Q", 2**63) + b"{}")
write("short.safetensors", b"\x02")
write("empty.safetensors", b"")
write("gap.safetensors", struct.pack("<Q", 2) + b"{}" + b"PK")
write("deep.json", b"[" * 100000)
write("notjson.json", b'{"a": 1}}')
