"""How a cell of a workbook is written, in one sentence a kind: what a template says beside a field and a marked copy beside a mistake.

Called by template and desk.small_funds. Reads layouts only; it judges no value.
"""

from __future__ import annotations

from fundlink.formats.cells import Cell
from fundlink.formats.choices import CodeCell


def hint(cell: Cell) -> str:
    """How to write this field."""
    if isinstance(cell, CodeCell):
        words = [word for word in cell.ours if word]
        return f"{'・'.join(words)} のどれかを書きます。" if len(words) <= 9 else "一覧にあるコードを書きます。"
    return _OF_KIND.get(cell.row.kind, _TEXT).format(width=cell.width or "", exact=f"{cell.width} 桁の" if _is_exact(cell) else "")


def _is_exact(cell: Cell) -> bool:
    return bool(getattr(cell, "fixed_width", False))


_TEXT = "{width} 字以内で書きます。"
_OF_KIND = {
    "yen": "半角数字だけの円です（カンマ・円記号・小数点なし）。",
    "date": "2026/11/30 や 令和8年11月30日 のように、年から書きます。",
    "year": "西暦 4 桁です（例 2026）。",
    "digit": "{exact}半角数字です（先頭の 0 も、ハイフンなしで書きます）。",
    "alnum": "半角の英数字と記号、{width} 字以内です。空白は使えません。",
}
