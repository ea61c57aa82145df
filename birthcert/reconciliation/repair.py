"""Output files that are not there, written again from what AWS has; nothing is issued."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Final

from birthcert.errors import AwsCallFailed, UnusableInput
from birthcert.issuance.layout import bundle_at
from birthcert.issuance.output import OutputFolder
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Delivery, Record
from birthcert.logs import carried
from birthcert.models import Discrepancy, Place
from birthcert.pki.certificates import load_certificate, serial_hex
from birthcert.reconciliation.bundles import repair_bundles
from birthcert.reconciliation.comparison import GetCertificate
from birthcert.reconciliation.matching import unlike
from birthcert.storage.stores import LOCAL, Storage

log = logging.getLogger(__name__)
_AT_ONCE: Final = 200


def lacking(
    ledger: Ledger, place: Place, authority_arn: str, storage: Storage
) -> Iterator[tuple[Record, OutputFolder]]:
    """The rows with a certificate whose files are not in their batch's output folder.

    A folder that is gone as a whole was taken elsewhere, or is another machine's: it is left so.
    """
    outs = {batch.id: batch.out for batch in ledger.batches() if batch.out}
    output = lru_cache(maxsize=None)(partial(_output, storage))
    for record in ledger.records(
        place=place, authority_arn=authority_arn, states=("issued", "delivered")
    ):
        out = output(outs.get(record.batch_id, ""))
        if out is not None and _lacks(record, out):
            yield record, out


def _output(storage: Storage, out: str) -> OutputFolder | None:
    """The output folder at a location, where it is there and no bundle."""
    if not out:
        return None
    folder = storage.folder(out)
    try:
        return OutputFolder(folder) if folder.is_there() and not bundle_at(folder) else None
    except AwsCallFailed as failure:
        log.warning("%s is left as it is: %s", out, failure)
        return None


def repair(
    ledger: Ledger,
    place: Place,
    authority_arn: str,
    get: GetCertificate,
    *,
    storage: Storage = LOCAL,
    threads: int,
    dry_run: bool,
) -> list[Discrepancy]:
    """Fetch what is lacking, check it, write it and note it as delivered; a line for each.

    A certificate that AWS is still issuing waits for the next time. A dry run only tells what is
    lacking. Raises UnwritableOutput and what GetCertificate raises; what was written until then
    is noted.
    """
    repaired = repair_bundles(
        ledger, place, authority_arn, get, storage=storage, threads=threads, dry_run=dry_run
    )
    rows = list(lacking(ledger, place, authority_arn, storage))
    if dry_run:
        return [*repaired, *(_line(*row) for row in rows)]
    with ThreadPoolExecutor(threads, initializer=carried()) as pool:
        for start in range(0, len(rows), _AT_ONCE):
            deliveries: list[Delivery] = []
            try:
                for each in pool.map(partial(_mend, get), rows[start : start + _AT_ONCE]):
                    if each is not None:
                        deliveries.append(each[0])
                        repaired.append(each[1])
            finally:
                ledger.record(delivered=deliveries)
    return repaired


def _line(record: Record, out: OutputFolder) -> Discrepancy:
    return Discrepancy(
        outcome="repaired",
        device_id=record.device_id,
        certificate_arn=record.certificate_arn or "",
        serial_number=record.serial_number or "",
        reason=out.certificate(record.device_id),
    )


def _lacks(record: Record, out: OutputFolder) -> bool:
    if record.state == "issued" or record.serial_number is None:
        return True
    return out.find(record.device_id, record.serial_number, record.public_key_sha256) is None


def _mend(
    get: GetCertificate, row: tuple[Record, OutputFolder]
) -> tuple[Delivery, Discrepancy] | None:
    record, out = row
    assert record.certificate_arn is not None
    try:
        got = get(record.certificate_arn)
    except AwsCallFailed as failure:
        if failure.code != "ResourceNotFoundException":
            raise
        return None  # denied: the comparison has told
    if got is None:
        return None
    try:
        certificate = load_certificate(got[0])
        problems = unlike(record, certificate)
    except UnusableInput as error:
        problems = [error.what]
    if problems:
        log.error("%s was not written: %s", record.certificate_arn, "; ".join(problems))
        return None
    out.write(record.device_id, *got)
    delivery = Delivery(
        id=record.id,
        serial_number=serial_hex(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
    return delivery, _line(record, out)
