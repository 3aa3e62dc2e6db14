"""The pages in `docs/` say what the code is: generated parts are equal to what the models give, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.contract_page import renewed

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def test_the_contract_page_has_every_event_type_table_and_topic_of_the_models() -> None:
    page = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    assert page == renewed(page), "run: python -m schemas.contract_page"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), target
