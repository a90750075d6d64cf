"""Texts and outputs of students, as pages show them."""

import pytest
from nbformat.v4 import new_output

from autograder.engine.safe import markdown_html, safe_html, safe_output


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](java&#115;cript:alert(1))",
        "[x](javascript\\:alert(1))",
        "[x](javascript&colon;alert(1))",
        "[x]\n\n[x]: java&#x73;cript:alert(1)",
        "<a href='data:text/html,x' onclick='alert(1)'>x</a>",
        "<script>alert(1)</script>",
        "![x](http://127.0.0.1/x.png)",
        "<svg/onload=alert(1)>",
    ],
)
def test_nothing_in_markdown_acts(text):
    made = markdown_html(text)
    for active in ("<script", "<img", "<svg", 'href="java', 'href="data', "<a onclick"):
        assert active not in made


def test_markdown_keeps_its_shape():
    assert "<td" in markdown_html("| a |\n|---|\n| 1 |")
    assert 'class="highlight"' in markdown_html("```python\nx = 1\n```")
    assert "$a&lt;b$" in markdown_html("$a<b$")
    assert "<details>" in markdown_html("<details><summary>s</summary>\n\nx\n\n</details>")


def test_html_keeps_tables_and_loses_scripts():
    assert safe_html("<table><tr><td>1</td></tr></table>").count("<td>") == 1
    assert "<script" not in safe_html("<script>alert(1)</script>")


def test_a_result_becomes_a_display_and_other_kinds_go():
    output = new_output("execute_result", data={"text/plain": "1.0", "text/latex": "x"})
    made = safe_output(output)
    assert made.output_type == "display_data" and made.data == {"text/plain": "1.0"}


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"output_type": "widget"},
        {"output_type": "display_data", "data": []},
        {"output_type": "display_data", "data": {"image/png": "PHNjcmlwdD4="}},
        {"output_type": "display_data", "data": {"image/svg+xml": "<svg/>"}},
    ],
)
def test_what_pages_may_not_show_goes(output):
    assert safe_output(output) is None
