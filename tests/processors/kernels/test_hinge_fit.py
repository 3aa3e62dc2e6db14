"""The normal equations of a hinge's fit are the slopes of its cost, whatever the number of rows."""

import numpy as np
import pytest
from numba import njit

from processors.kernels import hinge_fit
from processors.kernels.lanes import dot

AXES = np.array([0.0, 1.0, 0.0, 0.6, 0.8, 0.0])
TANGENTS = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]])


def blocks(count, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, hinge_fit.ROW)) + np.repeat([0.0, 6.0, 0.0, 6.0, 0.0], [1, 1, 5, 2, 9])
    found = np.zeros((-(-count // hinge_fit.BLOCK), hinge_fit.ROW, hinge_fit.BLOCK))
    for number, row in enumerate(rows):
        found[number // hinge_fit.BLOCK, :, number % hinge_fit.BLOCK] = row
    return found


def equations(found, count, p):
    matrix, vector = np.zeros((16, 16)), np.zeros(16)
    cost = hinge_fit.normal_equations(found, count, 0.5, p, AXES, TANGENTS, np.empty(hinge_fit.WORK), matrix, vector)
    return cost, matrix, vector


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_half_the_slope_of_the_cost_is_the_vector(count):
    found, p = blocks(count), 0.05 * np.random.default_rng(1).normal(size=16)
    _, matrix, vector = equations(found, count, p)
    for k, step in enumerate(1e-6 * np.eye(16)):
        rise = equations(found, count, p + step)[0] - equations(found, count, p - step)[0]
        assert vector[k] == pytest.approx(rise / 4e-6, rel=1e-5, abs=1e-5)
    assert np.all(np.linalg.eigvalsh(np.tril(matrix) + np.tril(matrix, -1).T) > -1e-9)


def test_rows_add_up():
    parts = [blocks(64, seed) for seed in range(3)]
    whole, p = np.concatenate(parts), np.full(16, 0.01)
    cost, matrix, vector = equations(whole, 192, p)
    costs, matrices, vectors = zip(*(equations(part, 64, p) for part in parts), strict=True)
    assert cost == pytest.approx(sum(costs))
    np.testing.assert_allclose(matrix, sum(matrices))
    np.testing.assert_allclose(vector, sum(vectors))


@njit
def _dot(numbers, first, second, count):
    return dot(numbers, first, second, count)


def test_eight_sums_and_then_their_halves():
    numbers = np.random.default_rng(2).normal(size=100)
    products = (numbers[3:51] * numbers[40:88]).reshape(6, 8)
    sums = np.zeros(8)
    for row in products:
        sums = sums + row
    halves = sums[:4] + sums[4:]
    quarters = halves[:2] + halves[2:]
    assert _dot(numbers, 3, 40, 48) == quarters[0] + quarters[1]
