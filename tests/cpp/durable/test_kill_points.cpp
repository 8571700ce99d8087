// Processes are killed before, during and after each kind of call to a real disk, also during
// recovery. The recovered book must be a state that once existed, with everything that was
// acknowledged.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "durable_run.hpp"
#include "mvcore/journal/posix_files.hpp"
#include "reliability.hpp"

using namespace durable;

namespace {

enum CallKind {
    write_call,
    sync_call,
    truncate_call,
    make_call,
    rename_call,
    remove_call,
    folder_call,
    kCallKinds
};
constexpr const char* kNames[] = {"write",  "sync",   "truncate",          "make a file",
                                  "rename", "remove", "sync of the folder"};
enum When { before, middle, after };

[[noreturn]] void die() {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
}

// State that parent and child share. The child dies at the n-th call of its kind.
struct Shared {
    CallKind kind = write_call;
    When when = before;
    std::uint64_t n = 0;        // 0: the child does not die
    bool keeps_writes = false;  // seeded bug: the system gets a write only at the next call
    std::atomic<bool> met = false;
    std::atomic<long> returned = 0;  // calls of the book that returned

    template <class F>
    auto around(CallKind call, F&& f) {
        const bool now = call == kind && n > 0 && --n == 0;
        met = met || now;
        if (now && when == before) die();
        const auto result = f(now && when == middle);
        if (now) die();
        return result;
    }
};

class MortalFile : public journal::File {
public:
    MortalFile(std::unique_ptr<journal::File> file, Shared& shared)
        : file_(std::move(file)), shared_(shared) {}
    long write(const void* data, std::size_t size, std::uint64_t offset) override {
        return shared_.around(write_call, [&](bool half) {
            if (shared_.keeps_writes) return keep(data, size, offset);
            return file_->write(data, half ? (size + 1) / 2 : size, offset);
        });
    }
    long read(void* data, std::size_t size, std::uint64_t offset) override {
        return file_->read(data, size, offset);
    }
    long size() override { return file_->size(); }
    int sync() override {
        return shared_.around(sync_call, [&](bool) {
            keep(nullptr, 0, 0);
            return file_->sync();
        });
    }
    int truncate(std::uint64_t size) override {
        return shared_.around(truncate_call, [&](bool) { return file_->truncate(size); });
    }

private:
    long keep(const void* data, std::size_t size, std::uint64_t offset) {
        if (!kept_.empty()) file_->write(kept_.data(), kept_.size(), at_);
        kept_.assign(static_cast<const char*>(data), size);
        at_ = offset;
        return static_cast<long>(size);
    }
    std::unique_ptr<journal::File> file_;
    Shared& shared_;
    std::string kept_;
    std::uint64_t at_ = 0;
};

class MortalFiles : public journal::Files {
public:
    MortalFiles(const std::string& folder, Shared& shared)
        : files_(journal::posix_files(folder)), shared_(shared) {}
    [[nodiscard]] std::string path() const override { return files_->path(); }
    int make_folder() override { return files_->make_folder(); }
    int open(const std::string& name, bool write, bool make,
             std::unique_ptr<journal::File>& out) override {
        std::unique_ptr<journal::File> file;
        const auto open = [&](bool) { return files_->open(name, write, make, file); };
        const int error = make ? shared_.around(make_call, open) : open(false);
        if (error == 0) out = std::make_unique<MortalFile>(std::move(file), shared_);
        return error;
    }
    int list(std::vector<std::string>& names) override { return files_->list(names); }
    int rename(const std::string& from, const std::string& to) override {
        return shared_.around(rename_call, [&](bool) { return files_->rename(from, to); });
    }
    int remove(const std::string& name) override {
        return shared_.around(remove_call, [&](bool) { return files_->remove(name); });
    }
    int sync_folder() override {
        return shared_.around(folder_call, [&](bool) { return files_->sync_folder(); });
    }
    int lock() override { return files_->lock(); }
    void unlock() noexcept override { files_->unlock(); }
    std::uint64_t random() override { return files_->random(); }

private:
    std::unique_ptr<journal::Files> files_;
    Shared& shared_;
};

// Largest n by kind of call: a life dies at the n-th call of its kind.
constexpr std::uint64_t kMost[kCallKinds] = {25, 12, 1, 3, 2, 1, 4};
constexpr std::uint64_t kLives = 12;  // per book

struct Outcome {
    std::uint64_t kills = 0;
    std::uint64_t wrong = 0;
    std::uint64_t met[kCallKinds] = {};
};

template <class F>
void play(Pair& pair, int steps, bool closes, F&& returned) {
    for (; steps > 0 && pair.step(); --steps) returned();
    if (steps == 0 && closes && pair.close()) returned();
}

[[noreturn]] void live(Pair& pair, Shared& shared, int steps, bool closes) {
    const int failures = check::failures();
    try {
        if (!pair.open()) ::_exit(1);
        play(pair, steps, closes, [&] { ++shared.returned; });
        if (check::failures() != failures || pair.failed()) ::_exit(1);
        die();  // no such call was made
    } catch (...) {
        ::_exit(1);
    }
}

bool was_killed(pid_t child) {
    int status = 0;
    return ::waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGKILL;
}

// Whether the child left a correct book. The parent made the same calls without a disk. It opens
// the folder to read only, so that the next child finds the torn tail.
bool left_right(Pair& pair, const std::string& folder) try {
    const bool begun = std::filesystem::exists(folder + "/book");
    return pair.open(begun) && pair.right();
} catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return false;
}

// A book whose process dies again and again.
void lives(std::uint64_t seed, Shared& shared, const std::string& folder, std::uint64_t kills,
           Outcome& out) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    std::mt19937_64 random(seed * 6271 + 5);
    Options options;
    options.sync = static_cast<journal::SyncMode>(seed % 3);
    options.power_fails = false;
    Pair pair([&] { return std::make_unique<MortalFiles>(folder, shared); }, seed, options);
    for (std::uint64_t life = 0; life < kills; ++life) {
        shared.kind = static_cast<CallKind>(random() % kCallKinds);
        shared.when = random() % 2 == 0 ? before : after;
        if (shared.kind == write_call && random() % 3 == 0) shared.when = middle;
        shared.n = 1 + random() % kMost[shared.kind];
        shared.met = false;
        shared.returned = 0;
        const int steps = 10 + int(random() % 50);
        const bool closes = random() % 4 == 0;
        const pid_t child = ::fork();
        if (child == 0) live(pair, shared, steps, closes);
        bool right = was_killed(child);
        shared.n = 0;
        ++out.kills;
        if (shared.met) ++out.met[shared.kind];
        pair.elsewhere(shared.returned);
        play(pair, steps, closes, [] {});
        right = right && left_right(pair, folder);
        pair.drop();
        if (right) continue;
        ++out.wrong;
        if (shared.keeps_writes) return;
        std::fprintf(stderr, "book %llu, life %llu\n", static_cast<unsigned long long>(seed),
                     static_cast<unsigned long long>(life));
        return;
    }
}

Outcome kill_many(std::uint64_t kills, bool keeps_writes) {
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto& shared = *new (memory) Shared{};
    shared.keeps_writes = keeps_writes;
    const auto folder =
        std::filesystem::temp_directory_path() / ("mvcore-kills-" + std::to_string(::getpid()));
    Outcome out;
    for (std::uint64_t seed = 1; out.kills < kills; ++seed)
        lives(seed, shared, folder, std::min(kLives, kills - out.kills), out);
    std::filesystem::remove_all(folder);
    ::munmap(memory, sizeof(Shared));
    return out;
}

}  // namespace

TEST(a_process_killed_at_a_call_to_the_disk_loses_nothing) {
    const auto kills = reliability::runs(300, 10'000);
    const auto out = kill_many(kills, false);
    std::string at;
    bool all = true;
    for (int kind = 0; kind < kCallKinds; ++kind) {
        const auto met = out.met[kind];
        at += std::string(kNames[kind]) + " " + std::to_string(met) + ", ";
        all = all && met != 0;
    }
    reliability::record("D1", "a process killed before, in or after a call to a real disk",
                        out.kills, out.wrong,
                        "books " + reliability::seeds(1, (kills + kLives - 1) / kLives),
                        at + "the others between two calls");
    CHECK(out.wrong == 0);
    CHECK(all);
}

TEST(a_program_that_does_not_write_what_it_acknowledges_is_noticed) {
    const auto out = kill_many(60, true);
    reliability::seeded("a write is acknowledged that is only in the memory of the process",
                        "a_process_killed_at_a_call_to_the_disk_loses_nothing", out.wrong > 3);
    CHECK(out.wrong > 3);
}
