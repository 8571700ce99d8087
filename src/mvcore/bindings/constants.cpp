// Constants and enumerations of the core, so that Python does not repeat them.
#include <array>
#include <string>
#include <string_view>

#include "mvcore/base/tuning.hpp"
#include "mvcore/bindings/parts.hpp"
#include "mvcore/capi/capi.h"
#include "mvcore/orders/status.hpp"
#include "mvcore/valuation/result_rows.hpp"

namespace mvcore::bindings {
namespace {

template <std::size_t N>
py::tuple to_tuple(const std::array<std::string_view, N>& names) {
    py::tuple out(N);
    for (std::size_t k = 0; k < N; ++k) out[k] = std::string(names[k]);
    return out;
}

}  // namespace

void add_constants(py::module_& m) {
    m.attr("NO_TIME") = kNoTime;
    m.attr("MAX_SCALE") = kMaxScale;
    m.attr("MAX_VALUE_SCALE") = kMaxValueScale;
    m.attr("MAX_THREADS") = tuning::kMostThreads;
    m.attr("STATUSES") = to_tuple(kStatusNames);
    m.attr("MEASURES") = to_tuple(kMeasureNames);
    m.attr("RESULT_COLUMNS") = to_tuple(kResultColumns);
    m.attr("LOCAL") = kLocal;
    m.attr("OWN") = kOwn;
    // Defaults of the options of a durable book.
    m.attr("PRICE_INTERVAL_MS") = tuning::kPriceIntervalMs;
    m.attr("SYNC_INTERVAL_MS") = tuning::kSyncIntervalMs;
    m.attr("JOURNAL_FILE_BYTES") = tuning::kJournalFileBytes;
    // Return values of the C API: 0 or an error kind.
    m.attr("OK") = int{MVCORE_OK};
    m.attr("UNKNOWN_ID") = int{MVCORE_UNKNOWN_ID};
    m.attr("INVALID_INPUT") = int{MVCORE_INVALID_INPUT};
    m.attr("VALUE_OVERFLOW") = int{MVCORE_VALUE_OVERFLOW};
    m.attr("CLOSED") = int{MVCORE_CLOSED};
    m.attr("CORRUPT_DATA") = int{MVCORE_CORRUPT_DATA};
    m.attr("NO_MEMORY") = int{MVCORE_NO_MEMORY};
    m.attr("STORAGE") = int{MVCORE_STORAGE};
}

}  // namespace mvcore::bindings
