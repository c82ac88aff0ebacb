"""The worker's thread: drives rules, hands calls to a pool, survives what goes wrong, and ends when told to."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection
from django.utils import timezone
from django_guid import clear_guid, get_guid, set_guid
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User
from chat import chores, coordinator, leases, outbox, stops, wakes
from chat.coordinator import Coordinator, drain
from chat.models import WorkerBeat
from chat.outbox import BackendError, Call, State, Work
from chat.tasks import Task
from orders.models import Order, OrderConfirmation, OrderStatusChange
from tests.accounts.threads import THREADS
from tests.chat.worker_side import at_work
from tests.running import wait_for

Rule = Callable[[OrderConfirmation], Work]
PATIENCE_SECONDS = 10


@pytest.fixture
def rule(monkeypatch: pytest.MonkeyPatch) -> Callable[[Rule], None]:
    """Put a rule of the test's own in the place of the confirmations'."""
    current: list[Rule] = []
    # Asked for once a row is claimed: the worker may have begun its turn before the test named its rule.
    monkeypatch.setattr(outbox, "_rules", {OrderConfirmation: lambda row: current[-1](row)})
    return current.append


class Worker(Coordinator):
    """A coordinator in a thread of its own."""

    def __init__(self, *, threads: int) -> None:
        super().__init__(threads=threads)
        self.thread = threading.Thread(target=self.run, name="coordinator")

    def end(self) -> bool:
        """Stop, and say whether it ended in time."""
        self.stop()
        self.thread.join(PATIENCE_SECONDS)
        return not self.thread.is_alive()


@pytest.fixture
def worker(rule: Callable[[Rule], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A coordinator with four threads, working beside the test; it is woken and never polls."""
    monkeypatch.setattr(coordinator, "POLL_SECONDS", 60.0)
    started = Worker(threads=4)
    started.thread.start()
    yield started
    started.end()


class Watched(Coordinator):
    """One that notes, of each call that it hands out, whether what came before it may still be undone."""

    def __init__(self) -> None:
        super().__init__(threads=4)
        self.undoable: list[bool] = []

    def _hand_out(self, task: Task, call: Call) -> None:
        self.undoable.append(connection.in_atomic_block)
        super()._hand_out(task, call)


class Steps:
    """A rule of calls that the test holds back, and what happened."""

    def __init__(self, calls: int = 1) -> None:
        self.calls = calls
        self.begun = threading.Semaphore(0)
        self.free = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self.threads: list[str] = []

    def go_on(self, calls: int = 1) -> None:
        """Let so many calls return."""
        self.free.release(calls)

    def __call__(self, row: OrderConfirmation) -> Work:
        for _number in range(self.calls):
            yield Call(self.hold)
        row.stamp(message_id="sent")
        self.ended.release()

    def hold(self) -> None:
        """One call."""
        self.threads.append(threading.current_thread().name)
        self.begun.release()
        assert self.free.acquire(timeout=PATIENCE_SECONDS)


def wait(semaphore: threading.Semaphore, times: int = 1) -> None:
    """Until it was released so often."""
    for _time in range(times):
        assert semaphore.acquire(timeout=PATIENCE_SECONDS)


def new_row(customer: User) -> OrderConfirmation:
    """A row that is due."""
    return Order.objects.create(customer=customer).confirmations.get()


def state_of(row: OrderConfirmation) -> str:
    """As stored."""
    return OrderConfirmation.objects.get(pk=row.pk).state


class Short(ThreadPoolExecutor):
    """A pool that gets no thread at first. It says so, and like the real one keeps what it was given for the first thread that it gets."""

    def __init__(self) -> None:
        super().__init__(1)
        self.kept: list[tuple[Any, ...]] = []

    def submit(self, *call: Any) -> Any:  # type: ignore[override]
        """The second time goes well."""
        self.kept.append(call)
        if len(self.kept) == 1:
            raise RuntimeError("can't start new thread")
        return [super(Short, self).submit(*each) for each in self.kept][-1]


# --- One attempt -------------------------------------------------------------------------------------------------------


def refused(error: BaseException) -> Rule:
    """A rule whose one call raises."""

    def call() -> None:
        raise error

    def own(row: OrderConfirmation) -> Work:
        yield Call(call)

    return own


def test_a_rule_that_returns_ends_its_row_as_done(alice: User, rule: Callable[[Rule], None]) -> None:
    row = new_row(alice)
    rule(lambda row: (yield Call(lambda: None)))
    drain()
    assert state_of(row) == State.DONE


def test_a_calls_result_comes_back_into_the_rule(alice: User, rule: Callable[[Rule], None]) -> None:
    def own(row: OrderConfirmation) -> Work:
        row.stamp(message_id=(yield Call(lambda: "<1@provider>")))

    row = new_row(alice)
    rule(own)
    drain()
    assert OrderConfirmation.objects.get(pk=row.pk).message_id == "<1@provider>"


def test_a_refusal_can_be_dealt_with_by_the_rule(alice: User, rule: Callable[[Rule], None]) -> None:
    def own(row: OrderConfirmation) -> Work:
        try:
            yield from refused(BackendError("It is there already.", code="duplicate"))(row)
        except BackendError as error:
            row.stamp(message_id=error.code)

    row = new_row(alice)
    rule(own)
    drain()
    assert OrderConfirmation.objects.get(pk=row.pk).message_id == "duplicate"


@pytest.mark.parametrize("is_local", [True, False])
def test_a_permanent_refusal_ends_the_row_as_failed(alice: User, rule: Callable[[Rule], None], is_local: bool) -> None:
    def call() -> None:
        raise BackendError("Refused.", permanent=True)

    def own(row: OrderConfirmation) -> Work:
        yield Call(call, local=is_local)

    row = new_row(alice)
    rule(own)
    drain()
    assert state_of(row) == State.FAILED


def no_generator(row: OrderConfirmation) -> Any:
    """What a rule looks like whose author forgot to yield."""
    raise KeyError("no such setting")


def no_call(row: OrderConfirmation) -> Any:
    """A rule that yields something else."""
    yield "mail"


def bug(row: OrderConfirmation) -> Work:
    """A rule with a fault."""
    yield Call(lambda: None)
    raise ZeroDivisionError


@pytest.mark.parametrize("own", [no_generator, no_call, bug, refused(KeyError("x"))], ids=["no generator", "no call", "rule", "call"])
def test_a_fault_of_ours_is_tried_again_and_says_so(alice: User, rule: Callable[[Rule], None], own: Rule) -> None:
    row = new_row(alice)
    rule(own)
    drain()
    kept = OrderConfirmation.objects.get(pk=row.pk)
    assert (kept.state, kept.error_code) == (State.WAITING, "internal")
    assert kept.last_error.startswith("A fault of ours")


def test_a_fault_of_ours_tells_no_secrets(alice: User, rule: Callable[[Rule], None]) -> None:
    rule(refused(KeyError("alice@example.com")))
    row = new_row(alice)
    drain()
    assert "alice" not in OrderConfirmation.objects.get(pk=row.pk).last_error


@pytest.mark.parametrize("failure", [ValueError("a fault"), ProgrammingError("no such table")])
def test_a_chore_that_fails_holds_up_neither_rows_nor_other_chores(
    alice: User, rule: Callable[[Rule], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    def fail() -> None:
        raise failure

    done: list[int] = []
    # What failed is due again after that, and a turn that claims nothing then closes the connection.
    monkeypatch.setattr(coordinator, "POLL_SECONDS", 60.0)
    monkeypatch.setattr(chores, "_chores", [(0.0, fail), (0.0, lambda: done.append(1))])
    row = new_row(alice)
    rule(lambda row: (yield Call(lambda: None, local=True)))
    own = Coordinator(threads=2)
    for _turn in range(2):
        own._turn()
    assert (state_of(row), bool(done)) == (State.DONE, True)
    assert "we try again" in caplog.text


@pytest.mark.usefixtures("as_soon_as_the_product_has_it")
def test_a_step_that_the_database_refuses_is_tried_again_soon(alice: User, rule: Callable[[Rule], None]) -> None:
    rule(refused(OperationalError("deadlock detected")))
    row = new_row(alice)
    drain()
    kept = OrderConfirmation.objects.get(pk=row.pk)
    waits = kept.next_attempt_at - timezone.now()
    assert (kept.state, kept.error_code, kept.is_unknown, kept.lease_token, waits < timedelta(seconds=5)) == (
        State.WAITING,
        "database",
        True,
        None,
        True,
    )


def test_a_refused_step_that_followed_no_call_leaves_nothing_unknown(alice: User, rule: Callable[[Rule], None]) -> None:
    def own(row: OrderConfirmation) -> Work:
        raise OperationalError("deadlock detected")
        yield

    rule(own)
    row = new_row(alice)
    drain()
    kept = OrderConfirmation.objects.get(pk=row.pk)
    assert (kept.error_code, kept.is_unknown) == ("database", False)


def test_a_row_that_the_database_can_write_nothing_of_comes_back_with_its_lease(
    alice: User, rule: Callable[[Rule], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_arguments: Any) -> None:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(OrderConfirmation, "give_back", gone)
    rule(refused(OperationalError("disk I/O error")))
    row = new_row(alice)
    drain()
    kept = OrderConfirmation.objects.get(pk=row.pk)
    assert (kept.state, kept.lease_token is not None) == (State.WAITING, True)


def test_a_row_deleted_in_the_middle_stops_nothing(alice: User, bob: User, rule: Callable[[Rule], None]) -> None:
    def own(row: OrderConfirmation) -> Work:
        yield Call(lambda: row.order.delete() if row.order.customer_id == alice.pk else None)
        row.stamp(message_id="sent")

    new_row(alice)
    kept = new_row(bob)
    rule(own)
    drain()
    assert state_of(kept) == State.DONE


def test_a_row_that_was_taken_over_is_left_to_its_new_holder(alice: User, rule: Callable[[Rule], None]) -> None:
    def lose() -> None:
        OrderConfirmation.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        OrderConfirmation.claim(1)

    row = new_row(alice)
    rule(lambda row: (yield Call(lose)))
    drain()
    assert state_of(row) == State.WAITING


# --- The thread --------------------------------------------------------------------------------------------------------


@THREADS
def test_calls_to_the_outside_run_in_the_pool(alice: User, rule: Callable[[Rule], None], worker: Worker) -> None:
    steps = Steps()
    rule(steps)
    new_row(alice)
    wait(steps.begun)
    steps.go_on()
    assert steps.threads[0].startswith("outside")


@THREADS
def test_no_call_leaves_before_the_commit_of_what_came_before_it(alice: User, rule: Callable[[Rule], None]) -> None:
    steps, worker = Steps(calls=2), Watched()
    rule(steps)
    steps.go_on(2)
    new_row(alice)
    with at_work(worker):
        wait(steps.ended)
    assert worker.undoable == [False, False]


@THREADS
def test_a_result_comes_back_from_the_pool(alice: User, rule: Callable[[Rule], None], worker: Worker) -> None:
    results: SimpleQueue[str] = SimpleQueue()

    def own(row: OrderConfirmation) -> Work:
        results.put((yield Call(lambda: "<1@provider>")))

    rule(own)
    new_row(alice)
    assert results.get(timeout=PATIENCE_SECONDS) == "<1@provider>"


@THREADS
def test_a_call_in_the_pool_has_the_correlation_id_of_its_row(alice: User, rule: Callable[[Rule], None], worker: Worker) -> None:
    ended = threading.Semaphore(0)

    def own(row: OrderConfirmation) -> Work:
        row.stamp(message_id=(yield Call(get_guid)))
        ended.release()

    rule(own)
    set_guid("3f1c0000-0000-4000-8000-000000000000")
    row = new_row(alice)
    clear_guid()
    wait(ended)
    worker.end()
    assert OrderConfirmation.objects.get(pk=row.pk).message_id == "3f1c0000-0000-4000-8000-000000000000"


@THREADS
def test_a_call_for_which_there_is_no_thread_waits_and_the_worker_goes_on(
    alice: User, bob: User, rule: Callable[[Rule], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "NO_THREAD_SECONDS", 600.0)
    made: SimpleQueue[str] = SimpleQueue()
    rule(lambda row: (yield Call(partial(made.put, row.order.customer.username))))
    worker = Coordinator(threads=4)
    worker._pool = Short()
    short = new_row(alice)
    with at_work(worker):
        wait_for(lambda: OrderConfirmation.objects.get(pk=short.pk).error_code == "no_thread", "the row to be given back")
        new_row(bob)
        assert made.get(timeout=PATIENCE_SECONDS) == "bob"
    short.refresh_from_db()
    assert (short.lease_token, short.is_unknown, made.empty()) == (None, False, True)


@THREADS
def test_local_calls_stay_in_the_coordinator(alice: User, rule: Callable[[Rule], None], worker: Worker) -> None:
    seen: SimpleQueue[str] = SimpleQueue()
    rule(lambda row: (yield Call(lambda: seen.put(threading.current_thread().name), local=True)))
    new_row(alice)
    assert seen.get(timeout=PATIENCE_SECONDS) == "coordinator"


@THREADS
def test_as_many_calls_are_under_way_as_there_are_threads_and_no_more(alice: User, rule: Callable[[Rule], None], worker: Worker) -> None:
    steps = Steps()
    rule(steps)
    rows = [new_row(alice) for _number in range(6)]
    wait(steps.begun, 4)
    assert OrderConfirmation.objects.exclude(lease_token=None).count() == 4
    steps.go_on(len(rows))
    wait(steps.ended, len(rows))


@THREADS
def test_a_hanging_provider_holds_up_no_other_row(alice: User, bob: User, rule: Callable[[Rule], None], worker: Worker) -> None:
    hanging, quick = Steps(), Steps()
    rule(lambda row: (hanging if row.order.customer_id == alice.pk else quick)(row))
    new_row(alice)
    wait(hanging.begun)
    new_row(bob)
    quick.go_on()
    wait(quick.ended)
    hanging.go_on()


@THREADS
def test_a_backlog_of_one_kind_holds_up_no_other_kind(
    alice: User, rule: Callable[[Rule], None], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails, changes = Steps(), Steps()
    monkeypatch.setattr(outbox, "_rules", {OrderConfirmation: mails, OrderStatusChange: lambda row: (yield Call(changes.hold))})
    orders = [new_row(alice).order for _number in range(8)]
    wait(mails.begun, 4)
    OrderStatusChange.objects.create(order=orders[0], previous="placed", status="shipped")
    mails.go_on()
    wait(changes.begun)
    assert OrderConfirmation.objects.filter(attempts=0).count() == 4
    changes.go_on()
    mails.go_on(8)


@THREADS
def test_a_call_that_takes_longer_than_the_lease_stays_its_workers(
    alice: User, rule: Callable[[Rule], None], monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(coordinator, "POLL_SECONDS", 0.01)
    settings.OUTBOX_LEASE_SECONDS = 3
    steps, worker = Steps(), Worker(threads=4)
    rule(steps)
    row = new_row(alice)
    worker.thread.start()
    wait(steps.begun)
    # Until the lease that was renewed last began after the first one's end. The worker itself takes whatever comes due meanwhile.
    until = outbox.clock() + 2 * leases.lease()
    wait_for(lambda: OrderConfirmation.objects.get(pk=row.pk).next_attempt_at > until, "the lease to be renewed")
    steps.go_on()
    assert worker.end()
    assert (state_of(row), OrderConfirmation.objects.get(pk=row.pk).attempts) == (State.DONE, 1)


@THREADS
def test_told_to_stop_it_finishes_what_is_under_way(alice: User, rule: Callable[[Rule], None], worker: Worker) -> None:
    steps = Steps(calls=2)
    rule(steps)
    row = new_row(alice)
    wait(steps.begun)
    worker.stop()
    steps.go_on(2)
    worker.end()
    assert state_of(row) == State.DONE


@THREADS
def test_told_to_stop_it_begins_nothing_new(alice: User, rule: Callable[[Rule], None], worker: Worker) -> None:
    steps = Steps()
    rule(steps)
    new_row(alice)
    wait(steps.begun)
    heard = threading.Semaphore(0)
    with stops.breaks_off(heard.release):
        worker.stop()
        # It may have been about to look for rows.
        wait(heard)
    late = new_row(alice)
    steps.go_on()
    worker.end()
    assert OrderConfirmation.objects.get(pk=late.pk).attempts == 0


@THREADS
def test_a_worker_at_work_shows_it(db: None) -> None:
    with at_work(Coordinator(threads=4)) as own:
        wait_for(lambda: WorkerBeat.objects.filter(name=own.name).exists(), "its sign for /readyz")


@THREADS
def test_idle_and_told_to_stop_it_ends(worker: Worker) -> None:
    assert worker.end()


@THREADS
@pytest.mark.parametrize("error", [OperationalError("the connection is closed"), ValueError("a fault of ours")])
def test_a_failing_claim_doesnt_end_the_loop(
    alice: User, rule: Callable[[Rule], None], worker: Worker, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failed = threading.Semaphore(0)

    def fail(limit: int) -> list[OrderConfirmation]:
        failed.release()
        raise error

    monkeypatch.setattr(coordinator, "POLL_SECONDS", 0.01)
    steps = Steps()
    rule(steps)
    with monkeypatch.context() as patch:
        patch.setattr(OrderConfirmation, "claim", fail)
        new_row(alice)
        wait(failed)
    steps.go_on()
    wait(steps.ended)


@THREADS
def test_a_rule_with_a_fault_doesnt_end_the_loop(alice: User, bob: User, rule: Callable[[Rule], None], worker: Worker) -> None:
    steps = Steps()
    rule(lambda row: (no_generator if row.order.customer_id == alice.pk else steps)(row))
    new_row(alice)
    new_row(bob)
    steps.go_on()
    wait(steps.ended)


# --- Wake-ups ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def heard() -> Iterator[SimpleQueue[Any]]:
    """What a coordinator of this process would hear."""
    queue: SimpleQueue[Any] = SimpleQueue()
    wakes.listen(queue)
    yield queue
    wakes.ignore(queue)


def test_a_new_row_wakes_the_coordinator_after_the_commit(
    heard: SimpleQueue[Any], alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        Order.objects.create(customer=alice)
    assert heard.get_nowait() is None


def test_a_new_row_wakes_nobody_before_the_commit(heard: SimpleQueue[Any], alice: User) -> None:
    Order.objects.create(customer=alice)
    with pytest.raises(Empty):
        heard.get_nowait()


@THREADS
def test_a_row_that_nobody_was_woken_for_is_found_within_seconds(alice: User, rule: Callable[[Rule], None]) -> None:
    """As when a retry's time comes, a lease ends, or another process wrote it while Redis was away."""
    steps = Steps()
    rule(steps)
    steps.go_on(2)
    row = new_row(alice)
    with at_work(Coordinator(threads=4)):
        wait(steps.ended)
        wait_for(lambda: state_of(row) == State.DONE, "its end")
        OrderConfirmation.objects.filter(pk=row.pk).update(state=State.WAITING, next_attempt_at=outbox.clock())
        wait(steps.ended)


def test_a_coordinator_that_ended_hears_nothing_more(heard: SimpleQueue[Any]) -> None:
    wakes.ignore(heard)
    wakes.wake()
    with pytest.raises(Empty):
        heard.get_nowait()
