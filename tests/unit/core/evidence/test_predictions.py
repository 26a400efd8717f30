"""Which class the stable revision predicts most."""

import pytest

from leadsman.core.evidence import PodSample
from leadsman.core.evidence.predictions import choose_class
from unit.core.evidence.world import CANDIDATE, STABLE


def pod(revision: str = STABLE, **predictions: int) -> PodSample:
    return PodSample("p", 0.0, revision, 0, 0, predictions=predictions)


@pytest.mark.parametrize(
    ("samples", "chosen"),
    [
        pytest.param([], None, id="no pod"),
        pytest.param([pod()], None, id="a model without classes"),
        pytest.param([pod(cat=99)], None, id="too few to know"),
        pytest.param([pod(cat=60, dog=40)], "cat", id="the most frequent"),
        pytest.param([pod(cat=30, dog=25), pod(cat=10, dog=40)], "dog", id="of all pods together"),
        pytest.param([pod(dog=50, cat=50)], "cat", id="of equals the first by name, whatever the order"),
        pytest.param([pod(cat=60, dog=40), pod(CANDIDATE, dog=900)], "cat", id="the candidate has no say"),
        pytest.param([pod(CANDIDATE, dog=900)], None, id="nor alone"),
    ],
)
def test_choice(samples: list[PodSample], chosen: str | None) -> None:
    assert choose_class(samples, STABLE) == chosen
