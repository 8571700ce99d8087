#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "mvcore/base/assert.hpp"
#include "mvcore/kernels/kernels.hpp"

namespace mvcore::kernels {

#if !defined(MVCORE_X86)  // CMake compiles the x86 files only on x86
const Table* avx2() { return nullptr; }
const Table* avx512() { return nullptr; }
#endif

const Table* of_this_cpu(std::string_view isa) {
#if defined(MVCORE_X86)
    __builtin_cpu_init();
    if (isa == "avx512" && __builtin_cpu_supports("x86-64-v4")) return avx512();
    if (isa == "avx2" && __builtin_cpu_supports("x86-64-v3")) return avx2();
#endif
    return isa == "baseline" ? baseline() : nullptr;
}

namespace {

const Table& choose() {
    const char* forced = std::getenv("MVCORE_ISA");
    if (forced != nullptr && *forced != '\0') {
        if (const Table* t = of_this_cpu(forced)) return *t;
        throw std::runtime_error("MVCORE_ISA: '" + std::string(forced) +
                                 "' is not one of baseline, avx2, avx512, or this CPU lacks it");
    }
    for (const char* isa : {"avx512", "avx2"})
        if (const Table* t = of_this_cpu(isa)) return *t;
    return *baseline();
}

}  // namespace

const Table& table() {
    static const Table& chosen = choose();
    MVCORE_ASSERT(of_this_cpu(chosen.isa) == &chosen);  // never instructions that the CPU lacks
    // Every row of the table reaches to the widest quantities.
    MVCORE_ASSERT(chosen.add64[w128] != nullptr && chosen.add_fan64[w128] != nullptr);
    MVCORE_ASSERT(chosen.dot128[w128] != nullptr && chosen.nonzero[w128] != nullptr);
    return chosen;
}

}  // namespace mvcore::kernels
