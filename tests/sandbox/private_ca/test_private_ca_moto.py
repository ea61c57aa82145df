"""Private CA as real clients see it: boto3 over HTTP, and openssl on what comes back."""

import json
import re
import subprocess
import urllib.error
import urllib.request

import boto3
import pytest
from moto.server import ThreadedMotoServer

from birthcert.sandbox.knobs import KnobBox, Knobs
from birthcert.sandbox.moto_seams import Seam
from birthcert.sandbox.private_ca import moto as moto_private_ca
from birthcert.sandbox.private_ca.service import CALLS
from birthcert.sandbox.state import SandboxState

SUBJECT = {"Country": "DE", "Organization": "Acme", "CommonName": "acme device CA"}
RSA = {"KeyAlgorithm": "RSA_2048", "SigningAlgorithm": "SHA256WITHRSA", "Subject": SUBJECT}
TEMPLATE = "arn:aws:acm-pca:::template/{}/V1"
DAY = {"Type": "DAYS", "Value": 1}
OTHER = "210987654321"


def client(url, service="acm-pca", **credentials):
    """A boto3 client of the sandbox."""
    keys = credentials or {"aws_access_key_id": "AKIAX", "aws_secret_access_key": "x"}
    return boto3.client(service, region_name="eu-west-1", endpoint_url=url, **keys)


@pytest.fixture(scope="module")
def url():
    """A moto server with the rules hung in, and no waiting."""
    knobs = Knobs(ca_creation_seconds=0, issuance_seconds=(0, 0), audit_report_seconds=0)
    moto_private_ca.install(SandboxState(knobs=KnobBox(knobs)))
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def pca(url):
    return client(url)


@pytest.fixture(scope="module")
def root(pca):
    """The ARN of an ACTIVE RSA root."""
    arn = create(pca, "ROOT")
    csr = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    own = issued(pca, arn, csr, "RootCACertificate", {"Type": "YEARS", "Value": 10})
    pca.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn, Certificate=own["Certificate"]
    )
    return arn


def create(pca, kind):
    """A new CA's ARN."""
    made = pca.create_certificate_authority(
        CertificateAuthorityConfiguration=RSA, CertificateAuthorityType=kind
    )
    return made["CertificateAuthorityArn"]


def issued(pca, arn, csr, template, validity=DAY):
    """GetCertificate's answer for a CSR."""
    made = pca.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=csr,
        SigningAlgorithm="SHA256WITHRSA",
        TemplateArn=TEMPLATE.format(template),
        Validity=validity,
    )
    return pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=made["CertificateArn"])


def openssl(*arguments):
    """What an openssl command prints."""
    run = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True)
    return run.stdout


@pytest.fixture(scope="module")
def device_csr(tmp_path_factory):
    """A CSR that openssl made."""
    folder = tmp_path_factory.mktemp("device")
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "device.csr")]
    openssl("req", "-new", *new, *files, "-subj", "/CN=device-1")
    return (folder / "device.csr").read_text()


def test_openssl_verifies_the_chain(pca, root, device_csr, tmp_path):
    """Root, subordinate and device: openssl accepts the chain for a TLS client."""
    low = create(pca, "SUBORDINATE")
    csr = pca.get_certificate_authority_csr(CertificateAuthorityArn=low)["Csr"]
    certificate = issued(
        pca, root, csr, "SubordinateCACertificate_PathLen0", {"Type": "DAYS", "Value": 30}
    )
    pca.import_certificate_authority_certificate(
        CertificateAuthorityArn=low,
        Certificate=certificate["Certificate"],
        CertificateChain=certificate["CertificateChain"],
    )
    leaf = issued(pca, low, device_csr, "EndEntityClientAuthCertificate")
    for name, text in {
        "leaf": leaf["Certificate"],
        "chain": leaf["CertificateChain"],
        "root": certificate["CertificateChain"],
    }.items():
        (tmp_path / f"{name}.pem").write_text(text)
    anchors = ["-CAfile", f"{tmp_path}/root.pem", "-untrusted", f"{tmp_path}/chain.pem"]
    printed = openssl(
        "verify", "-x509_strict", "-purpose", "sslclient", *anchors, f"{tmp_path}/leaf.pem"
    )
    assert printed.strip().endswith("leaf.pem: OK")


def test_waiters_and_audit_report_work(url, pca, root):
    """boto3's own waiters end, and the report lies in the bucket."""
    s3 = client(url, "s3")
    s3.create_bucket(
        Bucket="audit-reports", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    made = pca.create_certificate_authority_audit_report(
        CertificateAuthorityArn=root, S3BucketName="audit-reports", AuditReportResponseFormat="JSON"
    )
    pca.get_waiter("audit_report_created").wait(
        CertificateAuthorityArn=root, AuditReportId=made["AuditReportId"]
    )
    body = s3.get_object(Bucket="audit-reports", Key=made["S3Key"])["Body"].read()
    assert json.loads(body)[0]["certificateArn"].startswith(root)


def test_refusals_are_modelled_exceptions(pca, root, device_csr):
    """boto3 raises the service's own exceptions, and ClientError where AWS models none."""
    with pytest.raises(pca.exceptions.InvalidArnException):
        pca.describe_certificate_authority(CertificateAuthorityArn="nonsense")
    with pytest.raises(pca.exceptions.MalformedCSRException):
        issued(pca, root, "hello", "EndEntityCertificate")
    with pytest.raises(pca.exceptions.InvalidStateException) as caught:
        issued(pca, create(pca, "ROOT"), device_csr, "EndEntityCertificate")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(pca.exceptions.ClientError, match="exceeds the CA validity") as caught:
        issued(pca, root, device_csr, "EndEntityCertificate", {"Type": "YEARS", "Value": 11})
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_times_are_dates_for_boto3(pca, root):
    """Describe's times reach the client as datetimes."""
    described = pca.describe_certificate_authority(CertificateAuthorityArn=root)
    facts = described["CertificateAuthority"]
    assert facts["NotBefore"] < facts["CreatedAt"] < facts["NotAfter"]


def test_every_operation_of_the_model_is_answered(pca):
    """botocore knows no Private CA operation that the sandbox does not."""
    assert set(pca.meta.service_model.operation_names) == set(CALLS)


def test_pagination_by_boto3(pca, root):
    """boto3's paginator walks all authorities."""
    pages = pca.get_paginator("list_certificate_authorities").paginate(
        PaginationConfig={"PageSize": 1}
    )
    arns = [each["Arn"] for page in pages for each in page["CertificateAuthorities"]]
    assert root in arns
    assert len(arns) == len(set(arns))


def test_accounts_are_apart_until_shared(url, pca, root, device_csr):
    """An assumed role of another account has its own books, and uses a CA that is shared."""
    role = client(url, "sts").assume_role(
        RoleArn=f"arn:aws:iam::{OTHER}:role/issuer", RoleSessionName="test"
    )["Credentials"]
    other = client(
        url,
        aws_access_key_id=role["AccessKeyId"],
        aws_secret_access_key=role["SecretAccessKey"],
        aws_session_token=role["SessionToken"],
    )
    assert other.list_certificate_authorities()["CertificateAuthorities"] == []
    with pytest.raises(other.exceptions.ClientError, match="AccessDeniedException"):
        issued(other, root, device_csr, "EndEntityCertificate")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHER},
        "Action": ["acm-pca:IssueCertificate", "acm-pca:GetCertificate"],
        "Resource": root,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    pca.put_policy(ResourceArn=root, Policy=document)
    assert "Certificate" in issued(other, root, device_csr, "EndEntityCertificate")


@pytest.mark.parametrize("body", ["{", "[]", "7"])
def test_malformed_bodies_are_refused(url, body):
    """A body that is no JSON object gets a SerializationException, not a crash."""
    request = urllib.request.Request(
        url,
        body.encode(),
        {
            "X-Amz-Target": "ACMPrivateCA.ListCertificateAuthorities",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAX/20300101/eu-west-1/acm-pca/x",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 400
    assert json.load(caught.value)["__type"] == "SerializationException"


@pytest.mark.parametrize("seam", moto_private_ca.seams(), ids=lambda seam: seam.name)
def test_seam_is_there(seam):
    """The internal of moto that the rules hang on has not moved."""
    assert seam.present, f"moto's {seam.name} moved"


def test_a_moved_seam_is_named(monkeypatch):
    """Installing over another moto says which seam moved, and changes nothing."""
    moved = Seam("moto.s3.models.s3_backends", present=False)
    monkeypatch.setattr(moto_private_ca, "seams", lambda: [moved])
    with pytest.raises(RuntimeError, match=re.escape(moved.name)):
        moto_private_ca.install(SandboxState())


def test_books_of_every_place(url, pca, root):
    """The installation hands out each account's and region's Private CA."""
    here = moto_private_ca.private_ca_of("123456789012", "eu-west-1")
    assert here in moto_private_ca.all_private_cas()
    assert root in [each["arn"] for each in here.books()["authorities"]]
    assert moto_private_ca.private_ca_of("123456789012", "cn-north-1").partition == "aws-cn"
