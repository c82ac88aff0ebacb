"""Laying the static files out: beside what was there, whole, and not for ever."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from ordersupport import static_files
from ordersupport.storage import StaticFilesStorage

FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
DAY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Shop:
    """One module, and where it is laid out."""

    source: Path
    made: Path

    def lay_out(self, content: str) -> None:
        """Write the module, and lay it out."""
        self.source.write_text(content)
        static_files.lay_out()

    def laid_out(self) -> set[str]:
        """The contents of the files under names with a hash."""
        return {path.read_text() for path in (self.made / "chat").glob("a.*.js")}

    def age(self, *, days: int) -> None:
        """Let everything be as old as that."""
        then = time.time() - days * DAY_SECONDS
        for path in self.made.rglob("*"):
            os.utime(path, (then, then))


@pytest.fixture
def shop(tmp_path: Path, settings: Settings) -> Shop:
    source = tmp_path / "source" / "chat" / "a.js"
    source.parent.mkdir(parents=True)
    settings.STATICFILES_DIRS, settings.STATICFILES_FINDERS = [tmp_path / "source"], FINDERS
    settings.STATIC_ROOT = tmp_path / "made"
    return Shop(source, tmp_path / "made")


def test_the_former_files_stay_beside_the_new_ones(shop: Shop) -> None:
    shop.lay_out("a=1;")
    shop.lay_out("a=2;")
    assert shop.laid_out() == {"a=1;", "a=2;"}


def test_who_laid_out_nothing_yet_or_has_a_newer_source_is_told_so(shop: Shop) -> None:
    answers = [static_files.are_current()]
    shop.lay_out("a=1;")
    answers.append(static_files.are_current())
    os.utime(shop.source, (time.time() + 5, time.time() + 5))
    assert [*answers, static_files.are_current()] == [False, True, False]


def test_files_go_a_month_after_the_last_set_that_had_them_and_not_a_month_after_they_were_made(shop: Shop) -> None:
    for content in ("a=1;", "a=2;"):
        shop.lay_out(content)
    shop.age(days=31)
    shop.lay_out("a=3;")
    assert shop.laid_out() == {"a=2;", "a=3;"}


def test_names_whose_source_is_gone_go_too(shop: Shop) -> None:
    shop.lay_out("a=1;")
    shop.source.rename(shop.source.with_name("b.js"))
    for _again in range(2):
        shop.age(days=31)
        static_files.lay_out()
    assert sorted(path.name for path in (shop.made / "chat").glob("a.*")) == []


@pytest.mark.parametrize("step", ["_collect", "_move_in"])
def test_laying_out_that_was_killed_on_the_way_is_done_again(shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def killed(*_paths: Path) -> None:
        raise KeyboardInterrupt

    shop.lay_out("a=1;")
    os.utime(shop.made / "staticfiles.json", (1, 1))
    with monkeypatch.context() as patched:
        patched.setattr(static_files, step, killed)
        with pytest.raises(KeyboardInterrupt):
            shop.lay_out("a=2;")
    halfway = (static_files.are_current(), shop.laid_out())
    static_files.lay_out()
    assert (halfway, static_files.are_current(), shop.laid_out()) == ((False, {"a=1;"}), True, {"a=1;", "a=2;"})
    assert sorted(path.name for path in shop.made.parent.iterdir()) == ["made", "source"]


def test_a_module_that_is_changed_while_it_is_laid_out_is_laid_out_at_the_next_start(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    save = StaticFilesStorage.save_manifest

    def slowly(storage: StaticFilesStorage) -> None:
        shop.source.write_text("a=2;")
        # The clock of files has ticks of up to a hundredth of a second.
        time.sleep(0.02)
        save(storage)

    monkeypatch.setattr(StaticFilesStorage, "save_manifest", slowly)
    shop.lay_out("a=1;")
    assert (shop.laid_out(), static_files.are_current()) == ({"a=1;"}, False)
