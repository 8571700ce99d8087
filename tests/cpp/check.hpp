// Checks that print file, line and expression. If any check fails, the program exits with status 1.
#pragma once

#include <atomic>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace check {

struct Test {
    std::string name;
    std::function<void()> run;
};

inline std::vector<Test>& tests() {
    static std::vector<Test> all;
    return all;
}

inline std::atomic<int>& failures() {
    static std::atomic<int> n = 0;
    return n;
}

struct Register {
    Register(const char* name, std::function<void()> run) {
        tests().push_back({name, std::move(run)});
    }
};

inline void that(bool ok, const char* what, const char* file, int line) {
    if (ok) return;
    ++failures();
    std::fprintf(stderr, "%s:%d: %s\n", file, line, what);
}

}  // namespace check

#define TEST(name)                                             \
    static void name();                                        \
    static const check::Register register_##name(#name, name); \
    static void name()
#define CHECK(condition) check::that((condition), #condition, __FILE__, __LINE__)
#define CHECK_THROWS(kind_, expression)                                         \
    do {                                                                        \
        bool caught = false;                                                    \
        try {                                                                   \
            (void)(expression);                                                 \
        } catch (const mvcore::Error& e) {                                      \
            caught = e.kind() == (kind_);                                       \
        }                                                                       \
        check::that(caught, #expression " throws " #kind_, __FILE__, __LINE__); \
    } while (false)
