"""What is read of YAML otherwise than PyYAML does; test_schema_file.py has what is refused."""

import pytest

from leadsman_package import plain_yaml

STRINGS: dict[str, str] = {
    "a time of day": "12:30",
    "a duration": "190:20:30",
    "with a fraction": "20:30.15",
    "with a sign": "-1_0:30",
    "so long that a number of it would take minutes": "1" + ":1" * 1_000_000,
    "so long, and with a fraction": "1" + ":0" * 1_000_000 + ".0",
}


@pytest.mark.parametrize("case", STRINGS)
def test_what_would_be_a_number_in_base_60_is_a_string(case: str) -> None:
    text = STRINGS[case]
    assert plain_yaml.load(f"a: {text}".encode()) == {"a": text}


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("-0x1F", -31), ("017", 15), ("1_000", 1000), ("-0.5", -0.5), ("1.5e+3", 1500.0)]
)
def test_other_numbers_are_as_in_yaml_1_1(text: str, number: float) -> None:
    assert plain_yaml.load(f"a: {text}".encode()) == {"a": number}
