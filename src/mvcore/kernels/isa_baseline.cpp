// Kernels in plain C++, for any machine.
#include "mvcore/kernels/kernels.hpp"

#include <cstring>

namespace {

struct Isa {
    static constexpr const char* name = "baseline";
    static constexpr std::size_t lanes = 1;
    using V = std::uint64_t;
    template <class Q>
    static V load(const Q* p) {
        return static_cast<V>(static_cast<std::int64_t>(*p));
    }
    static V load_second(const void* p) {
        std::int32_t second;
        std::memcpy(&second, static_cast<const char*>(p) + 4, sizeof second);
        return static_cast<V>(std::int64_t{second});
    }
    static void store(std::int64_t* p, V v) { *p = static_cast<std::int64_t>(v); }
    static V set1(std::int64_t v) { return static_cast<V>(v); }
    static V add(V a, V b) { return a + b; }
    static V either(V a, V b) { return a | b; }
    static V unsigned_bits(V v) { return v ^ (static_cast<std::int64_t>(v) < 0 ? ~V{0} : V{0}); }
    static V mul32(V a, V b) { return a * b; }
    static V mul64(V a, V b) { return a * b; }
};

}  // namespace

#include "mvcore/kernels/loops.inl"

namespace mvcore::kernels {
const Table* baseline() { return &kTable; }
}  // namespace mvcore::kernels
