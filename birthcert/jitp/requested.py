"""The policy and the template that a request asks for, refused here where AWS would refuse them."""

from birthcert.errors import UnusableInput
from birthcert.jitp import policy as policies
from birthcert.jitp import template as templates
from birthcert.models import BootstrapRequest, Place


def device_policy_document(request: BootstrapRequest, place: Place) -> str:
    """The devices' policy as the request has it; UnusableInput where AWS would refuse it."""
    options = request.device_policy
    if options.document is not None:
        document = options.document
    elif options.kind == "recipe-wide":
        document = policies.recipe_wide_policy()
    else:
        document = policies.least_privilege_policy(
            place.partition, place.region, place.account, request.topic_namespace()
        )
    if problems := policies.policy_problems(document):
        raise UnusableInput(
            f"AWS would refuse the device policy: {'; '.join(problems)}",
            remedy="correct the policy document",
        )
    return document


def provisioning_template_body(request: BootstrapRequest) -> str:
    """The template as the request has it; UnusableInput where AWS would refuse it [26]."""
    body = request.template_body
    if body is None:
        body = templates.render_template(
            thing_type=request.thing_type, policy_name=request.policy_name()
        )
    if problems := templates.template_problems(body):
        raise UnusableInput(
            f"AWS would refuse the provisioning template: {'; '.join(problems)}",
            remedy="correct the template",
        )
    return body
