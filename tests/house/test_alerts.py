"""Alert rules name metrics that exist, labels that they have, and a page that says what to do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from fundlink.api.metrics import GAUGES, NAMES
from tests.house.sources import ROOT

RULES = ROOT / "ops/alerts.yml"
HEADINGS = ["何が起きているか", "影響", "まず見るもの", "直し方", "二人承認が要るもの"]
_SUFFIX = re.compile(r"_(bucket|sum|count)$")


def groups() -> list[dict[str, Any]]:
    """The rule file as it is read by Prometheus."""
    told = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    assert set(told) == {"groups"}
    return list(told["groups"])


def rules() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"]]


def wrong(expression: str) -> list[str]:
    """Metrics of ours in an expression that do not exist, and labels they do not have."""
    labels = {gauge.name: set(gauge.labels) for gauge in GAUGES}
    found = []
    for name, chosen in re.findall(r"\b(fundlink_\w+)(?:\{([^}]*)\})?", expression):
        if (plain := _SUFFIX.sub("", name)) not in NAMES:
            found.append(name)
        elif plain in labels:
            found += [f"{name}{{{label}}}" for label in re.findall(r"(\w+)\s*[=!]", chosen) if label not in labels[plain]]
    return found


def test_every_rule_has_its_parts() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 10
    for group in groups():
        assert set(group) == {"name", "rules"}
    for rule in rules():
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert re.search(r"[ぁ-ん]", rule["annotations"]["summary"])


def test_every_metric_named_exists() -> None:
    assert [found for rule in rules() for found in wrong(rule["expr"])] == []
    assert all("fundlink_" in rule["expr"] for rule in rules())


@pytest.mark.parametrize("expression", ["fundlink_nothing > 0", 'fundlink_days{status="open"} > 1'])
def test_a_planted_fault_is_found(expression: str) -> None:
    assert wrong(expression)


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    named = {rule["annotations"]["runbook"] for rule in rules()}
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs/runbook").glob("*.md")} - {"docs/runbook/README.md"}
    assert named == pages
    index = (ROOT / "docs/runbook/README.md").read_text(encoding="utf-8")
    assert "runbook/README.md" in (ROOT / "docs/guides/operators.md").read_text(encoding="utf-8")
    for rule in rules():
        name = rule["annotations"]["runbook"].rsplit("/", 1)[-1]
        assert re.search(rf"\({re.escape(name)}\) \|.*`{rule['alert']}`", index), rule["alert"]
    for page in sorted(pages):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS, page
        assert all(part.strip() for part in re.split(r"^##? .+$", text, flags=re.MULTILINE)[2:]), page


def test_prometheus_reads_the_rules() -> None:
    """Where its own tool is installed."""
    tool = shutil.which("promtool")
    if tool is None and os.environ.get("CI_NO_SKIP") != "1":
        pytest.skip("promtool (Debian: prometheus) is not installed; the other tests of this module hold the form")
    assert tool is not None
    told = subprocess.run([tool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
