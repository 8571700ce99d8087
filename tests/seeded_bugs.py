"""Seeded bugs in the sources, and the C++ test that must fail for each.

`python tests/seeded_bugs.py` applies one bug after the other to a copy of the sources under
build/seeded, builds it and runs the test. It takes minutes. Exit status 1 if a bug is not caught,
or if a test fails without a bug. Other bugs are seeded by the tests themselves: sim_disk.hpp,
test_checkpoints_crash.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from reliability import seeded

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "seeded"
SECONDS = 300  # time limit of a test


class Bug(NamedTuple):
    """A bug. program: core_tests or durable_tests. new replaces old, which occurs once in the
    function of the file."""

    what: str
    program: str
    test: str
    file: str
    function: str
    old: str
    new: str


BUGS = [
    Bug(
        "a total may overflow: its bound is compared with twice the bits",
        "core_tests",
        "a_write_that_could_overflow_a_total_changes_nothing",
        "state/quote_stage.cpp",
        "QuoteStage::find_bounds",
        "if (bound.bits() > kAccumulatorBits) return unit;",
        "if (bound.bits() > 2 * kAccumulatorBits) return unit;",
    ),
    Bug(
        "views miss the fills of an order",
        "core_tests",
        "a_dense_book_with_orders_is_exact",
        "apply/write_transaction.cpp",
        "WriteTransaction::commit_cells",
        "if (follow) book_state_.change_log.push(fact);",
        "if (follow && w.quantity[sod] != w.before[sod]) book_state_.change_log.push(fact);",
    ),
    Bug(
        "a row whose first amount is unchanged is not returned",
        "core_tests",
        "a_dense_book_with_orders_is_exact",
        "views/last_rows.cpp",
        "LastRows::remember_each",
        "for (std::size_t m = 0; m < amounts_.size(); ++m)",
        "for (std::size_t m = 0; m < 1; ++m)",
    ),
    Bug(
        "a price does not mark the rows of its line",
        "core_tests",
        "a_dense_book_with_orders_is_exact",
        "valuation/totals.cpp",
        "Totals::add_line",
        "if (tracked_) mark_line(state, first, instrument);",
        "",
    ),
    Bug(
        "a fact does not mark its row",
        "core_tests",
        "a_dense_book_with_orders_is_exact",
        "valuation/totals.cpp",
        "Totals::count_cell",
        "if (tracked_) dirty_.mark(row);",
        "",
    ),
    Bug(
        "the last rows keep their numbers although the groups have others",
        "core_tests",
        "a_dense_book_with_orders_is_exact",
        "views/view.cpp",
        "View::rebuild",
        "number_last_rows(before);",
        "",
    ),
    Bug(
        "halves are rounded up instead of to even",
        "core_tests",
        "a_conversion_is_exact_and_equals_its_fast_path",
        "base/wide_int.hpp",
        "rounds_up",
        "(rest == other && odd);",
        "rest == other;",
    ),
    Bug(
        "negative amounts are rounded towards zero",
        "core_tests",
        "a_conversion_is_exact_and_equals_its_fast_path",
        "base/wide_int.hpp",
        "divide_half_even",
        "(up ? (dividend < 0 ? -1 : 1) : 0)",
        "(up && dividend > 0 ? 1 : 0)",
    ),
    Bug(
        "a block of narrow integers is not widened",
        "core_tests",
        "a_block_returns_the_values_set",
        "grid/block.cpp",
        "Block::reserve",
        "const Width width = std::max(width_, width_of(value));",
        "const Width width = storage_ ? width_ : width_of(value);",
    ),
    Bug(
        "a snapshot's block is written in place",
        "core_tests",
        "a_block_copies_its_integers_only_if_they_are_shared",
        "grid/block.cpp",
        "Block::reserve",
        "const bool others = shared();",
        "const bool others = false;",
    ),
    Bug(
        "an order id that overflows its bucket is not found",
        "core_tests",
        "an_order_index_finds_what_an_unordered_map_finds",
        "orders/order_index.cpp",
        "OrderIndex::place",
        "        ++bucket.passed;",
        "",
    ),
    Bug(
        "current and expected quantities are not rescaled",
        "core_tests",
        "holdings_and_finer_orders_of_one_batch_are_exact",
        "apply/write_transaction.cpp",
        "WriteTransaction::rescale",
        "for (auto& q : scaled) q *= kPow10[std::size_t(by)];",
        "scaled[sod] *= kPow10[std::size_t(by)];",
    ),
    Bug(
        "the by-account index keeps old prices",
        "core_tests",
        "a_dense_book_of_small_numbers_is_exact",
        "state/quote_stage.cpp",
        "QuoteStage::commit_quote",
        "    state_.index.set_price(q, s.code, before.unit == q.unit);",
        "",
    ),
    Bug(
        "a checkpoint loses rolled quantities",
        "core_tests",
        "a_state_is_restored_from_its_columns",
        "checkpoint/chunks.cpp",
        "orders_chunk",
        "put(out.rolled, row, o.rolled);",
        "put(out.rolled, row, i128{0});",
    ),
    Bug(
        "calls of one journal group count as one epoch",
        "durable_tests",
        "concurrent_callers_share_a_sync",
        "apply/write_transaction.cpp",
        "WriteTransaction::commit",
        "state_.epoch += batch_.calls;",
        "++state_.epoch;",
    ),
    Bug(
        "the journal continues after a failed write",
        "durable_tests",
        "a_failing_disk_loses_nothing_that_was_acknowledged",
        "durable/journal_writer.cpp",
        "JournalWriter::fail",
        "if (failed_.exchange(true)) return;",
        "return;",
    ),
    Bug(
        "waiting prices are written after newer ones of a batch",
        "durable_tests",
        "waiting_prices_never_follow_newer_ones",
        "durable/group_commit.cpp",
        "GroupCommit::append_group",
        "        priced_epoch_ = book_state_.state.epoch;\n",
        "",
    ),
    Bug(
        "the payload of a journal frame is not compared with its checksum",
        "durable_tests",
        "damaged_journals_are_refused_or_exact",
        "durable/recovery.cpp",
        "Recovery::read_frame",
        """    if (contents.size() != header->size ||
        crc32c(contents.data(), contents.size()) != header->contents)
        return std::nullopt;
""",
        "    if (contents.size() != header->size) return std::nullopt;\n",
    ),
    Bug(
        "a journal group is visible before it is on disk",
        "durable_tests",
        "facts_are_visible_only_once_on_disk_and_readers_and_ticks_continue",
        "durable/group_commit.cpp",
        "GroupCommit::journal_group",
        """    if (ticks_go_on) group.writing.unlock();
    try {
        append_group(group, !ticks_go_on, epoch);
""",
        """    staged.commit();
    if (ticks_go_on) group.writing.unlock();
    try {
        append_group(group, !ticks_go_on, epoch);
""",
    ),
    Bug(
        "an order that ended is dropped at the next roll, so its replay counts again",
        "core_tests",
        "a_dense_book_with_orders_is_exact",
        "orders/order.hpp",
        "after_roll",
        "drop_ended ? leaves() == 0 : ended() && retained",
        "drop_ended ? leaves() == 0 : ended()",
    ),
    Bug(
        "an order that is done for the day is dropped at the second roll",
        "core_tests",
        "a_dense_book_with_orders_is_exact",
        "orders/rules.hpp",
        "may_resume",
        "return s == Status::done_for_day || s == Status::calculated;",
        "return s == Status::calculated;",
    ),
    Bug(
        "a report that changes a retained order does not keep it for another day",
        "core_tests",
        "a_dense_book_with_orders_is_exact",
        "apply/write_transaction_orders.cpp",
        "WriteTransaction::stage_order",
        "    else w.after.retained = false;\n",
        "",
    ),
    Bug(
        "a day that starts from a custodian's table keeps yesterday's fills",
        "core_tests",
        "a_dense_book_with_orders_is_exact",
        "apply/write_transaction.hpp",
        "order_after",
        "return batch_.roll_day ? order.after_roll(batch_.roll_drops_ended) : order;",
        "return order;",
    ),
    Bug(
        "a late rate replaces a newer one",
        "core_tests",
        "a_dense_book_of_small_numbers_is_exact",
        "state/quote_stage.cpp",
        "QuoteStage::stage_rates",
        "if (held.known() && older(row.rate.time, held.time)) ++dropped_.late_fx;",
        "if (held.known() && older(row.rate.time, held.time) && false) ++dropped_.late_fx;",
    ),
    Bug(
        "a checkpoint forgets which orders a roll has retained",
        "core_tests",
        "a_state_is_restored_from_its_columns",
        "checkpoint/chunks.cpp",
        "orders_chunk",
        "retained = retained || o.retained;",
        "retained = false;",
    ),
    Bug(
        "a withdrawn rate reappears when the book is opened",
        "durable_tests",
        "a_power_cut_loses_nothing_that_was_acknowledged",
        "journal/batch_codec.cpp",
        "encode",
        "encode_codes(out, batch.removed_rates);",
        "encode_codes(out, {});",
    ),
    Bug(
        "the second reserve of a durable write reserves rows of order reports twice",
        "durable_tests",
        "a_durable_write_leaves_no_reserved_rows",
        "apply/fast_orders.cpp",
        "FastOrders::reserve",
        "    cancel();\n    reserved_ = true;\n",
        "    reserved_ = true;\n",
    ),
    Bug(
        "the second reserve of a durable write reserves rows of new orders twice",
        "durable_tests",
        "a_durable_write_leaves_no_reserved_rows",
        "apply/write_transaction.cpp",
        "WriteTransaction::reserve_cells",
        "    cancel();\n    MVCORE_ASSERT(!cells_reserved_);\n",
        "",
    ),
    Bug(
        "a fast path that falls back keeps its reserved rows",
        "durable_tests",
        "a_fast_path_that_falls_back_leaves_no_reserved_rows",
        "apply/fast_orders.cpp",
        "FastOrders::reserve",
        "    if (!fits) cancel();\n",
        "",
    ),
    Bug(
        "a tick that waited for the lock is acknowledged after the journal was sealed",
        "durable_tests",
        "an_acknowledged_tick_is_in_the_sealed_journal",
        "book/book.cpp",
        "Book::tick",
        "        Writing writing(lock_);\n        check_writable();\n        if (!book_state_",
        "        Writing writing(lock_);\n        if (!book_state_",
    ),
    Bug(
        "an index built beside writers misses their last positions",
        "core_tests",
        "an_index_includes_positions_written_while_it_was_built",
        "book/reader.cpp",
        "Reader::build_index_beside",
        "                    index.follow(read_.grid, fact.account, fact.instrument);\n",
        "                    static_cast<void>(fact);\n",
    ),
    Bug(
        "the by-account index is built while ticks wait",
        "core_tests",
        "an_index_is_built_while_ticks_continue",
        "book/reader.cpp",
        "Reader::build_index_beside",
        "        index = AccountIndex::of(seen, board);\n",
        "        Writing alone(state_lock_);\n        index = AccountIndex::of(seen, board);\n",
    ),
    Bug(
        "an index that follows the grid keeps removed positions",
        "core_tests",
        "an_index_follows_the_grid_from_one_copy_to_a_later_one",
        "state/account_index.cpp",
        "AccountIndex::follow",
        "if (held(held_before[row])) put(AccountCode(first",
        "if (held(held_before[row]) && now.lines() == 0) put(AccountCode(first",
    ),
    Bug(
        "a tick keeps the GIL whatever the number of rows to update",
        "core_tests",
        "a_write_keeps_the_gil_if_views_have_few_rows_to_update",
        "book/book_views.cpp",
        "Book::views_are_fast",
        "    return rows <= tuning::kFastRows;\n",
        "    return rows != 0;\n",
    ),
    Bug(
        "the sum of many orders overflows 64 bits in a load",
        "core_tests",
        "a_load_beside_many_large_orders_is_exact",
        "apply/write_transaction_refresh.cpp",
        "WriteTransaction::wide_line",
        "bits(terms) + bits(largest) > 62",
        "bits(largest) > 62",
    ),
    Bug(
        "a day roll does not store the price of the rolled fills",
        "core_tests",
        "rolled_fills_keep_the_cost_that_they_had_at_the_roll",
        "orders/order.hpp",
        "after_roll",
        "        next.rolled_price = average_price;\n",
        "",
    ),
    Bug(
        "rolled fills cost the current average price",
        "core_tests",
        "rolled_fills_keep_the_cost_that_they_had_at_the_roll",
        "orders/order.hpp",
        "price_of_rolled",
        "return rolled_price.known() ? rolled_price : average_price;",
        "return average_price;",
    ),
    Bug(
        "a copied page of orders loses the prices of fills",
        "core_tests",
        "an_order_store_returns_what_was_stored_and_its_copies_never_change",
        "orders/order_store.cpp",
        "OrderPage::OrderPage",
        "prices(copied(o.prices, used, capacity)) {",
        "prices(nullptr) {",
    ),
    Bug(
        "the units of an account are added without their scales",
        "core_tests",
        "a_value_adds_up_the_units_of_each_currency_and_rounds_once",
        "valuation/reads.cpp",
        "Reads::fast_amount",
        "const int shift = scale - board.unit(sum.unit).scale;",
        "const int shift = 0;",
    ),
]


def definitions(text: str, function: str) -> list[tuple[int, int]]:
    """Begin and end of the definitions of a function, by its name with its class."""
    name = re.escape(function)
    found = []
    # A definition begins a line, indented by its class, and has no statement before its brace.
    head = rf"^ {{0,8}}(?![ /#}}])[^\n;{{}}]*?(?<![\w:]){name}\((?:[^;{{}}]|\{{\}})*?\{{"
    for match in re.finditer(head, text, flags=re.MULTILINE):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        found.append((match.start(), end))
    return found


def with_bug(text: str, bug: Bug) -> str:
    """The source with the bug in it."""
    bodies = definitions(text, bug.function)
    assert bodies, f"{bug.what}: {bug.file} has no function {bug.function}"
    places = [(begin, end) for begin, end in bodies if bug.old in text[begin:end]]
    assert len(places) == 1, f"{bug.what}: {bug.function} has changed"
    begin, end = places[0]
    assert text[begin:end].count(bug.old) == 1, f"{bug.what}: not once in {bug.function}"
    return text[:begin] + text[begin:end].replace(bug.old, bug.new) + text[end:]


def copy_sources() -> None:
    """Copy files that differ, with new times.

    With an old time, make would not rebuild after a bug.
    """
    for path in [*ROOT.glob("CMake*"), *ROOT.glob("src/**/*"), *ROOT.glob("tests/cpp/**/*")]:
        to = COPY / path.relative_to(ROOT)
        if path.is_file() and not (to.exists() and to.read_bytes() == path.read_bytes()):
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


def build() -> None:
    """Build both test programs of the copy, with little optimization so that the build is fast."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    flags = ["-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -DNDEBUG", "-DMVCORE_WERROR=OFF"]
    flags += ["-DMVCORE_ASSERTIONS=OFF"]  # a test must catch the bug, not an assertion
    for command in (["cmake", "--preset", "dev", *flags], ["cmake", "--build", "--preset", "dev"]):
        subprocess.run(command, cwd=COPY, env=environment, check=True, stdout=subprocess.DEVNULL)


def fails(bug: Bug) -> bool:
    """Return whether one of the test's checks fails.

    Raises RuntimeError if the test does not end.
    """
    program = COPY / "build" / "dev" / "tests" / "cpp" / bug.program
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MVCORE_")}
    done = subprocess.run(
        [program, bug.test], env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    if f"ok   {bug.test}\n" in done.stdout:
        return False
    if f"FAIL {bug.test}\n" in done.stdout:
        return True
    raise RuntimeError(f"{bug.test} ended with {done.returncode}: {done.stderr[-2000:]}")


def main() -> int:
    copy_sources()
    build()
    wrong = [bug.test for bug in BUGS if fails(bug)]
    print(f"without a bug {len(wrong)} tests fail {wrong}", flush=True)
    for bug in BUGS if not wrong else []:
        path = COPY / "src" / "mvcore" / bug.file
        text = path.read_text()
        path.write_text(with_bug(text, bug))
        try:
            with seeded(bug.what, bug.test):
                build()
                caught = fails(bug)
                print("caught" if caught else "NOT CAUGHT", bug.what, flush=True)
                assert caught, bug.what
        except Exception as error:
            wrong.append(f"{bug.what}: {error}")
        finally:
            path.write_text(text)
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
