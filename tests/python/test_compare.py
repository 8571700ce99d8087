"""The peers of bench/peers at tiny size: all operations run, and wrong answers are detected."""

import functools
import importlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import compare
from peers.contract import OPERATIONS
from peers.measured import measure
from peers.with_numpy import Numpy
from sections import PAGE, write_section

SHAPE, SMALLER = (40, 25), [(4, 25)]


@functools.cache
def answers(name: str) -> compare.Found:
    pytest.importorskip(compare.PEERS[name].imports)
    return measure(compare.kind_of(name), SHAPE, SMALLER, compare.EFFORTS["tiny"])


@pytest.mark.parametrize("name", compare.PEERS)
def test_a_peer_answers_exactly(name: str) -> None:
    """`measure` compares every answer with plain integers."""
    found = answers(name)
    kind = compare.kind_of(name)
    assert len(found["operations"]) == 1 + len(kind.operations)
    assert all(t > 0 for times in found["operations"].values() for t in times)
    assert len(found["by_size"]) == 2
    assert found["sessions"]
    assert (kind.operations == OPERATIONS) or kind.leaves_out or name == compare.BY_SESSION


class Late(Numpy):
    """A peer that forgets the last price."""

    def tick(self, instrument: int, price: float) -> None:
        if self.kept is not None:
            super().tick(instrument, price)


class Forgetful(Numpy):
    """A peer that fills an order by instrument but not by account."""

    def order(self, order: int, account: int, instrument: int, *facts: int) -> None:
        before = self.by_account[account, instrument]
        super().order(order, account, instrument, *facts)
        self.by_account[account, instrument] = before


class Cents(Numpy):
    """A peer that loses the last digit of the account's value."""

    def account(self, account: int) -> float:
        return super().account(account) // 10 * 10


class Rounded(Numpy):
    def look(self):
        return super().look() + 1


@pytest.mark.parametrize("kind", [Late, Forgetful, Cents, Rounded])
def test_a_wrong_answer_of_a_peer_is_detected(kind: type[Numpy]) -> None:
    with pytest.raises(AssertionError, match="not exact"):
        measure(kind, SHAPE, SMALLER, compare.EFFORTS["tiny"])


def test_the_tables_show_the_measurements() -> None:
    found = {name: answers(name) for name in (compare.US, compare.BY_SESSION, "NumPy")}
    rows = compare.tables(found)
    assert rows[0] == "| operation | mvcore | NumPy |"
    assert [row.split(" | ")[0][2:] for row in rows[2 : 2 + len(compare.ROWS)]] == list(
        compare.ROWS.values()
    )
    said = compare.text("tiny", found, {"polars": "polars is not installed"}, 0.5, 1)
    assert "40 accounts x 25 instruments = 1,000 holdings, 2,000 orders" in said
    assert "polars: left out, polars is not installed." in said


def test_the_faster_of_two_runs_counts() -> None:
    first = {"operations": {"a": [3.0, 1.0, 2.0], "b": [1.0]}, "memory": 7}
    other = {"operations": {"a": [1.5, 9.0, 1.0], "b": [2.0]}, "memory": 9}
    found = compare.quicker(first, other)
    assert found == {"operations": {"a": [1.5, 9.0, 1.0], "b": [1.0]}, "memory": 7}


def test_the_charts_are_png_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    charts = importlib.import_module("charts")
    monkeypatch.setattr(charts, "IMAGES", tmp_path)
    shown = charts.draw("some", {name: answers(name) for name in (compare.US, "NumPy")})
    assert len(shown) == len(charts.CHARTS)
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert any(f"(images/{path.name})" in line for line in shown)


@pytest.mark.parametrize(
    "name", ["bench", *compare.SECTIONS.values(), "sessions", "sessions-stopped"]
)
def test_a_section_is_replaced_and_the_rest_stays(name: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    before, _, rest = PAGE.read_text().partition(f"<!-- {name} -->")
    after = rest.partition(f"<!-- end {name} -->")[2]
    for text in ("one", "two\n"):
        write_section(name, text, page)
        kept = f"{before}<!-- {name} -->\n\n{text.strip()}\n\n<!-- end {name} -->{after}"
        assert page.read_text() == kept


@pytest.mark.parametrize("text", ["", "<!-- a -->\n", "<!-- end a -->\n<!-- a -->\n"])
def test_a_page_without_the_section_is_not_changed(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="needs <!-- a -->"):
        write_section("a", "text", page)
    assert page.read_text() == text
