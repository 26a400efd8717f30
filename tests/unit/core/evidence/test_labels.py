"""Is the feedback about both revisions a like sample?"""

import pytest

from leadsman.api.evidence import ArmTotals, Difference, Evidence
from leadsman.core.evidence.labels import bias


def reason(candidate: tuple[int, int], stable: tuple[int, int]) -> str:
    """Say why feedback is no fair sample, for (judged, answered) of both revisions."""
    state = Evidence(candidate="v2", stable="v1", began=0.0, judged_candidate=candidate[1], judged_stable=stable[1])
    judged = Difference(
        name="quality", candidate=ArmTotals(requests=candidate[0]), stable=ArmTotals(requests=stable[0])
    )
    return bias(state, judged)


@pytest.mark.parametrize(
    ("candidate", "stable", "comparable"),
    [
        pytest.param((0, 0), (0, 0), True, id="nothing at all"),
        pytest.param((10, 100), (90, 900), True, id="a tenth of each"),
        pytest.param((19, 100), (90, 900), True, id="nearly twice as many"),
        pytest.param((21, 100), (90, 900), False, id="more than that"),
        pytest.param((4, 100), (90, 900), False, id="less than half"),
        pytest.param((0, 100), (90, 900), False, id="labels are late and the candidate is new"),
        pytest.param((30, 100), (0, 900), False, id="nobody reports of stable"),
        pytest.param((2, 100), (12, 9000), True, id="too few to tell"),
    ],
)
def test_comparable(candidate: tuple[int, int], stable: tuple[int, int], comparable: bool) -> None:
    assert (reason(candidate, stable) == "") is comparable


def test_the_sentence_names_both_shares() -> None:
    assert reason((0, 100), (90, 900)) == (
        "users have judged 0.0% of the candidate's answers and 10.0% of the stable revision's: not comparable yet"
    )
