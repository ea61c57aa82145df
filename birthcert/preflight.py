"""What can be known to be wrong with a request before money is spent. Pure."""

from birthcert import limits
from birthcert.errors import ConfigurationError
from birthcert.jitp.requested import device_policy_document, provisioning_template_body
from birthcert.models import BootstrapRequest, CheckedPlaces, Place
from birthcert.pki.algorithms import family

RESERVED_TAG_PREFIXES = ("aws:", "birthcert:")


def check_bootstrap(request: BootstrapRequest, place: Place) -> None:
    """Raises ConfigurationError or UnusableInput for whatever AWS would refuse half-way through."""
    device_policy_document(request, place)
    provisioning_template_body(request)
    _check_signing_algorithm(request)
    _check_validity(request)
    _check_tags(request)


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
    signing = options.signing_algorithm
    if signing and family(signing) != family(options.key_algorithm):
        raise ConfigurationError(
            f"signing algorithm {signing} does not go with a key of {options.key_algorithm} [9]",
            remedy="leave the signing algorithm empty: the one that fits is taken",
        )


def _check_validity(request: BootstrapRequest) -> None:
    ca_days = request.certificate_authority.validity_days
    days = request.verification_certificate.validity_days
    if days >= ca_days and days > 1:
        raise ConfigurationError(
            f"a verification certificate of {days} days outlives a CA of {ca_days} days [8]",
            remedy="shorten it: it is needed for a few minutes only",
        )
    short_lived = request.certificate_authority.usage_mode == "SHORT_LIVED_CERTIFICATE"
    if short_lived and days > limits.SHORT_LIVED_MAX_DAYS:
        raise ConfigurationError(
            f"a short-lived CA issues for {limits.SHORT_LIVED_MAX_DAYS} days at most, "
            f"and the verification certificate asks for {days} [11]",
            remedy="shorten the verification certificate",
        )


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
