"""The pages' templates, with every value escaped; and the fingerprint of all that decides how a page looks."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOM = Path(__file__).parent
STATIC = ROOM / "static"


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from report.clock import clock

    environment = Environment(
        loader=FileSystemLoader(ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": clock, "text_html": text_html, "breakable": breakable}
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    return environment


def rendered(template: str, **values: Any) -> str:
    """A page from its template. Values are escaped; `tojson` makes data that cannot end its script element."""
    page: str = _environment().get_template(template).render(**values)
    return page


def text_html(text: str) -> Any:
    """Plain text as HTML: escaped, with text in backticks as code."""
    from markupsafe import Markup

    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(p) if at % 2 else p for at, p in enumerate(parts))


def breakable(name: str) -> Any:
    """A name as HTML that a narrow column breaks after `_`, and within a word only where a word is too long."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(part) for part in name.split("_"))


@cache
def code_digest() -> str:
    """A hash of this room's code, templates and static files, and of the charting library's version."""
    digest = blake2b(version("bokeh").encode(), digest_size=16)
    for path in sorted(p for p in ROOM.rglob("*") if p.suffix in {".py", ".html", ".css", ".js"}):
        digest.update(path.relative_to(ROOM).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
