"""AWS IoT policies and their versions [29]."""

from dataclasses import dataclass, field
from datetime import datetime

from birthcert import limits
from birthcert.jitp.policy import policy_problems
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.iot.answers import (
    already_exists,
    delete_conflict,
    invalid_request,
    malformed_policy,
    not_found,
)
from birthcert.sandbox.iot.links import Links
from birthcert.sandbox.iot.names import check_policy_name, tags_of
from birthcert.sandbox.iot.paging import REGISTRY_PAGE, page_by_marker
from birthcert.sandbox.iot.place import Action, Params, Place, flag, text


@dataclass(frozen=True)
class Version:
    """One version of a policy."""

    version_id: str
    document: str
    created_at: datetime


@dataclass
class Policy:
    """A policy: its versions by id, and which of them is in force."""

    name: str
    arn: str
    default: str
    tags: dict[str, str]
    serial: int
    created_at: datetime
    modified_at: datetime
    versions: dict[str, Version] = field(default_factory=dict)
    last_version: int = 1

    @property
    def document(self) -> str:
        """The document of the default version."""
        return self.versions[self.default].document


class Policies:
    """The book of policies; its actions are AWS's, by AWS's names."""

    def __init__(self, place: Place, attached: Links) -> None:
        self._place, self._attached = place, attached
        self.by_name: dict[str, Policy] = {}
        self.actions: dict[str, Action] = {
            "CreatePolicy": self.create_requested,
            "GetPolicy": self.get,
            "DeletePolicy": self.delete,
            "ListPolicies": self.list_policies,
            "CreatePolicyVersion": self.create_version,
            "GetPolicyVersion": self.get_version,
            "DeletePolicyVersion": self.delete_version,
            "ListPolicyVersions": self.list_versions,
            "SetDefaultPolicyVersion": self.set_default_version,
        }

    def create_requested(self, params: Params) -> Params:
        """CreatePolicy as it comes over HTTP."""
        policy = self.create(
            text(params, "policyName"),
            text(params, "policyDocument"),
            tags_of(params.get("tags")),
        )
        return {
            "policyName": policy.name,
            "policyArn": policy.arn,
            "policyDocument": policy.document,
            "policyVersionId": policy.default,
        }

    def create(self, name: str, document: str, tags: dict[str, str]) -> Policy:
        """Make a policy; a name that is taken is a 409, whatever its document."""
        check_policy_name(name)
        _check_document(document)
        if name in self.by_name:
            raise already_exists(
                f"Policy cannot be created - name already exists (name={name})",
                name,
                self.by_name[name].arn,
            )
        now = self._place.now()
        policy = Policy(
            name=name,
            arn=self._place.arn("policy", name),
            default="1",
            tags=tags,
            serial=next(self._place.serials),
            created_at=now,
            modified_at=now,
            versions={"1": Version("1", document, now)},
        )
        self.by_name[name] = policy
        return policy

    def find(self, name: str) -> Policy:
        """The policy of a name; ResourceNotFoundException where there is none."""
        if name not in self.by_name:
            raise not_found(f"Policy not found (name={name})")
        return self.by_name[name]

    def get(self, params: Params) -> Params:
        """GetPolicy: the document is that of the default version, as it was sent."""
        policy = self.find(text(params, "policyName"))
        return {
            "policyName": policy.name,
            "policyArn": policy.arn,
            "policyDocument": policy.document,
            "defaultVersionId": policy.default,
            "creationDate": policy.created_at,
            "lastModifiedDate": policy.modified_at,
            "generationId": policy.default,
        }

    def delete(self, params: Params) -> Params:
        """DeletePolicy: nothing attached, and no version but the default one [32]."""
        policy = self.find(text(params, "policyName"))
        if self._attached.holds(policy.name):
            raise delete_conflict(
                "The policy cannot be deleted as the policy is attached to one or more principals "
                f"(name={policy.name})"
            )
        if len(policy.versions) > 1:
            raise delete_conflict(
                "Cannot delete the policy because it has one or more policy versions attached "
                f"to it (name={policy.name})"
            )
        del self.by_name[policy.name]
        return {}

    def list_policies(self, params: Params) -> Params:
        """ListPolicies, newest first."""
        page, marker = page_by_marker(self.by_name.values(), params, default=REGISTRY_PAGE)
        answer: Params = {
            "policies": [{"policyName": item.name, "policyArn": item.arn} for item in page]
        }
        return answer | ({"nextMarker": marker} if marker else {})

    def create_version(self, params: Params) -> Params:
        """CreatePolicyVersion: at most five."""
        policy = self.find(text(params, "policyName"))
        document = text(params, "policyDocument")
        _check_document(document)
        if len(policy.versions) >= limits.POLICY_VERSIONS:
            raise AwsError(
                "VersionsLimitExceededException",
                f"The policy {policy.name} already has the maximum number of versions "
                f"({limits.POLICY_VERSIONS})",
                status=409,
            )
        policy.last_version += 1
        version_id = str(policy.last_version)
        policy.versions[version_id] = Version(version_id, document, self._place.now())
        if flag(params, "setAsDefault"):
            self._set_default(policy, version_id)
        return {
            "policyArn": policy.arn,
            "policyDocument": document,
            "policyVersionId": version_id,
            "isDefaultVersion": policy.default == version_id,
        }

    def set_default_version(self, params: Params) -> Params:
        """SetDefaultPolicyVersion: in force at once for all it is attached to."""
        policy, version = self._version(params)
        self._set_default(policy, version.version_id)
        return {}

    def _set_default(self, policy: Policy, version_id: str) -> None:
        policy.default = version_id
        policy.modified_at = self._place.now()
        self._attached.touch(policy.name)

    def _version(self, params: Params) -> tuple[Policy, Version]:
        policy = self.find(text(params, "policyName"))
        version_id = text(params, "policyVersionId")
        if version_id not in policy.versions:
            raise not_found(f"Policy {policy.name} has no version {version_id}")
        return policy, policy.versions[version_id]

    def get_version(self, params: Params) -> Params:
        """GetPolicyVersion."""
        policy, version = self._version(params)
        return {
            "policyArn": policy.arn,
            "policyName": policy.name,
            "policyDocument": version.document,
            "policyVersionId": version.version_id,
            "isDefaultVersion": version.version_id == policy.default,
            "creationDate": version.created_at,
            "lastModifiedDate": version.created_at,
            "generationId": version.version_id,
        }

    def list_versions(self, params: Params) -> Params:
        """ListPolicyVersions."""
        policy = self.find(text(params, "policyName"))
        return {
            "policyVersions": [
                {
                    "versionId": version.version_id,
                    "isDefaultVersion": version.version_id == policy.default,
                    "createDate": version.created_at,
                }
                for version in policy.versions.values()
            ]
        }

    def delete_version(self, params: Params) -> Params:
        """DeletePolicyVersion: never the default one."""
        policy, version = self._version(params)
        if version.version_id == policy.default:
            raise invalid_request("Cannot delete the default version of a policy")
        del policy.versions[version.version_id]
        return {}


def _check_document(document: str) -> None:
    problems = policy_problems(document)
    if problems:
        raise malformed_policy(f"The policy document is malformed: {'; '.join(problems)}")
