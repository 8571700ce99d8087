// A random run with orders in one thread; readers and refused writers in others. Every answer is
// compared with the model of its epoch.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "reads.hpp"

using namespace model;

namespace {

// The models of all epochs, recorded by the writer.
class Oracle {
public:
    void keep(const Model& model) {
        const std::scoped_lock lock(mutex_);
        if (models_.empty() || models_.back().epoch != model.epoch) models_.push_back(model);
        kept_.notify_all();
    }
    // Readers may see a write shortly before it is recorded here.
    const Model& at(mvcore::Epoch epoch) {
        std::unique_lock lock(mutex_);
        kept_.wait(lock, [&] { return models_.back().epoch >= epoch; });
        return models_[mvcore::raw(epoch) - mvcore::raw(models_.front().epoch)];
    }

private:
    std::mutex mutex_;
    std::condition_variable kept_;
    std::deque<Model> models_;
};

struct Shared {
    explicit Shared(IdKind kind, unsigned seed) : run(40, 8, 60, kSmall, 8, seed, kind) {
        run.order_percent = 50;
        oracle.keep(run.model);
    }
    void write(int steps) {
        for (int k = 0; k < steps; ++k) {
            run.step();
            oracle.keep(run.model);
        }
        done = true;
    }
    Run run;
    Oracle oracle;
    std::atomic<bool> done{false};
    std::atomic<int> answers{0};
};

class ReadingThread {
public:
    ReadingThread(Shared& shared, unsigned seed)
        : shared_(shared), book_(shared.run.book), dice_(1, 4, 0, kSmall, 8, seed) {}

    void read() {
        Followed whole(*this, By::account, 0, true);
        Followed few(*this, By::few, kLocal, false);
        do {
            switch (dice_.pick(6)) {
                case 0: read_values(); break;
                case 1: read_lists(); break;
                case 2: read_account(); break;
                case 3: read_snapshot(); break;
                case 4: Followed::read_together(whole, few); break;
                default: (dice_.chance(50) ? whole : few).read(dice_.chance(40));
            }
            ++shared_.answers;
        } while (!shared_.done);
    }

private:
    // A view that only this thread reads, and the rows that its changes add up to.
    class Followed {
    public:
        Followed(ReadingThread& thread, By by, int target, bool incremental)
            : thread_(thread),
              by_(by),
              target_(target),
              measures_(thread.dice_.some_measures()),
              view_(thread.book_.add_view(target, measures_, incremental)) {}
        ~Followed() { thread_.book_.remove_view(view_.get()); }
        void read(bool everything) {
            mvcore::ResultRows got;
            bool fresh = false;
            if (!thread_.book_.try_read_view(*view_, everything, got, fresh))
                fresh = thread_.book_.read_view(*view_, everything, got);
            if (!fresh) return reshape();
            if (everything) rows_.clear();
            accept(got);
        }
        static void read_together(Followed& a, Followed& b) {
            mvcore::View* const views[] = {a.view_.get(), b.view_.get()};
            std::vector<mvcore::ResultRows> got;
            bool fresh = false;
            if (!a.thread_.book_.try_read_views(views, got, fresh))
                fresh = a.thread_.book_.read_views(views, got);
            if (!fresh) return a.reshape(), b.reshape();
            CHECK(got.at(0).epoch == got.at(1).epoch);
            a.accept(got[0]), b.accept(got[1]);
        }

    private:
        void reshape() {
            const auto q = thread_.some_question(by_, target_, measures_);
            thread_.book_.reshape_view(*view_, {q.grouping, {}, 0, q.masters});
            if (view_->incremental()) thread_.book_.sync_view(*view_);
            grouping_ = q.grouping;
        }
        void accept(const mvcore::ResultRows& got) {
            const auto lines = lines_of(got, measures_);
            for (std::size_t k = 0; k < lines.size(); ++k) {
                const std::pair key(lines[k].row, lines[k].currency);
                if (!got.removed.empty() && got.removed[k]) rows_.erase(key);
                else rows_.insert_or_assign(key, lines[k]);
            }
            const auto& then = thread_.shared_.oracle.at(got.epoch);
            std::vector<Line> all;
            for (const auto& [key, line] : rows_) all.push_back(line);
            CHECK(then.lines(grouping_, {}, target_, measures_) == all);
        }

        ReadingThread& thread_;
        By by_;
        int target_;
        mvcore::Measures measures_;
        std::shared_ptr<mvcore::View> view_;
        Grouping grouping_;
        std::map<std::pair<int, int>, Line> rows_;
    };

    mvcore::Question some_question(By by, int target, const mvcore::Measures& measures) {
        const mvcore::Reading reading(book_.lock());
        const auto& names = book_.names();
        return question(book_.state(),
                        grouping_of(by, names.accounts.size(), names.instruments.size()), target,
                        measures);
    }
    void read_values() {
        auto q = some_question(kGroupings[dice_.pick(7)], dice_.chance(50) ? kLocal : 0,
                               dice_.some_measures());
        mvcore::ResultRows got;
        tables::Change other;
        other.fx = {{{1, {1 + dice_.pick(5000), 3, false}}}};
        const bool really = dice_.chance(50);
        const bool fresh = really ? book_.values(q, got)
                                  : book_.values_if(
                                        q, "",
                                        [&](const auto& names, const auto& state) {
                                            return mvcore::text::make_batch(
                                                names, state, tables::to_tables(other), false);
                                        },
                                        got);
        if (!fresh) return;
        Model then = shared_.oracle.at(got.epoch);
        if (!really) then.apply(other);
        CHECK(then.lines(q.grouping, {}, q.currency, q.measures) == lines_of(got, q.measures));
    }
    void read_account() {
        const int account = dice_.pick(40);
        mvcore::AccountValue got;
        try {
            if (!book_.try_value(tables::account(account), "", got))
                got = book_.value(tables::account(account), "");
        } catch (const mvcore::Error& e) {
            CHECK(e.kind() == ErrorKind::unknown_id);  // the run removes it now and then
            return;
        }
        Grouping only;
        only.account_group.assign(std::size_t(account) + 1, -1);
        only.account_group.back() = 0;
        only.account_groups = 1;
        const auto lines = shared_.oracle.at(got.epoch).lines(only, {}, 0, kEvery);
        CHECK(got.amount == (lines->empty() ? Net{} : lines->front().amount));
    }
    void read_lists() {
        const auto q = some_question(By::all, 0, kEvery);
        mvcore::OrderList orders;
        mvcore::CodeSelection all;
        all.masters = q.masters;
        if (!book_.orders(all, orders)) return;
        const auto& then = shared_.oracle.at(orders.epoch);
        CHECK(orders.account.size() == then.orders.size());
        for (std::size_t k = 0; k < orders.account.size(); ++k) {
            const Id id = orders.kind == IdKind::text ? Id(std::string(orders.text[k]))
                                                      : Id(orders.number[k]);
            const auto found = then.orders.find(id);
            CHECK(found != then.orders.end() && found->second.account == orders.account[k] &&
                  found->second.quantity == orders.quantity[k] &&
                  found->second.leaves() == orders.leaves[k]);
        }
        mvcore::PositionQuery query{all};
        query.holdings = true;
        mvcore::PositionList holdings;
        if (!book_.positions(query, holdings)) return;
        const auto instruments = holdings.instruments();
        const auto quantities = holdings.quantities(mvcore::sod);
        std::map<std::pair<int, int>, i128> held;
        for (std::size_t k = 0; k < holdings.size(); ++k)
            held[{holdings.accounts()[k], instruments[k]}] = quantities[k];
        CHECK(held == shared_.oracle.at(holdings.epoch()).holdings);
    }
    void read_snapshot() {
        mvcore::Snapshot snapshot(shared_.run.shared);
        const ReaderUnderTest tested(dice_, snapshot, shared_.oracle.at(snapshot.state().epoch));
        for (int k = 0; k < 2; ++k) {
            check_point_reads(tested);
            check_some_values(tested, 1);
        }
    }

    Shared& shared_;
    mvcore::Book& book_;
    Run dice_;
};

// Writes that are always refused. None of them may reach the book.
void write_refused(Shared& shared) {
    tables::Change change;
    change.prices = {{{mvcore::InstrumentCode{0}, {1, 0}, kNoTime}}};
    change.holdings = {{{0, 1 << 20, {1, 0}}}};
    while (!shared.done) {
        CHECK_THROWS(ErrorKind::unknown_id, tables::apply(shared.run.book, change));
        std::this_thread::yield();
    }
}

}  // namespace

TEST(every_answer_beside_writers_is_exact_for_its_epoch) {
    for (auto [kind, seed] : {std::pair(IdKind::integer, 41U), std::pair(IdKind::text, 42U)}) {
        Shared shared(kind, seed);
        std::vector<std::thread> threads;
        auto start = [&](auto work) {
            threads.emplace_back([&shared, work] {
                try {
                    work();
                } catch (const std::exception& e) {
                    std::fprintf(stderr, "a thread threw: %s\n", e.what());
                    ++check::failures();
                    shared.done = true;
                }
            });
        };
        start([&] { shared.write(2000); });
        start([&] { write_refused(shared); });
        for (unsigned k = 0; k < 3; ++k) start([&, k] { ReadingThread(shared, 50 + k).read(); });
        for (auto& thread : threads) thread.join();
        CHECK(shared.answers > 50);
    }
}

// Writes prices of many instruments at once, while readers read them and snapshots share their
// pages.
TEST(ticks_copy_pages_that_a_snapshot_shares) {
    Run run(3, 300, 50, kSmall, 8, 60);
    std::vector<mvcore::TickRow> rows;
    for (int i = 0; i < 300; ++i) rows.push_back({1, kNoTime, mvcore::InstrumentCode(i), 0});
    std::atomic<bool> done{false};
    std::thread reader([&] {
        while (!done) {
            const mvcore::Snapshot snapshot(run.shared);
            const auto prices = run.book.prices();
            const auto first = mvcore::raw(prices.epoch) - mvcore::raw(run.model.epoch);
            for (auto price : prices.price)
                CHECK(first == 0 || price == static_cast<i128>(first) * mvcore::kPow10[18]);
        }
    });
    for (int k = 1; k <= 2000; ++k) {
        for (auto& row : rows) row.mantissa = k;
        run.book.ticks(rows);
    }
    done = true;
    reader.join();
}
