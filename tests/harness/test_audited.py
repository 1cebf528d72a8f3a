"""The audit's word on a record before it is written."""

import pytest

from pgolf.core.errors import InputError
from pgolf.harness.audited import FILE, judged
from tests.verify.folders import record_folder
from verify.finding import Status
from verify.report.as_json import from_json

NAME = "2026-05-01_mine"


def test_a_verdict_is_written_under_the_name_that_the_record_will_have(tmp_path):
    draft = record_folder(tmp_path)
    verdict = judged(draft, NAME, "track_10min_16mb")
    assert verdict.status is not Status.FAIL
    assert from_json((draft / FILE).read_text()).submission.location == f"records/track_10min_16mb/{NAME}"


def test_a_record_of_the_ten_minute_track_that_breaks_a_rule_is_refused(tmp_path):
    draft = record_folder(tmp_path, train_ms=640_000)
    with pytest.raises(InputError, match=r"no record: train-time\."):
        judged(draft, NAME, "track_10min_16mb")
    assert not (draft / FILE).exists()


def test_elsewhere_the_verdict_says_what_is_broken(tmp_path):
    draft = record_folder(tmp_path, val_tokens=9_662_464)
    assert judged(draft, NAME, "track_non_record_16mb").status is Status.FAIL
