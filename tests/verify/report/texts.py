"""Texts as an attacker would write them, for property tests of reports."""

import re

from hypothesis import strategies as st

from tests.verify.report.verdicts import HOSTILE

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
PIECES = [
    *HOSTILE,
    *"<>&\"'`*_~|[](){}#@!=+-.:/\\%$^\n\r\t\x1b\x00 01ax",
    "www.",
    "http://",
    "GH-1",
    "abc1234",
    "&lt;",
    "\u202e",
    "\ud800",
]

texts = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Po", "Ps", "Pe", "Sm", "Nd"]), max_size=12),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
)
