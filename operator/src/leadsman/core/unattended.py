"""A policy as it goes where no people are: in a simulation, and on what was recorded of another one."""

from leadsman.api.rolloutpolicy import RolloutPolicySpec


def unattended(policy: RolloutPolicySpec) -> RolloutPolicySpec:
    """The policy without approvals, as if each were given at once; nothing may be left of its steps."""
    return policy.model_copy(update={"steps": tuple(step for step in policy.steps if step.approval is None)})
