"""Certificates of a private authority, good ones and bad ones, made with the `openssl` program."""

from __future__ import annotations

import subprocess
from pathlib import Path

CONFIG = """\
[ca]
default_ca = authority
[authority]
new_certs_dir = {directory}
database = {directory}/index.txt
certificate = {directory}/ca.pem
private_key = {directory}/ca.key
default_md = sha256
rand_serial = yes
unique_subject = no
policy = anything
[anything]
commonName = supplied
[req]
distinguished_name = req
[authority_extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
[wrong-host]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:elsewhere.example
"""
FOREVER = ("20200101000000Z", "20491231235959Z")
LONG_AGO = ("20200101000000Z", "20200201000000Z")


def make(directory: Path) -> dict[str, str]:
    """Write them, and return their paths by name."""
    directory.mkdir()
    config = directory / "openssl.cnf"
    config.write_text(CONFIG.format(directory=directory))
    (directory / "index.txt").touch()
    authority(config, "ca", "modelseal test authority")
    # The same name: only the key tells the two authorities apart.
    authority(config, "other-ca", "modelseal test authority")
    issue(config, "server", "server", FOREVER)
    issue(config, "wrong-host", "wrong-host", FOREVER)
    issue(config, "expired", "server", LONG_AGO)
    names = ("ca", "other-ca", "server", "wrong-host", "expired")
    paths = {name.replace("-", "_"): str(directory / f"{name}.pem") for name in names}
    keys = {f"{name.replace('-', '_')}_key": str(directory / f"{name}.key") for name in names[2:]}
    return {**paths, **keys}


def authority(config: Path, name: str, subject: str) -> None:
    options = ["-x509", "-days", "7300", "-extensions", "authority_extensions"]
    request(config, name, subject, [*options, "-out", str(config.with_name(f"{name}.pem"))])


def issue(config: Path, name: str, extensions: str, validity: tuple[str, str]) -> None:
    unsigned, signed = config.with_name(f"{name}.csr"), config.with_name(f"{name}.pem")
    request(config, name, name, ["-out", str(unsigned)])
    dates = ["-startdate", validity[0], "-enddate", validity[1]]
    files = ["-in", str(unsigned), "-out", str(signed)]
    openssl("ca", "-config", str(config), "-batch", "-notext", "-extensions", extensions, *dates, *files)


def request(config: Path, name: str, subject: str, options: list[str]) -> None:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(config.with_name(f"{name}.key"))]
    openssl("req", "-new", "-config", str(config), *key, "-subj", f"/CN={subject}", *files, *options)


def openssl(*arguments: str) -> None:
    try:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        message = f"openssl {arguments[0]}: {error.stderr}"
        raise OSError(message) from error
