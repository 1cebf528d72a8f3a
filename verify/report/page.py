"""What the HTML pages share: templates that escape everything, style and script inlined, and a policy that allows no more."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from verify.submission.text import printable

TEXT_CHARACTERS = 4_000  # of any one value on a page


def shown(value: object) -> object:
    """Text on its way into a page: nothing hidden, nothing without end. Escaping is the template's."""
    return printable(value, TEXT_CHARACTERS) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def environment() -> Environment:
    return Environment(
        loader=PackageLoader("verify.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def static(*names: str) -> Markup:
    """Our own style or script, several files as one; never anything of a submission."""
    return Markup("\n".join((files("verify.report") / "static" / name).read_text(encoding="utf-8") for name in names))


def content_policy(style: str, script: str) -> str:
    """The page may do nothing but apply this style and run this script: no request, no frame, no form, no inline code."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def render(template: str, styles: tuple[str, ...], scripts: tuple[str, ...], **values: object) -> str:
    style, script = static(*styles), static(*scripts)
    page = environment().get_template(template)
    text = page.render(style=style, script=script, content_policy=content_policy(style, script), **values)
    # A name of broken bytes may still hold half a character.
    return text.encode("utf-8", "replace").decode()
