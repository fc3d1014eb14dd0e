"""Many devices at once, each in a thread of its own, until all are done or somebody wants no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from agent.collector.collecting import Collecting, Outcome
from agent.collector.ssh import Stop
from agent.collector.targets import Target

#: Seconds after which the main thread looks whether somebody has pressed Ctrl-C.
_LOOK: Final = 0.5


def collect_all(
    targets: Iterable[Target],
    collecting: Collecting,
    stop: Stop,
    *,
    at_once: int,
    done: Callable[[Outcome], None],
) -> list[Outcome]:
    """The outcomes in the order of `targets`; `done` is told of each when it is there.

    KeyboardInterrupt ends what is under way; what was collected stays. It is raised again when all is at rest.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="collect") as pool:
        futures = {pool.submit(collecting.collect, target): target for target in targets}
        pending: set[Future[Outcome]] = set(futures)
        try:
            while pending:
                finished, pending = wait(pending, _LOOK, FIRST_COMPLETED)
                for future in finished:
                    done(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop.set()
            raise
        return [future.result() for future in futures]
