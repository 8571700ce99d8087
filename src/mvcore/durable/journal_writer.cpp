#include "mvcore/durable/journal_writer.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/board/conversion.hpp"

namespace mvcore::journal {
namespace {

constexpr const char* kUnfinished = ".new";

}  // namespace

std::string file_name(std::uint64_t first_sequence) {
    char text[40];
    std::snprintf(text, sizeof text, "journal-%020llu.log",
                  static_cast<unsigned long long>(first_sequence));
    return text;
}

std::uint64_t first_sequence(const std::string& name) {
    constexpr std::string_view kBegin = "journal-";
    if (name.size() != file_name(0).size() || !name.starts_with(kBegin)) return 0;
    std::uint64_t sequence = 0;
    for (const char c : name.substr(kBegin.size(), 20)) {
        if (c < '0' || c > '9' || __builtin_mul_overflow(sequence, 10U, &sequence) ||
            __builtin_add_overflow(sequence, static_cast<unsigned>(c - '0'), &sequence))
            return 0;
    }
    return name == file_name(sequence) ? sequence : 0;
}

JournalWriter::JournalWriter(Files& files, Opening opening, std::uint64_t book, const End& end,
                             std::uint64_t file_bytes)
    : files_(files),
      opening_(std::move(opening)),
      book_(book),
      file_bytes_(file_bytes),
      name_(end.file),
      size_(end.bytes),
      sequence_(end.sequence),
      durable_(end.sequence),
      previous_(end.checksum) {
    if (name_.empty()) {
        MVCORE_ASSERT(size_ == 0 && end.unsynced == 0);
        start_file();
        name_book();
        return;
    }
    MVCORE_ASSERT(first_sequence(name_) != 0 && first_sequence(name_) <= sequence_);
    MVCORE_ASSERT(size_ >= sizeof(Header) && end.unsynced <= size_);
    std::unique_ptr<File> file;
    check(files_, "open", name_,
          uninterrupted([&] { return files_.open(name_, true, false, file); }));
    file_ = std::move(file);
    write_again(end.unsynced);
    check(files_, "sync", name_, uninterrupted([&] { return file_->sync(); }));
    // The process that made the file may have died before the folder entry was on the disk.
    check(files_, "sync the folder of", name_, uninterrupted([&] { return files_.sync_folder(); }));
    if (!end.named) name_book();
    // An older mvcore would mistake frames of this format for a torn tail and cut them. It refuses
    // a file that begins with such a frame.
    if (end.format != kFormat) begin_file();
}

// Rewrites the unsynced end of the file. After a failed sync the kernel may hold these pages in
// memory only, yet marked as written.
void JournalWriter::write_again(std::uint64_t bytes) {
    MVCORE_ASSERT(bytes <= size_);
    std::string piece(std::min<std::uint64_t>(bytes, kMostBytes), '\0');
    for (auto at = size_ - bytes; at < size_; at += piece.size()) {
        piece.resize(std::min<std::uint64_t>(piece.size(), size_ - at));
        if (read_all(files_, name_, *file_, piece.data(), piece.size(), at) != piece.size())
            corrupt(files_.path() + "/" + name_ + " became shorter while it was read");
        write_all(files_, name_, *file_, piece.data(), piece.size(), at);
    }
}

// After an error the content of the disk is unknown, so the write is not retried.
template <class F>
void JournalWriter::guarded(F&& f) {
    if (failed_)
        throw Error(ErrorKind::storage,
                    files_.path() + ": an earlier write failed; close the book and open it again");
    try {
        f();
    } catch (const std::exception& e) {
        fail(e.what());
        throw;
    } catch (...) {
        fail("");
        throw;
    }
}

void JournalWriter::fail(const char* why) noexcept {
    if (failed_.exchange(true)) return;
    try {
        failure_ = why;
    } catch (const std::bad_alloc&) {  // no memory for the reason
    }
    on_failure_();
}

Header JournalWriter::next_header(FrameKind kind, Epoch epoch) const {
    MVCORE_ASSERT(durable_ <= sequence_);
    Header header;
    header.kind = kind;
    header.book = book_;
    header.sequence = sequence_ + 1;
    header.durable = durable_;
    header.epoch = epoch;
    header.previous = previous_;
    return header;
}

// Appends a frame in one write. The journal's fields change only if the write succeeded.
void JournalWriter::append_frame(const Header& unfinished, std::string_view contents) {
    Header header = unfinished;
    MVCORE_ASSERT(header.sequence == sequence_ + 1 && header.previous == previous_);
    MVCORE_ASSERT(contents.size() <= kMostBytes);  // a reader refuses larger frames
    const auto bytes = frame_bytes(header, contents);
    write_all(files_, name_, *file_, bytes.data(), bytes.size(), size_);
    size_ += bytes.size();
    bytes_ += bytes.size();
    ++sequence_;
    previous_ = header.checksum;
}

std::string JournalWriter::opening_bytes() const {
    MVCORE_ASSERT(opening_.value_scale >= 0 && opening_.value_scale <= kMaxValueScale);
    Encoder out([](std::string&) {});
    out.text(opening_.base_currency);
    out.number(static_cast<u128>(opening_.value_scale));
    out.byte(opening_.cash.from_fills ? 1 : 0);
    if (opening_.cash.from_fills)
        out.number(static_cast<u128>(opening_.cash.scale - CashRule::kMinorUnits));
    return std::move(out.buffer());
}

// Makes a file of one frame under a temporary name and syncs it.
std::shared_ptr<File> JournalWriter::make_file(const std::string& name, const std::string& bytes) {
    const auto unfinished = name + kUnfinished;
    const auto tried = [&](const char* call, auto&& f) {
        check(files_, call, name, uninterrupted(f));
    };
    std::unique_ptr<File> file;
    tried("open", [&] { return files_.open(unfinished, true, true, file); });
    tried("truncate", [&] { return file->truncate(0); });
    write_all(files_, unfinished, *file, bytes.data(), bytes.size(), 0);
    tried("sync", [&] { return file->sync(); });
    return file;
}

// Renames the file only after it is on the disk, so a named file without a whole frame is damaged.
void JournalWriter::name_file(const std::string& name) {
    check(files_, "rename", name,
          uninterrupted([&] { return files_.rename(name + kUnfinished, name); }));
    check(files_, "sync the folder of", name, uninterrupted([&] { return files_.sync_folder(); }));
}

void JournalWriter::start_file() {
    NextFile next = make_next();
    go_on_in(next);
}

JournalWriter::NextFile JournalWriter::make_next() {
    MVCORE_ASSERT(!unsynced());  // a file begins when all frames before it are on the disk
    NextFile next{file_name(sequence_ + 1), nullptr, next_header(FrameKind::opening, epoch_), 0};
    const auto bytes = frame_bytes(next.header, opening_bytes());
    next.size = bytes.size();
    next.file = make_file(next.name, bytes);
    return next;
}

void JournalWriter::go_on_in(NextFile& next) {
    MVCORE_ASSERT(next.header.sequence == sequence_ + 1 && next.header.previous == previous_);
    MVCORE_ASSERT(first_sequence(next.name) == next.header.sequence);
    MVCORE_ASSERT(next.size == sizeof(Header) + next.header.size);
    name_file(next.name);
    file_ = std::move(next.file);
    name_ = std::move(next.name);
    size_ = next.size;
    bytes_ += next.size;
    durable_ = ++sequence_;
    previous_ = next.header.checksum;
}

// Writes which book the folder holds, so that a foreign or missing journal is noticed.
void JournalWriter::name_book() {
    Header header;
    header.kind = FrameKind::opening;
    header.book = book_;
    make_file(kBookFile, frame_bytes(header, opening_bytes()));
    name_file(kBookFile);
}

std::uint64_t JournalWriter::append(FrameKind kind, Epoch epoch,
                                    const std::function<void(Encoder&)>& write) {
    guarded([&] {
        epoch_ = epoch;
        const auto frame = [&](std::string& contents, bool more) {
            Header header = next_header(kind, epoch);
            header.more = more ? 1 : 0;
            append_frame(header, contents);
            contents.clear();
        };
        Encoder out([&](std::string& full) { frame(full, true); });
        write(out);
        frame(out.buffer(), false);
        MVCORE_ASSERT(out.buffer().empty());
    });
    return sequence_;
}

void JournalWriter::end_sync(const Sync& sync, int error) {
    guarded([&] {
        check(files_, "sync", name_, error);
        MVCORE_ASSERT(sync.sequence <= sequence_);
        durable_ = std::max(durable_, sync.sequence);
    });
}

void JournalWriter::sync() {
    if (!unsynced()) return;
    const Sync now = begin_sync();
    end_sync(now, uninterrupted([&] { return now.file->sync(); }));
}

void JournalWriter::begin_file() {
    guarded([&] { sync(); });
    MVCORE_ASSERT(!unsynced());
    if (sequence_ == first_sequence(name_)) return;
    NextFile next;
    try {
        next = make_next();
    } catch (const Error&) {
        // No space for a new file: the journal is whole and continues in the old file.
        static_cast<void>(files_.remove(file_name(sequence_ + 1) + kUnfinished));
        return;
    }
    guarded([&] { go_on_in(next); });
    MVCORE_ASSERT(first_sequence(name_) == sequence_ && !unsynced());
}

void JournalWriter::seal(Epoch epoch) {
    guarded([&] {
        sync();
        append_frame(next_header(FrameKind::seal, epoch), {});
        sync();
        MVCORE_ASSERT(!unsynced());
    });
}

void JournalWriter::trim(std::uint64_t sequence) {
    std::vector<std::string> names;
    check(files_, "list", "", uninterrupted([&] { return files_.list(names); }));
    std::erase_if(names, [](const auto& name) { return first_sequence(name) == 0; });
    std::sort(names.begin(), names.end());
    // Removes the oldest first, so that the remaining files never have a gap.
    for (std::size_t k = 0; k + 1 < names.size(); ++k) {
        if (first_sequence(names[k + 1]) > sequence + 1) break;
        check(files_, "remove", names[k], uninterrupted([&] { return files_.remove(names[k]); }));
    }
    check(files_, "sync", "", uninterrupted([&] { return files_.sync_folder(); }));
}

}  // namespace mvcore::journal
