"""Random numbers there are those that the notebook would have drawn, or it is said."""

from __future__ import annotations

from tests.magics.conftest import Kernel

BOTH = "round(numpy.random.rand(), 6), round(random.random(), 6)"


def test_a_seed_goes_along_and_comes_back(kernel: Kernel) -> None:
    kernel.run("import numpy, random")
    seed = "numpy.random.seed(5); random.seed(5)"
    expected = [kernel.run(f"{seed}\n{BOTH}").text, *(kernel.run(BOTH).text for _ in range(4))]
    kernel.run(seed)
    lines = ("%%gcrun local\n", "%%gcrun local\n", "", "%%gcrun local\n", "")
    assert [kernel.run(line + BOTH).text for line in lines] == expected
    assert kernel.run(f"%%gcrun local\n{seed}\n{BOTH}").text == expected[0]
    assert kernel.run(f"%%gcrun local\n{BOTH}").text == expected[1]
    assert kernel.run("%%gcrun local\nrandom.random(); 1 / 0").status == "error"
    kernel.run("numpy.random.rand()")
    assert kernel.run(BOTH).text == expected[3]


def test_a_fan_out_draws_other_numbers_in_each_task(kernel: Kernel) -> None:
    kernel.run("import numpy, random\nnumpy.random.seed(5); random.seed(5)")
    kernel.run(f"%%gcrun local\n{BOTH}")
    shown = kernel.run(f"%%gcrun local --map i=range(6)\n{BOTH}")
    assert len(set(eval(shown.text))) == 6
    assert "random" not in shown.stream("stderr")


def test_a_cell_that_is_not_waited_for(kernel: Kernel) -> None:
    kernel.run("import random\nrandom.seed(5)")
    assert "seed" not in kernel.run("%%gcrun local -a -q\nrandom.random()").stream("stderr")
    shown = kernel.run("%%gcrun local -a\nrandom.random()")
    assert "doesn't go to a cell that isn't waited for" in shown.stream("stderr")
    assert "seed" not in kernel.run("%%gcrun local -a\n1 + 1").stream("stderr")


def test_a_generator_is_a_copy(kernel: Kernel) -> None:
    kernel.run("import numpy\nown = numpy.random.default_rng(1); other = [own]")
    shown = kernel.run("%%gcrun local\nown.random()")
    assert shown.stream("stderr").startswith("own is a copy there: what the cell draws from it")
    assert kernel.run("%%gcrun local\nown.random()").stream("stderr") == ""
    assert kernel.run("own.random()").text == shown.text
    assert kernel.run("%%gcrun local --out other\nother[0].random()").stream("stderr") == ""
    assert kernel.run("other[0].random() == own.random()").text == "False"
