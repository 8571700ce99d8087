// Counts the runs of the harnesses of docs/reliability.md, like tests/reliability.py: how many runs
// to make, and one line of JSON per result.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace reliability {

// MVCORE_RELIABILITY=large selects the number of runs before a release, otherwise the usual number.
inline std::uint64_t runs(std::uint64_t usual, std::uint64_t large) {
    const char* set = std::getenv("MVCORE_RELIABILITY");
    return set != nullptr && std::string(set) == "large" ? large : usual;
}

inline std::string seeds(std::uint64_t first, std::uint64_t last) {
    return std::to_string(first) + " to " + std::to_string(last);
}

// Prints a result and appends it to the file that MVCORE_RECORDS names. The texts must contain no
// quotes. `seeds` is empty if nothing is random.
inline void record(const std::string& promise, std::string what, std::uint64_t runs,
                   std::uint64_t failures, const std::string& seeds, const std::string& note = "") {
#ifdef __SANITIZE_ADDRESS__
    if (promise != "R4") what += ", under address and undefined-behaviour sanitizers";
#endif
    std::printf("%s: %s: %llu runs, %llu failures. %s\n", promise.c_str(), what.c_str(),
                static_cast<unsigned long long>(runs), static_cast<unsigned long long>(failures),
                note.c_str());
    const char* name = std::getenv("MVCORE_RECORDS");
    if (name == nullptr) return;
    std::ofstream(name, std::ios::app)
        << R"({"promise": ")" << promise << R"(", "what": ")" << what << R"(", "seeds": ")" << seeds
        << R"(", "note": ")" << note << R"(", "runs": )" << runs << R"(, "failures": )" << failures
        << "}\n";
}

// Records whether the test that should catch a seeded bug caught it.
inline void seeded(const std::string& bug, const std::string& test, bool caught) {
    record("R4", bug, 1, caught ? 0 : 1, "", test);
}

}  // namespace reliability
