// Orders in records of 16 bytes, instrument by instrument, in pages of 256 that are copied on
// write. A slot keeps its order for the order's life in an instrument; a slot that is given up is
// used again. What few orders have (a time, an id beyond 32 bits, wide quantities, a part that was
// rolled, prices of fills) lies in arrays that a page has only where one of its orders needs them.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "mvcore/base/cow_vector.hpp"
#include "mvcore/base/huge_page_pool.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/orders/order.hpp"
#include "mvcore/orders/order_index.hpp"

namespace mvcore {

struct OrderRecord {
    static constexpr std::uint32_t kFree = 15;  // in place of a status
    static constexpr std::int32_t kWide = std::numeric_limits<std::int32_t>::min();

    std::uint32_t account_and_status;  // 27 bits, one that says `retained`, and 4
    std::int32_t quantity;             // kWide: see WideOrder
    std::int32_t filled;
    std::uint32_t id;  // low bits of an integer, or the place of a text; free: the next free slot

    [[nodiscard]] static std::uint32_t pack(std::uint32_t account, bool retained,
                                            std::uint32_t status) noexcept {
        return account << 5 | (retained ? 16U : 0U) | status;
    }
    [[nodiscard]] std::int32_t account() const noexcept {
        return static_cast<std::int32_t>(account_and_status >> 5);
    }
    [[nodiscard]] bool retained() const noexcept { return (account_and_status & 16U) != 0; }
    [[nodiscard]] bool free() const noexcept { return (account_and_status & 15U) == kFree; }
    [[nodiscard]] Status status() const noexcept {
        return static_cast<Status>(account_and_status & 15U);
    }
};
static_assert(sizeof(OrderRecord) == 16);
inline constexpr std::int32_t kMostAccounts = 1 << 27;

struct WideOrder {
    i128 quantity;
    i128 filled;
    i128 rolled;
    i128 average_price;
    i128 rolled_price;
};

// Prices of an order's fills; their mantissas are in the WideOrder where the order has one.
struct OrderPrices {
    std::int64_t average_price = 0;
    std::int64_t rolled_price = 0;
    std::int8_t scale = FillPrice::kUnknown;
    std::int8_t scale_rolled = FillPrice::kUnknown;
};

// The arrays that an order needs beside its record.
struct Extras {
    bool time = false;
    bool high = false;
    bool rolled = false;
    bool wide = false;
    bool prices = false;

    Extras& operator|=(const Extras& o) noexcept {
        time |= o.time, high |= o.high, rolled |= o.rolled, wide |= o.wide, prices |= o.prices;
        return *this;
    }
    [[nodiscard]] bool holds(const Extras& o) const noexcept {
        return time >= o.time && high >= o.high && rolled >= o.rolled && wide >= o.wide &&
               prices >= o.prices;
    }
};

struct alignas(64) OrderPage {
    static constexpr std::uint32_t kRecords = 256;

    std::int32_t instrument = -1;
    std::uint32_t next = ~0U;  // page of the same instrument
    std::uint32_t used = 0;    // records, free ones among them
    std::uint32_t capacity = 0;
    std::atomic<std::uint32_t> holders{1};
    huge_pages::Array<OrderRecord> records;
    std::unique_ptr<std::int64_t[]> time;
    std::unique_ptr<std::uint32_t[]> high;
    std::unique_ptr<std::int32_t[]> rolled;
    std::unique_ptr<WideOrder[]> wide;
    std::unique_ptr<OrderPrices[]> prices;

    OrderPage(std::int32_t of, std::uint32_t records);
    // With room for `more` records; throws std::bad_alloc.
    OrderPage(const OrderPage& other, std::uint32_t more);
    void need(const Extras& extras);
    [[nodiscard]] std::size_t memory_bytes() const noexcept;
};

// One holder of a page.
class PageRef {
public:
    PageRef() = default;
    explicit PageRef(std::unique_ptr<OrderPage> page) noexcept : page_(page.release()) {}
    PageRef(const PageRef& o) noexcept : page_(o.page_) {
        if (page_ != nullptr) page_->holders.fetch_add(1, std::memory_order_relaxed);
    }
    PageRef(PageRef&& o) noexcept : page_(std::exchange(o.page_, nullptr)) {}
    PageRef& operator=(PageRef o) noexcept {
        std::swap(page_, o.page_);
        return *this;
    }
    ~PageRef() {
        if (page_ != nullptr && page_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete page_;
    }
    [[nodiscard]] bool shared() const noexcept {
        return page_->holders.load(std::memory_order_acquire) != 1;
    }
    [[nodiscard]] const OrderPage& operator*() const noexcept { return *page_; }
    [[nodiscard]] const OrderPage* operator->() const noexcept { return page_; }
    [[nodiscard]] OrderPage& writable() noexcept { return *page_; }

private:
    OrderPage* page_ = nullptr;
};

class OrderStore {
public:
    [[nodiscard]] IdKind kind() const noexcept { return kind_; }
    void set_kind(IdKind kind);  // once
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint32_t count(std::int32_t instrument) const noexcept {
        return line(instrument).count;
    }
    // Decimals at which the instrument's orders are kept.
    [[nodiscard]] int scale(std::int32_t instrument) const noexcept {
        return line(instrument).scale;
    }
    [[nodiscard]] Order order(Slot slot) const noexcept;
    [[nodiscard]] std::int64_t number(Slot slot) const noexcept {  // an integer id
        return number(*pages_[slot / OrderPage::kRecords], slot % OrderPage::kRecords);
    }
    [[nodiscard]] static std::int64_t number(const OrderPage& page, std::uint32_t k) noexcept;
    [[nodiscard]] std::string_view text(Slot slot) const noexcept {  // a text id
        return arena_->text(record(slot).id);
    }
    // The id as insert() takes it.
    [[nodiscard]] std::uint64_t stored(Slot slot) const noexcept {
        return kind_ == IdKind::text ? record(slot).id : static_cast<std::uint64_t>(number(slot));
    }
    [[nodiscard]] bool has(Slot slot, const OrderId& id) const noexcept {
        return kind_ == IdKind::text ? text(slot) == id.text : number(slot) == id.number;
    }
    [[nodiscard]] std::uint64_t hash_at(Slot slot) const noexcept {
        return kind_ == IdKind::text ? hash_of({0, text(slot)}, kind_)
                                     : hash_of({number(slot), {}}, kind_);
    }
    // First the page, then, when that is there, the record in it.
    void prefetch_page(Slot slot) const noexcept {
        mvcore::prefetch(&*pages_[slot / OrderPage::kRecords]);
    }
    void prefetch(Slot slot) const noexcept {
        mvcore::prefetch(&pages_[slot / OrderPage::kRecords]->records[slot % OrderPage::kRecords]);
    }
    // f(slot, page, place in the page) for each order of the instrument.
    template <class F>
    void for_each(std::int32_t instrument, F&& f) const;
    // f(page) for each page of the instrument.
    template <class F>
    void for_pages(std::int32_t instrument, F&& f) const {
        for (auto p = line(instrument).head; p != ~0U; p = pages_[p]->next) f(pages_[p]);
    }
    [[nodiscard]] std::shared_ptr<const TextArena> arena() const noexcept { return arena_; }
    [[nodiscard]] static Order order(const OrderPage& page, std::uint32_t k) noexcept;
    [[nodiscard]] std::size_t instruments() const noexcept { return lines_.size(); }

    // ---- writes: prepare, which may throw and changes no order, then commit, which cannot ----
    void extend(std::size_t instruments) { lines_.grow(instruments); }
    [[nodiscard]] static Extras extras_of(const Order& order, std::int64_t number) noexcept;
    // The slot's page may be written, and may hold such an order there.
    void prepare(Slot slot, const Extras& extras);
    // So many orders may be added to the instrument.
    void prepare(std::int32_t instrument, std::size_t more, const Extras& extras);
    // The text's place, for insert().
    std::uint32_t store(std::string_view text) { return arena_->store(text); }

    // `id`: low bits and high bits of an integer, or a text's place.
    Slot insert(const Order& order, std::uint64_t id) noexcept;
    void put(Slot slot, const Order& order) noexcept;  // same instrument, same id
    void erase(Slot slot) noexcept;
    // Multiplies the quantities of the instrument's orders: pages made beforehand by rescaled().
    using Rescaled = std::vector<std::pair<std::uint32_t, PageRef>>;
    [[nodiscard]] Rescaled rescaled(std::int32_t instrument, i128 power);
    void put(std::int32_t instrument, int scale, Rescaled&& pages) noexcept;

    // Makes of every order what Order::after_roll() says; calls gone(slot) before it drops one.
    // Call prepare_roll() first.
    void prepare_roll(bool drop_ended);
    template <class F>
    void roll(bool drop_ended, F&& gone) noexcept;

    // ---- a store that is read: pages are made aside, then taken ----
    static void append(OrderPage& page, const Order& order, std::uint64_t id, IdKind kind);
    // So many pages in all; no page moves while others are taken.
    void reserve_pages(std::size_t pages) { pages_.grow(pages); }
    // All orders of an instrument that had none, in the order of for_each(); every page but the
    // last is full. Returns the number of the first; the others follow.
    std::uint32_t adopt(std::int32_t instrument, int scale, std::vector<PageRef>&& pages);

    // New memory for the texts, where most of it is of orders that are gone. Throws
    // std::bad_alloc, then nothing has changed.
    void compact_texts();
    // Text bytes that no order has any more, or nearly: what a new arena would free.
    [[nodiscard]] std::size_t dead_text_bytes() const noexcept {
        return arena_ ? arena_->used_bytes() - text_bytes_ : 0;
    }
    void count_copies(std::uint64_t more) noexcept { copies_ += more; }
    [[nodiscard]] std::uint64_t copies() const noexcept {
        return copies_ + lines_.copies() + pages_.copies();
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    struct Line {
        std::uint32_t head = ~0U;   // the page that grows, older ones behind it
        std::uint32_t spare = ~0U;  // pages that stand ready
        Slot free = kNoSlot;        // slots to use again
        std::uint32_t count = 0;
        std::uint8_t scale = 0;
    };
    [[nodiscard]] const Line& line(std::int32_t i) const noexcept {
        static constexpr Line kNone;
        return i >= 0 && std::size_t(i) < lines_.size() ? lines_[std::size_t(i)] : kNone;
    }
    [[nodiscard]] const OrderRecord& record(Slot slot) const noexcept {
        return pages_[slot / OrderPage::kRecords]->records[slot % OrderPage::kRecords];
    }
    OrderPage& own(std::uint32_t page, std::uint32_t more = 0);
    std::uint32_t add_page(std::int32_t instrument, std::uint32_t records);
    static void write(OrderPage& page, std::uint32_t k, const Order& order) noexcept;

    CowVector<PageRef, 128> pages_;
    CowVector<Line, 128> lines_;  // by instrument
    std::shared_ptr<TextArena> arena_;
    IdKind kind_ = IdKind::none;
    std::size_t page_count_ = 0;
    std::size_t size_ = 0;
    std::size_t text_bytes_ = 0;  // of the orders held
    std::uint64_t copies_ = 0;
};

template <class F>
void OrderStore::roll(bool drop_ended, F&& gone) noexcept {
    for (std::uint32_t p = 0; p < page_count_; ++p) {
        OrderPage& page = pages_.own(p).writable();
        for (std::uint32_t k = 0; k < page.used; ++k) {
            if (page.records[k].free()) continue;
            const Slot slot = p * OrderPage::kRecords + k;
            const auto rolled = order(page, k).after_roll(drop_ended);
            if (rolled) {
                write(page, k, *rolled);
            } else {
                gone(slot);
                erase(slot);
            }
        }
    }
}

template <class F>
void OrderStore::for_each(std::int32_t instrument, F&& f) const {
    for (auto p = line(instrument).head; p != ~0U; p = pages_[p]->next) {
        const OrderPage& page = *pages_[p];
        for (std::uint32_t k = 0; k < page.used; ++k)
            if (!page.records[k].free()) f(p * OrderPage::kRecords + k, page, k);
    }
}

}  // namespace mvcore
