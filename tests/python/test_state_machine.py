"""Random operations on mvcore and on the reference model. Every digit must be the same.

MVCORE_STEPS: number of steps (default 1,500). MVCORE_SEED: the first seed. The same seed gives the
same steps, if PYTHONHASHSEED is the same. Long run: `make long`. With MVCORE_QUICK=1 a failure is
shown as found, without shrinking.
"""

import os

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from state_machine import Machine

EXAMPLE_STEPS = 50


def test_book_equals_the_reference_model(capsys) -> None:
    wanted = int(os.environ.get("MVCORE_STEPS", "1500"))
    next_seed = int(os.environ.get("MVCORE_SEED", "0"))
    quick = bool(os.environ.get("MVCORE_QUICK"))
    Machine.steps = 0
    while Machine.steps < wanted:
        examples = min(50, -(-(wanted - Machine.steps) // EXAMPLE_STEPS))
        options = settings(
            max_examples=examples,
            stateful_step_count=EXAMPLE_STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate] if quick else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        try:
            run_state_machine_as_test(seed(next_seed)(Machine), settings=options)
        except BaseException as error:
            error.add_note(f"MVCORE_SEED={next_seed} makes the same steps")
            raise
        next_seed += 1
    with capsys.disabled():
        print(f"\nstate machine: {Machine.steps} steps, 0 differences")
