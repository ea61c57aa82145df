"""The pause between the two halves of a ceremony: a CA's CSR goes to its root, and comes back.

A run that waits keeps its process and its place on the worker. One that was cut off meanwhile asks
again when it is run again; a new run with the certificate in its form goes on as well.
"""

from typing import Final

from prefect.artifacts import create_markdown_artifact
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from pydantic import Field

from birthcert.ceremony import CertificateAwaited, ceremony_markdown
from birthcert.models import BootstrapRequest, CaCsr, Place, RootCertificate
from birthcert.reports import page_key
from flows.leftovers import UNATTENDED

PATIENCE_SECONDS: Final = 30 * 24 * 3_600
POLL_SECONDS: Final = 2


class CaCertificate(RunInput):
    """What the paused run asks for in Prefect's UI."""

    ca_certificate: str = Field(
        title="CA certificate",
        description="PEM: the CA's certificate as the root signed it, then the root's: what "
        "`birthcert root sign` wrote.",
        json_schema_extra={"format": "textarea"},
    )


def certificate_from_ceremony(
    request: BootstrapRequest, place: Place, root: RootCertificate, csr: CaCsr
) -> str:
    """The signed certificate that the owner brings, now or in days; empty where none is needed.

    Raises CertificateAwaited where nobody attends to the run, or answered within 30 days.
    """
    if not csr.csr_pem or root.is_at_hand:
        return ""
    if request.offline_root.ca_certificate:
        return request.offline_root.ca_certificate
    awaited = CertificateAwaited.of(request, place, csr)
    text = ceremony_markdown(awaited.awaited)
    create_markdown_artifact(key=page_key("ca-csr", request.tenant, place), markdown=text)
    if UNATTENDED in flow_run.tags:
        raise awaited
    form = CaCertificate.with_initial_data(description=text)
    try:
        answer = pause_flow_run(
            wait_for_input=form,
            timeout=PATIENCE_SECONDS,
            poll_interval=POLL_SECONDS,
            key=f"ca-certificate-{flow_run.run_count}",
        )
    except FlowPauseTimeout:
        raise awaited from None
    return answer.ca_certificate
