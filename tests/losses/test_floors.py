"""Benchmarks of kernels: every loss is measured, against a formula that gives its value."""

import kernels
import numpy as np
import pytest
from floors import cases


def named(case: cases.Case) -> str:
    return case.name


def test_every_loss_is_measured() -> None:
    assert cases.missing(kernels.CASES) == []


def test_every_case_is_measured_once() -> None:
    names = [case.name for case in kernels.CASES]
    assert sorted(names) == sorted(set(names))
    assert set(kernels.REASONS) <= set(names)


@pytest.mark.parametrize("case", kernels.CASES, ids=named)
def test_a_kernel_has_the_value_of_its_formula(case: cases.Case) -> None:
    value = case.work()()
    np.testing.assert_allclose(value, np.broadcast_to(case.floor(), value.shape), rtol=case.rtol, atol=1e-9)
