"""CreateCertificateAuthority: what AWS checks before it makes one [1, 9, 11, 12, 13]."""

from typing import Any, Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from birthcert.pki.algorithms import CURVES, RSA_BITS, family, hash_of
from birthcert.sandbox.private_ca import structures
from birthcert.sandbox.private_ca.authority import Authority
from birthcert.sandbox.private_ca.structures import invalid

# Regions whose key storage is certified by China's CCPC and not by FIPS.
_CCPC_REGIONS: Final = ("cn-north-1", "cn-northwest-1")
Digest = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_DEFAULT_STANDARD: Final = "FIPS_140_2_LEVEL_3_OR_HIGHER"


def check_configuration(configuration: dict[str, Any]) -> None:
    """InvalidArgsException for a key the sandbox cannot make, a signing algorithm that does not
    fit it, a subject that is empty or not allowed, or CSR extensions that cannot be [9].
    """
    key = configuration["KeyAlgorithm"]
    if key not in RSA_BITS and key not in CURVES:
        raise invalid(f"The sandbox does not offer the key algorithm {key}; AWS may.")
    check_signing_algorithm(configuration["SigningAlgorithm"], key)
    if not structures.subject_name(configuration["Subject"]).rdns:
        raise invalid("The subject of a certificate authority cannot be empty.")
    csr_extensions(configuration)


def check_signing_algorithm(signing: str, key_algorithm: str) -> None:
    """The signing algorithm's family must be the CA key's [9]."""
    if family(signing) != family(key_algorithm):
        raise invalid(
            f"The signing algorithm {signing} does not match the key algorithm {key_algorithm}."
        )


def key_storage_standard(params: dict[str, Any], region: str) -> str:
    """The key-storage standard in force; InvalidArgsException where the region lacks it [12]."""
    standard = str(params.get("KeyStorageSecurityStandard") or _DEFAULT_STANDARD)
    if (standard == "CCPC_LEVEL_1_OR_HIGHER") != (region in _CCPC_REGIONS):
        raise invalid(
            "A certificate authority cannot be created in this region with the specified "
            "security standard."
        )
    return standard


def signature_arguments(signing_algorithm: str) -> tuple[Digest, padding.PSS | None]:
    """The hash and, for RSA-PSS, the padding that a builder's `sign` takes."""
    digest = cast(Digest, hash_of(signing_algorithm))
    if not signing_algorithm.endswith("_PSS"):
        return digest, None
    return digest, padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)


def csr_of(authority: Authority) -> str:
    """The CSR over the CA's key, signed with its configured algorithm; made once, in PEM."""
    if made := authority.csr_of_key():
        return made
    configuration = authority.configuration
    builder = x509.CertificateSigningRequestBuilder(
        structures.subject_name(configuration["Subject"])
    ).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
    for value, critical in csr_extensions(configuration):
        builder = builder.add_extension(value, critical)
    digest, pss = signature_arguments(configuration["SigningAlgorithm"])
    request = builder.sign(authority.key, digest, rsa_padding=pss)
    return authority.csr_of_key(request.public_bytes(Encoding.PEM).decode()) or ""


def csr_extensions(configuration: dict[str, Any]) -> list[tuple[x509.ExtensionType, bool]]:
    """The extensions that CsrExtensions asks for in the CA's own CSR."""
    asked = configuration.get("CsrExtensions") or {}
    found: list[tuple[x509.ExtensionType, bool]] = []
    if "KeyUsage" in asked:
        found.append((structures.key_usage(asked["KeyUsage"]), True))
    if "SubjectInformationAccess" in asked:
        access = structures.subject_information_access(asked["SubjectInformationAccess"])
        found.append((access, False))
    return found
