"""What visitors are sent of our modules: all of the code, none of the comments, under names that change with the content."""

import re
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from ordersupport.storage import StaticFilesStorage
from tests.running import ROOT

MODULES = [*ROOT.glob("chat/static/chat/*.js"), *ROOT.glob("orders/static/orders/*.js")]


def lay_out(folder: Path, **files: str) -> dict[str, str]:
    """Lay these files out as collectstatic does; what a visitor gets, by the name asked for."""
    source = FileSystemStorage(folder / "source")
    for name, content in files.items():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_text(content)
    made = StaticFilesStorage(location=folder / "made", base_url="/static/")
    for name, content in files.items():
        made.save(name, ContentFile(content.encode()))
    list(made.post_process({name: (source, name) for name in files}))
    return {name: (folder / "made" / made.stored_name(name)).read_text() for name in files}


def test_a_visitor_gets_modules_without_comments_and_indents(tmp_path: Path) -> None:
    made = lay_out(tmp_path, **{"chat/a.js": "/** What it does. */\nif (a) {\n  // why\n  b();\n}\n"})
    assert made == {"chat/a.js": "if(a){b();}"}


@pytest.mark.parametrize(
    "line",
    [
        'const address="https://a.example//b";',
        "const slashes=/^\\/\\//;",
        "/*! a licence */",
        "const text=`\n  // this is text\n  ${a  + b}`;",
        "a=b+ +c;d=a- -b;",
    ],
)
def test_code_stays_as_it_is(tmp_path: Path, line: str) -> None:
    assert lay_out(tmp_path, **{"chat/a.js": line}) == {"chat/a.js": line}


def test_only_our_own_modules_are_touched(tmp_path: Path) -> None:
    comment = "// why\nlet a=1;\n"
    made = lay_out(tmp_path, **{"chat/a.js": comment, "orders/a.js": comment, "admin/a.js": comment, "chat/vendor/a.js": comment})
    assert made == {"chat/a.js": "let a=1;", "orders/a.js": "let a=1;", "admin/a.js": comment, "chat/vendor/a.js": comment}


def test_imports_are_rewritten_to_the_names_with_hashes(tmp_path: Path) -> None:
    made = lay_out(tmp_path, **{"chat/a.js": 'import { b } from "./b.js";\n', "chat/b.js": "// why\nexport const b = 1;\n"})
    assert "b." in made["chat/a.js"]
    assert '"./b.js"' not in made["chat/a.js"]


def test_another_comment_is_no_new_name(tmp_path: Path) -> None:
    lay_out(tmp_path / "old", **{"chat/a.js": "// why\nlet a = 1;\n"})
    lay_out(tmp_path / "new", **{"chat/a.js": "// because\nlet a = 1;\n"})
    names = [{path.name for path in (tmp_path / age / "made" / "chat").glob("a.*.js")} for age in ("old", "new")]
    assert names[0] == names[1]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_module_of_ours_has_a_template_within_another(module: Path) -> None:
    """Nor a lone backtick (write \\x60): the minifier would take code for text."""
    _, *literals = module.read_text().split("`")
    assert len(literals) % 2 == 0
    assert not [text for text in literals[::2] if text.count("{") != text.count("}")]


@pytest.mark.parametrize("sheet", sorted(ROOT.glob("chat/static/chat/*.css")), ids=lambda sheet: sheet.name)
def test_a_style_names_no_left_and_no_right(sheet: Path) -> None:
    """Start and end turn with the direction of reading."""
    assert re.findall(r"(?:[{;]\s*|-)(?:left|right)\s*:|:\s*(?:left|right)\s*[;}]", sheet.read_text()) == []
