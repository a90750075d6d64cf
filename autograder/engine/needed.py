"""Which cells of a submission grading can leave out: those that only show something.

A code cell that stands in the lesson as it is, and defines nothing that any cell which is run refers
to, cannot change what an answer does. Where code looks names up in ways that cannot be read off
it, nothing is left out.
"""

import ast
import re
import symtable

from nbformat import NotebookNode

# With these, code can reach a name without naming it.
DYNAMIC = re.compile(
    r"\b(globals|locals|vars|eval|exec|get_ipython|__main__|user_ns)\b|import\s*\*|^\s*[%!?]", re.M
)


def idle_cells(notebook: NotebookNode, source: NotebookNode) -> set[int]:
    """The positions of cells that need not run."""
    lesson = {
        cell.source for cell in source.cells
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata
        and "setup" not in cell.metadata.get("tags", [])
    }  # fmt: skip
    code = {i: c.source for i, c in enumerate(notebook.cells) if c.cell_type == "code"}
    idle = {
        i
        for i, text in code.items()
        if text in lesson and "nbgrader" not in notebook.cells[i].metadata
    }
    wanted: set[str] = set()
    for i in code.keys() - idle:
        names = _referred(code[i])
        if names is None:
            return set()
        wanted |= names
    while needed := {i for i in idle if _defined(code[i]) & wanted}:
        idle -= needed
        for i in needed:
            wanted |= _referred(code[i]) or set()
    return idle


def _referred(text: str) -> set[str] | None:
    """The global names that code refers to, or None where that cannot be told."""
    if DYNAMIC.search(text):
        return None
    try:
        top = symtable.symtable(text, "cell", "exec")
    except (SyntaxError, ValueError):
        return set() if _is_broken(text) else None
    except (RecursionError, MemoryError):  # nested more deeply than Python's parser can go
        return None
    names, tables = set(), [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        at_top = table is top
        names |= {
            s.get_name()
            for s in table.get_symbols()
            if s.is_referenced() and (at_top or s.is_global())
        }
    return names


def _is_broken(text: str) -> bool:
    """Whether IPython could not run the code either: then it does nothing at all."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        ast.parse(TransformerManager().transform_cell(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return False


def _defined(text: str) -> set[str]:
    """The global names that code of the lesson binds, and those of objects that it may change."""
    top = symtable.symtable(text, "cell", "exec")
    return {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
