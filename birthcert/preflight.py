"""What can be known to be wrong with a request before money is spent. Pure."""

from birthcert.errors import ConfigurationError
from birthcert.jitp.requested import device_policy_document, provisioning_template_body
from birthcert.models import (
    BatchRequest,
    BootstrapRequest,
    CertificateAuthority,
    CheckedPlaces,
    IssuerRequest,
    OfflineRootOptions,
    PcaRootOptions,
    Place,
    RolloverRequest,
)
from birthcert.pki.algorithms import family
from birthcert.pki.hierarchy import check_short_lived, check_verification_template

RESERVED_TAG_PREFIXES = ("aws:", "birthcert:")
NO_ROOT = OfflineRootOptions()
NO_PCA_ROOT = PcaRootOptions()
LONGEST_PATH = 3  # the templates SubordinateCACertificate_PathLen0 to 3
# modes whose CA is signed by one above it, with a path length of its own
BELOW_A_ROOT = frozenset({"offline-root", "pca-hierarchy"})


def check_bootstrap(request: BootstrapRequest, place: Place) -> None:
    """Raises ConfigurationError or UnusableInput for whatever AWS would refuse half-way through."""
    device_policy_document(request, place)
    provisioning_template_body(request)
    _check_mode(request)
    _check_hierarchy(request)
    if request.authority_arn is not None:
        _check_arn(request.authority_arn, place)
    _check_signing_algorithm(request)
    _check_path_length(request)
    _check_validity(request)
    _check_tags(request)


def check_batch(request: IssuerRequest, authority: CertificateAuthority) -> None:
    """ConfigurationError where the CA would refuse each device of a batch [11]."""
    if isinstance(request, BatchRequest):
        check_short_lived(request.validity_days, "the batch", short_lived=authority.is_short_lived)


def check_rollover(request: RolloverRequest) -> None:
    """ConfigurationError where a successor could not be told from the old CA by its tags."""
    if request.authority == "existing":
        raise ConfigurationError(
            "an existing CA is never altered, and a rollover tags its CAs",
            remedy="nothing was touched: register the other CA by a bootstrap, and name it with "
            "--authority-arn wherever devices are certified",
        )


def check_places(request: BootstrapRequest, checked: CheckedPlaces) -> None:
    """ConfigurationError where two places of a bootstrap exclude each other [21]."""
    seen = {checked.home.name: checked.home}
    for place in (each.place for each in checked.places if each.place is not None):
        if place.name in seen:
            raise ConfigurationError(
                f"{place.region} of account {place.account} is named twice",
                remedy="nothing was touched: name each further place once, and not the run's own",
            )
        rivals = [other for other in seen.values() if other.region == place.region]
        if rivals and request.registration_mode == "DEFAULT":
            raise ConfigurationError(
                f"accounts {rivals[0].account} and {place.account} cannot both register the CA in "
                f"{place.region} in DEFAULT mode [21]",
                remedy="nothing was touched: ask for SNI_ONLY",
            )
        seen[place.name] = place


def _check_signing_algorithm(request: BootstrapRequest) -> None:
    options = request.certificate_authority
    if request.authority == "existing":
        return  # its key is looked at when it is adopted
    signing = options.signing_algorithm
    if signing and family(signing) != family(options.key_algorithm):
        raise ConfigurationError(
            f"signing algorithm {signing} does not go with a key of {options.key_algorithm} [9]",
            remedy="leave the signing algorithm empty: the one that fits is taken",
        )


def _check_mode(request: BootstrapRequest) -> None:
    mode, root = request.authority, request.offline_root
    if (mode == "existing") != (request.authority_arn is not None):
        raise ConfigurationError(
            f"authority {mode} with{'' if request.authority_arn else 'out'} an authority's ARN",
            remedy="an ARN names an existing CA: give both --authority existing and "
            "--authority-arn, or neither",
        )
    if mode != "offline-root" and root != NO_ROOT:
        raise ConfigurationError(
            f"a root of your own is named, and the authority is {mode}",
            remedy="give --authority offline-root, or leave the root out",
        )
    if root.block and (root.key_file or root.certificate_file):
        raise ConfigurationError(
            "a root's block and a root's files are named",
            remedy="name one of them: the block knows its files",
        )


def _check_arn(arn: str, place: Place) -> None:
    parts = arn.split(":")
    prefix = ["arn", place.partition, "acm-pca", place.region]
    if parts[:4] != prefix or not arn.rpartition(":")[2].startswith("certificate-authority/"):
        raise ConfigurationError(
            f"{arn} is not the ARN of a certificate authority in {place.region}",
            remedy=f"nothing was touched: give one that begins with {':'.join(prefix)}:",
        )


def _check_hierarchy(request: BootstrapRequest) -> None:
    options, root = request.certificate_authority, request.pca_root
    if request.authority != "pca-hierarchy":
        if root != NO_PCA_ROOT:
            raise ConfigurationError(
                f"a ROOT Private CA is described, and the authority is {request.authority}",
                remedy="give --authority pca-hierarchy, or leave the root out",
            )
        return
    if options.length_below() > LONGEST_PATH:
        raise ConfigurationError(
            f"a path length of {options.path_length}: Private CA signs CAs of 0 to {LONGEST_PATH} "
            "[7]",
            remedy=f"ask for {LONGEST_PATH} or less, or use a root of your own",
        )
    if options.validity_days >= root.validity_days:
        raise ConfigurationError(
            f"a CA of {options.validity_days} days outlives its root of {root.validity_days} days "
            "[8]",
            remedy="give the root a longer life, or the CA a shorter one",
        )


def _check_path_length(request: BootstrapRequest) -> None:
    options = request.certificate_authority
    short_lived = options.usage_mode == "SHORT_LIVED_CERTIFICATE"
    if options.path_length is not None and request.authority not in BELOW_A_ROOT:
        raise ConfigurationError(
            f"a path length of {options.path_length} for a CA of mode {request.authority}: "
            "RootCACertificate/V1 sets none, and an existing CA has its own [7]",
            remedy="leave it out",
        )
    if short_lived and options.length_below() > 0:
        raise ConfigurationError(
            f"a short-lived CA of path length {options.path_length}: it must be the last CA of "
            "its hierarchy [11]",
            remedy="leave the path length out, or make a general-purpose CA",
        )
    if request.authority != "existing" and request.registration_mode == "DEFAULT":
        below = options.length_below() if request.authority in BELOW_A_ROOT else None
        check_verification_template(
            request.verification_certificate.template, path_length=below, short_lived=short_lived
        )


def _check_validity(request: BootstrapRequest) -> None:
    days = request.verification_certificate.validity_days
    if request.authority == "existing":
        return  # its own end and usage mode are looked at when it is adopted
    ca_days = request.certificate_authority.validity_days
    if days >= ca_days and days > 1:
        raise ConfigurationError(
            f"a verification certificate of {days} days outlives a CA of {ca_days} days [8]",
            remedy="shorten it: it is needed for a few minutes only",
        )
    short_lived = request.certificate_authority.usage_mode == "SHORT_LIVED_CERTIFICATE"
    check_short_lived(days, "the verification certificate", short_lived=short_lived)


def _check_tags(request: BootstrapRequest) -> None:
    for key, value in request.tags.items():
        if not key or len(key) > 128 or len(value) > 256:
            raise ConfigurationError(
                f"tag {key!r}: keys have 1-128 characters and values up to 256",
                remedy="shorten the tag",
            )
        if key.lower().startswith(RESERVED_TAG_PREFIXES):
            raise ConfigurationError(
                f"tag {key!r} begins with a reserved prefix ({', '.join(RESERVED_TAG_PREFIXES)})",
                remedy="choose another key",
            )
    if len(request.tags) > 45:
        raise ConfigurationError("more than 45 tags of your own", remedy="AWS takes 50 in all")
