"""No secret of the environment in a message about it; test_tracing.py has what the exporter really says."""

import pytest

from leadsman_serving.redaction import redactor

DOWN = "Transient error host='c', port=4318: Max retries exceeded with url: /v1/traces"
CASES: dict[str, tuple[str, str, str, str]] = {
    "nothing secret": ("OTLP_ENDPOINT", "http://c:4318", DOWN, DOWN),
    "a header": ("OTLP_HEADERS", "a=1, b=s3cret==", "what is 's3cret=='", "what is '***=='"),
    "a short value is none": ("OTLP_HEADERS", "x-scope=1", DOWN, DOWN),
    "a header as it was meant": ("OTLP_TRACES_HEADERS", "b=Basic%20dTpw%2Bx", "no 'Basic dTpw+x'", "no '*** ***'"),
    "what is no header": ("OTLP_HEADERS", "x-key: s3cret", "got x-key: s3cret", "got ***: ***"),
    "a query": ("OTLP_TRACES_ENDPOINT", "http://c/x?key=s3cret", "no answer: /x?key=s3cret", "no answer: /x?key=***"),
    "a password": (
        "OTLP_ENDPOINT",
        "http://user:p%40ssword@c:4318",
        "http://user:p%40ssword@c",
        "http://***:p%***@c",
    ),
    "a word within another": ("OTLP_HEADERS", "a=pass,b=password", "password pass", "*** ***"),
}


@pytest.mark.parametrize("case", CASES)
def test_words_of_secrets_are_replaced(case: str) -> None:
    name, value, message, expected = CASES[case]
    assert redactor({f"OTEL_EXPORTER_{name}": value})(message) == expected
