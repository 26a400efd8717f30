"""Do both revisions give the same answers to the same requests? One rate against the policy's bound."""

from leadsman.api.evidence import Agreement, ArmTotals
from leadsman.core.evidence import dispersion
from leadsman.core.evidence.processes import MOST_RATE, acceptable_rates, added, excessive_rates, mixture, rate_step
from leadsman.core.evidence.samples import Pairs
from leadsman.core.evidence.strata import plus


def start(at_least: float) -> Agreement:
    """Return the evidence before any pair. `at_least` is the share of agreement that the policy asks for."""
    tolerated = min(MOST_RATE, 1 - at_least)
    return Agreement(
        tolerated=tolerated,
        harm=(0.0,) * len(excessive_rates(tolerated)),
        absolute=(0.0,) * len(acceptable_rates(tolerated)),
    )


def observe(agreement: Agreement, pairs: Pairs) -> Agreement:
    """Add the pairs of one look."""
    look = ArmTotals.model_construct(requests=pairs.compared, events=pairs.disagreed)
    bound = agreement.tolerated
    return agreement.model_copy(
        update={
            "totals": plus(agreement.totals, look),
            "dispersion": dispersion.observe(agreement.dispersion, look),
            "harm": added(agreement.harm, rate_step(look.requests, look.events, excessive_rates(bound), bound)),
            "absolute": added(
                agreement.absolute, rate_step(look.requests, look.events, acceptable_rates(bound), bound)
            ),
        }
    )


def harm_inflation(agreement: Agreement) -> float:
    """Return the phi that evidence of harm is tempered by; disagreement is its own measure of how clumped it is."""
    return dispersion.harm_inflation(agreement.dispersion, agreement.dispersion)


def promotion_inflation(agreement: Agreement) -> float:
    """Return the phi that promotion evidence is tempered by."""
    return dispersion.promotion_inflation(agreement.dispersion, agreement.dispersion)


def log_harm(agreement: Agreement) -> float:
    """Return the log of the evidence against "the revisions disagree no more often than is tolerated"."""
    return mixture(agreement.harm, harm_inflation(agreement))


def log_promotion(agreement: Agreement) -> float:
    """Return the log of the evidence against "they disagree at least as often as is tolerated"."""
    return mixture(agreement.absolute, promotion_inflation(agreement))
