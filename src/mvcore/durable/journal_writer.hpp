// The journal of a book: append-only files of frames. Unless a function says otherwise, the caller
// ensures that one thread calls at a time. After an error the journal refuses further writes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "mvcore/base/ids.hpp"
#include "mvcore/journal/bytes.hpp"
#include "mvcore/journal/files.hpp"
#include "mvcore/journal/frame.hpp"
#include "mvcore/orders/cash.hpp"

namespace mvcore::journal {

// Contents of the first frame of each file.
struct Opening {
    std::string base_currency;
    int value_scale = 0;
    CashRule cash;

    friend bool operator==(const Opening&, const Opening&) = default;
};

// The end of a journal, from which writing resumes.
struct End {
    std::string file;                // last file; empty: no journal yet
    std::uint64_t bytes = 0;         // size of that file
    std::uint64_t unsynced = 0;      // bytes at its end that no later frame reports as synced
    std::uint64_t sequence = 0;      // sequence of the last frame
    std::uint32_t checksum = 0;      // checksum of the last frame's header
    bool named = false;              // the file that identifies the book exists
    std::uint16_t format = kFormat;  // format of the file's first frame
};

inline constexpr const char* kBookFile = "book";
std::string file_name(std::uint64_t first_sequence);
// The sequence in the name; 0 if the name is not that of a journal file.
std::uint64_t first_sequence(const std::string& name);

class JournalWriter {
public:
    // Continues a journal at its end, or begins a new one. Syncs everything before the end.
    JournalWriter(Files& files, Opening opening, std::uint64_t book, const End& end,
                  std::uint64_t file_bytes);

    // `f` is called once, when the journal fails.
    void on_failure(std::function<void()> f) { on_failure_ = std::move(f); }
    // Puts the journal into the failed state, as a failed write does.
    void fail(const char* why) noexcept;
    // The first failure, for messages. Any thread may call this after on_failure()'s function ran.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

    // Appends one group: write(encoder) encodes its contents. Returns its sequence.
    std::uint64_t append(FrameKind kind, Epoch epoch, const std::function<void(Encoder&)>& write);
    // A sync in two halves, so that other threads may append meanwhile, but not begin a file. Any
    // thread may sync the file of begin_sync(), one at a time, and pass the result to end_sync().
    struct Sync {
        std::shared_ptr<File> file;
        std::uint64_t sequence = 0;
    };
    [[nodiscard]] Sync begin_sync() const noexcept { return {file_, sequence_}; }
    void end_sync(const Sync& sync, int error);
    void sync();
    // Continues in a new file if there is space for one. Everything before it is then on the disk.
    // No other thread may sync meanwhile: the system reports a lost write only once.
    void begin_file();
    // Syncs everything first, as a seal requires.
    void seal(Epoch epoch);
    // Removes files that hold only frames up to the sequence.
    void trim(std::uint64_t sequence);

    [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
    [[nodiscard]] bool failed() const noexcept { return failed_; }  // any thread
    // Whether the next group should go to a new file.
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
        Header header;  // of the opening frame
        std::size_t size = 0;
    };
    NextFile make_next();
    void go_on_in(NextFile& next);
    std::shared_ptr<File> make_file(const std::string& name, const std::string& bytes);
    void name_file(const std::string& name);
    void write_again(std::uint64_t bytes);
    void append_frame(const Header& unfinished, std::string_view contents);
    [[nodiscard]] Header next_header(FrameKind kind, Epoch epoch) const;
    [[nodiscard]] std::string opening_bytes() const;

    Files& files_;
    Opening opening_;
    std::uint64_t book_;
    std::uint64_t file_bytes_;  // size from which on a new file begins
    std::shared_ptr<File> file_;
    std::string name_;
    std::uint64_t size_ = 0;  // of the current file
    std::uint64_t sequence_ = 0;
    std::uint64_t durable_ = 0;
    std::uint32_t previous_ = 0;
    Epoch epoch_{};
    std::atomic<std::uint64_t> bytes_ = 0;  // appended since the book was opened
    std::atomic<bool> failed_ = false;
    std::string failure_;
    std::function<void()> on_failure_ = [] {};
};

}  // namespace mvcore::journal
