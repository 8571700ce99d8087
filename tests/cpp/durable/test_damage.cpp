// Damaged files are refused, or give exactly a state that the book once had; never another state,
// never a crash. Files with forged, valid checksums must not crash either.
#include <cstring>

#include "durable_run.hpp"
#include "reliability.hpp"

using namespace durable;
using Contents = std::map<std::string, std::string>;

namespace {

constexpr std::size_t kBlock = 512;

// A book's files, an older copy of them, and another book's.
struct Subject {
    Disk disk;
    Pair pair;
    Contents files;
    Contents older;
    Contents foreign;

    static Options options(std::uint64_t seed) {
        Options out;
        out.sync = static_cast<journal::SyncMode>(seed % 3);
        return out;
    }
    explicit Subject(std::uint64_t seed, bool closed) : pair(disk, seed, options(seed)) {
        pair.open();
        for (int k = 0; k < 60; ++k) {
            if (k == 40) older = disk.contents();
            pair.step();
        }
        pair.flush();
        if (closed) pair.close();
        files = disk.contents();
        Disk other;
        other.book = 77;
        Pair stranger(other, seed + 1000);
        stranger.open();
        for (int k = 0; k < 60; ++k) stranger.step();
        foreign = other.contents();
    }
};

struct Damage {
    std::mt19937_64 random;
    explicit Damage(std::uint64_t seed) : random(seed) {}
    std::size_t pick(std::size_t n) { return n == 0 ? 0 : random() % n; }

    template <class Map>
    auto& any(Map& files) {
        auto at = files.begin();
        std::advance(at, std::ptrdiff_t(pick(files.size())));
        return *at;
    }
    // Damages one file in one respect. Returns false if the files did not change.
    bool inflict(const Subject& s, Contents& files) {
        auto& [name, bytes] = any(files);
        const auto before = files;
        const auto block = pick(bytes.size() / kBlock + 1) * kBlock;
        const auto other = pick(bytes.size() / kBlock + 1) * kBlock;
        switch (pick(9)) {
            case 0: bytes[pick(bytes.size())] ^= static_cast<char>(1U << pick(8)); break;
            case 1: fill(bytes, block, std::string(kBlock, '\0')); break;
            case 2: {
                const auto kept = bytes.substr(block, kBlock);
                fill(bytes, block, bytes.substr(other, kBlock));
                fill(bytes, other, kept);
                break;
            }
            case 3: stale(s.older, name, block, bytes); break;
            case 4: stale(s.foreign, name, block, bytes); break;
            case 5: bytes.resize(pick(bytes.size())); break;
            case 6: bytes += garbage(); break;
            case 7: swap_files(s, files, name); break;
            default: field(bytes); break;
        }
        return files != before;
    }
    // Changes bytes of a frame, sometimes a field, and makes all checksums valid again.
    void forge(std::string& bytes) {
        const auto frames = sim::frames_of(bytes, true);
        const auto k = pick(frames.size());
        const auto end = k + 1 < frames.size() ? frames[k + 1] : bytes.size();
        for (std::size_t n = 1 + pick(3); n > 0; --n) {
            const auto at = frames[k] + pick(end - frames[k]);
            bytes[at] = pick(3) == 0 ? '\0' : pick(2) == 0 ? '\xFF' : static_cast<char>(random());
        }
        if (pick(4) == 0) field(bytes);
        sim::make_valid(bytes, frames, k);
    }

private:
    static void fill(std::string& bytes, std::size_t at, const std::string& with) {
        for (std::size_t k = 0; k < with.size() && at + k < bytes.size(); ++k)
            bytes[at + k] = with[k];
    }
    static void stale(const Contents& from, const std::string& name, std::size_t block,
                      std::string& bytes) {
        const auto old = from.find(name);
        const auto& source = old == from.end() ? from.begin()->second : old->second;
        if (block < source.size()) fill(bytes, block, source.substr(block, kBlock));
    }
    std::string garbage() {
        std::string out(1 + pick(2000), '\0');
        for (auto& c : out) c = static_cast<char>(random());
        return out;
    }
    void swap_files(const Subject& s, Contents& files, const std::string& name) {
        switch (pick(4)) {
            case 0: std::swap(files[name], any(files).second); break;
            case 1: files[name] = s.foreign.begin()->second; break;
            case 2: files["journal-00000000000000000777.log"] = files[name]; break;
            default: files.erase(std::string(name)); break;
        }
    }
    void field(std::string& bytes) {
        static constexpr std::size_t kFields[] = {0, 8, 10, 12, 16, 24, 32, 40, 48, 52, 56, 60};
        const auto frames = sim::frames_of(bytes, true);
        if (frames.empty()) return;
        const auto at = frames[pick(frames.size())] + kFields[pick(std::size(kFields))];
        const char value = pick(2) == 0 ? '\0' : '\xFF';
        for (std::size_t k = 0; k < 1 + pick(8) && at + k < bytes.size(); ++k)
            bytes[at + k] = value;
    }
};

struct Outcome {
    std::uint64_t refused = 0;
    std::uint64_t exact = 0;    // the complete book
    std::uint64_t earlier = 0;  // an earlier state; the rest was cut and reported
    // An earlier state, not reported: the file ends exactly between two groups.
    std::uint64_t untold = 0;
    std::uint64_t wrong = 0;
    std::uint64_t forged = 0;  // forged, yet opened; the book is only used
};

void use(Book& book) {
    static_cast<void>(facts_of(book));
    static_cast<void>(book.prices());
    for (std::int32_t a = 0; a < book.names().accounts.size(); ++a)
        if (book.state().account_alive(AccountCode(a))) try {
                static_cast<void>(book.value_by_code(AccountCode(a), -1));
            } catch (const Error&) {  // more than 38 digits
            }
}

void judge(const Subject& s, const Contents& files, bool forged, const sim::Bugs& bugs,
           Outcome& out) {
    Disk disk;
    disk.bugs = bugs;
    disk.set(files);
    Book book("USD", 8);
    journal::RecoveryReport report;
    try {
        report = Pair::recover(disk, book, Options());
    } catch (const Error& e) {
        ++out.refused;
        CHECK(e.kind() == ErrorKind::corrupt_data);
        return;
    }
    use(book);
    if (forged) ++out.forged;
    else if (s.pair.is_latest(book)) ++out.exact;
    else if (!s.pair.was(book)) ++out.wrong;
    else if (report.cut_bytes != 0) ++out.earlier;
    else ++out.untold;
}

Outcome damage_many(std::uint64_t runs, const sim::Bugs& bugs) {
    Outcome out;
    std::uint64_t done = 0;
    for (std::uint64_t seed = 0; done < runs; ++seed) {
        const Subject s(seed, seed % 2 == 0);
        for (int k = 0; k < 50 && done < runs; ++k) {
            Damage damage(seed * 1000 + std::uint64_t(k));
            Contents files = s.files;
            const bool forged = k % 2 == 1;
            if (forged) damage.forge(damage.any(files).second);
            else if (!damage.inflict(s, files)) continue;
            judge(s, files, forged, bugs, out);
            ++done;
        }
    }
    return out;
}

}  // namespace

TEST(damaged_journals_are_refused_or_exact) {
    const auto runs = reliability::runs(1000, 10'000);
    const Outcome out = damage_many(runs, {});
    const auto n = [](std::uint64_t v, const char* what) { return std::to_string(v) + what; };
    reliability::record("D6, D7", "a damaged journal, half of them with valid checksums", runs,
                        out.wrong, "books from 0 on",
                        n(out.refused, " refused, ") + n(out.exact, " exact, ") +
                            n(out.earlier, " cut and reported, ") +
                            n(out.untold, " cut short between two groups, ") +
                            n(out.forged, " opened with valid checksums"));
    CHECK(out.wrong == 0);
    CHECK(out.refused > runs / 4);
    CHECK(out.untold < runs / 20);
}

namespace {

void check_noticed(const char* bug, bool noticed) {
    reliability::seeded(bug, "damaged_journals_are_refused_or_exact", noticed);
    CHECK(noticed);
}

}  // namespace

TEST(a_program_without_checksums_is_noticed) {
    sim::Bugs bugs;
    bugs.no_checksums = true;
    check_noticed("a journal's checksums are skipped", damage_many(600, bugs).wrong > 0);
}

TEST(a_program_that_cuts_damage_in_the_middle_is_noticed) {
    sim::Bugs bugs;
    bugs.hides_damage = true;
    check_noticed("damage in the middle of a journal is cut off as an unfinished tail",
                  damage_many(200, bugs).untold > 200 / 20);
}

TEST(the_error_about_a_newer_format_names_it) {
    Subject s(5, true);
    for (auto& [name, bytes] : s.files) {
        const std::uint16_t newer = journal::kFormat + 1;
        const auto frames = sim::frames_of(bytes, true);
        for (const auto at : frames) std::memcpy(bytes.data() + at + 8, &newer, sizeof newer);
        sim::make_valid(bytes, frames, 0);
    }
    Disk disk;
    disk.set(s.files);
    Book book("USD", 8);
    std::string says;
    try {
        Pair::recover(disk, book, Options());
    } catch (const Error& e) {
        says = e.what();
    }
    const bool refused =
        says.find("format version " + std::to_string(journal::kFormat + 1)) != std::string::npos;
    reliability::record("R1", "a journal of a later format version is refused", 1, refused ? 0 : 1,
                        "");
    CHECK(refused);
}

TEST(crc32c_gives_the_published_checksums) {
    CHECK(crc32c("123456789", 9) == 0xE3069283);
    const std::string zeros(32, '\0');
    const std::string ones(32, '\xFF');
    CHECK(crc32c(zeros.data(), 32) == 0x8A9136AA);
    CHECK(crc32c(ones.data(), 32) == 0x62A8AB43);
    CHECK(crc32c("", 0) == 0);
    for (std::size_t k = 0; k < 9; ++k)
        CHECK(crc32c(&"123456789"[k], 9 - k, crc32c("123456789", k)) == 0xE3069283);
}
