// Calls that keep the GIL may do only a few microseconds of work, counted in rows.
#include "check.hpp"
#include "mvcore/book/book.hpp"

using namespace mvcore;

namespace {

// Loads accounts that all hold both instruments.
void load(Book& book, int accounts) {
    book.write([&] {
        Batch b(book.names());
        b.accounts_given = b.instruments_given = b.prices_given = b.holdings_given = Given::load;
        for (int a = 0; a < accounts; ++a)
            b.account_rows.push_back(b.accounts.intern("A" + std::to_string(a)));
        for (int i = 0; i < 2; ++i) {
            const auto code = b.instruments.intern("I" + std::to_string(i));
            b.instrument_rows.push_back({InstrumentCode(code), 0, std::nullopt, std::nullopt});
            b.price_rows.push_back({InstrumentCode(code), Decimal{7, 0}, kNoTime});
            for (int a = 0; a < accounts; ++a) {
                b.holding_rows.account.push_back(a);
                b.holding_rows.instrument.push_back(i);
                b.holding_rows.push_quantity(Decimal{3, 0});
            }
        }
        return b;
    });
}

OrderFact order(std::int64_t quantity) {
    return {{1, {}}, IdKind::integer, "A0",   "I0", Decimal{quantity, 0}, {},
            {},      Status::created, kNoTime};
}

std::shared_ptr<View> add_view(Book& book, std::vector<std::int32_t> accounts,
                               std::vector<std::int32_t> instruments) {
    auto view = book.add_view(0, {sod, current, expected}, true);
    View::Shape shape;
    shape.grouping.account_group = std::move(accounts);
    shape.grouping.account_groups =
        shape.grouping.account_group.empty() ? std::uint32_t(book.names().accounts.size()) : 1;
    shape.grouping.instrument_group = std::move(instruments);
    shape.rows = shape.grouping.account_groups;
    shape.masters = book.state().masters;
    book.reshape_view(*view, std::move(shape));
    book.sync_view(*view);
    return view;
}

bool ticks(Book& book, std::int32_t instrument) {
    static std::int64_t price = 0;
    Written out;
    return book.try_tick(InstrumentCode(instrument), Decimal{1 + ++price % 5, 0}, kNoTime, out);
}

}  // namespace

TEST(a_write_keeps_the_gil_if_views_have_few_rows_to_update) {
    Book book("USD", 8);
    load(book, 3000);
    book.order(order(5));
    Written out;
    CHECK(ticks(book, 0) && book.try_order(order(6), out));
    // Many views of few rows.
    std::vector<std::int32_t> one(3000, -1);
    one[0] = 0;
    std::vector<std::shared_ptr<View>> few;
    for (int k = 0; k < 10; ++k) few.push_back(add_view(book, one, {}));
    CHECK(ticks(book, 0) && book.try_order(order(7), out));
    // One view of all accounts.
    const auto all = add_view(book, {}, {});
    CHECK(ticks(book, 0) && book.try_order(order(8), out));
    // Two such views have more than 4,096 rows to follow, unless they do not show the instrument.
    // An order moves one position.
    const auto again = add_view(book, {}, {0, -1});
    CHECK(!ticks(book, 0));
    CHECK(ticks(book, 1));
    CHECK(book.try_order(order(9), out));
    book.remove_view(again.get());
    CHECK(ticks(book, 0));
}

TEST(a_write_that_makes_a_view_rebuild_does_not_keep_the_gil) {
    Book book("USD", 8);
    load(book, 10);
    const auto view = add_view(book, {}, {});
    book.order(order(5));
    const auto rebuilds = view->stats().rebuilds;
    load(book, 10);  // forgets all facts; the shape is stale
    Written out;
    CHECK(ticks(book, 0));  // a stale view is not synchronized
    CHECK(view->stats().rebuilds == rebuilds);
    // The first order splits the measures, and the view rebuilds.
    book.write([&] {
        Batch b(book.names());
        b.removed_orders = {{1, {}}};
        return b;
    });
    load(book, 10);
    CHECK(!book.state().grid.split());
    const auto merged = add_view(book, {}, {});
    CHECK(!book.try_order(order(6), out));
    book.order(order(6));
    CHECK(book.try_order(order(7), out) && merged->stats().rebuilds == 2);
}

TEST(an_account_of_many_positions_is_not_valued_with_the_gil) {
    Book book("USD", 8);
    load(book, 3);
    AccountValue out;
    CHECK(!book.try_value("A0", "", out));  // the index is not built
    static_cast<void>(book.value("A0", ""));
    CHECK(book.try_value("A0", "", out) && out.amount == all_of(i128{42} * 100'000'000));
    book.write([&] {
        Batch b(book.names());
        b.instruments_given = b.holdings_given = Given::update;
        for (int i = 0; i < 20'000; ++i) {
            const auto code = b.instruments.intern("J" + std::to_string(i));
            b.instrument_rows.push_back({InstrumentCode(code), 0, std::nullopt, std::nullopt});
            b.holding_rows.account.push_back(0);
            b.holding_rows.instrument.push_back(code);
            b.holding_rows.push_quantity(Decimal{1, 0});
        }
        return b;
    });
    static_cast<void>(book.value("A0", ""));
    CHECK(!book.try_value("A0", "", out));
    CHECK(book.try_value("A1", "", out));
}
