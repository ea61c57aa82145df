"""Attaching and detaching in AWS IoT, and deleting certificates, which asks for both [32]."""

from typing import Final

from birthcert import limits
from birthcert.sandbox.iot.answers import (
    certificate_state,
    delete_conflict,
    invalid_request,
    limit_exceeded,
    not_found,
)
from birthcert.sandbox.iot.certificates import DeviceCertificate, DeviceCertificates
from birthcert.sandbox.iot.links import Link, Links
from birthcert.sandbox.iot.paging import REGISTRY_PAGE, page_by_marker, page_by_token
from birthcert.sandbox.iot.place import Action, Params, Place, flag, optional_text, text
from birthcert.sandbox.iot.policies import Policies
from birthcert.sandbox.iot.things import Things

EXCLUSIVE: Final = "EXCLUSIVE_THING"
NON_EXCLUSIVE: Final = "NON_EXCLUSIVE_THING"


class Attachments:
    """Things and policies on certificates; principals are certificate ARNs of this place alone."""

    def __init__(
        self,
        place: Place,
        certificates: DeviceCertificates,
        things: Things,
        policies: Policies,
        thing_links: Links,
        policy_links: Links,
    ) -> None:
        self._place, self._certificates = place, certificates
        self._things, self._policies = things, policies
        self._thing_links, self._policy_links = thing_links, policy_links
        self.actions: dict[str, Action] = {
            "AttachPolicy": self.attach_policy_requested,
            "DetachPolicy": self.detach_policy,
            "ListAttachedPolicies": self.list_attached_policies,
            "ListTargetsForPolicy": self.list_targets_for_policy,
            "AttachThingPrincipal": self.attach_thing_requested,
            "DetachThingPrincipal": self.detach_thing,
            "ListThingPrincipals": self.list_thing_principals,
            "ListThingPrincipalsV2": self.list_thing_principals_v2,
            "ListPrincipalThings": self.list_principal_things,
            "ListPrincipalThingsV2": self.list_principal_things_v2,
            "DeleteCertificate": self.delete_certificate,
            **self._deprecated_actions(),
        }

    def _deprecated_actions(self) -> dict[str, Action]:
        """The older names of the policy calls, which say `principal` for target."""

        def by_principal(action: Action) -> Action:
            return lambda params: action({**params, "target": params.get("principal")})

        def list_policy_principals(params: Params) -> Params:
            answer = self.list_targets_for_policy(params)
            return {"principals": answer.pop("targets"), **answer}

        return {
            "AttachPrincipalPolicy": by_principal(self.attach_policy_requested),
            "DetachPrincipalPolicy": by_principal(self.detach_policy),
            "ListPrincipalPolicies": by_principal(self.list_attached_policies),
            "ListPolicyPrincipals": list_policy_principals,
        }

    def principal(self, arn: str) -> DeviceCertificate:
        """The certificate of an ARN; ResourceNotFoundException where there is none."""
        start = self._place.arn("cert", "")
        if ":cert/" not in arn:
            raise invalid_request(
                f"{arn} is no certificate: this sandbox attaches to certificates alone"
            )
        certificate = self._certificates.by_id.get(arn.removeprefix(start))
        if certificate is None or certificate.arn != arn:
            raise not_found(f"The principal {arn} does not exist")
        return certificate

    def attach_policy_requested(self, params: Params) -> Params:
        """AttachPolicy as it comes over HTTP."""
        self.attach_policy(text(params, "policyName"), text(params, "target"))
        return {}

    def attach_policy(self, name: str, target: str) -> None:
        """Hang a policy on a certificate; ten at most, and again changes nothing."""
        self._policies.find(name)
        self.principal(target)
        held = [link.target for link in self._policy_links.of_principal(target)]
        if name not in held and len(held) >= limits.POLICIES_PER_PRINCIPAL:
            raise limit_exceeded(
                f"The principal {target} has {len(held)} policies; "
                f"at most {limits.POLICIES_PER_PRINCIPAL} are allowed"
            )
        self._policy_links.attach(target, name)

    def detach_policy(self, params: Params) -> Params:
        """DetachPolicy; [inf] what is not attached is detached already: its model has no 404."""
        self._policy_links.detach(text(params, "target"), text(params, "policyName"))
        return {}

    def list_attached_policies(self, params: Params) -> Params:
        """ListAttachedPolicies of a certificate."""
        target = text(params, "target")
        self.principal(target)
        links = self._policy_links.of_principal(target)
        page, marker = page_by_marker(links, params, default=REGISTRY_PAGE)
        answer: Params = {
            "policies": [
                {
                    "policyName": link.target,
                    "policyArn": self._policies.find(link.target).arn,
                }
                for link in page
            ]
        }
        return answer | ({"nextMarker": marker} if marker else {})

    def list_targets_for_policy(self, params: Params) -> Params:
        """ListTargetsForPolicy: the ARNs of the certificates it hangs on."""
        name = self._policies.find(text(params, "policyName")).name
        links = self._policy_links.of_target(name)
        page, marker = page_by_marker(links, params, default=REGISTRY_PAGE)
        answer: Params = {"targets": [link.principal for link in page]}
        return answer | ({"nextMarker": marker} if marker else {})

    def attach_thing_requested(self, params: Params) -> Params:
        """AttachThingPrincipal as it comes over HTTP."""
        kind = optional_text(params, "thingPrincipalType") or NON_EXCLUSIVE
        if kind not in (EXCLUSIVE, NON_EXCLUSIVE):
            raise invalid_request(f"thingPrincipalType {kind} is not one of AWS IoT's")
        self.attach_thing(
            text(params, "thingName"), text(params, "principal"), exclusive=kind == EXCLUSIVE
        )
        return {}

    def attach_thing(self, name: str, principal: str, *, exclusive: bool = False) -> None:
        """Hang a certificate on a thing; an exclusive one hangs on no other [inf: a 400]."""
        self._things.find(name)
        self.principal(principal)
        others = [link for link in self._thing_links.of_principal(principal) if link.target != name]
        if others and (exclusive or others[0].exclusive):
            raise invalid_request(
                f"The principal {principal} is attached to thing {others[0].target}, "
                "and the attachment is exclusive"
            )
        self._thing_links.attach(principal, name, exclusive=exclusive)

    def detach_thing(self, params: Params) -> Params:
        """DetachThingPrincipal; ResourceNotFoundException for what is not attached."""
        name, principal = text(params, "thingName"), text(params, "principal")
        self._things.find(name)
        if not self._thing_links.detach(principal, name):
            raise not_found(f"The principal {principal} is not attached to thing {name}")
        return {}

    def list_thing_principals(self, params: Params) -> Params:
        """ListThingPrincipals: certificate ARNs."""
        page, answer = self._principals_page(params)
        return {"principals": [link.principal for link in page]} | answer

    def list_thing_principals_v2(self, params: Params) -> Params:
        """ListThingPrincipalsV2: certificate ARNs, and how they are attached."""
        page, answer = self._principals_page(params)
        objects = [
            {"principal": link.principal, "thingPrincipalType": _kind(link)} for link in page
        ]
        return {"thingPrincipalObjects": objects} | answer

    def _principals_page(self, params: Params) -> tuple[list[Link], Params]:
        name = self._things.find(text(params, "thingName")).name
        return _page(self._thing_links.of_target(name), params)

    def list_principal_things(self, params: Params) -> Params:
        """ListPrincipalThings: thing names."""
        page, answer = self._things_page(params)
        return {"things": [link.target for link in page]} | answer

    def list_principal_things_v2(self, params: Params) -> Params:
        """ListPrincipalThingsV2: thing names, and how they are attached."""
        page, answer = self._things_page(params)
        objects = [{"thingName": link.target, "thingPrincipalType": _kind(link)} for link in page]
        return {"principalThingObjects": objects} | answer

    def _things_page(self, params: Params) -> tuple[list[Link], Params]:
        principal = self.principal(text(params, "principal")).arn
        return _page(self._thing_links.of_principal(principal), params)

    def delete_certificate(self, params: Params) -> Params:
        """DeleteCertificate: not ACTIVE, no thing; policies only if forced and INACTIVE [32]."""
        certificate = self._certificates.find(text(params, "certificateId"))
        arn = certificate.arn
        if certificate.status == "ACTIVE":
            raise certificate_state(
                "Certificate must be deactivated (not ACTIVE) before deletion. "
                f"Id: {certificate.certificate_id}"
            )
        if self._thing_links.holds(arn):
            raise delete_conflict(f"Things must be detached before deletion (arn: {arn})")
        forced = flag(params, "forceDelete") and certificate.status == "INACTIVE"
        if self._policy_links.holds(arn) and not forced:
            raise delete_conflict(
                f"Certificate policies must be detached before deletion (arn: {arn})"
            )
        for link in self._policy_links.of_principal(arn):
            self._policy_links.detach(arn, link.target)
        self._certificates.remove(certificate)
        return {}


def _page(links: list[Link], params: Params) -> tuple[list[Link], Params]:
    kind = optional_text(params, "thingPrincipalType")
    wanted = [link for link in links if kind is None or _kind(link) == kind]
    page, token = page_by_token(wanted, params)
    return page, {"nextToken": token} if token else {}


def _kind(link: Link) -> str:
    return EXCLUSIVE if link.exclusive else NON_EXCLUSIVE
