"""Shows a report as text and as a small HTML table."""

import textwrap
from html import escape

from autograder.grade import NOT_ATTEMPTED, RAISED, RIGHT, WRONG, AspectResult, Report

MARKS = {RIGHT: "✓", WRONG: "✗", RAISED: "!", NOT_ATTEMPTED: "·"}
COLOURS = {RIGHT: "#1b7f4b", WRONG: "#b3261e", RAISED: "#9a5b00", NOT_ATTEMPTED: "#6b6b6b"}
WIDTH = 84  # nbgrader's Validate cuts lines longer than this


def as_text(report: Report) -> str:
    """The report in lines of at most `WIDTH` characters."""
    lines = [_headline(report)]
    if report.outcome != NOT_ATTEMPTED:
        for result in report.aspects:
            mark = f"  {MARKS[result.outcome]} {result.aspect} "
            lines.append(f"{mark}({_points(result)})")
            if result.finding:
                lines += _wrap(result.finding.message) + _wrap(result.finding.detail)
                if result.finding.picture:
                    lines += ["      " + row for row in _text_picture(result.finding.picture)]
    return "\n".join(lines)


def as_html(report: Report) -> str:
    """The report as a table; everything in it that students wrote is escaped."""
    style = "text-align:left;vertical-align:top;padding:3px 10px"
    rows = []
    if report.outcome != NOT_ATTEMPTED:
        for result in report.aspects:
            rows.append(
                f'<tr><td style="{style}">{_mark(result.outcome)}</td>'
                f'<td style="{style};white-space:nowrap">{escape(result.aspect)}</td>'
                f'<td style="{style};white-space:nowrap">{_points(result)}</td>'
                f'<td style="{style}">{_html_finding(result)}</td></tr>'
            )
    table = f'<table style="margin:0">{"".join(rows)}</table>' if rows else ""
    colour = COLOURS[report.outcome]
    return (
        f'<div style="border-left:4px solid {colour};padding:2px 0 2px 10px">'
        f"<div>{_mark(report.outcome)} <b>{escape(_headline(report))}</b></div>{table}</div>"
    )


def number(points: float) -> str:
    """`2`, `1.5`, `0.25`: points without a needless zero."""
    return f"{points:g}"


def _headline(report: Report) -> str:
    scope = ", hidden cases included" if report.with_hidden else ""
    if report.outcome == NOT_ATTEMPTED:
        return f"{report.question}: not attempted yet (0 of {number(report.points)} points{scope})"
    earned = f"{number(report.earned)} of {number(report.points)} points"
    return f"{report.question}: {report.outcome}, {earned}{scope}"


def _points(result: AspectResult) -> str:
    return f"{number(result.earned)} of {number(result.points)}"


def _wrap(text: str) -> list[str]:
    return [
        wrapped
        for line in text.splitlines()
        for wrapped in textwrap.wrap(
            line, WIDTH, initial_indent="      ", subsequent_indent="      ", break_on_hyphens=False
        )
    ]


def _mark(outcome: str) -> str:
    return (
        f'<span style="color:{COLOURS[outcome]};font-weight:bold" title="{outcome}">'
        f"{MARKS[outcome]}</span>"
    )


def _html_finding(result: AspectResult) -> str:
    finding = result.finding
    if finding is None:
        return ""
    parts = [escape(finding.message)]
    if finding.detail:
        detail = escape(finding.detail).replace("\n", "<br>")
        parts.append(f'<br><span style="font-family:monospace;font-size:90%">{detail}</span>')
    if finding.picture:
        parts.append(_html_picture(finding.picture))
    return "".join(parts)


def _text_picture(picture: list[list[bool]]) -> list[str]:
    return ["".join("." if right else "x" for right in row) for row in picture]


def _html_picture(picture: list[list[bool]]) -> str:
    """A grid with a cell an entry: hollow where right, filled and crossed where wrong."""
    cell = (
        "width:14px;height:14px;padding:0;border:1px solid #9a9a9a;text-align:center;font-size:10px"
    )
    wrong = f'<td style="{cell};background:{COLOURS[WRONG]};color:white">✗</td>'
    right = f'<td style="{cell}"></td>'
    rows = "".join(
        "<tr>" + "".join(right if entry else wrong for entry in row) + "</tr>" for row in picture
    )
    caption = "Where it differs: a row of the tensor is a row here."
    return (
        f'<table style="border-collapse:collapse;margin:4px 0">{rows}</table>'
        f'<span style="font-size:90%">{caption}</span>'
    )
