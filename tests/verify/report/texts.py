"""Texts as an attacker would write them, for property tests of reports."""

from hypothesis import strategies as st

from tests.verify.report.verdicts import HOSTILE

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
