// One thread ticks while another makes calls of any size. Every tick must count. The longest tick
// beside each call is printed, not judged: docs/decisions/0015. MVCORE_ROWS sets the number of
// positions and of orders.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "check.hpp"
#include "mvcore/book/snapshot.hpp"

using namespace mvcore;

namespace {

constexpr int kInstruments = 500;

std::size_t rows() {
    const char* set = std::getenv("MVCORE_ROWS");
    return set != nullptr ? std::strtoull(set, nullptr, 10) : 100'000;
}
int accounts() { return static_cast<int>(rows() / kInstruments); }

void load_masters(Book& book) {
    book.write([&] {
        Batch b(book.names());
        b.accounts_given = b.instruments_given = b.prices_given = Given::load;
        for (int a = 0; a < accounts(); ++a)
            b.account_rows.push_back(b.accounts.intern("A" + std::to_string(a)));
        for (int i = 0; i < kInstruments; ++i) {
            const auto code = b.instruments.intern("I" + std::to_string(i));
            b.instrument_rows.push_back({InstrumentCode(code), 0, std::nullopt, std::nullopt});
            b.price_rows.push_back({InstrumentCode(code), Decimal{9, 0}, kNoTime});
        }
        return b;
    });
}

void put_holdings(Book& book, Given given, std::int64_t quantity) {
    Batch b(book.names());
    b.holdings_given = given;
    for (int i = 0; i < kInstruments; ++i)
        for (int a = 0; a < accounts(); ++a) {
            b.holding_rows.account.push_back(a);
            b.holding_rows.instrument.push_back(i);
            b.holding_rows.push_quantity(Decimal{quantity, 0});
        }
    book.write([&] { return std::move(b); });
}

void put_orders(Book& book, Given given, std::int64_t quantity) {
    Batch b(book.names());
    b.orders_given = given;
    if (given == Given::load) {
        b.loaded_orders = std::make_unique<LoadedOrders>();
        OrderStore& store = b.loaded_orders->store;
        OrderIndex& index = b.loaded_orders->index;
        store.set_kind(IdKind::integer);
        store.extend(kInstruments);
        for (int i = 0; i < kInstruments; ++i) {
            store.prepare(InstrumentCode(i), std::size_t(accounts()), {});
            for (int a = 0; a < accounts(); ++a) {
                const std::int64_t id = std::int64_t{i} * accounts() + a;
                const Order order{AccountCode(a), InstrumentCode(i), quantity, 0, 0, {}, {},
                                  kNoTime,        Status::created};
                const auto hash = hash_of(OrderId{id, {}}, IdKind::integer);
                index.reserve(hash, 1, [&](Slot s) { return store.hash_at(s); });
                index.insert(hash, store.insert(order, std::uint64_t(id)));
            }
        }
    } else {
        b.order_rows.kind = IdKind::integer;
        for (std::size_t k = 0; k < std::size_t(accounts()) * kInstruments; ++k) {
            b.order_rows.id.push_back({std::int64_t(k), {}});
            b.order_rows.quantity.push_back(Decimal{quantity, 0});
        }
    }
    book.write([&] { return std::move(b); });
}

std::shared_ptr<View> view_of_accounts(Book& book, bool incremental) {
    auto view = book.add_view(0, {sod, current, expected}, incremental);
    View::Shape shape;
    shape.grouping.account_groups = std::uint32_t(accounts());
    shape.rows = shape.grouping.account_groups;
    shape.masters = book.state().masters;
    book.reshape_view(*view, std::move(shape));
    return view;
}

class Ticker {
public:
    explicit Ticker(Book& book) : book_(book) {}

    void beside(const char* what, const std::function<void()>& call) {
        std::atomic<bool> ready = false;
        std::atomic<bool> done = false;
        std::thread caller([&] {
            while (!ready) std::this_thread::yield();
            call();
            done = true;
        });
        using Clock = std::chrono::steady_clock;
        Clock::duration longest{};
        std::uint64_t ticks = 0;
        const auto begun = Clock::now();
        for (; !done; ++ticks) {
            const auto before = Clock::now();
            price_ = 1 + (price_ + 1) % 9;
            instrument_ = static_cast<std::int32_t>(ticks % kInstruments);
            book_.tick(InstrumentCode(instrument_), Decimal{price_, 0}, kNoTime);
            longest = std::max(longest, Clock::now() - before);
            ready = true;
        }
        const auto took = Clock::now() - begun;
        caller.join();
        ticks_ += ticks;
        const auto ms = [](Clock::duration d) {
            return std::chrono::duration<double, std::milli>(d).count();
        };
        std::printf("  %-34s %9.1f ms, longest tick %8.3f ms, %llu ticks\n", what, ms(took),
                    ms(longest), static_cast<unsigned long long>(ticks));
        CHECK(book_.state().board.price_of(InstrumentCode(instrument_)) ==
              i256(i128{price_} * 10'000));
    }
    [[nodiscard]] std::uint64_t ticks() const { return ticks_; }

private:
    Book& book_;
    std::int64_t price_ = 0;
    std::int32_t instrument_ = 0;
    std::uint64_t ticks_ = 0;
};

}  // namespace

TEST(ticks_continue_beside_calls_of_any_size) {
    auto held = std::make_shared<Book>("USD", 8);
    Book& book = *held;
    load_masters(book);
    Ticker ticker(book);
    std::printf("%zu holdings, %zu orders\n", rows(), rows());
    ticker.beside("load(holdings=)", [&] { put_holdings(book, Given::load, 3); });
    ticker.beside("load(orders=)", [&] { put_orders(book, Given::load, 5); });
    ticker.beside("first value: builds the index",
                  [&] { static_cast<void>(book.value_by_code(AccountCode(0), -1)); });
    ticker.beside("update(holdings=) of all", [&] { put_holdings(book, Given::update, 4); });
    ticker.beside("update(orders=) of all", [&] { put_orders(book, Given::update, 6); });
    auto view = view_of_accounts(book, false);
    ResultRows rows;
    ticker.beside("first read of a view by account",
                  [&] { CHECK(book.read_view(*view, true, rows)); });
    view = view_of_accounts(book, true);
    ticker.beside("first sync of an incremental view", [&] { book.sync_view(*view); });
    std::shared_ptr<Snapshot> snapshot;
    ticker.beside("snapshot", [&] { snapshot = std::make_shared<Snapshot>(held); });
    ticker.beside("value of the snapshot, its index",
                  [&] { static_cast<void>(snapshot->value_by_code(AccountCode(0), -1)); });
    snapshot.reset();
    ticker.beside("roll_day", [&] { book.roll_day(); });
    ticker.beside("load(holdings=) again", [&] { put_holdings(book, Given::load, 7); });
    // Six of the calls write. The master tables were written before them.
    CHECK(raw(book.state().epoch) == ticker.ticks() + 1 + 6);
    for (int a = 0; a < accounts(); a += 97) {
        i128 sum = 0;
        for (int i = 0; i < kInstruments; ++i)
            sum +=
                static_cast<i128>(book.state().board.quote(InstrumentCode(i)).price) * 10'000 * 7;
        CHECK(book.value_by_code(AccountCode(a), -1).amount[sod] == sum);
    }
}
