// The journal of a book: files of frames that only grow. Whoever calls sees to it that one thread
// does at a time, save where it is said; after an error it takes nothing more.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "mvcore/journal/bytes.hpp"
#include "mvcore/journal/files.hpp"
#include "mvcore/journal/frame.hpp"
#include "mvcore/orders/cash.hpp"

namespace mvcore::journal {

// What the first frame of each file tells.
struct Opening {
    std::string base_currency;
    int value_scale = 0;
    CashRule cash;

    friend bool operator==(const Opening&, const Opening&) = default;
};

// Where a journal ends, so that it can go on there.
struct End {
    std::string file;            // its last, empty: there is none yet
    std::uint64_t bytes = 0;     // of that file
    std::uint64_t unsynced = 0;  // of them; the last, of which no later frame says they are synced
    std::uint64_t sequence = 0;  // of the last frame
    std::uint32_t checksum = 0;  // of that frame's header
    bool named = false;          // the file that says which book it is is there
    std::uint16_t format = kFormat;  // of the file's first frame
};

inline constexpr const char* kBookFile = "book";
std::string file_name(std::uint64_t first_sequence);
// The sequence in the name, 0 where it is not one of a journal file.
std::uint64_t first_sequence(const std::string& name);

class Journal {
public:
    // Goes on at the end, or begins a new journal where there is none. All before it is synced.
    Journal(Files& files, Opening opening, std::uint64_t book, const End& end,
            std::uint64_t file_bytes);

    // Called once, when it fails.
    void on_failure(std::function<void()> f) { on_failure_ = std::move(f); }
    // As after a write that failed.
    void fail(const char* why) noexcept;
    // What failed first, for messages. Any thread, once on_failure() was told.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

    // One group: write(encoder) gives what it holds. Returns its sequence.
    std::uint64_t append(FrameKind kind, std::uint64_t epoch,
                         const std::function<void(Encoder&)>& write);
    // A sync in two halves, so that others may append meanwhile, but begin no file: what begin()
    // gives is synced by any thread, one at a time, and told to end().
    struct Sync {
        std::shared_ptr<File> file;
        std::uint64_t sequence = 0;
    };
    [[nodiscard]] Sync begin_sync() const noexcept { return {file_, sequence_}; }
    void end_sync(const Sync& sync, int error);
    void sync();
    // What comes next goes to another file, if there is room for one. All that there is is on the
    // disk then. Nobody syncs meanwhile: the system tells of a lost write only once.
    void begin_file();
    // Everything before is synced first: the seal says so.
    void seal(std::uint64_t epoch);
    // Removes files whose every frame is at or before the sequence.
    void trim(std::uint64_t sequence);

    [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
    [[nodiscard]] bool failed() const noexcept { return failed_; }  // any thread
    // The next group should go to another file.
    [[nodiscard]] bool full() const noexcept { return size_ >= file_bytes_; }
    [[nodiscard]] bool unsynced() const noexcept { return durable_ != sequence_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }  // any thread

private:
    template <class F>
    void guarded(F&& f);
    void start_file();
    void name_book();
    struct NextFile {
        std::string name;
        std::shared_ptr<File> file;
        Header header;  // of its opening
        std::size_t size = 0;
    };
    NextFile make_next();
    void go_on_in(NextFile& next);
    std::shared_ptr<File> make_file(const std::string& name, const std::string& bytes);
    void name_file(const std::string& name);
    void write_again(std::uint64_t bytes);
    void append_frame(const Header& unfinished, std::string_view contents);
    [[nodiscard]] Header next_header(FrameKind kind, std::uint64_t epoch) const;
    [[nodiscard]] std::string opening_bytes() const;

    Files& files_;
    Opening opening_;
    std::uint64_t book_;
    std::uint64_t file_bytes_;  // a file that has so many is followed by another
    std::shared_ptr<File> file_;
    std::string name_;
    std::uint64_t size_ = 0;  // of the file
    std::uint64_t sequence_ = 0;
    std::uint64_t durable_ = 0;
    std::uint32_t previous_ = 0;
    std::uint64_t epoch_ = 0;
    std::atomic<std::uint64_t> bytes_ = 0;  // appended since it was opened
    std::atomic<bool> failed_ = false;
    std::string failure_;
    std::function<void()> on_failure_ = [] {};
};

}  // namespace mvcore::journal
