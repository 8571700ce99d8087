// A book on a disk, usually a simulated one, and a shadow book in memory that gets the same calls.
// The book recovered from the disk must equal the shadow after some call, with no acknowledged call
// missing.
#pragma once

#include <utility>

#include "durable_calls.hpp"
#include "sim_files.hpp"

namespace durable {

using sim::Disk;

// ---- The pair ----

struct Options : journal::Options {
    Options() {
        background = false;
        file_bytes = 4096;
    }
    bool power_fails = true;  // false: only processes die
};

using Opener = std::function<std::unique_ptr<journal::Files>()>;

class Pair {
public:
    Pair(Opener opener, std::uint64_t seed, const Options& options)
        : opener_(std::move(opener)),
          options_(options),
          calls_(seed),
          shadow_(std::make_unique<Book>("USD", 8)) {
        remember();
    }
    Pair(Disk& disk, std::uint64_t seed, const Options& options = {})
        : Pair([&disk] { return std::make_unique<sim::DiskFiles>(disk); }, seed, options) {
        disk_ = &disk;
    }

    // Returns false if the machine stopped meanwhile.
    bool open(bool read_only = false) try {
        failed_ = false;
        book_ = std::make_unique<Book>("USD", 8);
        report_ = recover(opener_(), *book_, options_, read_only);
        return true;
    } catch (const sim::Stopped&) {
        book_.reset();
        return false;
    }
    static journal::RecoveryReport recover(Disk& disk, Book& book,
                                           const journal::Options& options) {
        return recover(std::make_unique<sim::DiskFiles>(disk), book, options);
    }
    static journal::RecoveryReport recover(std::unique_ptr<journal::Files> files, Book& book,
                                           const journal::Options& options,
                                           bool read_only = false) {
        if (journal::uninterrupted([&] { return files->lock(); }) != 0)
            throw Error(ErrorKind::storage, "locked");
        return book.recover(std::move(files), read_only, options, 0, 0, [](const Batch&) {});
    }

    // Makes one random call to both books. Returns false if the machine stopped during it.
    bool step() {
        const int kind = calls_.instruments == 0 ? 0 : calls_.pick(100);
        if (kind < 3 || calls_.instruments == 0) return fact(calls_.masters());
        if (kind < 35) return fact(calls_.order());
        if (kind < 50) return fact(calls_.holdings(false));
        if (kind < 53) return fact(calls_.holdings(true));
        if (kind < 56) return fact(calls_.rate());
        if (kind < 57) return fact(calls_.roll());
        if (kind < 59) return fact(calls_.withdraw());
        if (kind < 85) return quiet(calls_.tick());
        if (kind < 95) return quiet(calls_.prices());
        return kind < 98 ? flush() : at_rest();
    }
    bool flush() {
        if (!survives([&] { book_->flush(); })) return false;
        settled();
        return true;
    }
    // Begins a checkpoint, which begins a new journal file.
    bool at_rest() {
        State state;
        Feeds feeds;
        StoredCounts counts;
        NamesKnown names;
        if (!survives([&] { book_->at_rest(state, feeds, counts, names); })) return false;
        settled();
        return true;
    }
    bool close() {
        if (!survives([&] { book_->close(); })) return false;
        settled();
        book_.reset();
        return true;
    }
    // Ends the process; the disk remains.
    void drop() {
        book_.reset();
        if (disk_ != nullptr) disk_->heal();
    }
    // Another process has the book. There, the next `returned` calls of this pair returned, and the
    // call after them did not.
    void elsewhere(long returned) {
        book_.reset();
        returned_ = returned;
    }

    // Whether the recovered book is a state that once existed, no older than the last acknowledged
    // state, with prices no older than the flushed prices. If so, the shadow goes back to that
    // state.
    [[nodiscard]] bool right() {
        const auto facts = strip(facts_of(*book_));
        std::size_t k = states_.size();
        while (k > acknowledged_ && states_[k - 1].facts != facts) --k;
        if (k <= acknowledged_) return false;
        const auto feeds = book_->feeds();
        const auto position = feeds.find("prices/0");
        std::vector<std::size_t> least = floor_;
        if (position != feeds.end()) raise(least, at_offset_.at(position->second));
        std::vector<std::size_t> found;
        for (std::int32_t i = 0; i < book_->names().instruments.size(); ++i) {
            const auto& seen = seen_[std::size_t(i)];
            const auto from = std::size_t(i) < least.size() ? least[std::size_t(i)] : 0;
            const auto at =
                std::find(seen.begin() + std::ptrdiff_t(from), seen.end(), price_of(*book_, i));
            if (at == seen.end()) return false;
            found.push_back(std::size_t(at - seen.begin()));
        }
        settle(k - 1, std::move(found));
        return true;
    }
    [[nodiscard]] Book& book() { return *book_; }
    [[nodiscard]] const journal::RecoveryReport& report() const { return report_; }
    [[nodiscard]] bool failed() const { return failed_; }
    // Whether a failed book still reads as before the failed call and refuses all writes.
    [[nodiscard]] bool reads_on() {
        if (book_->closed()) return true;
        const auto refuses = [&](const Call& call) {
            try {
                call(*book_);
            } catch (const Error& e) {
                return e.kind() == ErrorKind::storage;
            }
            return false;
        };
        return strip(facts_of(*book_)) == states_[applied_].facts && refuses(calls_.tick()) &&
               refuses(calls_.order()) && refuses(calls_.prices()) &&
               refuses([](Book& book) { book.flush(); }) &&
               strip(facts_of(*book_)) == states_[applied_].facts;
    }
    // Whether the book holds a state that this pair had at any time.
    [[nodiscard]] bool was(Book& book) const {
        const auto facts = strip(facts_of(book));
        return std::any_of(states_.begin(), states_.end(),
                           [&](const auto& s) { return s.facts == facts; });
    }
    [[nodiscard]] bool is_latest(Book& book) const {
        return strip(facts_of(book)) == states_.back().facts;
    }

private:
    struct StateThen {
        std::string facts;
        std::size_t calls;  // number of calls made until then
    };
    // Removes the price feeds, which move with the prices and are checked with them.
    static std::string strip(std::string facts) {
        const auto at = facts.find("\nprices/0>");
        if (at != std::string::npos) facts.erase(at, facts.find('\n', at + 1) - at);
        return facts;
    }
    void remember() {
        states_.push_back({strip(facts_of(*shadow_)), made_.size()});
        prices_.resize(std::size_t(shadow_->names().instruments.size()));
        seen_.resize(prices_.size());
        for (std::size_t i = 0; i < prices_.size(); ++i) {
            const auto now = price_of(*shadow_, std::int32_t(i));
            if (seen_[i].empty() || seen_[i].back() != now) seen_[i].push_back(now);
            prices_[i] = seen_[i].size() - 1;
        }
    }
    // Applies the call to the shadow first, because a call that stops the machine may have reached
    // the disk.
    bool fact(const Call& call) {
        if (!shadow(call)) return refused(call);
        remember();
        if (!survives([&] { call(*book_); })) return false;
        applied_ = states_.size() - 1;
        if (options_.sync == journal::SyncMode::always || !options_.power_fails)
            acknowledged_ = applied_;
        return true;
    }
    bool quiet(const Call& call) {
        if (!shadow(call)) return refused(call);
        remember();
        states_.pop_back();  // a price changes no fact
        at_offset_.emplace(calls_.offset, prices_);
        return survives([&] { call(*book_); });
    }
    bool shadow(const Call& call) try {
        call(*shadow_);
        made_.push_back(call);
        return true;
    } catch (const Error&) {
        return false;
    }
    bool refused(const Call& call) try {
        return survives([&] {
            call(*book_);
            CHECK(!"refused by the one and taken by the other");
        });
    } catch (const Error&) {
        return true;
    }
    // Returns false if the machine stopped meanwhile or the disk failed.
    template <class F>
    bool survives(F&& f) try {
        if (book_ == nullptr) return returned_-- > 0;
        f();
        return true;
    } catch (const sim::Stopped&) {
        return false;
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::storage) throw;
        failed_ = true;
        return false;
    }
    void settled() {
        acknowledged_ = states_.size() - 1;
        floor_ = prices_;
    }
    static void raise(std::vector<std::size_t>& to, const std::vector<std::size_t>& other) {
        to.resize(std::max(to.size(), other.size()), 0);
        for (std::size_t i = 0; i < other.size(); ++i) to[i] = std::max(to[i], other[i]);
    }
    // Rebuilds the shadow as the recovered book: repeats the calls up to state k, then writes the
    // recovered prices.
    void settle(std::size_t k, std::vector<std::size_t>&& found) {
        std::vector<PriceRow> prices;
        const State& s = book_->state();
        for (std::int32_t i = 0; i < book_->names().instruments.size(); ++i)
            if (const Quote& q = s.board.quote(InstrumentCode(i)); q.alive && q.priced)
                prices.push_back(
                    {InstrumentCode(i),
                     make_decimal(s.board.price_mantissa(InstrumentCode(i)), q.price_scale).value,
                     q.time});
        const auto feeds = book_->feeds();
        made_.resize(states_[k].calls);
        made_.emplace_back([=](Book& book) {
            book.write([&] {
                Batch b(book.names());
                b.prices_given = Given::update;
                b.restored = true;
                b.price_rows = prices;
                return b;
            });
            book.set_feeds(feeds);
        });
        shadow_ = std::make_unique<Book>("USD", 8);
        for (const auto& call : made_) call(*shadow_);
        states_.resize(k + 1);
        states_[k].calls = made_.size();
        acknowledged_ = applied_ = k;
        floor_ = std::move(found);
        calls_.instruments = shadow_->names().instruments.size();
        calls_.accounts = shadow_->names().accounts.size();
        seen_.resize(std::size_t(calls_.instruments));
        prices_ = floor_;
        CHECK(strip(facts_of(*shadow_)) == states_[k].facts);
    }

    Opener opener_;
    Disk* disk_ = nullptr;
    Options options_;
    Calls calls_;
    std::unique_ptr<Book> shadow_;
    std::unique_ptr<Book> book_;
    journal::RecoveryReport report_;
    std::vector<Call> made_;
    std::vector<StateThen> states_;
    std::size_t acknowledged_ = 0;
    std::size_t applied_ = 0;  // index in states_ of the state of the book in memory
    bool failed_ = false;
    long returned_ = 0;
    std::vector<std::vector<std::string>> seen_;  // by instrument: every price and time it had
    // By instrument: index of the current price in seen_.
    std::vector<std::size_t> prices_;
    std::vector<std::size_t> floor_;  // the same for the flushed prices
    // By feed position: `prices_` at that time.
    std::map<std::int64_t, std::vector<std::size_t>> at_offset_;
};

}  // namespace durable
