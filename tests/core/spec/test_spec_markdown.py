"""Text from outside stays text in Markdown."""

import html
import random

import pytest
from markdown_it import MarkdownIt

from cinelake.spec.markdown import as_cell, as_text

MARKS = "[ ] ` | ** __ ~~ \\ &lt; &#91; ![x](http://a.test/x.png) (javascript:alert(1)) <script> <http://a.test> word"
HOSTILE = (*MARKS.split(), "<img src=x onerror=y>", "\n# a", "\n\n- b", "\n---\n", "\n[r]: /x")


@pytest.mark.parametrize("seed", range(50))
def test_nothing_acts_in_text_from_outside(seed: int) -> None:
    draw = random.Random(seed)
    text = "".join(draw.choices(HOSTILE, k=draw.randint(1, 12)))
    page = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(f"By {as_text(text)}!")
    assert html.unescape(page) == f"<p>By {' '.join(text.split())}!</p>\n"


def test_an_address_becomes_no_link_by_itself() -> None:
    for address in ("https://a.test/x", "www.a.test", "ida@a.test"):
        assert address not in as_text(address) and as_text(address).replace("\\", "") == address


@pytest.mark.parametrize(("value", "cell"), [(None, ""), (0.12345, "0.123"), (float("nan"), "–"), ("a|b", r"a\|b")])
def test_a_cell_of_a_table_says_what_is_undefined(value: object, cell: str) -> None:
    assert as_cell(value) == cell
