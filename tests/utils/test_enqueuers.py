"""Enqueuers: order, overlap, errors with the batch's number, and nothing left running."""

import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from kjax.utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence, enqueuers


class Batches(Sequence):
    """Batch i is [i, epoch]; some misbehave."""

    def __init__(self, count, seconds=0.0, bad=None, kill=None, wait=None):
        self.count, self.seconds, self.bad, self.kill, self.wait = count, seconds, bad, kill, wait
        self.epoch = 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        time.sleep(self.seconds)
        if index == self.bad:
            raise KeyError("boo")
        if index == self.kill:
            os.kill(os.getpid(), 9)
        if index == self.wait:
            time.sleep(3)
        return np.array([index, self.epoch])

    def on_epoch_end(self):
        self.epoch += 1


class Counting:
    """An iterator with a lock of its own, as Keras's image iterators are."""

    def __init__(self, count, seconds):
        self.count, self.seconds, self.next_one = count, seconds, 0
        self.lock = threading.Lock()

    def __next__(self):
        with self.lock:
            if self.next_one >= self.count:
                raise StopIteration
            number, self.next_one = self.next_one, self.next_one + 1
        time.sleep(self.seconds)
        return number

    def __getstate__(self):
        return {"count": self.count, "seconds": self.seconds, "next_one": 0}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock = threading.Lock()


def children():
    pids = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == os.getpid() and fields[0] != "Z":
                pids.append(int(entry))
    return set(pids)


@pytest.fixture(autouse=True)
def nothing_is_left_running():
    threads, processes = set(threading.enumerate()), children()
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not set(threading.enumerate()) <= threads:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= threads
    assert children() <= processes


def first(enqueuer, count, workers=2, size=4):
    enqueuer.start(workers, size)
    batches = enqueuer.get()
    try:
        return [next(batches) for _ in range(count)]
    finally:
        enqueuer.stop()


@pytest.mark.parametrize("processes", [False, True])
def test_order_over_epochs(processes):
    got = first(OrderedEnqueuer(Batches(3), use_multiprocessing=processes), 7)
    assert [g.tolist() for g in got] == [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1], [0, 2]]


def test_shuffled_epochs_are_complete():
    got = [int(g[0]) for g in first(OrderedEnqueuer(Batches(20), shuffle=True), 40)]
    assert sorted(got[:20]) == sorted(got[20:]) == list(range(20)) and got[:20] != got[20:]


def test_workers_overlap():
    start = time.perf_counter()
    first(OrderedEnqueuer(Batches(40, seconds=0.05)), 16, workers=8, size=16)
    assert time.perf_counter() - start < 0.05 * 16 / 2
    start = time.perf_counter()
    assert sorted(first(GeneratorEnqueuer(Counting(100, 0.05)), 16, workers=8, size=16)) == list(range(16))
    assert time.perf_counter() - start < 0.05 * 16 / 2


def test_no_more_than_the_queue_holds_is_made():
    made = []

    def numbers():
        while True:
            made.append(1)
            yield len(made)

    enqueuer = GeneratorEnqueuer(numbers())
    enqueuer.start(1, 3)
    time.sleep(0.2)
    assert len(made) == 3 and enqueuer.queue.qsize() == 3
    next(enqueuer.get())
    enqueuer.stop()


@pytest.mark.parametrize("processes", [False, True])
def test_errors_name_the_batch(processes):
    enqueuer = OrderedEnqueuer(Batches(5, bad=3), use_multiprocessing=processes)
    enqueuer.start(2, 4)
    got = []
    with pytest.raises(
        RuntimeError, match=r"the Sequence Batches failed at batch 3 \(index 3 of 5\): .*KeyError: 'boo'"
    ):
        for batch in enqueuer.get():
            got.append(int(batch[0]))
    assert got == [0, 1, 2] and not enqueuer.is_running()


def test_errors_of_generators():
    def numbers():
        yield 1
        raise ZeroDivisionError("boo")

    enqueuer = GeneratorEnqueuer(numbers())
    enqueuer.start()
    with pytest.raises(RuntimeError, match="the generator numbers failed at batch 1: ZeroDivisionError: boo") as error:
        list(enqueuer.get())
    assert isinstance(error.value.__cause__, ZeroDivisionError)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_worker():
    enqueuer = OrderedEnqueuer(Batches(5, kill=3), use_multiprocessing=True)
    enqueuer.start(2, 4)
    with pytest.raises(RuntimeError, match=r"failed at batch 3 .*worker process \d+ was killed by signal 9"):
        list(enqueuer.get())


def test_errors_between_epochs():
    class Broken(Batches):
        def on_epoch_end(self):
            raise ValueError("no more")

    with pytest.raises(RuntimeError, match="failed at on_epoch_end after batch 2: ValueError: no more"):
        first(OrderedEnqueuer(Broken(3)), 5)
    with pytest.raises(RuntimeError, match="failed at __len__ before the first epoch: ValueError: it has no batches"):
        first(OrderedEnqueuer(Batches(0)), 1)


def test_the_end_of_an_epoch_can_be_awaited():
    enqueuer = OrderedEnqueuer(Batches(2))
    enqueuer.start()
    batches = enqueuer.get()
    next(batches), next(batches)
    enqueuer.join_end_of_epoch()
    assert enqueuer.sequence.epoch >= 1
    enqueuer.stop()


def test_finite_generators_end():
    enqueuer = GeneratorEnqueuer(i for i in range(10))
    enqueuer.start(3, 4)
    assert list(enqueuer.get()) == list(range(10)) and not enqueuer.is_running()
    enqueuer = GeneratorEnqueuer(Counting(10, 0.01))
    enqueuer.start(3, 4)
    assert sorted(enqueuer.get()) == list(range(10))


def test_nothing_is_skipped_silently_but_none():
    enqueuer = GeneratorEnqueuer(iter([1, None, 2]))
    enqueuer.start()
    assert list(enqueuer.get()) == [1, 2]


@pytest.mark.parametrize("processes", [False, True])
def test_a_source_that_blocks_ends_in_an_error(monkeypatch, processes):
    enqueuer = OrderedEnqueuer(Batches(5, wait=1), use_multiprocessing=processes)
    enqueuer.start(1, 2)
    batches = enqueuer.get()
    next(batches)
    enqueuer.give_up_seconds = 0.5
    monkeypatch.setattr(enqueuers, "WARN_SECONDS", 0.1)
    with pytest.warns(UserWarning, match="the Sequence Batches has worked for .* s at batch 1"):
        with pytest.raises(TimeoutError, match=r"gave nothing for . s at batch 1 \(index 1 of 5\)"):
            next(batches)


def test_a_thread_that_cannot_be_ended_is_said():
    release = threading.Event()

    def blocked():
        yield 1
        release.wait(10)
        yield 2

    enqueuer = GeneratorEnqueuer(blocked())
    enqueuer.start()
    next(enqueuer.get())
    time.sleep(0.05)
    with pytest.warns(UserWarning, match=r"1 thread\(s\) are still inside the generator blocked"):
        enqueuer.stop(timeout=0.1)
    release.set()


def test_forgotten_enqueuers_end():
    enqueuer = OrderedEnqueuer(Batches(5))
    enqueuer.start(2, 4)
    next(enqueuer.get())
    del enqueuer


def test_starting_again():
    enqueuer = OrderedEnqueuer(Batches(5))
    for _ in range(2):
        assert first(enqueuer, 2)[1][0] == 1
    enqueuer.start()
    with pytest.raises(RuntimeError, match="it runs already; call stop"):
        enqueuer.start()
    enqueuer.stop()
    enqueuer.stop()
    with pytest.raises(RuntimeError, match="call start"):
        next(OrderedEnqueuer(Batches(5)).get())


def test_what_cannot_be_sent_is_handled_by_threads():
    with pytest.warns(UserWarning, match="generator cannot be sent to another process .*; threads are used"):
        assert first(GeneratorEnqueuer((i for i in range(5)), use_multiprocessing=True), 3) == [0, 1, 2]


class Draws:
    """Numbers from NumPy's global generator."""

    def __next__(self):
        return np.random.rand()


def test_processes_have_their_own_random_numbers():
    seeded = first(GeneratorEnqueuer(Draws(), use_multiprocessing=True, random_seed=7), 3, workers=1)
    np.random.seed(7)
    assert seeded == np.random.rand(3).tolist()
    assert len(set(first(GeneratorEnqueuer(Draws(), use_multiprocessing=True), 8, workers=2))) == 8


def test_wrong_sources():
    with pytest.raises(TypeError, match="must be a generator or iterator, .*use OrderedEnqueuer for a Sequence"):
        GeneratorEnqueuer(Batches(3))
    with pytest.warns(DeprecationWarning, match="`wait_time` is not used"):
        GeneratorEnqueuer(iter([1]), wait_time=0.1)
    with pytest.raises(NotImplementedError, match=r"Sequence needs a __getitem__"):
        Sequence()[0]
    with pytest.raises(NotImplementedError, match=r"needs a __len__"):
        len(Sequence())
    assert [b.tolist() for b in Batches(2)] == [[0, 0], [1, 0]]


SCRIPT = """
import sys
import numpy as np
from kjax.utils import OrderedEnqueuer, Sequence

class Mine(Sequence):
    def __len__(self):
        return 3
    def __getitem__(self, index):
        import os
        return np.array([index, os.getpid()])

def main():
    enqueuer = OrderedEnqueuer(Mine(), use_multiprocessing=True)
    enqueuer.start(1, 2)
    batches = enqueuer.get()
    got = [next(batches) for _ in range(3)]
    enqueuer.stop()
    import os
    print([int(g[0]) for g in got], got[0][1] != os.getpid())

{call}
"""


@pytest.mark.parametrize(
    ("call", "in_process", "warns"), [("if __name__ == '__main__':\n    main()", True, False), ("main()", False, True)]
)
def test_classes_of_the_main_script(tmp_path, call, in_process, warns):
    """A guarded script's classes go to processes; an unguarded script would run again there, so threads are used."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).format(call=call))
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ, PYTHONPATH=root),
    )
    assert done.stdout.splitlines()[-1:] == [f"[0, 1, 2] {in_process}"], done.stderr
    assert ("under `if __name__ == '__main__':`; threads are used" in done.stderr) is warns
