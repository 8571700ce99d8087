// Every call to the disk fails once, or from then on. No acknowledged write is lost, no later write
// is acknowledged, reads continue, and the book reopens after the disk recovers.
#include "durable_run.hpp"
#include "reliability.hpp"

using namespace durable;

namespace {

// Outcome of a run in which call n failed.
enum class End { unharmed, refused, wrong };

// Whether the book reopens, also after power cuts.
bool comes_back(Pair& pair, Disk& disk, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    pair.drop();
    for (int k = 0; k < 2; ++k) {
        if (!pair.open() || !pair.right()) return false;
        for (int step = 0; step < 3; ++step)
            if (!pair.step()) return false;
        pair.drop();
        disk.lose_power(random);
    }
    return pair.open() && pair.right();
}

sim::Bugs disk_bugs;

End run(long n, sim::Failure how, bool for_ever, long& calls) {
    Disk disk;
    disk.bugs = disk_bugs;
    Pair pair(disk, 11);
    if (!pair.open()) return End::wrong;
    for (int k = 0; k < 15; ++k)
        if (!pair.step()) return End::wrong;
    const long before = disk.calls();
    disk.fail(n, how, for_ever);
    bool fine = true;
    for (int k = 0; k < 25 && fine; ++k) fine = pair.step();
    if (fine) fine = pair.close();
    calls = disk.calls() - before;
    if (!fine && (!pair.failed() || !pair.reads_on())) return End::wrong;
    if (!comes_back(pair, disk, static_cast<std::uint64_t>(n))) return End::wrong;
    return fine ? End::unharmed : End::refused;
}

// The same while a book with a torn tail is opened.
End run_opening(long n, sim::Failure how, bool for_ever, long& calls) {
    Disk disk;
    Pair pair(disk, 12);
    if (!pair.open()) return End::wrong;
    for (int k = 0; k < 40; ++k)
        if (!pair.step()) return End::wrong;
    pair.drop();
    auto torn = disk.contents();
    torn.rbegin()->second += std::string(700, 'x');
    torn["journal-00000000000000000999.log.new"] = "not finished";
    disk.set(torn);
    const long before = disk.calls();
    disk.fail(n, how, for_ever);
    bool fine = true;
    try {
        fine = pair.open();
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::storage) return End::wrong;
        fine = false;
    }
    calls = disk.calls() - before;
    if (!comes_back(pair, disk, static_cast<std::uint64_t>(n))) return End::wrong;
    return fine ? End::unharmed : End::refused;
}

// Fails call 1, 2, 3, ... until the run makes fewer calls than that.
template <class Run>
void each_call(const char* what, Run&& run, sim::Failure how, bool for_ever, int least_refused,
               bool may_refuse) {
    int refused = 0;
    int wrong = 0;
    long n = 0;
    for (long used = 0; used >= n;) {
        const End end = run(++n, how, for_ever, used);
        refused += end == End::refused ? 1 : 0;
        wrong += end == End::wrong ? 1 : 0;
        if (end == End::wrong) std::fprintf(stderr, "call %ld: wrong\n", n);
    }
    reliability::record("D4", what, static_cast<std::uint64_t>(n),
                        static_cast<std::uint64_t>(wrong), "");
    CHECK(wrong == 0);
    CHECK(refused >= least_refused);
    CHECK(may_refuse || refused == 0);
    CHECK(n > 10);
}

constexpr const char* kWriting = "a journal is written: call n to the disk fails, once or for ever";
constexpr const char* kOpening = "a journal is opened: call n to the disk fails, once or for ever";

}  // namespace

TEST(a_failing_disk_loses_nothing_that_was_acknowledged) {
    each_call(kWriting, run, sim::Failure::io, false, 20, true);
    each_call(kWriting, run, sim::Failure::io, true, 20, true);
}

TEST(a_full_disk_loses_nothing_that_was_acknowledged) {
    each_call(kWriting, run, sim::Failure::full, false, 10, true);
    each_call(kWriting, run, sim::Failure::full, true, 10, true);
}

TEST(interrupted_and_partial_disk_calls_are_completed) {
    each_call(kWriting, run, sim::Failure::interrupted, false, 0, false);
    each_call(kWriting, run, sim::Failure::interrupted, true, 0, false);
    each_call(kWriting, run, sim::Failure::partial, false, 0, false);
    each_call(kWriting, run, sim::Failure::partial, true, 0, false);
}

TEST(opening_on_a_failing_disk_damages_nothing) {
    each_call(kOpening, run_opening, sim::Failure::io, false, 5, true);
    each_call(kOpening, run_opening, sim::Failure::io, true, 5, true);
    each_call(kOpening, run_opening, sim::Failure::full, true, 1, true);
    each_call(kOpening, run_opening, sim::Failure::interrupted, true, 0, false);
    each_call(kOpening, run_opening, sim::Failure::partial, true, 0, false);
}

TEST(a_program_that_takes_a_partial_write_for_a_whole_one_is_noticed) {
    disk_bugs.partial_is_all = true;
    int wrong = 0;
    for (long n = 1; n <= 40; ++n) try {
            long calls = 0;
            wrong += run(n, sim::Failure::partial, false, calls) == End::wrong ? 1 : 0;
        } catch (const Error&) {
            ++wrong;
        }
    disk_bugs = {};
    reliability::seeded("a partial write counts as a whole one",
                        "interrupted_and_partial_disk_calls_are_completed", wrong > 5);
    CHECK(wrong > 5);
}
