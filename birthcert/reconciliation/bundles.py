"""Certificates that are not in their bundle's parts, put there again from what AWS has.

Which part is a device's is told by the report of the batch; without one the batch has not ended,
and the same `issue` again writes the part.
"""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from birthcert.errors import AwsCallFailed
from birthcert.issuance.bundle import Bundle
from birthcert.issuance.layout import bundle_at
from birthcert.issuance.output import REPORT, read_report
from birthcert.issuance.parts import Fresh, device_of
from birthcert.issuance.received import Received, UnexpectedCertificate
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Delivery, Record
from birthcert.logs import carried
from birthcert.models import Discrepancy, Place
from birthcert.pki.certificates import split_pem
from birthcert.reconciliation.comparison import GetCertificate
from birthcert.storage.stores import Storage

log = logging.getLogger(__name__)
_STATES: Final = ("issued", "delivered")


def repair_bundles(
    ledger: Ledger,
    place: Place,
    authority_arn: str,
    get: GetCertificate,
    *,
    storage: Storage,
    threads: int,
    dry_run: bool,
) -> list[Discrepancy]:
    """Fetch what the parts lack, examine it, write the parts anew; a line for each device.

    Raises UnwritableOutput and what GetCertificate raises; parts written until then are noted.
    """
    repaired: list[Discrepancy] = []
    for bundle, batches in _bundles(ledger, storage).values():
        wanted = ledger.records(place=place, authority_arn=authority_arn, states=_STATES)
        lacking = _lacking(bundle, (each for each in wanted if each.batch_id in batches))
        parts = _by_part(bundle, lacking)
        with bundle.helper:
            for part, (order, records) in parts.items():
                if not dry_run:
                    got = _fetched(get, records.values(), threads)
                    records = _mended(ledger, bundle, part, order, records, got)
                repaired += [
                    _line(record, bundle.folder.address(part)) for record in records.values()
                ]
        if parts and not dry_run:
            bundle.finish()
    return repaired


def _bundles(ledger: Ledger, storage: Storage) -> dict[str, tuple[Bundle, set[int]]]:
    """The bundles that are there, each with the batches that went into it."""
    batches: dict[str, set[int]] = {}
    for batch in ledger.batches():
        if batch.out:
            batches.setdefault(batch.out, set()).add(batch.id)
    found = {out: _bundle(storage, out) for out in batches}
    return {out: (bundle, batches[out]) for out, bundle in found.items() if bundle}


def _bundle(storage: Storage, out: str) -> Bundle | None:
    try:
        return bundle_at(storage.folder(out))
    except AwsCallFailed as failure:
        log.warning("%s is left as it is: %s", out, failure)
        return None


def _lacking(bundle: Bundle, records: Iterable[Record]) -> dict[str, Record]:
    """By device, the records whose certificate is in no part that is whole."""
    # hashes, for a million pairs of names would fill the memory
    there = {hash(pair) for pair in bundle.certificates()}
    return {
        record.device_id: record
        for record in records
        if hash((record.device_id, record.serial_number)) not in there
    }


def _by_part(
    bundle: Bundle, lacking: dict[str, Record]
) -> dict[str, tuple[list[str], dict[str, Record]]]:
    """The parts that lack something: the devices that belong into each, in order, and the lack."""
    parts: dict[str, tuple[list[str], dict[str, Record]]] = {}
    if not lacking or not bundle.folder.exists(REPORT):
        return parts
    for part, devices in _devices_by_part(bundle):
        records = {device: lacking[device] for device in devices if device in lacking}
        if records:
            parts[part] = devices, records
    return parts


def _devices_by_part(bundle: Bundle) -> Iterator[tuple[str, list[str]]]:
    """Each part with its devices as the report has them: chunk after chunk.

    A device without a certificate then, which may have one by now, belongs to its neighbours.
    """
    part, devices = "", list[str]()
    for outcome in read_report(bundle.folder, REPORT):
        named = outcome.certificate.rpartition("/")[2] or part
        if part and named != part:
            yield part, devices
            devices = []
        part = named
        if outcome.outcome != "refused":
            devices.append(outcome.device_id)
    if part:
        yield part, devices


def _fetched(
    get: GetCertificate, records: Iterable[Record], threads: int
) -> dict[str, tuple[str, str]]:
    """Certificate and chain by device; what AWS does not know or is still issuing is left out."""

    def one(record: Record) -> tuple[str, str] | None:
        assert record.certificate_arn is not None
        try:
            return get(record.certificate_arn)
        except AwsCallFailed as failure:
            if failure.code != "ResourceNotFoundException":
                raise
            return None  # denied: the comparison has told

    records = list(records)
    with ThreadPoolExecutor(threads, initializer=carried()) as pool:
        got = zip(records, pool.map(one, records), strict=True)
        return {record.device_id: pems for record, pems in got if pems is not None}


def _mended(
    ledger: Ledger,
    bundle: Bundle,
    part: str,
    order: list[str],
    records: dict[str, Record],
    got: dict[str, tuple[str, str]],
) -> dict[str, Record]:
    """Write a part from what it has and what was fetched; the records that were put into it."""
    kept = {device_of(line): line for line in bundle.lines(part)}
    fresh = {device: _fresh(records[device], *pems) for device, pems in got.items()}
    lines: dict[str, bytes | Fresh] = {**kept, **fresh}
    in_order = [lines[device] for device in order if device in lines]
    packed = bundle.write_part(part, in_order)
    mended, deliveries = {}, []
    asked = [each for each in in_order if isinstance(each, Fresh)]
    for each, examined in zip(asked, packed.examined, strict=True):
        record = records[each.received.device_id]
        if isinstance(examined, UnexpectedCertificate):
            log.error("%s was not written: %s", record.certificate_arn, examined)
            continue
        mended[record.device_id] = record
        deliveries.append(
            Delivery(record.id, examined.serial_number, examined.not_before, examined.not_after)
        )
    ledger.record(delivered=deliveries)
    return mended


def _fresh(record: Record, certificate_pem: str, chain_pem: str) -> Fresh:
    received = Received(
        device_id=record.device_id,
        public_key_sha256=record.public_key_sha256,
        template=record.template,
        certificate_pem=certificate_pem,
        chain_pem=chain_pem,
        authority_pem=split_pem(chain_pem)[0],
        now=datetime.now(UTC),
    )
    return Fresh(received, record.certificate_arn or "")


def _line(record: Record, path: str) -> Discrepancy:
    return Discrepancy(
        outcome="repaired",
        device_id=record.device_id,
        certificate_arn=record.certificate_arn or "",
        serial_number=record.serial_number or "",
        reason=path,
    )
