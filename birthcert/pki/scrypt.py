"""A private key as PKCS#8 under scrypt and AES-256, which cryptography reads but cannot write.

RFC 5208, RFC 7914 (section 7) and PBES2 of RFC 8018; what `openssl pkcs8 -topk8 -scrypt` writes.
"""

import base64
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from birthcert.pki.algorithms import PrivateKey

# OpenSSL reads no more than 32 MB of scrypt: N x r x 128 bytes are 16 MB; p makes it dearer
COST, BLOCK_SIZE, PARALLELIZATION = 16_384, 8, 5
SALT_BYTES: Final = 16
IV_BYTES: Final = 16
KEY_BYTES: Final = 32
_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT: Final = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC: Final = bytes.fromhex("060960864801650304012a")
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30


def scrypt_pem(key: PrivateKey, passphrase: bytes, *, random: bytes) -> bytes:
    """The key as encrypted PKCS#8 PEM; `random` is 32 fresh random bytes, salt and IV."""
    if len(random) != SALT_BYTES + IV_BYTES:
        raise ValueError(f"{SALT_BYTES + IV_BYTES} random bytes are needed")
    salt, iv = random[:SALT_BYTES], random[SALT_BYTES:]
    secret = Scrypt(salt=salt, length=KEY_BYTES, n=COST, r=BLOCK_SIZE, p=PARALLELIZATION).derive(
        passphrase
    )
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    padder = PKCS7(algorithms.AES.block_size).padder()
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(iv)).encryptor()
    padded = padder.update(plain) + padder.finalize()
    encrypted = encryptor.update(padded) + encryptor.finalize()
    costs = b"".join(_integer(number) for number in (COST, BLOCK_SIZE, PARALLELIZATION))
    kdf = _der(_SEQUENCE, _SCRYPT + _der(_SEQUENCE, _der(_OCTETS, salt) + costs))
    cipher = _der(_SEQUENCE, _AES_256_CBC + _der(_OCTETS, iv))
    algorithm = _der(_SEQUENCE, _PBES2 + _der(_SEQUENCE, kdf + cipher))
    return _pem(_der(_SEQUENCE, algorithm + _der(_OCTETS, encrypted)))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _integer(number: int) -> bytes:
    # a byte more where the highest bit would be taken for a sign
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    label = b"ENCRYPTED PRIVATE KEY"
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label, b"\n".join(lines), label)
