// Orders as 16-byte records, grouped by instrument in pages of 256 that are copied on write. An
// order keeps its slot as long as it stays in one instrument. Freed slots are reused. Rare fields
// (a time, an id beyond 32 bits, wide quantities, a rolled part, prices of fills) are in optional
// arrays. A page has such an array only if one of its orders needs it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/cow_vector.hpp"
#include "mvcore/base/holders.hpp"
#include "mvcore/base/huge_page_pool.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/orders/order.hpp"
#include "mvcore/orders/order_index.hpp"

namespace mvcore {

struct OrderRecord {
    static constexpr std::uint32_t kFree = 15;  // in place of a status
    static constexpr std::int32_t kWide = std::numeric_limits<std::int32_t>::min();

    std::uint32_t account_and_status;  // account: 27 bits, `retained`: 1, status: 4
    std::int32_t quantity;             // kWide: see WideOrder
    std::int32_t filled;
    std::uint32_t id;  // low bits of an integer, or reference to a text; if free: next free slot

    [[nodiscard]] Slot next_free() const noexcept { return Slot(id); }

    [[nodiscard]] static std::uint32_t pack(AccountCode account, bool retained,
                                            std::uint32_t status) noexcept {
        return static_cast<std::uint32_t>(account) << 5 | (retained ? 16U : 0U) | status;
    }
    [[nodiscard]] AccountCode account() const noexcept {
        return AccountCode(account_and_status >> 5);
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

// Prices of an order's fills. If the order has a WideOrder, that holds the mantissas.
struct OrderPrices {
    std::int64_t average_price = 0;
    std::int64_t rolled_price = 0;
    std::int8_t scale = FillPrice::kUnknown;
    std::int8_t scale_rolled = FillPrice::kUnknown;
};

// The optional arrays that an order needs.
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
    static constexpr std::uint32_t kRecords = tuning::kOrdersPerPage;

    InstrumentCode instrument = kNoInstrument;
    std::uint32_t next = ~0U;  // next page of the same instrument
    std::uint32_t used = 0;    // number of records, including free ones
    std::uint32_t capacity = 0;
    Holders holders;
    huge_pages::Array<OrderRecord> records;
    std::unique_ptr<std::int64_t[]> time;
    std::unique_ptr<std::uint32_t[]> high;
    std::unique_ptr<std::int32_t[]> rolled;
    std::unique_ptr<WideOrder[]> wide;
    std::unique_ptr<OrderPrices[]> prices;

    OrderPage(InstrumentCode of, std::uint32_t records);
    // A copy with space for `more` records. Throws std::bad_alloc.
    OrderPage(const OrderPage& other, std::uint32_t more);
    void need(const Extras& extras);
    [[nodiscard]] std::size_t memory_bytes() const noexcept;
};

// A counted reference to a page.
class PageRef {
public:
    PageRef() = default;
    explicit PageRef(std::unique_ptr<OrderPage> page) noexcept : page_(page.release()) {}
    PageRef(const PageRef& o) noexcept : page_(o.page_) {
        if (page_ != nullptr) page_->holders.add();
    }
    PageRef(PageRef&& o) noexcept : page_(std::exchange(o.page_, nullptr)) {}
    PageRef& operator=(PageRef o) noexcept {
        std::swap(page_, o.page_);
        return *this;
    }
    ~PageRef() {
        if (page_ != nullptr && page_->holders.drop()) delete page_;
    }
    [[nodiscard]] bool shared() const noexcept {
        MVCORE_ASSERT(page_ != nullptr);
        return page_->holders.shared();
    }
    [[nodiscard]] const OrderPage& operator*() const noexcept {
        MVCORE_ASSERT(page_ != nullptr);
        return *page_;
    }
    [[nodiscard]] const OrderPage* operator->() const noexcept {
        MVCORE_ASSERT(page_ != nullptr);
        return page_;
    }
    [[nodiscard]] OrderPage& writable() noexcept {
        MVCORE_ASSERT(page_ != nullptr);
        return *page_;
    }

private:
    OrderPage* page_ = nullptr;
};

class OrderStore {
public:
    // Slot k of a page.
    [[nodiscard]] static constexpr Slot slot_at(std::uint32_t page, std::uint32_t k) noexcept {
        return Slot(page * OrderPage::kRecords + k);
    }
    [[nodiscard]] IdKind kind() const noexcept { return kind_; }
    void set_kind(IdKind kind);  // once
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint32_t count(InstrumentCode instrument) const noexcept {
        return line(instrument).count;
    }
    // Scale of the stored quantities of the instrument's orders.
    [[nodiscard]] int scale(InstrumentCode instrument) const noexcept {
        return line(instrument).scale;
    }
    [[nodiscard]] Order order(Slot slot) const noexcept;
    [[nodiscard]] std::int64_t number(Slot slot) const noexcept {  // an integer id
        return number(*pages_[page_of(slot)], place_of(slot));
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
    // Prefetch the page first. Once it has arrived, prefetch the record in it.
    void prefetch_page(Slot slot) const noexcept { mvcore::prefetch(&*pages_[page_of(slot)]); }
    void prefetch(Slot slot) const noexcept {
        mvcore::prefetch(&pages_[page_of(slot)]->records[place_of(slot)]);
    }
    // Calls f(slot, page, index in the page) for each order of the instrument.
    template <class F>
    void for_each(InstrumentCode instrument, F&& f) const;
    // Calls f(page) for each page of the instrument.
    template <class F>
    void for_pages(InstrumentCode instrument, F&& f) const {
        for (auto p = line(instrument).head; p != ~0U; p = pages_[p]->next) f(pages_[p]);
    }
    [[nodiscard]] std::shared_ptr<const TextArena> arena() const noexcept { return arena_; }
    [[nodiscard]] static Order order(const OrderPage& page, std::uint32_t k) noexcept;
    [[nodiscard]] std::size_t instruments() const noexcept { return lines_.size(); }

    // ---- writes: prepare() may throw and changes no order; the commit cannot throw ----
    void extend(std::size_t instruments) { lines_.grow(instruments); }
    [[nodiscard]] static Extras extras_of(const Order& order, std::int64_t number) noexcept;
    // Makes the slot's page writable, with the arrays that `extras` requires.
    void prepare(Slot slot, const Extras& extras);
    // Reserves space for `more` new orders of the instrument.
    void prepare(InstrumentCode instrument, std::size_t more, const Extras& extras);
    // Stores the text. Returns the reference that insert() takes.
    std::uint32_t store(std::string_view text) { return arena_->store(text); }

    // `id`: the 64 bits of an integer, or the reference to a text.
    Slot insert(const Order& order, std::uint64_t id) noexcept;
    void put(Slot slot, const Order& order) noexcept;  // same instrument, same id
    void erase(Slot slot) noexcept;
    // Multiplies the quantities of the instrument's orders: rescaled() builds the pages, put()
    // installs them.
    using Rescaled = std::vector<std::pair<std::uint32_t, PageRef>>;
    [[nodiscard]] Rescaled rescaled(InstrumentCode instrument, i128 power);
    void put(InstrumentCode instrument, int scale, Rescaled&& pages) noexcept;

    // Replaces every order by Order::after_roll(). Calls gone(slot) before it drops an order. Call
    // prepare_roll() first.
    void prepare_roll(bool drop_ended);
    template <class F>
    void roll(bool drop_ended, F&& gone) noexcept;

    // ---- restore: pages are built separately, then adopted ----
    static void append(OrderPage& page, const Order& order, std::uint64_t id, IdKind kind);
    // Reserves space for `pages` pages in total, so that no page moves while others are adopted.
    void reserve_pages(std::size_t pages) { pages_.grow(pages); }
    // Installs the pages, oldest first, of an instrument that has no orders. Every page but the
    // last is full. Returns the number of the first page; the others have consecutive numbers.
    std::uint32_t adopt(InstrumentCode instrument, int scale, std::vector<PageRef>&& pages);

    // Moves the texts of the held orders to a new arena. Worthwhile if most texts belong to dropped
    // orders. If it throws std::bad_alloc, nothing has changed.
    void compact_texts();
    // Text bytes that no order uses any more: approximately what compact_texts() would free.
    [[nodiscard]] std::size_t dead_text_bytes() const noexcept {
        return arena_ ? arena_->used_bytes() - text_bytes_ : 0;
    }
    void count_copies(std::uint64_t more) noexcept { copies_ += more; }
    [[nodiscard]] std::uint64_t copies() const noexcept {
        return copies_ + lines_.copies() + pages_.copies();
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    [[nodiscard]] static constexpr std::uint32_t page_of(Slot slot) noexcept {
        return static_cast<std::uint32_t>(slot) / OrderPage::kRecords;
    }
    [[nodiscard]] static constexpr std::uint32_t place_of(Slot slot) noexcept {
        return static_cast<std::uint32_t>(slot) % OrderPage::kRecords;
    }
    struct Line {
        std::uint32_t head = ~0U;   // the page being filled; older pages follow
        std::uint32_t spare = ~0U;  // empty pages in reserve
        Slot free = kNoSlot;        // list of freed slots
        std::uint32_t count = 0;
        std::uint8_t scale = 0;
    };
    [[nodiscard]] const Line& line(InstrumentCode i) const noexcept {
        static constexpr Line kNone;
        return is_code(i) && code_index(i) < lines_.size() ? lines_[code_index(i)] : kNone;
    }
    [[nodiscard]] const OrderRecord& record(Slot slot) const noexcept {
        MVCORE_ASSERT(page_of(slot) < page_count_);
        MVCORE_ASSERT(place_of(slot) < pages_[page_of(slot)]->used);
        return pages_[page_of(slot)]->records[place_of(slot)];
    }
    OrderPage& own(std::uint32_t page, std::uint32_t more = 0);
    std::uint32_t add_page(InstrumentCode instrument, std::uint32_t records);
    static void write(OrderPage& page, std::uint32_t k, const Order& order) noexcept;

    CowVector<PageRef, tuning::kOrderPagesPerPage> pages_;
    CowVector<Line, tuning::kOrderLinesPerPage> lines_;  // by instrument
    std::shared_ptr<TextArena> arena_;
    IdKind kind_ = IdKind::none;
    std::size_t page_count_ = 0;
    std::size_t size_ = 0;
    std::size_t text_bytes_ = 0;  // text bytes of the orders held
    std::uint64_t copies_ = 0;
};

template <class F>
void OrderStore::roll(bool drop_ended, F&& gone) noexcept {
    for (std::uint32_t p = 0; p < page_count_; ++p) {
        OrderPage& page = pages_.own(p).writable();
        for (std::uint32_t k = 0; k < page.used; ++k) {
            if (page.records[k].free()) continue;
            const Slot slot = slot_at(p, k);
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
void OrderStore::for_each(InstrumentCode instrument, F&& f) const {
    for (auto p = line(instrument).head; p != ~0U; p = pages_[p]->next) {
        const OrderPage& page = *pages_[p];
        for (std::uint32_t k = 0; k < page.used; ++k)
            if (!page.records[k].free()) f(slot_at(p, k), page, k);
    }
}

}  // namespace mvcore
