"""The architecture page names what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_package_on_the_architecture_page_exists_and_none_is_missing():
    page = (ROOT / "docs" / "architecture.md").read_text()
    package = ROOT / "src" / "newsstance"
    packages = {path.name for path in package.iterdir() if path.is_dir() and path.name != "__pycache__"}
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    named = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    aside = set(re.findall(r"`(\w+)`", page[page.index("Helpers at the side") : page.index("The contracts under")]))
    assert named <= packages | modules, f"named but not there: {named - packages - modules}"
    assert packages <= named, f"there but not named: {packages - named}"
    assert modules <= named | aside, f"modules that the page does not name: {modules - named - aside}"
