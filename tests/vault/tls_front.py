"""Terminate TLS on loopback and pass the bytes on, so that a server without TLS can be reached through any certificate.

Usage: python3 tests/vault/tls_front.py CERTIFICATE KEY http://HOST:PORT

Prints {"address": "https://127.0.0.1:PORT"} and runs until standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys


async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends."""
    with contextlib.suppress(OSError):
        while True:
            data = await source.read(65536)
            if not data:
                break
            target.write(data)
            await target.drain()
    target.close()


async def serve(certificate: str, key: str, target: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    host, _, port = target.removeprefix("http://").rpartition(":")

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind_reader, behind_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, behind_writer), pump(behind_reader, writer))

    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context)
    # A client that refuses the certificate is what this is for, and no news.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    chosen = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"address": f"https://127.0.0.1:{chosen}"}) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
