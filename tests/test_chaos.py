"""A short chaos run on the real processes, and that its referee would have seen what must not be. The long runs: docs/reliability.md."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos import plan
from tests.chaos.audit import Found, Verdict, judge
from tests.chaos.clients import Told
from tests.chaos.plan import Options, Wanted
from tests.running import ROOT

SHORT = ["--orders", "60", "--kills", "3", "--seed", "7"]
DONE: dict[str, Any] = {"states": {"done": 2}, "unknown": 0, "attempts": 2, "most": 1, "errors": {}}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_sixty_orders_are_told_exactly_once_though_six_processes_are_killed() -> None:
    ended = subprocess.run([sys.executable, "-m", "tests.chaos", *SHORT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


# --- The referee -------------------------------------------------------------------------------------------------------


def mail(number: int, *, key: str) -> dict[str, Any]:
    """A mail as the provider's twin lists it."""
    return {"tags": ["order-confirmation", f"order-{number}", key], "key": key, "at": 101.0}


def copy(number: int) -> dict[str, Any]:
    """An event as the provider's twin lists it."""
    return {"type": "custom:order-confirm-event", "body": {"id": number}}


def copy_of_move(number: int, status: str) -> dict[str, Any]:
    """A move as the provider's twin lists it."""
    return {"type": "custom:order-status-event", "body": {"id": number, "status": status}}


def all_well() -> Found:
    """Two orders, each told once; the first moved on twice."""
    ours = {
        "orders": {"1001": "a", "1002": "b"},
        "saved_at": {"1001": 100.0, "1002": 100.0},
        "confirmations": [{"order_id": number, "state": "done"} for number in (1001, 1002)],
        "events": [[1001, 1, 1], [1002, 1, 1]],
        "moves": [[1001, "confirmed"], [1001, "shipped"]],
        "gaps": 0,
        "rows": {"orderconfirmation": DONE},
    }
    copies = [copy(1001), copy_of_move(1001, "confirmed"), copy(1002), copy_of_move(1001, "shipped")]
    return Found(ours, [mail(1001, key="k1"), mail(1002, key="k2")], copies, [{"name": "one"}])


def verdict_of(found: Found) -> Verdict:
    """What the referee says where the clients were told that both orders were taken."""
    told = Told(numbers={"a": 1001, "b": 1002})
    wanted = [Wanted(0, "a", "ann", 1, by_orm=False, moves=plan.MOVES), Wanted(1, "b", "ben", 1, by_orm=True)]
    return judge(wanted, told, found)


def test_orders_told_once_are_good() -> None:
    assert verdict_of(all_well()).is_good


def tell_twice(found: Found) -> None:
    found.ours["events"][0][2] = 2


def tell_by_two_versions(found: Found) -> None:
    found.ours["events"].append([1001, 2, 1])


def forget_the_order(found: Found) -> None:
    del found.ours["orders"]["1002"]


def enter_under_another_id(found: Found) -> None:
    found.ours["orders"]["1002"] = "c"


def enter_twice(found: Found) -> None:
    found.ours["orders"]["1003"] = "b"


def take_without_saying(found: Found) -> None:
    found.ours["orders"]["1003"] = "c"


def leave_open(found: Found) -> None:
    found.ours["rows"] = {"orderconfirmation": DONE | {"states": {"done": 1, "waiting": 1}}}


def fail_one(found: Found) -> None:
    found.ours["rows"] = {"orderconfirmation": DONE | {"states": {"done": 1, "failed": 1}}}


def know_not(found: Found) -> None:
    found.ours["rows"] = {"orderconfirmation": DONE | {"unknown": 1}}


CRIMES: dict[str, tuple[Callable[[Found], Any], str]] = {
    "no mail": (lambda found: found.mails.pop(), "orders lost"),
    "no copy": (lambda found: found.copies.pop(0), "orders lost"),
    "no event": (lambda found: found.ours["events"].pop(), "orders lost"),
    "no order": (forget_the_order, "orders lost"),
    "another order": (enter_under_another_id, "orders lost"),
    "two mails": (lambda found: found.mails.append(mail(1001, key="k3")), "mails doubled at the provider, by order"),
    "one key twice": (lambda found: found.mails.append(mail(1001, key="k1")), "mails doubled at the provider, by key"),
    "two events": (tell_twice, "events doubled in our conversation"),
    "two versions": (tell_by_two_versions, "orders doubled for the customer"),
    "two copies": (lambda found: found.copies.append(copy(1002)), "events doubled at Vonage"),
    "two conversations": (lambda found: found.conversations.append({"name": "one"}), "conversations with a gap or a double at Vonage"),
    "moves turned round": (lambda found: found.ours["moves"].reverse(), "orders whose chat tells of other moves"),
    "a move too few": (lambda found: found.ours["moves"].pop(), "orders whose chat tells of other moves"),
    "a move twice": (lambda found: found.ours["moves"].append([1001, "shipped"]), "orders whose chat tells of other moves"),
    "a strangers move": (lambda found: found.ours["moves"].append([1002, "shipped"]), "orders whose chat tells of other moves"),
    "copies turned round": (lambda found: found.copies.reverse(), "orders whose copy at Vonage tells of other moves"),
    "a copied move too few": (lambda found: found.copies.pop(), "orders whose copy at Vonage tells of other moves"),
    "two orders": (enter_twice, "orders entered twice"),
    "a silent order": (take_without_saying, "orders that nobody was told of"),
    "still waiting": (leave_open, "rows not ended"),
    "failed": (fail_one, "rows failed"),
    "unknown": (know_not, "rows whose outcome is unknown"),
}


@pytest.mark.parametrize("name", CRIMES)
def test_the_referee_sees(name: str) -> None:
    found = all_well()
    commit, said = CRIMES[name]
    commit(found)
    assert verdict_of(found).faults[said] == 1


# --- The plan ----------------------------------------------------------------------------------------------------------


def test_one_seed_is_one_plan() -> None:
    first, second, other = [plan.blows(Options(seed=seed)) for seed in (7, 7, 8)]
    assert (first == second, first == other) == (True, False)


def test_every_kill_comes_while_orders_are_still_to_come() -> None:
    blows = plan.blows(Options(orders=60, kills=3))
    assert ([blow.kind for blow in blows].count("web"), max(blow.after_orders for blow in blows) < 60) == (3, True)


def test_one_call_in_five_goes_wrong_by_default() -> None:
    [rules] = plan.faults(Options()).values()
    assert sum(rule.get("probability", 0) for rule in rules) == pytest.approx(0.10 + 0.05 + 0.05)
