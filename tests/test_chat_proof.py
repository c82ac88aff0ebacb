"""The chat's proof in short, and that its referee would have seen what must not be. The long runs: .ci/run, docs/reliability.md."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chat_proof import plan
from tests.chat_proof.plan import Line, Options
from tests.chat_proof.referee import Row, Seen, Verdict, judge
from tests.running import ROOT

SHORT = ["--clients", "6", "--messages", "90", "--drop", "30", "--kill-server", "1"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ninety_messages_arrive_once_and_in_order_though_lines_are_cut_and_the_server_is_killed() -> None:
    ended = subprocess.run([sys.executable, "manage.py", "chat_proof", *SHORT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


# --- The referee -------------------------------------------------------------------------------------------------------

Record = dict[str, list[Row]]
Case = tuple[list[Seen], Record]


def all_well() -> Case:
    """Two people, two messages each."""
    rows: list[Row] = [[1, "MEM-a", "joined", None], [2, "MEM-a", "a0", "A0"], [3, "MEM-b", "b0", "B0"], [4, "MEM-a", "a1", "A1"]]
    rows.append([5, "MEM-b", "b1", "B1"])
    seen = []
    for name, first, second in (("a", 2, 4), ("b", 3, 5)):
        lines = [Line(f"{name}{number}", f"{name.upper()}{number}", by_http=False) for number in (0, 1)]
        acks = {f"{name}0": first, f"{name}1": second}
        seen.append(Seen(name, f"MEM-{name}", "CON-1", lines, [list(row) for row in rows], acks))
    return seen, {"CON-1": rows}


def verdict_of(case: Case) -> Verdict:
    """What the referee says."""
    return judge(*case)


def test_a_log_that_everybody_saw_is_good() -> None:
    assert verdict_of(all_well()).is_good


def lose(case: Case) -> None:
    case[1]["CON-1"].pop()


def double(case: Case) -> None:
    case[1]["CON-1"].append([6, "MEM-a", "a2", "A1"])


def change(case: Case) -> None:
    case[1]["CON-1"][1][3] = "A9"


def take_anothers_name(case: Case) -> None:
    case[1]["CON-1"][1][1] = "MEM-b"


def put_in(case: Case) -> None:
    case[1]["CON-1"].append([6, "MEM-a", "x", "X"])


def reorder(case: Case) -> None:
    rows = case[1]["CON-1"]
    rows[1][2:], rows[3][2:] = rows[3][2:], rows[1][2:]


def skip_a_number(case: Case) -> None:
    case[1]["CON-1"][-1][0] = 6


def see_a_gap(case: Case) -> None:
    case[0][0] = replace(case[0][0], gaps=1)


def claim_to_be_live(case: Case) -> None:
    case[0][0] = replace(case[0][0], false_lives=1)


def acknowledge_wrongly(case: Case) -> None:
    case[0][0].acks["a0"] = 3


CRIMES: dict[str, tuple[Callable[[Case], None], str]] = {
    "lost": (lose, "lost"),
    "doubled": (double, "doubled"),
    "changed": (change, "changed, or in another's name"),
    "in another's name": (take_anothers_name, "changed, or in another's name"),
    "put in": (put_in, "said by nobody"),
    "reordered": (reorder, "out of order"),
    "a gap in the record": (skip_a_number, "gaps in the record"),
    "a gap on the way": (see_a_gap, "gaps that clients saw"),
    "live too early": (claim_to_be_live, "told to be live too early"),
    "a wrong number": (acknowledge_wrongly, "acknowledged under a wrong number"),
}


@pytest.mark.parametrize("name", CRIMES)
def test_the_referee_sees(name: str) -> None:
    case = all_well()
    commit, said = CRIMES[name]
    commit(case)
    verdict = verdict_of(case)
    assert (verdict.faults[said], verdict.is_good) == (1, False)


def test_the_referee_sees_who_saw_something_else() -> None:
    case = all_well()
    case[0][0].log.pop()
    verdict = verdict_of(case)
    assert (verdict.same, verdict.clients, verdict.is_good) == (1, 2, False)


# --- The plan ----------------------------------------------------------------------------------------------------------


def test_one_seed_is_one_plan() -> None:
    first, second, other = [(plan.rooms(one), plan.lines(one), plan.kills(one)) for one in (Options(), Options(), Options(seed=8))]
    assert (first == second, first == other) == (True, False)


@pytest.mark.parametrize("clients", range(2, 41))
def test_everybody_has_a_seat_and_nobody_sits_alone(clients: int) -> None:
    rooms = plan.rooms(Options(clients=clients))
    assert (sum(map(len, rooms)), min(map(len, rooms)) >= 2) == (clients, True)


def test_every_message_is_somebodys_and_has_a_key_of_its_own() -> None:
    said = [line for lines in plan.lines(Options()).values() for line in lines]
    assert (len(said), len({line.key for line in said}), len({line.text for line in said})) == (5000, 5000, 5000)


def test_every_kill_comes_while_messages_are_still_to_come() -> None:
    assert max(plan.kills(Options())) < 5000
