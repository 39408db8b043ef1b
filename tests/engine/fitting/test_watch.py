"""When a fit is told to end, by a clock that the test sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from athanor.engine.family import Step
from athanor.engine.fitting.watch import CURVE_POINTS, SNAPSHOT_S, Ending, Watch, thinned

ENDING_S = 0.5


@dataclass
class Scene:
    """A fit whose steps take as long as the test says."""

    at: float = 100.0
    is_closing: bool = False
    keep_s: float = 0.01
    kept: list = field(default_factory=list)  # (the clock, the model)
    refuses: type[BaseException] | None = None

    def watch(self, *, left_s=None, ending=None):
        deadline = None if left_s is None else self.at + left_s
        self.watching = Watch(
            clock=lambda: self.at,
            deadline=deadline,
            closing=lambda: self.is_closing,
            ending=ending or Ending(step_s=0.0, fixed_s=ENDING_S),
            keep=self.keep,
        )
        return self.watching

    def keep(self, model):
        self.at += self.keep_s
        self.kept.append((self.at, model))
        if self.refuses is not None:
            raise self.refuses

    def step(self, n, seconds=0.0, *, loss=None, next_s=None):
        """Whether the fit is told to end after (before the first one: not to make) a step that takes so long."""
        self.at += seconds
        return self.watching(Step(n=n, model=lambda: f"model {n}", loss=loss, next_s=next_s))

    def steps(self, seconds, *, most=1000):
        """How many steps of this length the fit makes, and how much later it is."""
        began = self.at
        for n in range(1, most + 1):
            if self.step(n, seconds):
                return n, self.at - began
        return most, self.at - began


def always(seconds):
    """An ending that was seen not to grow with the steps."""
    ending = Ending(step_s=0.0)
    for n in (20, 40):
        ending.note(n, seconds)
    return ending


@pytest.fixture
def scene():
    return Scene()


# --- ahead of the deadline --------------------------------------------------------------------------------------------


def test_a_fit_ends_while_there_is_time_to_predict_and_save_but_none_for_another_step(scene):
    scene.watch(left_s=10.0)
    assert scene.steps(1.0) == (9, 9.0)  # 1 s is left, a step and the ending take 1.5 s
    assert scene.watching.is_cut


def test_the_longest_of_the_last_steps_says_how_long_the_next_one_may_take(scene):
    scene.watch(left_s=10.0)
    assert [scene.step(1, 1.0), scene.step(2, 4.0), scene.step(3, 1.0)] == [False, False, True]  # 4 s are left


def test_a_step_that_was_long_once_is_forgotten(scene):
    scene.watch(left_s=10.0)
    assert not scene.step(1, 4.0)
    assert [scene.step(n, 0.1) for n in range(2, 80)].index(True) > 40


def test_without_a_deadline_only_everybodys_end_is_an_end(scene):
    scene.watch()
    assert scene.steps(1e6, most=50) == (50, 5e7)
    assert scene.kept == []
    assert not scene.watching.is_cut
    scene.is_closing = True
    assert scene.step(51)
    assert scene.watching.is_cut


def test_what_was_told_to_end_is_not_told_to_go_on(scene):
    scene.watch()
    scene.is_closing = True
    assert scene.step(1)
    scene.is_closing = False
    assert scene.step(2)


# --- the first step ---------------------------------------------------------------------------------------------------


def test_a_first_step_for_which_there_is_no_time_is_not_made(scene):
    scene.watch(left_s=10.0)
    assert not scene.step(0, next_s=9.0)
    assert scene.step(0, next_s=9.8)
    assert scene.watching.is_cut


def test_a_smaller_first_step_is_judged_by_its_own_length_and_the_fit_goes_on_after_it(scene):
    scene.watch(left_s=10.0)
    assert scene.step(0, next_s=60.0)
    assert not scene.step(0, next_s=1.0)
    assert not scene.step(1, 1.0)
    assert scene.watching.is_cut  # it is not the fit that was asked for


def test_a_small_first_step_is_made_however_late_it_is(scene):
    scene.watch(left_s=-5.0)
    scene.is_closing = True
    assert not scene.step(0, next_s=0.01)
    assert scene.step(0, next_s=1.0)
    assert scene.step(1)


def test_what_comes_before_the_first_step_is_no_step(scene):
    scene.watch(left_s=10.0)
    assert not scene.step(0, 6.0, next_s=0.1)
    assert scene.steps(0.1)[0] > 20


# --- predicting and saving --------------------------------------------------------------------------------------------


def test_how_long_the_ending_takes_is_guessed_until_it_was_seen():
    ending = Ending(step_s=0.1, fixed_s=0.5)
    assert [ending.after(n) for n in (0, 10, 100)] == pytest.approx([0.5, 1.5, 10.5])
    ending.note(50, 2.0)
    assert [ending.after(n) for n in (0, 25, 50, 100)] == pytest.approx([0.5, 1.0, 2.0, 4.0])
    ending.note(100, 3.0)
    assert [ending.after(n) for n in (50, 100, 200)] == pytest.approx([2.0, 3.0, 5.0])


@pytest.mark.parametrize(("after_more", "at_last"), [(2.0, 2.0), (1.0, 1.0), (9.0, 33.75)])
def test_the_ending_grows_with_the_steps_in_proportion_at_most_and_never_shrinks(after_more, at_last):
    ending = Ending(step_s=0.1)
    ending.note(50, 2.0)
    ending.note(80, after_more)
    assert ending.after(300) == pytest.approx(at_last)


def test_what_an_ending_took_after_a_step_or_two_is_not_their_doing():
    ending = Ending(step_s=0.1)
    ending.note(1, 0.2)
    assert ending.after(20) < 0.4


# --- snapshots --------------------------------------------------------------------------------------------------------


def test_the_model_so_far_is_kept_now_and_then(scene):
    scene.watch(left_s=60.0, ending=Ending(step_s=0.0, fixed_s=0.01))
    scene.steps(0.5, most=20)
    times = [at - 100.0 for at, _ in scene.kept]
    assert times[0] == pytest.approx(SNAPSHOT_S, abs=0.1)
    assert all(later - earlier >= SNAPSHOT_S for earlier, later in pairwise(times))
    assert [model for _, model in scene.kept][:2] == ["model 4", "model 8"]


def test_snapshots_take_a_twentieth_of_the_time_at_most(scene):
    scene.keep_s = 1.0
    scene.watch(left_s=1000.0, ending=always(1.0))
    scene.steps(0.5, most=400)
    times = [at for at, _ in scene.kept]
    assert len(times) > 3
    assert all(later - earlier >= 20.0 for earlier, later in pairwise(times))


def test_a_snapshot_that_would_make_the_fit_late_is_not_made(scene):
    scene.watch(left_s=2.25, ending=Ending(step_s=0.0, fixed_s=0.1))
    assert scene.steps(0.1, most=20)[0] == 20
    assert scene.kept == []


def test_the_time_of_a_snapshot_is_not_taken_for_that_of_a_step(scene):
    scene.keep_s = 2.0
    scene.watch(left_s=47.5, ending=always(2.0))
    assert not any(scene.step(n, 1.0) for n in range(1, 41))
    assert len(scene.kept) == 1
    assert not scene.step(41, 1.0)  # 4.5 s are left: for an ending and a step of 1 s, not of 3 s


def test_where_there_is_no_memory_for_a_snapshot_the_fit_goes_on_without(scene):
    scene.refuses = MemoryError
    scene.watch(left_s=60.0, ending=Ending(step_s=0.0, fixed_s=0.01))
    assert scene.steps(1.0, most=30)[0] == 30
    assert len(scene.kept) == 1


# --- the learning curve -----------------------------------------------------------------------------------------------


def test_the_curve_holds_the_steps_whose_loss_is_known(scene):
    scene.watch()
    for n, loss in enumerate([None, 0.75, None, float("nan"), 0.5, float("inf")]):
        scene.step(n, loss=loss)
    assert scene.watching.curve == ((1, 0.75), (4, 0.5))
    assert scene.watching.n_steps == 5


@pytest.mark.parametrize("n_points", [1, 2, CURVE_POINTS - 1, CURVE_POINTS, CURVE_POINTS + 1, 2000])
@pytest.mark.parametrize("share", [0.0, 0.313, 1.0])
def test_a_long_curve_is_thinned_and_keeps_its_first_best_and_last_point(n_points, share):
    best = int(share * (n_points - 1))
    points = [(n + 1, 1.0 + abs(n - best)) for n in range(n_points)]
    curve = thinned(points)
    assert len(curve) <= CURVE_POINTS
    assert len(curve) >= min(n_points, CURVE_POINTS - 1)
    assert {points[0], points[best], points[-1]} <= set(curve) <= set(points)
    assert list(curve) == sorted(curve)
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(curve)]
    assert max(gaps, default=1) <= n_points // (CURVE_POINTS - 2) + 1


def test_a_fit_without_losses_has_no_curve(scene):
    assert scene.watch().curve == ()
