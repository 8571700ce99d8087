#include "mvcore/orders/order_store.hpp"

#include <algorithm>
#include <new>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {
namespace {

bool narrow(i128 v) { return v == static_cast<std::int32_t>(v) && v != OrderRecord::kWide; }
bool narrow(const FillPrice& p) { return p.mantissa == static_cast<std::int64_t>(p.mantissa); }
// Whether the order fits its record and the narrow arrays of its page.
bool narrow(const Order& o) {
    return narrow(o.quantity) && narrow(o.filled) && narrow(o.rolled) && narrow(o.average_price) &&
           narrow(o.rolled_price);
}

template <class T>
std::unique_ptr<T[]> copied(const std::unique_ptr<T[]>& from, std::uint32_t used,
                            std::uint32_t capacity) {
    if (from == nullptr) return nullptr;
    std::unique_ptr<T[]> out(new T[capacity]);
    std::copy_n(from.get(), used, out.get());
    return out;
}

template <class T>
void need_array(std::unique_ptr<T[]>& array, bool needed, std::uint32_t used,
                std::uint32_t capacity, T fill) {
    if (!needed || array != nullptr) return;
    array.reset(new T[capacity]);
    std::fill_n(array.get(), used, fill);
}

}  // namespace

OrderPage::OrderPage(InstrumentCode of, std::uint32_t n)
    : instrument(of), capacity(n), records(huge_pages::array<OrderRecord>(n)) {}

OrderPage::OrderPage(const OrderPage& o, std::uint32_t more)
    : instrument(o.instrument),
      next(o.next),
      used(o.used),
      capacity(o.used + more <= o.capacity              ? o.capacity
               : o.used + more <= tuning::kSecondOrders ? tuning::kSecondOrders
                                                        : kRecords),
      records(huge_pages::array<OrderRecord>(capacity)),
      time(copied(o.time, used, capacity)),
      high(copied(o.high, used, capacity)),
      rolled(copied(o.rolled, used, capacity)),
      wide(copied(o.wide, used, capacity)),
      prices(copied(o.prices, used, capacity)) {
    MVCORE_ASSERT(used + more <= capacity && capacity <= kRecords);
    std::copy_n(o.records.get(), used, records.get());
}

void OrderPage::need(const Extras& extras) {
    MVCORE_ASSERT(used <= capacity && !holders.shared());
    need_array(time, extras.time, used, capacity, kNoTime);
    need_array(high, extras.high, used, capacity, std::uint32_t{0});
    need_array(rolled, extras.rolled, used, capacity, std::int32_t{0});
    need_array(wide, extras.wide, used, capacity, WideOrder{});
    need_array(prices, extras.prices, used, capacity, OrderPrices{});
}

std::size_t OrderPage::memory_bytes() const noexcept {
    return sizeof(*this) +
           capacity * (sizeof(OrderRecord) + (time ? sizeof *time.get() : 0) +
                       (high ? sizeof *high.get() : 0) + (rolled ? sizeof *rolled.get() : 0) +
                       (wide ? sizeof *wide.get() : 0) + (prices ? sizeof *prices.get() : 0));
}

void OrderStore::set_kind(IdKind kind) {
    MVCORE_ASSERT(kind_ == IdKind::none && kind != IdKind::none && size_ == 0);
    if (kind == IdKind::text) arena_ = std::make_shared<TextArena>();
    kind_ = kind;
}

Order OrderStore::order(const OrderPage& page, std::uint32_t k) noexcept {
    MVCORE_ASSERT(k < page.used);
    const OrderRecord& r = page.records[k];
    MVCORE_ASSERT(!r.free());
    Order o;
    o.account = r.account();
    o.instrument = page.instrument;
    o.status = r.status();
    o.retained = r.retained();
    o.time = page.time ? page.time[k] : kNoTime;
    const bool wide = r.quantity == OrderRecord::kWide;
    MVCORE_ASSERT(!wide || page.wide != nullptr);
    if (wide) {
        o.quantity = page.wide[k].quantity;
        o.filled = page.wide[k].filled;
        o.rolled = page.wide[k].rolled;
    } else {
        o.quantity = r.quantity;
        o.filled = r.filled;
        o.rolled = page.rolled ? page.rolled[k] : 0;
    }
    if (page.prices) {
        const OrderPrices& p = page.prices[k];
        o.average_price = {wide ? page.wide[k].average_price : p.average_price, p.scale};
        o.rolled_price = {wide ? page.wide[k].rolled_price : p.rolled_price, p.scale_rolled};
    }
    return o;
}

Order OrderStore::order(Slot slot) const noexcept {
    return order(*pages_[page_of(slot)], place_of(slot));
}

std::int64_t OrderStore::number(const OrderPage& page, std::uint32_t k) noexcept {
    MVCORE_ASSERT(k < page.used);
    const std::uint64_t high = page.high ? page.high[k] : 0;
    return static_cast<std::int64_t>(high << 32 | page.records[k].id);
}

Extras OrderStore::extras_of(const Order& order, std::int64_t number) noexcept {
    Extras e;
    e.time = order.time != kNoTime;
    e.high = static_cast<std::uint64_t>(number) >> 32 != 0;
    e.wide = !narrow(order);
    e.prices = order.costed();
    e.rolled = !e.wide && order.rolled != 0;
    return e;
}

OrderPage& OrderStore::own(std::uint32_t p, std::uint32_t more) {
    MVCORE_ASSERT(p < page_count_);
    PageRef& ref = pages_.own(p);
    const bool others = ref.shared();
    if (others || ref->used + more > ref->capacity) {
        ref = PageRef(std::make_unique<OrderPage>(*ref, more));
        copies_ += others ? 1U : 0U;
    }
    return ref.writable();
}

void OrderStore::prepare(Slot slot, const Extras& extras) {
    static_cast<void>(lines_.own(std::size_t(pages_[page_of(slot)]->instrument)));
    own(page_of(slot)).need(extras);
}

std::uint32_t OrderStore::add_page(InstrumentCode instrument, std::uint32_t records) {
    if (page_count_ >= page_of(kNoSlot)) throw std::bad_alloc();
    pages_.grow(page_count_ + 1);
    pages_.own(page_count_) = PageRef(std::make_unique<OrderPage>(instrument, records));
    MVCORE_ASSERT(page_count_ < pages_.size());
    return static_cast<std::uint32_t>(page_count_++);
}

void OrderStore::prepare(InstrumentCode instrument, std::size_t more, const Extras& extras) {
    Line& l = lines_.own(code_index(instrument));
    std::size_t room = 0;
    for (Slot slot = l.free; slot != kNoSlot && room < more; ++room) {
        MVCORE_ASSERT(record(slot).free());
        MVCORE_ASSERT(pages_[page_of(slot)]->instrument == instrument);
        own(page_of(slot)).need(extras);
        slot = record(slot).next_free();
    }
    MVCORE_ASSERT(l.head == ~0U || pages_[l.head]->instrument == instrument);
    if (l.head != ~0U && room < more) {
        const auto left = OrderPage::kRecords - pages_[l.head]->used;
        const auto wanted = std::min<std::size_t>(left, more - room);
        if (wanted != 0) own(l.head, static_cast<std::uint32_t>(wanted)).need(extras);
        room += wanted;
    }
    for (auto p = l.spare; p != ~0U; p = pages_[p]->next) {
        MVCORE_ASSERT(pages_[p]->used == 0 && pages_[p]->instrument == instrument);
        if (room < more) {
            const auto wanted = std::min<std::size_t>(OrderPage::kRecords, more - room);
            own(p, static_cast<std::uint32_t>(wanted)).need(extras);
            room += wanted;
        }
    }
    while (room < more) {
        const auto wanted = std::min<std::size_t>(OrderPage::kRecords, more - room);
        const auto records = l.head == ~0U && l.spare == ~0U && wanted <= tuning::kFirstOrders
                                 ? tuning::kFirstOrders
                                 : OrderPage::kRecords;
        const auto p = add_page(instrument, records);
        auto& page = pages_.own(p).writable();
        page.need(extras);
        page.next = l.spare;
        l.spare = p;
        room += wanted;
    }
}

void OrderStore::write(OrderPage& page, std::uint32_t k, const Order& o) noexcept {
    MVCORE_ASSERT(!page.holders.shared() && k < page.capacity);
    MVCORE_ASSERT(is_code(o.account) && raw(o.account) < kMostAccounts);
    MVCORE_ASSERT(page.time || o.time == kNoTime);
    MVCORE_ASSERT(page.prices || !o.costed());
    MVCORE_ASSERT(narrow(o) ? page.rolled || o.rolled == 0 : page.wide != nullptr);
    OrderRecord& r = page.records[k];
    r.account_and_status =
        OrderRecord::pack(o.account, o.retained, static_cast<std::uint32_t>(o.status));
    if (page.time) page.time[k] = o.time;
    const bool wide = !narrow(o);
    r.quantity = wide ? OrderRecord::kWide : static_cast<std::int32_t>(o.quantity);
    r.filled = wide ? 0 : static_cast<std::int32_t>(o.filled);
    if (page.rolled) page.rolled[k] = wide ? 0 : static_cast<std::int32_t>(o.rolled);
    if (wide)
        page.wide[k] = {o.quantity, o.filled, o.rolled, o.average_price.mantissa,
                        o.rolled_price.mantissa};
    if (page.prices)
        page.prices[k] = {static_cast<std::int64_t>(wide ? 0 : o.average_price.mantissa),
                          static_cast<std::int64_t>(wide ? 0 : o.rolled_price.mantissa),
                          static_cast<std::int8_t>(o.average_price.scale),
                          static_cast<std::int8_t>(o.rolled_price.scale)};
}

Slot OrderStore::insert(const Order& o, std::uint64_t id) noexcept {
    Line& l = lines_.own(code_index(o.instrument));
    Slot slot = l.free;
    if (slot != kNoSlot) {
        MVCORE_ASSERT(record(slot).free());
        l.free = record(slot).next_free();
    } else {
        if (l.head == ~0U || pages_[l.head]->used == OrderPage::kRecords) {
            const auto p = l.spare;
            MVCORE_ASSERT(p != ~0U);  // prepare() was called first
            auto& page = pages_.own(p).writable();
            MVCORE_ASSERT(page.used == 0 && page.instrument == o.instrument);
            l.spare = page.next;
            page.next = l.head;
            l.head = p;
        }
        slot = slot_at(l.head, pages_.own(l.head).writable().used++);
    }
    OrderPage& page = pages_.own(page_of(slot)).writable();
    const auto k = place_of(slot);
    MVCORE_ASSERT(page.instrument == o.instrument && page.used <= page.capacity);
    MVCORE_ASSERT(page.high || id >> 32 == 0);
    page.records[k].id = static_cast<std::uint32_t>(id);
    if (page.high) page.high[k] = static_cast<std::uint32_t>(id >> 32);
    write(page, k, o);
    ++l.count;
    ++size_;
    MVCORE_ASSERT(l.count <= size_ && !record(slot).free());
    if (kind_ == IdKind::text) text_bytes_ += TextArena::bytes_of(text(slot));
    return slot;
}

void OrderStore::put(Slot slot, const Order& o) noexcept {
    MVCORE_ASSERT(!record(slot).free());
    MVCORE_ASSERT(pages_[page_of(slot)]->instrument == o.instrument);
    write(pages_.own(page_of(slot)).writable(), place_of(slot), o);
}

void OrderStore::erase(Slot slot) noexcept {
    MVCORE_ASSERT(!record(slot).free() && size_ > 0);
    MVCORE_ASSERT(kind_ != IdKind::text || text_bytes_ >= TextArena::bytes_of(text(slot)));
    if (kind_ == IdKind::text) text_bytes_ -= TextArena::bytes_of(text(slot));
    OrderPage& page = pages_.own(page_of(slot)).writable();
    Line& l = lines_.own(code_index(page.instrument));
    OrderRecord& r = page.records[place_of(slot)];
    r.account_and_status = OrderRecord::kFree;
    r.id = static_cast<std::uint32_t>(l.free);
    l.free = slot;
    MVCORE_ASSERT(l.count > 0 && l.count <= size_);
    --l.count;
    --size_;
}

OrderStore::Rescaled OrderStore::rescaled(InstrumentCode instrument, i128 power) {
    MVCORE_ASSERT(power >= 1);
    Rescaled out;
    static_cast<void>(lines_.own(code_index(instrument)));
    for (auto p = line(instrument).head; p != ~0U; p = pages_[p]->next) {
        static_cast<void>(pages_.own(p));
        auto page = std::make_unique<OrderPage>(*pages_[p], 0);
        for (std::uint32_t k = 0; k < page->used; ++k) {
            if (page->records[k].free()) continue;
            Order o = order(*page, k);
            o.quantity *= power;
            o.filled *= power;
            o.rolled *= power;
            page->need(extras_of(o, 0));
            write(*page, k, o);
        }
        out.emplace_back(p, PageRef(std::move(page)));
    }
    return out;
}

void OrderStore::put(InstrumentCode instrument, int scale, Rescaled&& rescaled) noexcept {
    for (const auto& [p, page] : rescaled)
        MVCORE_ASSERT(page->instrument == instrument && page->used == pages_[p]->used);
    for (auto& [p, page] : rescaled) pages_.own(p) = std::move(page);
    lines_.own(code_index(instrument)).scale = static_cast<std::uint8_t>(scale);
}

void OrderStore::prepare_roll(bool drop_ended) {
    for (std::size_t i = 0; i < lines_.size(); ++i) static_cast<void>(lines_.own(i));
    for (std::uint32_t p = 0; p < page_count_; ++p) {
        Extras extras;
        const OrderPage& page = *pages_[p];
        for (std::uint32_t k = 0; k < page.used; ++k) {
            if (page.records[k].free()) continue;
            if (const auto rolled = order(page, k).after_roll(drop_ended))
                extras |= extras_of(*rolled, 0);
        }
        own(p).need(extras);
    }
}

void OrderStore::append(OrderPage& page, const Order& o, std::uint64_t id, IdKind kind) {
    MVCORE_ASSERT(page.used < page.capacity && page.instrument == o.instrument);
    const auto k = page.used;
    page.need(extras_of(o, kind == IdKind::text ? 0 : static_cast<std::int64_t>(id)));
    page.records[k].id = static_cast<std::uint32_t>(id);
    if (page.high) page.high[k] = static_cast<std::uint32_t>(id >> 32);
    write(page, k, o);
    page.used = k + 1;
}

std::uint32_t OrderStore::adopt(InstrumentCode instrument, int scale,
                                std::vector<PageRef>&& pages) {
    Line& l = lines_.own(code_index(instrument));
    MVCORE_ASSERT(l.count == 0 && l.head == ~0U && l.free == kNoSlot);
    l.scale = static_cast<std::uint8_t>(scale);
    const auto first = static_cast<std::uint32_t>(page_count_);
    if (page_count_ + pages.size() > pages_.size()) throw std::bad_alloc();
    for (PageRef& page : pages) {
        MVCORE_ASSERT(page->instrument == instrument);
        MVCORE_ASSERT(page->used > 0 && !page.shared());
        MVCORE_ASSERT(&page == &pages.back() || page->used == OrderPage::kRecords);
        if (kind_ == IdKind::text)
            for (std::uint32_t k = 0; k < page->used; ++k)
                text_bytes_ += TextArena::bytes_of(arena_->text(page->records[k].id));
        page.writable().next = l.head;
        l.head = static_cast<std::uint32_t>(page_count_);
        l.count += page->used;
        size_ += page->used;
        pages_.own(page_count_++) = std::move(page);
    }
    MVCORE_ASSERT(page_count_ <= pages_.size() && l.count <= size_);
    return first;
}

void OrderStore::compact_texts() {
    MVCORE_ASSERT(kind_ == IdKind::text);
    auto arena = std::make_shared<TextArena>();
    std::vector<std::uint32_t> places(page_count_ * OrderPage::kRecords);
    for (std::uint32_t p = 0; p < page_count_; ++p) {
        OrderPage& page = own(p);
        for (std::uint32_t k = 0; k < page.used; ++k)
            if (!page.records[k].free())
                places[p * OrderPage::kRecords + k] =
                    arena->store(arena_->text(page.records[k].id));
    }
    for (std::uint32_t p = 0; p < page_count_; ++p) {
        OrderPage& page = pages_.own(p).writable();
        for (std::uint32_t k = 0; k < page.used; ++k)
            if (!page.records[k].free()) page.records[k].id = places[p * OrderPage::kRecords + k];
    }
    arena_ = std::move(arena);
    MVCORE_ASSERT(arena_->used_bytes() >= text_bytes_);
}

std::size_t OrderStore::memory_bytes() const noexcept {
    std::size_t bytes = pages_.memory_bytes() + lines_.memory_bytes();
    for (std::size_t p = 0; p < page_count_; ++p) bytes += pages_[p]->memory_bytes() + 16;
    return bytes + (arena_ ? arena_->memory_bytes() : 0);
}

}  // namespace mvcore
