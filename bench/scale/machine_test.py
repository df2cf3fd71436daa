#!/usr/bin/env python3
"""The simulation does what its comments say, and loses no call; a broken doorbell, it sees."""

import sys
import unittest

sys.dont_write_bytecode = True  # not into the source tree
import designs
from designs import Costs, Load, simulate
from machine import HIT, Line, Machine

COSTS = Costs(line=50.0, cas=5.0)


def run(*threads):
    m = Machine()
    for core, make in threads:
        m.start(make(m), core)
    m.run(lambda: False)
    return m.now


class TestMachine(unittest.TestCase):
    def test_a_line_costs_nothing_to_who_has_it_and_its_price_to_others(self):
        m = Machine()
        line = Line(m, 50.0, 5.0)
        took = []

        def thread():
            for wish in [(line.write, lambda v: v + 1), (line.write, lambda v: v + 1),
                         (line.read,)]:
                before = m.now
                yield wish
                took.append(m.now - before)

        for core in (0, 1):
            m.start(thread(), core)
            m.run(lambda: False)
        self.assertEqual(took, [55.0, 5.0, HIT] * 2)
        self.assertEqual(line.value, 4)

    def test_atomic_operations_of_many_cores_lose_none_and_move_the_line_one_at_a_time(self):
        m = Machine()
        line = Line(m, 50.0, 5.0)

        def thread():
            for _ in range(100):
                yield (line.write, lambda v: v + 1)

        for core in range(8):
            m.start(thread(), core)
        m.run(lambda: False)
        self.assertEqual(line.value, 800)
        self.assertAlmostEqual(m.now, line.moves * 50.0 + 800 * 5.0)

    def test_readers_share_a_line_until_it_is_written(self):
        m = Machine()
        line = Line(m, 50.0, 5.0)

        def thread():
            yield (line.read,)
            yield (line.read,)

        for core in range(4):
            m.start(thread(), core)
        m.run(lambda: False)
        self.assertAlmostEqual(m.now, 50.0 + HIT)  # all at once
        self.assertEqual(line.moves, 4)

    def test_threads_of_one_core_share_its_time(self):
        def thread(_):
            for _ in range(100):
                yield 1e6

        alone = run((0, thread))
        self.assertAlmostEqual(alone, 100e6)
        self.assertAlmostEqual(run((0, thread), (1, thread)), alone)
        self.assertGreaterEqual(run((0, thread), (0, thread)), 2 * alone)

    def test_a_line_that_is_kept_serves_its_core_first(self):
        retries = {}
        for keep in (0.0, 25.0):
            costs = designs.replace(COSTS, keep=keep)
            seen, _ = simulate("list", 17, costs=costs, load=Load(calls=2000, spin=2000))
            retries[keep] = seen.retries / seen.pushes
        self.assertGreater(retries[0.0], 3)
        self.assertLess(retries[25.0], 1)


class TestDesigns(unittest.TestCase):
    WAYS = [dict(design=d, loops=n, choice=c, backoff=b, load=Load(calls=250, gap=g, spin=s))
            for d, n, c, b in (("list", 1, "own", 0), ("list", 1, "own", 100), ("list", 3, "own", 0),
                               ("list", 3, "in_turn", 0), ("list", 3, "least", 0),
                               ("lanes", 1, "own", 0), ("lanes", 3, "own", 0))
            for g in (0.0, 3000.0, 100_000.0) for s in (0.0, 5000.0)]

    def test_every_call_runs_once_whatever_the_design(self):
        for way in self.WAYS:
            with self.subTest(way):
                seen, _ = simulate(cores=8, costs=COSTS, **way)
                self.assertGreaterEqual(seen.pushes, 250)
                self.assertEqual(seen.ran, seen.pushes)
                self.assertEqual(len(seen.latency), seen.pushes)
                self.assertGreaterEqual(min(seen.latency), 0)

    def test_a_loop_that_does_not_look_again_after_arming_the_bell_loses_calls(self):
        class Hasty(designs.Loop):
            def look_again(self):
                yield HIT
                return (0, 0)  # what it believes

        lost = 0
        load = Load(calls=20, gap=1000, work=2000)
        quick = designs.replace(COSTS, wake=500.0, write_wakes=300.0)
        kind, designs.Loop = designs.Loop, Hasty
        try:
            for seed in range(20):
                try:
                    # A few calls only: who came later would wake it.
                    simulate("list", 3, costs=quick, seed=seed, load=load)
                except RuntimeError:
                    lost += 1
        finally:
            designs.Loop = kind
        self.assertGreater(lost, 0)
        for seed in range(20):
            simulate("list", 3, costs=quick, seed=seed, load=load)

    def test_one_producer_never_retries_and_never_outruns_its_own_steps(self):
        seen, ns = simulate("lanes", 2, costs=COSTS, load=Load(calls=5000, spin=1000))
        self.assertEqual(seen.retries, 0)
        self.assertGreaterEqual(ns, 5000 * COSTS.lane_make)

    def test_a_counter_that_all_share_bounds_a_group_and_own_loops_do_not(self):
        own, in_turn = (designs.million_a_second(*simulate(
            "list", 64, loops=16, choice=choice, costs=COSTS, load=Load(calls=4000)))
            for choice in ("own", "in_turn"))
        self.assertLess(in_turn, 1e3 / COSTS.line)
        self.assertGreater(own, 2 * in_turn)

    def test_a_spinning_loop_is_not_rung(self):
        load = Load(calls=500, gap=10_000)
        slept, _ = simulate("list", 3, costs=COSTS, load=load)
        spun, _ = simulate("list", 3, costs=COSTS, load=designs.replace(load, spin=1e6))
        self.assertGreater(slept.rings, 50)
        self.assertLessEqual(spun.rings, 2)

    def test_the_same_seed_gives_the_same_run(self):
        runs = [simulate("list", 16, costs=COSTS, load=Load(calls=500), seed=s) for s in (1, 1, 2)]
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])


if __name__ == "__main__":
    unittest.main()
