// Power cuts at every kind of moment, also during recovery. Nothing acknowledged may be lost, and
// no state may appear that never existed. The tests must notice broken disks.
#include "durable_run.hpp"
#include "reliability.hpp"

using namespace durable;

namespace {

struct Outcome {
    std::uint64_t wrong = 0;           // states that never existed, or are too old
    std::uint64_t refused = 0;         // CorruptData
    std::uint64_t cut = 0;             // runs in which a tail was cut
    std::vector<std::uint64_t> seeds;  // of the wrong and refused runs
};

// Three lives of one book, each ended by a power cut or by the death of the process alone.
void live(std::uint64_t seed, const sim::Bugs& bugs, int cuts_in_recovery, Outcome& outcome) {
    std::mt19937_64 random(seed * 7919 + 1);
    Disk disk;
    disk.bugs = bugs;
    Options options;
    options.sync = static_cast<journal::SyncMode>(random() % 8 < 6 ? 0 : random() % 3);
    Pair pair(disk, seed, options);
    for (int life = 0; life < 3; ++life) {
        for (int k = 0; k < cuts_in_recovery; ++k) {
            disk.fail(1 + long(random() % 12), sim::Failure::stop, false);
            if (pair.open()) pair.drop();
            disk.heal();
            if (random() % 4 != 0) disk.lose_power(random);
        }
        try {
            pair.open();
        } catch (const Error& e) {
            ++outcome.refused;
            return;
        }
        outcome.cut += pair.report().cut_bytes != 0 ? 1 : 0;
        if (!pair.right()) {
            ++outcome.wrong;
            return;
        }
        disk.fail(1 + long(random() % 150), sim::Failure::stop, false);
        int steps = 20 + int(random() % 60);
        while (steps > 0 && pair.step()) --steps;
        if (steps == 0 && random() % 4 == 0) pair.close();
        pair.drop();
        if (random() % 8 != 0) disk.lose_power(random);
    }
}

Outcome lives(std::uint64_t runs, const sim::Bugs& bugs, int cuts_in_recovery) {
    Outcome outcome;
    for (std::uint64_t seed = 1; seed <= runs; ++seed) {
        const auto before = outcome.wrong + outcome.refused;
        live(seed, bugs, cuts_in_recovery, outcome);
        if (outcome.wrong + outcome.refused != before) outcome.seeds.push_back(seed);
    }
    return outcome;
}

void record(const char* promise, const char* what, std::uint64_t runs, const Outcome& outcome) {
    std::string note = std::to_string(outcome.cut) + " tails were cut";
    for (const auto seed : outcome.seeds) note += "; failed: seed " + std::to_string(seed);
    reliability::record(promise, what, runs, outcome.wrong + outcome.refused,
                        reliability::seeds(1, runs), note);
}

}  // namespace

TEST(a_power_cut_loses_nothing_that_was_acknowledged) {
    const auto runs = reliability::runs(1000, 20'000);
    const auto outcome = lives(runs, {}, 0);
    record("D2", "a book ended three times by a power cut on a simulated disk", runs, outcome);
    CHECK(outcome.wrong == 0);
    CHECK(outcome.refused == 0);
    CHECK(outcome.cut > runs / 20);  // the cuts often tear a tail
}

TEST(recovery_accepts_a_file_whose_name_was_not_yet_synced) {
    Outcome outcome;
    for (const std::uint64_t seed : {11269, 13453}) live(seed, sim::Bugs(), 0, outcome);
    CHECK(outcome.wrong == 0);
    CHECK(outcome.refused == 0);
}

TEST(recovery_survives_power_cuts_during_recovery) {
    const auto runs = reliability::runs(100, 5000);
    const auto outcome = lives(runs, {}, 5);
    record("D9", "a book whose recovery is interrupted by five power cuts before it succeeds", runs,
           outcome);
    CHECK(outcome.wrong == 0);
    CHECK(outcome.refused == 0);
}

// ---- Bugs that the runs above must notice ----

namespace {

void check_noticed(const char* bug, bool sim::Bugs::* seeded, std::uint64_t least,
                   std::uint64_t runs = 100) {
    sim::Bugs bugs;
    bugs.*seeded = true;
    const auto outcome = lives(runs, bugs, 0);
    const bool noticed = outcome.wrong + outcome.refused > least;
    reliability::seeded(bug, "a_power_cut_loses_nothing_that_was_acknowledged", noticed);
    CHECK(noticed);
}

bool second_open_is_refused(const sim::Bugs& bugs) {
    Disk disk;
    disk.bugs = bugs;
    Book first("USD", 8);
    Book second("USD", 8);
    Pair::recover(disk, first, Options());
    try {
        Pair::recover(disk, second, Options());
    } catch (const Error&) {
        return true;
    }
    return false;
}

}  // namespace

TEST(a_program_that_does_not_sync_is_noticed) {
    check_noticed("a journal is not synced", &sim::Bugs::no_sync, 10);
}
TEST(a_program_that_acknowledges_before_the_sync_is_noticed) {
    check_noticed("a fact is acknowledged before the sync", &sim::Bugs::late_sync, 10);
}
TEST(a_program_that_does_not_sync_names_is_noticed) {
    check_noticed("the folder of a journal is not synced", &sim::Bugs::no_folder_sync, 10);
}
TEST(a_program_that_renames_before_the_sync_is_noticed) {
    check_noticed("a journal file gets its name before it is synced", &sim::Bugs::rename_first, 5);
}
TEST(a_program_that_seals_before_the_sync_is_noticed) {
    check_noticed("a journal is sealed before its content is synced", &sim::Bugs::seal_alone, 0,
                  400);
}
TEST(a_second_open_is_refused_and_a_program_without_the_lock_is_noticed) {
    sim::Bugs bugs;
    CHECK(second_open_is_refused(bugs));
    bugs.no_lock = true;
    const bool noticed = !second_open_is_refused(bugs);
    reliability::seeded("a folder is not locked",
                        "a_second_open_is_refused_and_a_program_without_the_lock_is_noticed",
                        noticed);
    CHECK(noticed);
}
TEST(a_journal_that_is_replayed_twice_is_refused) {
    Disk disk;
    Pair pair(disk, 3);
    pair.open();
    for (int k = 0; k < 20; ++k) pair.step();
    pair.drop();
    Book book("USD", 8);
    auto files = std::make_unique<sim::DiskFiles>(disk);
    book.recover(std::move(files), true, Options(), 0, 0, [](const Batch&) {});
    files = std::make_unique<sim::DiskFiles>(disk);
    CHECK_THROWS(ErrorKind::corrupt_data,
                 book.recover(std::move(files), true, Options(), 0, 0, [](const Batch&) {}));
}
