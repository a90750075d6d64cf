"""Outputs and texts of students, made fit to be shown in an instructor's or a student's browser."""

import base64
import binascii
import re

from bleach import clean
from bleach.css_sanitizer import CSSSanitizer
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbformat.v4 import new_output

TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "details", "div", "dl",
    "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "s", "small",
    "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
    "u", "ul", "wbr",
}  # fmt: skip
ATTRIBUTES = {"*": ["style", "title", "colspan", "rowspan"], "a": ["href"]}
CLASSES = {name: ["class"] for name in ("span", "div", "pre", "code")}  # colours of code
MARKED = ATTRIBUTES | CLASSES
PROTOCOLS = ["https"]
STYLES = CSSSanitizer(
    allowed_css_properties=[
        "background", "background-color", "border", "border-left", "border-radius", "color",
        "font-family", "font-size", "font-weight", "line-height", "margin", "padding", "text-align",
        "vertical-align", "white-space",
    ]
)  # fmt: skip
IMAGES = {"image/png": b"\x89PNG\r\n", "image/jpeg": b"\xff\xd8\xff"}


def safe_html(text: str, attributes: dict = ATTRIBUTES) -> str:
    """The HTML without scripts, pictures from elsewhere, and whatever else can act."""
    text = clean(text, tags=TAGS, attributes=attributes, css_sanitizer=STYLES, protocols=PROTOCOLS)
    return re.sub(r"(?i)(script|data)\s*:", r"\1 :", text)  # formulas can hold links, too


def markdown_html(text: str) -> str:
    """Markdown as nbconvert renders it, made safe: only then can be seen where its links lead."""
    renderer = IPythonRenderer(escape=False)
    rendered = MarkdownWithMath(renderer=renderer).render(text)
    return safe_html(rendered, MARKED)


def safe_output(output: NotebookNode) -> NotebookNode | None:
    """An output of a student's cell with only what pages may show, or None."""
    match output.get("output_type"):
        case "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return new_output("stream", name=name, text=_text(output.get("text")))
        case "error":
            lines = output.get("traceback")
            return new_output(
                "error",
                ename=_text(output.get("ename")),
                evalue=_text(output.get("evalue")),
                traceback=[_text(line) for line in lines] if isinstance(lines, list) else [],
            )
        case "display_data" | "execute_result":
            data = _safe_data(output.get("data"))
            return new_output("display_data", data=data) if data else None
    return None


def _safe_data(data) -> dict[str, str]:
    safe = {}
    for kind, value in data.items() if isinstance(data, dict) else ():
        if kind == "text/plain":
            safe[kind] = _text(value)
        elif kind == "text/html":
            safe[kind] = safe_html(_text(value))
        elif kind in IMAGES:
            try:
                image = base64.b64decode(_text(value))
            except (binascii.Error, ValueError):
                continue
            if image.startswith(IMAGES[kind]):
                safe[kind] = base64.b64encode(image).decode()
    return safe


def _text(value) -> str:
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
