// The loops, written once. One file per instruction set includes them. That file first defines
// `struct Isa` in an unnamed namespace: a vector of int64 lanes with sign-extending load, multiply
// and add. The loops are in the same unnamed namespace, so that no function compiled for one
// instruction set can be linked into another file.

namespace {

using mvcore::tuning::kFan;
using std::int64_t;
using std::size_t;

template <class Q>
constexpr bool kNarrow = sizeof(Q) <= 4;  // products with a 32-bit price take one multiply

inline bool fits32(int64_t v) { return v == static_cast<std::int32_t>(v); }

template <class Q, bool narrow>
inline Isa::V product(const Q* q, Isa::V price) {
    if constexpr (narrow) return Isa::mul32(Isa::load(q), price);
    else return Isa::mul64(Isa::load(q), price);
}

template <class Q, bool narrow>
void add64_loop(const Q* q, size_t n, int64_t price, int64_t* totals) {
    const auto p = Isa::set1(price);
    size_t k = 0;
    for (; k + Isa::lanes <= n; k += Isa::lanes)
        Isa::store(totals + k, Isa::add(Isa::load(totals + k), product<Q, narrow>(q + k, p)));
    for (; k < n; ++k)
        totals[k] = static_cast<int64_t>(static_cast<uint64_t>(totals[k]) +
                                         static_cast<uint64_t>(static_cast<int64_t>(q[k])) *
                                             static_cast<uint64_t>(price));
}

template <class Q>
void add64(const void* quantity, size_t n, int64_t price, int64_t* totals) {
    const auto* q = static_cast<const Q*>(quantity);
    if constexpr (kNarrow<Q>) {
        if (fits32(price)) return add64_loop<Q, true>(q, n, price, totals);
    }
    add64_loop<Q, false>(q, n, price, totals);
}

template <class Q>
void add128(const void* quantity, size_t n, int64_t price, __int128* totals) {
    const auto* q = static_cast<const Q*>(quantity);
    for (size_t k = 0; k < n; ++k)
        totals[k] =
            static_cast<__int128>(static_cast<unsigned __int128>(totals[k]) +
                                  static_cast<unsigned __int128>(static_cast<__int128>(q[k])) *
                                      static_cast<unsigned __int128>(static_cast<__int128>(price)));
}

template <class Q, bool narrow>
void add_fan64_loop(const void* const* quantity, const int64_t* price, size_t n, int64_t* totals,
                    const void* const* next) {
    constexpr size_t kOfLine = 64 / sizeof(Q);
    const Q* q[kFan];
    Isa::V p[kFan];
    for (int c = 0; c < kFan; ++c) {
        q[c] = static_cast<const Q*>(quantity[c]);
        p[c] = Isa::set1(price[c]);
    }
    size_t k = 0;
    for (; k + Isa::lanes <= n; k += Isa::lanes) {
        if (next != nullptr && k % kOfLine == 0)
            for (int c = 0; c < kFan; ++c) __builtin_prefetch(static_cast<const Q*>(next[c]) + k);
        auto sum = Isa::load(totals + k);
        for (int c = 0; c < kFan; ++c) sum = Isa::add(sum, product<Q, narrow>(q[c] + k, p[c]));
        Isa::store(totals + k, sum);
    }
    for (int c = 0; c < kFan; ++c) add64_loop<Q, narrow>(q[c] + k, n - k, price[c], totals + k);
}

template <class Q>
void add_fan64(const void* const* quantity, const int64_t* price, size_t n, int64_t* totals,
               const void* const* next) {
    if constexpr (kNarrow<Q>) {
        bool narrow = true;
        for (int c = 0; c < kFan; ++c) narrow &= fits32(price[c]);
        if (narrow) return add_fan64_loop<Q, true>(quantity, price, n, totals, next);
    }
    add_fan64_loop<Q, false>(quantity, price, n, totals, next);
}

template <class Q>
void scatter64(const void* quantity, const std::uint16_t* offset, size_t n, int64_t price,
               int64_t* totals) {
    const auto* q = static_cast<const Q*>(quantity);
    for (size_t k = 0; k < n; ++k)
        totals[offset[k]] = static_cast<int64_t>(static_cast<uint64_t>(totals[offset[k]]) +
                                                 static_cast<uint64_t>(static_cast<int64_t>(q[k])) *
                                                     static_cast<uint64_t>(price));
}

template <class Q>
void scatter128(const void* quantity, const std::uint16_t* offset, size_t n, int64_t price,
                __int128* totals) {
    const auto* q = static_cast<const Q*>(quantity);
    for (size_t k = 0; k < n; ++k) add128<Q>(q + k, 1, price, totals + offset[k]);
}

template <class Q, bool narrow>
int64_t dot64_loop(const Q* q, const int64_t* price, size_t n) {
    auto a = Isa::set1(0);
    auto b = a;
    size_t k = 0;
    for (; k + 2 * Isa::lanes <= n; k += 2 * Isa::lanes) {
        a = Isa::add(a, product<Q, narrow>(q + k, Isa::load(price + k)));
        b = Isa::add(b, product<Q, narrow>(q + k + Isa::lanes, Isa::load(price + k + Isa::lanes)));
    }
    int64_t lane[Isa::lanes];
    Isa::store(lane, Isa::add(a, b));
    uint64_t sum = 0;
    for (int64_t v : lane) sum += static_cast<uint64_t>(v);
    for (; k < n; ++k)
        sum += static_cast<uint64_t>(static_cast<int64_t>(q[k])) * static_cast<uint64_t>(price[k]);
    return static_cast<int64_t>(sum);
}

template <class Q>
int64_t dot64(const void* quantity, const int64_t* price, size_t n, bool narrow) {
    const auto* q = static_cast<const Q*>(quantity);
    if constexpr (kNarrow<Q>) {
        if (narrow) return dot64_loop<Q, true>(q, price, n);
    }
    return dot64_loop<Q, false>(q, price, n);
}

template <class Q>
__int128 dot128(const void* quantity, const int64_t* price, size_t n) {
    const auto* q = static_cast<const Q*>(quantity);
    unsigned __int128 sum = 0;
    for (size_t k = 0; k < n; ++k)
        sum += static_cast<unsigned __int128>(static_cast<__int128>(q[k])) *
               static_cast<unsigned __int128>(static_cast<__int128>(price[k]));
    return static_cast<__int128>(sum);
}

template <class Q>
int64_t sum64(const void* quantity, size_t n) {
    const auto* q = static_cast<const Q*>(quantity);
    auto a = Isa::set1(0);
    auto b = a;
    size_t k = 0;
    for (; k + 2 * Isa::lanes <= n; k += 2 * Isa::lanes) {
        a = Isa::add(a, Isa::load(q + k));
        b = Isa::add(b, Isa::load(q + k + Isa::lanes));
    }
    int64_t lane[Isa::lanes];
    Isa::store(lane, Isa::add(a, b));
    uint64_t sum = 0;
    for (int64_t v : lane) sum += static_cast<uint64_t>(v);
    for (; k < n; ++k) sum += static_cast<uint64_t>(static_cast<int64_t>(q[k]));
    return static_cast<int64_t>(sum);
}

// Multiplies in whole vectors. load(k) returns the quantities from index k on.
template <bool narrow, class Load>
size_t multiply_vectors(Load&& load, size_t n, int64_t factor, int64_t* products, uint64_t& bits) {
    const auto by = Isa::set1(factor);
    auto all = Isa::set1(0);
    size_t k = 0;
    for (; k + Isa::lanes <= n; k += Isa::lanes) {
        const auto q = load(k);
        all = Isa::either(all, Isa::unsigned_bits(q));
        if constexpr (narrow) Isa::store(products + k, Isa::mul32(q, by));
        else Isa::store(products + k, Isa::mul64(q, by));
    }
    int64_t lane[Isa::lanes];
    Isa::store(lane, all);
    for (int64_t v : lane) bits |= static_cast<uint64_t>(v);
    return k;
}

inline int64_t multiply_one(int64_t q, int64_t factor, uint64_t& bits) {
    bits |= static_cast<uint64_t>(q < 0 ? ~q : q);
    return static_cast<int64_t>(static_cast<uint64_t>(q) * static_cast<uint64_t>(factor));
}

template <class Q>
uint64_t multiply64(const void* quantity, size_t n, int64_t factor, int64_t* products) {
    const auto* q = static_cast<const Q*>(quantity);
    const auto load = [q](size_t k) { return Isa::load(q + k); };
    uint64_t bits = 0;
    size_t k = 0;
    if (kNarrow<Q> && fits32(factor))
        k = multiply_vectors<kNarrow<Q>>(load, n, factor, products, bits);
    else k = multiply_vectors<false>(load, n, factor, products, bits);
    for (; k < n; ++k) products[k] = multiply_one(q[k], factor, bits);
    return bits;
}

inline uint64_t multiply_second(const void* records, size_t n, int64_t factor, int64_t* products) {
    const auto* bytes = static_cast<const char*>(records);
    const auto load = [bytes](size_t k) { return Isa::load_second(bytes + 16 * k); };
    uint64_t bits = 0;
    size_t k = fits32(factor) ? multiply_vectors<true>(load, n, factor, products, bits)
                              : multiply_vectors<false>(load, n, factor, products, bits);
    for (; k < n; ++k) {
        std::int32_t q;
        std::memcpy(&q, bytes + 16 * k + 4, sizeof q);
        products[k] = multiply_one(q, factor, bits);
    }
    return bits;
}

template <class Q>
void count(const void* const* quantity, int columns, size_t n, std::uint32_t* counts) {
    const auto* a = static_cast<const Q*>(quantity[0]);
    if (columns == 1) {
        for (size_t k = 0; k < n; ++k) counts[k] += a[k] != 0 ? 1U : 0U;
        return;
    }
    const auto* b = static_cast<const Q*>(quantity[1]);
    const auto* c = static_cast<const Q*>(quantity[2]);
    for (size_t k = 0; k < n; ++k) counts[k] += (a[k] | b[k] | c[k]) != 0 ? 1U : 0U;
}

template <class Q>
size_t nonzero(const void* const* quantity, int columns, size_t n) {
    const auto* a = static_cast<const Q*>(quantity[0]);
    const auto* b = static_cast<const Q*>(quantity[columns == 1 ? 0 : 1]);
    const auto* c = static_cast<const Q*>(quantity[columns == 1 ? 0 : 2]);
    size_t sum = 0;
    for (size_t start = 0; start < n; start += 256) {  // 16-bit partial sums keep lanes narrow
        std::uint16_t part = 0;
        const size_t end = start + 256 < n ? start + 256 : n;
        for (size_t k = start; k < end; ++k)
            part = static_cast<std::uint16_t>(part + ((a[k] | b[k] | c[k]) != 0 ? 1 : 0));
        sum += part;
    }
    return sum;
}

#define MVCORE_ROW(f) \
    {f<std::int8_t>, f<std::int16_t>, f<std::int32_t>, f<std::int64_t>, f<__int128>}

constexpr mvcore::kernels::Table kTable = {
    Isa::name,
    MVCORE_ROW(add64),
    MVCORE_ROW(add128),
    MVCORE_ROW(add_fan64),
    MVCORE_ROW(scatter64),
    MVCORE_ROW(scatter128),
    MVCORE_ROW(dot64),
    MVCORE_ROW(dot128),
    MVCORE_ROW(sum64),
    {multiply64<std::int8_t>, multiply64<std::int16_t>, multiply64<std::int32_t>,
     multiply64<std::int64_t>},
    multiply_second,
    MVCORE_ROW(count),
    MVCORE_ROW(nonzero),
};

#undef MVCORE_ROW

}  // namespace
