"""TLS of one connection without IO: ciphertext in, plaintext out.

asyncio's own TLS hangs up on a failed handshake without sending the alert, and clients would
then report a bare end of file instead of the reason.
"""

import contextlib
import ssl

CHUNK_BYTES = 65_536


class Tls:
    """The server's side of a TLS connection.

    `peer_certificate` (DER) is there once the handshake is done; `is_over` is set when the peer
    has said that it closes.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.peer_certificate: bytes | None = None
        self.is_over = False

    def receive(self, data: bytes) -> bytes:
        """The plaintext that `data` completes; ssl.SSLError where the peer is to be refused."""
        self._incoming.write(data)
        pieces: list[bytes] = []
        try:
            if self.peer_certificate is None:
                self._object.do_handshake()
                self.peer_certificate = self._object.getpeercert(binary_form=True) or b""
            while piece := self._object.read(CHUNK_BYTES):
                pieces.append(piece)
            self.is_over = True
        except ssl.SSLWantReadError:
            pass  # the rest of a record is still to come
        return b"".join(pieces)

    def send(self, plaintext: bytes) -> None:
        """Encrypt; `outgoing()` has the result."""
        self._object.write(plaintext)

    def close(self) -> None:
        """Say that nothing more comes."""
        # the peer's own farewell is not waited for
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()

    def outgoing(self) -> bytes:
        """What is to go to the peer now: records, and alerts."""
        return self._outgoing.read()
