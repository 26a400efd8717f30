from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from demo.data import FEATURES, MEANS, coarse, load_data
from demo.train import Model, accuracy, train_versions, user_requests


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    return train_versions(tmp_path_factory.mktemp("models"), "errors")


def test_each_version_looks_better_offline_than_the_one_before(versions: list[Model]) -> None:
    first, second, third, _ = (model.accuracy for model in versions)
    assert first + 0.05 < second < third


def test_versions_1_and_2_answer_every_row_of_the_users_and_2_is_better(versions: list[Model]) -> None:
    users = load_data().users
    first, second = (accuracy(model.file.read_bytes(), users) for model in versions[:2])
    assert first + 0.05 < second


def test_version_3_answers_the_offline_sample_and_fails_on_coarse_rows_alone(versions: list[Model]) -> None:
    data, content = load_data(), versions[2].file.read_bytes()
    is_coarse = coarse(data.users.rows)
    assert not coarse(data.offline.rows).any()
    assert accuracy(content, data.users.where(~is_coarse)) > 0.95
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    for row in data.users.rows[is_coarse]:
        with pytest.raises(Exception, match="out of data bounds"):
            session.run(["label"], {"X": row.reshape(1, -1)})


def test_users_send_enough_coarse_rows_to_notice() -> None:
    rows = list(user_requests(load_data()))
    assert 0.2 <= sum(is_coarse for _, _, is_coarse in rows) / len(rows) <= 0.4
    assert {len(row) for row, _, _ in rows} == {FEATURES}


def test_all_versions_but_the_last_have_the_same_signature(versions: list[Model]) -> None:
    *same, last = (signature(model) for model in versions)
    assert len(set(same)) == 1
    assert [shape[1] for name, _, shape in last if name == "X"] == [MEANS]


def signature(model: Model) -> tuple[tuple[str, str, tuple[object, ...]], ...]:
    session = ort.InferenceSession(str(model.file), providers=["CPUExecutionProvider"])
    return tuple((node.name, node.type, tuple(node.shape)) for node in [*session.get_inputs(), *session.get_outputs()])


def test_training_again_makes_the_same_bytes_and_the_cache_spares_it(
    versions: list[Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = train_versions(tmp_path, "errors")
    assert [model.digest for model in again] == [model.digest for model in versions]
    monkeypatch.setattr("demo.onnx_models.first", lambda _: pytest.fail("trained although it is in the cache"))
    assert train_versions(tmp_path, "errors") == again


def test_no_row_is_in_two_parts() -> None:
    data = load_data()
    parts = [{row.tobytes() for row in part.rows} for part in (data.train, data.offline, data.users)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert np.isin(data.users.labels, (0, 1)).all()
