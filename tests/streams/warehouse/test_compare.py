"""Two runs side by side."""

from streams.warehouse.compare import ORDER_TABLES, compare_rows, compare_tables

ROW = {"patient_id": "p", "nrs_max": 3, "revision": 7, "generation": 1, "issued_at": "2026-01-01T00:00:00Z"}


def test_rows_are_equal_but_for_what_two_runs_never_share():
    assert compare_rows([ROW], [ROW | {"revision": 9, "generation": 2, "issued_at": "2027-01-01T00:00:00Z"}]).equal


def test_another_value_is_told_on_both_sides():
    found = compare_rows([ROW], [ROW | {"nrs_max": 4}])
    assert (found.equal, len(found.only_left), len(found.only_right)) == (False, 1, 1)


def test_a_row_that_stands_twice_differs_from_one_that_stands_once():
    found = compare_rows([ROW, ROW], [ROW])
    assert not found.equal
    assert (found.left, found.right, len(found.only_left)) == (2, 1, 1)


def test_the_order_of_rows_does_not_matter():
    other = ROW | {"patient_id": "q"}
    assert compare_rows([ROW, other], [other, ROW]).equal


def test_a_table_that_one_run_lacks_differs():
    assert not compare_tables({"reps": [ROW]}, {})["reps"].equal


def test_the_tables_of_order_are_all_but_three():
    assert len(ORDER_TABLES) == 14
