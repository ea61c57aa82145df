"""Output files that are not there, written again from what AWS has; nothing is issued."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from birthcert.errors import AwsCallFailed, UnusableInput
from birthcert.issuance.layout import bundle_at
from birthcert.issuance.output import OutputFolder
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Delivery, Record
from birthcert.logs import carried
from birthcert.models import Discrepancy, Place
from birthcert.pki.certificates import load_certificate, serial_hex
from birthcert.reconciliation.comparison import GetCertificate
from birthcert.reconciliation.matching import unlike

log = logging.getLogger(__name__)
_AT_ONCE: Final = 200


def lacking(
    ledger: Ledger, place: Place, authority_arn: str
) -> Iterator[tuple[Record, OutputFolder]]:
    """The rows with a certificate whose files are not in their batch's output folder.

    A folder that is gone as a whole was taken elsewhere, or is another machine's: it is left so.
    """
    folders = output_folders(ledger)
    for record in ledger.records(
        place=place, authority_arn=authority_arn, states=("issued", "delivered")
    ):
        out = folders.get(record.batch_id)
        if out is not None and _lacks(record, out):
            yield record, out


def output_folders(ledger: Ledger) -> Mapping[int, OutputFolder]:
    """The output folders that are there, by batch."""
    return {
        batch.id: OutputFolder(Path(batch.out))
        for batch in ledger.batches()
        if batch.out and Path(batch.out).is_dir() and not bundle_at(Path(batch.out))
    }


def repair(
    ledger: Ledger,
    place: Place,
    authority_arn: str,
    get: GetCertificate,
    *,
    threads: int,
    dry_run: bool,
) -> list[Discrepancy]:
    """Fetch what is lacking, check it, write it and note it as delivered; a line for each.

    A certificate that AWS is still issuing waits for the next time. A dry run only tells what is
    lacking. Raises UnwritableOutput and what GetCertificate raises; what was written until then
    is noted.
    """
    rows = list(lacking(ledger, place, authority_arn))
    if dry_run:
        return [_line(*row) for row in rows]
    repaired: list[Discrepancy] = []
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
        reason=str(out.certificate(record.device_id)),
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
