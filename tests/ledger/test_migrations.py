"""What a ledger of an older release holds, after this one has brought it forward."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from birthcert.ledger.connection import connect, reading, writing
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.migrate import MIGRATIONS
from birthcert.ledger.schema import CERTIFICATE_STATES, authority, batch, certificate


def older(engine: Engine, version: str) -> None:
    """Make the tables as an older release had them."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def row(state: str, number: int, now: Any) -> dict[str, object]:
    """A certificate in this state."""
    return {
        "batch_id": 1,
        "authority_id": 1,
        "device_id": f"device-{number}",
        "csr_sha256": f"csr {number}",
        "public_key_sha256": "key",
        "template": "T/V1",
        "token": f"token {number}",
        "state": state,
        "certificate_arn": f"arn:{number}",
        "requested_at": now,
        "created_at": now,
        "updated_at": now,
    }


@pytest.fixture
def engine(url: str | None, tmp_path: Path, clock: Any) -> Any:
    """A ledger of the release before the last change of certificates, with a row in each state."""
    engine = connect(url, tmp_path)
    older(engine, "0003")
    now = clock()
    with writing(engine) as connection:
        connection.execute(
            insert(authority).values(
                tenant="acme", place="p", arn="arn:ca", created_at=now, updated_at=now
            )
        )
        connection.execute(insert(batch).values(authority_id=1, state="done", started_at=now))
        connection.execute(
            insert(certificate),
            [row(state, number, now) for number, state in enumerate(CERTIFICATE_STATES)],
        )
    yield engine
    engine.dispose()


def test_every_row_comes_through(
    engine: Engine, url: str | None, tmp_path: Path, clock: Any
) -> None:
    """SQLite makes the table anew: no row, no moment and no number is lost on the way."""
    before = _rows(engine)
    assert len(before) == len(CERTIFICATE_STATES)
    with Ledger.open(url, tmp_path, clock=clock) as ledger:
        assert [record.state for record in ledger.records()] == list(CERTIFICATE_STATES)
    assert _rows(engine) == before


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"state": "sold"}, id="a state that there is not"),
        pytest.param({"certificate_arn": None}, id="issued without an ARN"),
        pytest.param({"device_id": "device-0", "csr_sha256": "csr 0"}, id="a certificate twice"),
        pytest.param({"certificate_arn": "arn:0"}, id="an ARN twice"),
        pytest.param({"batch_id": 99}, id="of no batch"),
    ],
)
def test_the_table_refuses_what_it_refused(
    engine: Engine, url: str | None, tmp_path: Path, clock: Any, wrong: dict[str, object]
) -> None:
    """The table that was made anew has all its constraints."""
    Ledger.open(url, tmp_path, clock=clock).close()
    added = row("issued", 77, clock())
    with writing(engine) as connection:
        connection.execute(insert(certificate), [added])
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(certificate), [row("issued", 78, clock()) | wrong])


def test_numbers_are_not_given_twice(
    engine: Engine, url: str | None, tmp_path: Path, clock: Any
) -> None:
    """A row's number stays its own, also when the row is gone."""
    Ledger.open(url, tmp_path, clock=clock).close()
    last = len(CERTIFICATE_STATES)
    with writing(engine) as connection:
        connection.execute(certificate.delete().where(certificate.c.id == last))
        connection.execute(insert(certificate), [row("failed", 77, clock())])
    assert [each[0] for each in _rows(engine)] == [*range(1, last), last + 1]


def _rows(engine: Engine) -> list[tuple[object, ...]]:
    with reading(engine) as connection:
        query = certificate.select().order_by(certificate.c.id)
        return [tuple(each) for each in connection.execute(query)]
