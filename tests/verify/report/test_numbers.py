"""Numbers of any size: no report fails on what a log or a submission.json may say."""

import io

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.verify.report.test_html import parsed
from tests.verify.report.verdicts import verdict
from verify.report.as_json import from_json, to_json
from verify.report.html import to_html
from verify.report.index import index_page, queue_row
from verify.report.markdown import CHARACTERS_MAX, to_markdown
from verify.report.terminal import print_verdict
from verify.verdict import Verdict

FIXED = {"schema", "policy_version", "pr", "against_pr"}
floats = st.one_of(
    st.sampled_from([0.0, -0.0, -1.0, 1e-320, 1e300, -1e308, 1.7e308, 600.0]),
    st.floats(allow_nan=False, allow_infinity=False),
)
whole = st.one_of(st.sampled_from([0, -1, 1, 2**63, -(10**30), 10**400, 16_000_000]), st.integers())


def with_numbers(drawn_floats: list[float], drawn_whole: list[int]) -> Verdict:
    """The ordinary verdict with these numbers in turn in every field that holds one."""
    turn = [0]

    def changed(key: str, value):
        if isinstance(value, dict):
            return {name: changed(name, inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [changed(key, inner) for inner in value]
        if isinstance(value, bool) or key in FIXED or not isinstance(value, int | float):
            return value
        turn[0] += 1
        numbers = drawn_floats if isinstance(value, float) else drawn_whole
        return numbers[turn[0] % len(numbers)]

    return Verdict.model_validate({name: changed(name, value) for name, value in verdict().model_dump().items()})


# A case is found at once and shrinks for minutes: it is not shrunk.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@example([1.7e308, -1e308], [10**400, -(10**30)])
@example([0.0], [0])
@example([1e-320], [1])
@example([1e11, 1e11 + 1e-5], [16_000_000])
@given(st.lists(floats, min_size=1, max_size=5), st.lists(whole, min_size=1, max_size=5))
def test_no_number_breaks_a_report(drawn_floats, drawn_whole):
    made = with_numbers(drawn_floats, drawn_whole)
    assert from_json(to_json(made)) == made
    assert len(to_markdown(made).encode()) < CHARACTERS_MAX
    print_verdict(made, Console(file=io.StringIO(), width=80), verbose=True)
    page = to_html(made)
    parsed(page)
    assert "nan" not in page.lower().split("<body>")[1].split("<script>")[0]
    index_page([queue_row(made)])
