"""The judge's ledger: what each submission earned and why, a JSON file for each."""

import json
from pathlib import Path


def path_of(root: Path, student: str, lab: str) -> Path:
    return root / "ledger" / lab / f"{student}.json"


def write(root: Path, student: str, lab: str, content: dict) -> None:
    path = path_of(root, student, lab)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(
        json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    unfinished.replace(path)


def read(root: Path, student: str, lab: str) -> dict:
    return json.loads(path_of(root, student, lab).read_text(encoding="utf-8"))
