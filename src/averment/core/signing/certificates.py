"""Certificates as they lie in files."""

from __future__ import annotations

import re

from cryptography import x509

_BEGINNING = re.compile(rb"-----BEGIN [A-Z0-9 ]*CERTIFICATE-----")
"""Of a certificate in PEM, whatever OpenSSL calls it (RFC 7468, section 5; ``TRUSTED CERTIFICATE``)."""


def certificates_in(pem: bytes) -> list[x509.Certificate]:
    """The certificates in ``pem``, in order. One that begins there and isn't read is an error: the file was cut, and what it lacks would be missed by nobody.

    Raises:
        ValueError: there is none, or a broken one.
    """
    found = x509.load_pem_x509_certificates(pem)
    if (begun := len(_BEGINNING.findall(pem))) > len(found):
        raise ValueError(f"{begun} certificates begin, and {len(found)} can be read")
    return found
