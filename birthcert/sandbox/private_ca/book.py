"""What one account and region holds of Private CA, and what every call looks up there."""

import random
import threading
from collections.abc import Callable, Iterable
from typing import Any, Self

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca import arns
from birthcert.sandbox.private_ca.audit import ObjectStore, Report
from birthcert.sandbox.private_ca.authority import Authority
from birthcert.sandbox.private_ca.tokens import Key, TokenBook
from birthcert.sandbox.state import SandboxState

Params = dict[str, Any]


class NoBuckets:
    """An S3 without buckets: for the rules alone."""

    def exists(self, bucket: str) -> bool:
        """No bucket exists."""
        return False

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Never called, since no bucket exists."""
        raise AwsError("ResourceNotFoundException", f"The bucket {bucket} does not exist.")


class Book:
    """The authorities of one account and region. `lock` guards all that is mutable in it.

    `store` is the account's S3; `neighbours` gives the books of all accounts, for CAs that are
    shared.
    """

    def __init__(
        self,
        state: SandboxState,
        *,
        partition: str,
        region: str,
        account: str,
        store: ObjectStore | None = None,
        neighbours: Callable[[], Iterable[Self]] = lambda: (),
    ) -> None:
        self.state, self.partition, self.region, self.account = state, partition, region, account
        self.store: ObjectStore = store or NoBuckets()
        self.neighbours = neighbours
        self.lock = threading.RLock()
        self.authorities: dict[str, Authority] = {}
        self.reports: dict[str, Report] = {}
        self._tokens = TokenBook()
        self._seed = state.knobs.now.seed
        self._random = random.Random(self._seed)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.state.clock()

    def authority(self, arn: str) -> Authority:
        """The CA of an ARN.

        InvalidArnException for a malformed one, ResourceNotFoundException for one that is not
        here, or whose restoration window is over.
        """
        arns.owner_of(arn)
        with self.lock:
            found = self.authorities.get(arn)
            if found is not None and found.gone(self.now()):
                del self.authorities[arn]
                found = None
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Could not find resource {arn}.")
        return found

    def present(self) -> list[Authority]:
        """All CAs that AWS would still list, oldest first."""
        now = self.now()
        with self.lock:
            return [each for each in self.authorities.values() if not each.gone(now)]

    def recall(self, action: str, scope: str, token: str | None) -> str | None:
        """The ARN that this idempotency token made, while it lasts [6]."""
        if not token:
            return None
        lifetime = self.state.knobs.now.token_lifetime_seconds
        with self.lock:
            return self._tokens.recall(_key(action, scope, token), self.now(), lifetime)

    def remember(self, action: str, scope: str, token: str | None, arn: str) -> None:
        """Note what an idempotency token made."""
        if token:
            lifetime = self.state.knobs.now.token_lifetime_seconds
            with self.lock:
                self._tokens.remember(_key(action, scope, token), arn, self.now(), lifetime)

    def issuance_seconds(self) -> float:
        """How long this certificate takes: drawn from the knob's span with its seed."""
        knobs = self.state.knobs.now
        with self.lock:
            if knobs.seed != self._seed:
                self._seed, self._random = knobs.seed, random.Random(knobs.seed)
            return self._random.uniform(*knobs.issuance_seconds)


def _key(action: str, scope: str, token: str) -> Key:
    return action, scope, token
