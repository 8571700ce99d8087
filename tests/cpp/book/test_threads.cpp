// Readers and writers at once, for ThreadSanitizer, and to check that no answer mixes two epochs.
// Work is counted, not timed.
//
// Every account holds as much LONG as it owes SHORT. Both always get the same price in the
// same batch, so within one epoch the account is worth zero. One account holds one FREE, whose
// price only rises.
#include <atomic>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "check.hpp"
#include "mvcore/base/errors.hpp"
#include "tables.hpp"

using namespace mvcore;

namespace {

constexpr int kLong = 0;
constexpr int kShort = 1;
constexpr int kFree = 2;
constexpr int kFreeAccount = 0;
constexpr int kAccounts = 600;
constexpr int kWrites = 1500;
constexpr int kMasters = 60;
constexpr int kReads = 900;
const Measures kOnly{sod};

// CHECK is for one thread. Other threads count failures here, and the test reports them.
class Stress {
public:
    Stress();
    void write_prices();
    void write_masters();
    void read(unsigned seed);
    void finish();
    template <class F>
    void guarded(F&& f) {
        try {
            f();
        } catch (const std::exception&) {
            require(false, "a thread threw");
        }
    }

private:
    using Random = std::mt19937_64;
    void require(bool ok, const char* what) {
        if (!ok && failures_++ == 0) first_ = what;
    }
    static int pick(Random& random, int n) {
        return static_cast<int>(random() % static_cast<unsigned>(n));
    }
    // Epochs must not decrease within one thread.
    void seen(Epoch epoch, Epoch& last) {
        require(epoch >= last, "an epoch went back");
        last = epoch;
    }

    tables::Change hedged(int account, i128 quantity) const;
    View::Shape shape(int kind) const;
    void write_pair(Random& random, std::int64_t price);
    void read_view(View& view, bool by_account, bool everything, Epoch& last);
    void read_together(Random& random, Epoch& last);
    void read_value(Random& random, Epoch& last);
    void read_values(Random& random, Epoch& last);
    void read_lists(Random& random, Epoch& last);
    void read_revaluation(Random& random, Epoch& last);
    void check_rows(const ResultRows& rows, const char* what);

    Book book_{"USD", 8};
    std::shared_ptr<View> views_[4];  // shared by the readers; two of them incremental
    std::atomic<int> failures_{0};
    std::atomic<const char*> first_{""};
    std::atomic<int> accounts_{kAccounts};
    std::atomic<int> stale_{0};
    std::atomic<int> answers_{0};
};

tables::Change Stress::hedged(int account, i128 quantity) const {
    tables::Change change;
    change.holdings = {{{account, kLong, {quantity, 0}}, {account, kShort, {-quantity, 0}}}};
    return change;
}

Stress::Stress() {
    tables::Change change;
    change.load = true;
    change.instruments = {{{InstrumentCode(kLong), 1, {}, {}},
                           {InstrumentCode(kShort), 1, {}, {}},
                           {InstrumentCode(kFree), 0, {}, {}}}};
    change.fx = {{{1, {11, 1, false}}}};
    change.prices = {{{InstrumentCode(kLong), {5, 0}, kNoTime},
                      {InstrumentCode(kShort), {5, 0}, kNoTime},
                      {InstrumentCode(kFree), {1, 0}, kNoTime}}};
    change.accounts.emplace();
    change.holdings = {{{kFreeAccount, kFree, {1, 0}}}};
    for (int a = 0; a < kAccounts; ++a) {
        change.accounts->push_back(a);
        if (a == kFreeAccount) continue;
        change.holdings->push_back({a, kLong, {a, 0}});
        change.holdings->push_back({a, kShort, {-a, 0}});
    }
    tables::apply(book_, change);
    for (int k = 0; k < 4; ++k) {
        views_[k] = book_.add_view(k == 3 ? kLocal : 0, kOnly, k % 2 == 1);
        book_.reshape_view(*views_[k], shape(k));
        book_.sync_view(*views_[k]);
    }
}

// Uses the current master tables, which no other thread may change meanwhile.
View::Shape Stress::shape(int kind) const {
    const auto accounts = static_cast<std::uint32_t>(book_.names().accounts.size());
    Grouping g;
    g.account_groups = kind == 0 ? accounts : 5;
    for (std::uint32_t a = 0; kind != 0 && a < accounts; ++a) {
        const bool picked = kind != 2 || a % 200 == 7;  // few: uses the by-account index
        g.account_group.push_back(a == kFreeAccount || !picked ? -1 : std::int32_t(a % 5));
    }
    // Callers hold the read lock, or are the thread that writes the master tables.
    View::Shape out{g, {}, 0, book_.state().masters};
    out.labels.columns.push_back({RowLabels::Of::account_group, {}, nullptr});
    return out;
}

// ---- Writers ----

void Stress::write_pair(Random& random, std::int64_t price) {
    const int account = 1 + pick(random, kAccounts - 1);
    if (price % 10 != 0) {  // two ticks in one batch; most take the fast path
        const int scale = price % 50 == 1 ? 7 : 2;
        const std::vector<TickRow> rows{{price, kNoTime, InstrumentCode(kLong), scale},
                                        {price, kNoTime, InstrumentCode(kShort), scale}};
        book_.ticks(rows);
        return;
    }
    auto change = hedged(account, pick(random, 5000) - 1000);
    change.prices = {{{InstrumentCode(kLong), {price, 2}, kNoTime},
                      {InstrumentCode(kShort), {price, 2}, kNoTime}}};
    if (price % 30 == 0) change.fx = {{{1, {price, 3, false}}}};
    if (price % 70 == 0)
        change.prices->front().price = change.prices->back().price = {i128{price} << 50, 0};
    tables::apply(book_, change);
}

void Stress::write_prices() {
    Random random(1);
    Epoch last{};
    for (int k = 1; k <= kWrites; ++k) {
        write_pair(random, k);
        mvcore::Written epoch;
        const Decimal price{k + 1, 0};
        if (!book_.try_tick(InstrumentCode(kFree), price, kNoTime, epoch))
            epoch = k % 2 == 0 ? book_.tick(InstrumentCode(kFree), price, kNoTime)
                               : book_.tick("I2", price, kNoTime);
        require(epoch > last, "an epoch did not grow");
        last = epoch;
    }
}

// Adds accounts with holdings, adds and removes instruments, opens and closes views.
void Stress::write_masters() {
    Random random(2);
    Epoch last{};
    for (int k = 0; k < kMasters; ++k) {
        const int account = kAccounts + k;
        const int instrument = 3 + k;
        auto change = hedged(account, k + 1);
        change.accounts = {{account}};
        change.instruments = {{{InstrumentCode(instrument), 0, {}, {}}}};
        change.prices = {{{InstrumentCode(instrument), {k, 1}, kNoTime}}};
        seen(tables::apply(book_, change), last);
        accounts_ = account + 1;
        for (int v = 0; v < 4; ++v) {
            book_.reshape_view(*views_[v], shape(v));
            if (views_[v]->incremental()) book_.sync_view(*views_[v]);
        }
        auto own = book_.add_view(k % 3 == 0 ? 1 : 0, kOnly, k % 2 == 0);
        const int kind = pick(random, 3);
        book_.reshape_view(*own, shape(kind));
        book_.sync_view(*own);
        Epoch read{};
        for (int n = 0; n < 3; ++n) read_view(*own, kind == 0, n == 1, read);
        book_.remove_view(own.get());
        if (k % 2 == 0) seen(tables::remove(book_, {}, {instrument}), last);
    }
}

// ---- Readers ----

void Stress::check_rows(const ResultRows& rows, const char* what) {
    ++answers_;
    for (std::size_t k = 0; k < rows.size(); ++k) {
        for (const auto& amounts : rows.amounts) require(amounts[k] == 0, what);
        require(rows.unpriced[k] == 0, "a position had no price");
    }
}

void Stress::read_view(View& view, bool by_account, bool everything, Epoch& last) {
    ResultRows rows;
    bool fresh = false;
    if (!book_.try_read_view(view, everything, rows, fresh))  // fast path refused
        fresh = book_.read_view(view, everything, rows);
    if (!fresh) {
        ++stale_;  // its shape is being replaced
        return;
    }
    seen(rows.epoch, last);
    for (std::size_t k = 0; k < rows.size(); ++k)
        if (!by_account || rows.row[k] != kFreeAccount)
            require(rows.amounts[0][k] == 0 && rows.unpriced[k] == 0, "a view showed two epochs");
    ++answers_;
}

// All views in one table, in any order.
void Stress::read_together(Random& random, Epoch& last) {
    std::vector<View*> views;
    const int first = pick(random, 4);
    for (int v = 0; v < 4; ++v) views.push_back(views_[(first + v) % 4].get());
    const auto found = book_.read_combined(views);
    require(!found.listed_twice && !found.of_other_columns, "views of one kind differ");
    if (!found.rows) {
        ++stale_;
        return;
    }
    const CombinedRows& rows = *found.rows;
    seen(rows.epoch, last);
    for (std::size_t k = 0; k < rows.size(); ++k) {
        const bool by_account = views[std::size_t(rows.view[k])] == views_[0].get();
        if (!by_account || rows.labels[0][k] != kFreeAccount)
            require(rows.amounts[0][k] == 0 && rows.unpriced[k] == 0, "a table showed two epochs");
    }
    ++answers_;
}

void Stress::read_value(Random& random, Epoch& last) {
    const int account = 1 + pick(random, accounts_ - 1);
    const auto name = tables::account(account);
    const auto currency = random() % 2 ? "EUR" : "";
    AccountValue value;
    if (!book_.try_value(name, currency, value)) value = book_.value(name, currency);
    seen(value.epoch, last);
    require(value.amount == Net{} && value.unpriced == 0, "an account's value showed two epochs");
    ++answers_;
}

void Stress::read_values(Random& random, Epoch& last) {
    Grouping g;
    std::uint64_t masters = 0;
    {
        const Reading reading(book_.lock());
        g = shape(1 + pick(random, 2)).grouping;
        masters = book_.state().masters;
    }
    ResultRows rows;
    if (!book_.values({g, kOnly, {}, 0, random() % 2 ? kLocal : 0, masters}, rows)) return;
    seen(rows.epoch, last);
    check_rows(rows, "values showed two epochs");
}

void Stress::read_lists(Random& random, Epoch& last) {
    const auto prices = book_.prices();
    seen(prices.epoch, last);
    require(prices.price[kLong] == prices.price[kShort], "prices of two epochs");
    for (auto changed : prices.changed)
        require(Epoch{changed} <= prices.epoch, "a price of a later epoch");
    mvcore::PositionQuery few;
    few.holdings = true;
    {
        const Reading reading(book_.lock());
        few.masters = book_.state().masters;
    }
    std::set<mvcore::AccountCode> accounts;
    for (int k = 0; k < 3; ++k) accounts.insert(AccountCode(1 + pick(random, kAccounts - 1)));
    few.accounts.emplace(accounts.begin(), accounts.end());
    mvcore::PositionList positions;
    if (!book_.positions(few, positions)) return;
    seen(positions.epoch(), last);
    i128 sum = 0;
    for (auto value : positions.amounts(mvcore::sod)) sum += value;
    require(sum == 0 && positions.size() % 2 == 0, "holdings of two epochs");
    answers_ += 2;
}

void Stress::read_revaluation(Random& random, Epoch& last) {
    const auto r = book_.revalue(tables::instrument(pick(random, 2)));
    seen(r.epoch(), last);
    const auto quantities = r.quantities();
    const auto values = r.values();
    require(quantities.size() == r.size() && values.size() == r.size(), "a list of another epoch");
    for (std::size_t k = 0; k < values.size(); ++k) {
        const i256 exact = i256(quantities[k]) * i256(r.price());  // 36 decimals; values have 8
        require(exact == i256(values[k]) * pow10<4>(28), "a value at another price");
    }
    ++answers_;
}

void Stress::read(unsigned seed) {
    Random random(seed);
    Epoch last{};
    i128 free_before = 0;
    for (int k = 0; k < kReads; ++k) {
        switch (pick(random, 8)) {
            case 0: read_value(random, last); break;
            case 1: read_values(random, last); break;
            case 2: read_lists(random, last); break;
            case 3: read_revaluation(random, last); break;
            case 5: read_together(random, last); break;
            case 4: {
                const auto value = book_.value("A0", "");
                seen(value.epoch, last);
                require(value.amount[sod] >= free_before, "a price came back");
                free_before = value.amount[sod];
                break;
            }
            default: {
                const int v = pick(random, 4);
                read_view(*views_[v], v == 0, random() % 2 == 0, last);
            }
        }
    }
}

void Stress::finish() {
    CHECK(failures_ == 0);
    if (failures_ != 0)
        std::fprintf(stderr, "%d times, first: %s\n", failures_.load(), first_.load());
    CHECK(answers_ > kReads);
    CHECK(raw(book_.state().epoch) >= 1 + 2 * kWrites + kMasters);
    Epoch last{};
    for (int v = 0; v < 4; ++v) read_view(*views_[v], v == 0, true, last);
    CHECK(failures_ == 0 && last == book_.state().epoch);
}

}  // namespace

TEST(readers_never_see_two_epochs) {
    Stress stress;
    std::vector<std::thread> threads;
    auto start = [&](auto run) {
        threads.emplace_back([&stress, run = std::move(run)] { stress.guarded(run); });
    };
    start([&] { stress.write_prices(); });
    start([&] { stress.write_masters(); });
    for (unsigned seed = 10; seed < 14; ++seed) start([&, seed] { stress.read(seed); });
    for (auto& thread : threads) thread.join();
    stress.finish();
}
