"""axe-core in a page: what it finds against WCAG 2.2 AA and its own best practices. Fetch it beforehand: `python -m tests.e2e.axe`."""

import sys

import pytest
from playwright.sync_api import Page

from tests import npm

VERSION = "4.14.1"
INTEGRITY = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => {
  const { violations } = await axe.run({ runOnly: tags });
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) =>
    `${id} (${help}): ${node.html.slice(0, 160)} ${node.failureSummary}`));
}"""


def source() -> str:
    """The script itself. Raises npm.UnavailableError."""
    return npm.file_of("axe-core", version=VERSION, integrity=INTEGRITY, file="axe.min.js").read_text()


def skip_without() -> str:
    """The script, or the test is skipped with the reason."""
    try:
        return source()
    except npm.UnavailableError as error:
        pytest.skip(str(error))


def violations(page: Page, script: str) -> list[str]:
    """One line for each element that breaks a rule, as the page is now."""
    if not page.evaluate("() => 'axe' in globalThis"):
        page.evaluate(script)
    found: list[str] = page.evaluate(RUN, TAGS)
    return found


if __name__ == "__main__":
    try:
        source()
    except npm.UnavailableError as error:
        sys.exit(str(error))
