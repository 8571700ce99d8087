#include "mvcore/durable/recovery.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/crc32c.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/board/conversion.hpp"

namespace mvcore::journal {
namespace {

constexpr std::size_t kHeader = sizeof(Header);
using tuning::kReadBytes;

[[noreturn]] void damaged(const Files& files, const std::string& name, std::uint64_t at,
                          const std::string& what) {
    corrupt(files.path() + "/" + name + ", byte " + std::to_string(at) + ": " + what);
}

}  // namespace

// Reads a file through a window, since most frames are small.
struct Recovery::Reader {
    Files& files;
    std::string name;
    std::unique_ptr<File> file;
    std::uint64_t size = 0;
    std::uint64_t at = 0;
    std::string window;
    std::uint64_t window_at = 0;

    // Returns the bytes at `place`, fewer at the end of the file.
    std::string_view view(std::uint64_t place, std::size_t bytes) {
        const auto there = std::min<std::uint64_t>(bytes, size - std::min(size, place));
        if (place < window_at || place + there > window_at + window.size()) {
            const auto more = std::max<std::uint64_t>(there, kReadBytes);
            window.resize(std::min(more, size - std::min(size, place)));
            window.resize(read_all(files, name, *file, window.data(), window.size(), place));
            window_at = place;
        }
        MVCORE_ASSERT(place >= window_at && place - window_at <= window.size());
        return std::string_view(window).substr(place - window_at, there);
    }
};

Opening decode_opening(Decoder& in, std::uint16_t format) {
    Opening opening;
    opening.base_currency = in.text(kMostBytes);
    opening.value_scale = static_cast<int>(in.number(kMaxValueScale));
    if (format >= 3) {
        opening.cash.from_fills = in.flag();
        if (opening.cash.from_fills)
            opening.cash.scale =
                static_cast<int>(in.number(kMostCashDecimals - CashRule::kMinorUnits)) +
                CashRule::kMinorUnits;
    }
    if (opening.base_currency.empty() || in.left() != 0) corrupt("a journal's beginning is wrong");
    return opening;
}

void Recovery::list() {
    names_.clear();
    std::vector<std::string> all;
    check(files_, "list", "", uninterrupted([&] { return files_.list(all); }));
    for (auto& name : all) {
        if (first_sequence(name) != 0) names_.push_back(name);
        end_.named = end_.named || name == kBookFile;
    }
    std::sort(names_.begin(), names_.end());
}

void Recovery::open(const std::string& name, Reader& reader) {
    reader.name = name;
    check(files_, "open", name,
          uninterrupted([&] { return files_.open(name, false, false, reader.file); }));
    const long size = reader.file->size();
    if (size < 0) storage_error(files_, "size", name, static_cast<int>(-size));
    reader.size = static_cast<std::uint64_t>(size);
}

// Reads the first frame of a file, which must be whole.
BookOnDisk Recovery::opening_of(const std::string& name) {
    Reader reader{files_, {}, {}, 0, 0, {}, 0};
    open(name, reader);
    const auto header = header_at(reader.view(0, kHeader));
    if (!header || header->kind != FrameKind::opening)
        damaged(files_, name, 0, "is not the beginning of a journal");
    if (!readable(header->format))
        damaged(files_, name, 0,
                "format version " + std::to_string(header->format) + ", this mvcore reads " +
                    std::to_string(kOldestFormat) + " to " + std::to_string(kFormat));
    const std::string contents(reader.view(kHeader, std::min(header->size, kMostBytes)));
    if (contents.size() != header->size ||
        crc32c(contents.data(), contents.size()) != header->contents)
        damaged(files_, name, 0, "the journal's beginning is damaged");
    Decoder in(contents.size(), [&](std::string& piece) { piece = contents; });
    return BookOnDisk{decode_opening(in, header->format), header->book};
}

std::optional<BookOnDisk> Recovery::look() {
    list();
    if (names_.empty() && !end_.named) return std::nullopt;
    if (names_.empty()) corrupt(files_.path() + ": the journal is missing");
    const auto found = opening_of(names_[0]);
    book_ = found.book;
    if (!end_.named) return found;
    const auto named = opening_of(kBookFile);
    if (named.book != found.book || named.opening != found.opening)
        damaged(files_, names_[0], 0, "is of another book than the folder");
    return found;
}

std::optional<Header> Recovery::read_frame(Reader& reader) {
    const auto header = header_at(reader.view(reader.at, kHeader));
    if (!header || !readable(header->format) || header->size > kMostBytes || header->more > 1 ||
        header->sequence != end_.sequence + 1 || header->durable >= header->sequence)
        return std::nullopt;
    const bool first = end_.sequence == 0 || (end_.file.empty() && reader.at == 0);
    if (book_ != 0 && header->book != book_) return std::nullopt;
    if (!first && header->previous != end_.checksum) return std::nullopt;
    const auto contents = reader.view(reader.at + kHeader, header->size);
    if (contents.size() != header->size ||
        crc32c(contents.data(), contents.size()) != header->contents)
        return std::nullopt;
    return header;
}

// Reads again the header of a frame that was whole before.
Header Recovery::header_again(Reader& reader, std::uint64_t at) {
    const auto header = header_at(reader.view(at, kHeader));
    if (!header) damaged(files_, reader.name, at, "changed while it was read");
    return *header;
}

void Recovery::emit_group(Reader& reader, std::uint64_t begin, const Header& last,
                          const GroupHandler& group) {
    std::uint64_t bytes = 0;
    for (auto at = begin; at < reader.at;) {
        const auto header = header_again(reader, at);
        bytes += header.size;
        at += kHeader + header.size;
    }
    auto at = begin;
    Decoder in(bytes, [&](std::string& piece) {
        const auto header = header_again(reader, at);
        piece = reader.view(at + kHeader, header.size);
        if (piece.size() != header.size) damaged(files_, reader.name, at, "became shorter");
        at += kHeader + header.size;
    });
    try {
        group(last, in);
        if (in.left() != 0) corrupt("bytes are left over");
    } catch (const Error& e) {
        if (e.kind() == ErrorKind::storage) throw;
        damaged(files_, reader.name, begin, e.what());
    }
    ++report_.groups;
}

// Reads one group. If no whole group begins here, returns false and restores the position.
bool Recovery::read_group(Reader& reader, std::uint64_t loaded, const GroupHandler& group) {
    const auto begin = reader.at;
    const End before = end_;
    for (;;) {
        const auto header = read_frame(reader);
        const bool opening = header && header->kind == FrameKind::opening;
        if (!header || opening != (reader.at == 0)) {
            while (!unsynced_.empty() && unsynced_.back().second >= begin) unsynced_.pop_back();
            reader.at = begin;
            end_ = before;
            return false;
        }
        end_.sequence = header->sequence;
        end_.checksum = header->checksum;
        book_ = header->book;
        if (header->kind == FrameKind::opening) {
            unsynced_.clear();
            end_.format = header->format;
        }
        while (!unsynced_.empty() && unsynced_.front().first <= header->durable)
            unsynced_.pop_front();
        MVCORE_ASSERT(unsynced_.empty() || unsynced_.back().first < header->sequence);
        unsynced_.emplace_back(header->sequence, reader.at);
        reader.at += kHeader + header->size;
        if (header->more != 0) continue;
        end_.file = reader.name;
        end_.bytes = reader.at;
        report_.bytes += reader.at - begin;
        report_.sequence = header->sequence;
        report_.sealed = header->kind == FrameKind::seal;
        report_.epoch = header->epoch;
        const bool holds = header->kind == FrameKind::facts || header->kind == FrameKind::prices;
        if (holds && header->sequence > loaded) emit_group(reader, begin, *header, group);
        return true;
    }
}

std::optional<Recovery::Cut> Recovery::read_file(std::size_t k, std::uint64_t loaded,
                                                 const GroupHandler& group) {
    Reader reader{files_, {}, {}, 0, 0, {}, 0};
    open(names_[k], reader);
    ++report_.files;
    // A file gets its name only after its first frame and all earlier frames are on the disk.
    if (!read_group(reader, loaded, group))
        damaged(files_, names_[k], 0, "the file's beginning is damaged, or a file before it is");
    while (reader.at < reader.size)
        if (!read_group(reader, loaded, group))
            return Cut{k, reader.at, reader.size, end_.sequence + 1};
    return std::nullopt;
}

End Recovery::run(std::uint64_t loaded, const GroupHandler& group) {
    report_.loaded = loaded;
    if (!read_only_) {
        std::vector<std::string> all;
        check(files_, "list", "", uninterrupted([&] { return files_.list(all); }));
        for (const auto& name : all)  // files that were never finished
            if (name.starts_with("journal-") && name.ends_with(".log.new"))
                check(files_, "remove", name, uninterrupted([&] { return files_.remove(name); }));
    }
    if (names_.empty()) {  // a new book, or only a copy of a checkpoint
        end_.sequence = loaded;
        return end_;
    }
    const auto first = first_sequence(names_[0]);
    if (first > loaded + 1)
        corrupt(files_.path() + ": the journal begins with " + std::to_string(first) +
                ", but only what is up to " + std::to_string(loaded) + " is there before it");
    std::size_t begin = 0;  // the checkpoint covers all files before this one
    while (begin + 1 < names_.size() && first_sequence(names_[begin + 1]) <= loaded + 1) ++begin;
    read_files(begin, loaded, group);
    end_.unsynced = end_.bytes - (unsynced_.empty() ? end_.bytes : unsynced_.front().second);
    MVCORE_ASSERT(end_.unsynced <= end_.bytes && report_.sequence == end_.sequence);
    check_named();
    if (end_.sequence < loaded)
        corrupt(files_.path() + ": the journal ends with " + std::to_string(end_.sequence) +
                ", before its checkpoint, which has " + std::to_string(loaded));
    return end_;
}

void Recovery::read_files(std::size_t begin, std::uint64_t loaded, const GroupHandler& group) {
    end_.sequence = first_sequence(names_[begin]) - 1;
    for (auto k = begin; k < names_.size(); ++k) {
        if (first_sequence(names_[k]) != end_.sequence + 1)
            damaged(files_, names_[k], 0,
                    "frames from " + std::to_string(end_.sequence + 1) + " on are missing");
        if (const auto broken = read_file(k, loaded, group)) {
            refuse_damage(*broken);
            cut(*broken);
            return;
        }
    }
}

RecoveryReport Recovery::verify() {
    if (!look()) return report_;
    report_.first = first_sequence(names_[0]);
    read_files(0, std::numeric_limits<std::uint64_t>::max(), {});
    check_named();
    report_.book = book_;
    return report_;
}

void Recovery::check_named() const {
    if (!end_.named && end_.sequence > 1)
        corrupt(files_.path() + "/" + kBookFile + " is missing, which identifies the book");
}

// Looks for a later frame that claims that the damaged bytes were already on the disk.
void Recovery::refuse_damage(const Cut& cut) {
    const auto& name = names_[cut.file];
    const auto refuse = [&](const std::string& why) {
        damaged(files_, name, cut.bytes,
                "frame " + std::to_string(cut.sequence) + " is damaged: " + why);
    };
    // A new file begins only after the whole previous file is on the disk.
    if (cut.file + 1 < names_.size()) refuse("there is " + names_[cut.file + 1] + " after it");
    std::uint64_t magic = kMagic;
    const std::string_view wanted(reinterpret_cast<const char*>(&magic), sizeof magic);
    Reader reader{files_, {}, {}, 0, 0, {}, 0};
    open(names_[cut.file], reader);
    reader.size = std::min(reader.size, cut.size);  // a writer may have appended since
    for (auto at = cut.bytes; at + kHeader <= reader.size;) {
        const auto window = reader.view(at, kReadBytes);
        const auto found = window.find(wanted);
        if (found == std::string_view::npos) {
            at += window.size() - (wanted.size() - 1);
            continue;
        }
        at += found;
        const auto header = header_at(reader.view(at, kHeader));
        if (header && header->book == book_ && header->durable >= cut.sequence)
            refuse("frame " + std::to_string(header->sequence) + " after it is intact");
        ++at;
    }
}

void Recovery::cut(const Cut& cut) {
    MVCORE_ASSERT(cut.bytes == end_.bytes && cut.bytes < cut.size);
    MVCORE_ASSERT(cut.sequence == end_.sequence + 1);
    const auto& name = names_[cut.file];
    Reader reader{files_, {}, {}, 0, 0, {}, 0};
    open(names_[cut.file], reader);
    report_.cut_at = name + ", byte " + std::to_string(cut.bytes);
    report_.cut_bytes = cut.size - cut.bytes;
    if (read_only_) return;
    std::unique_ptr<File> file;
    check(files_, "open", name,
          uninterrupted([&] { return files_.open(name, true, false, file); }));
    check(files_, "truncate", name, uninterrupted([&] { return file->truncate(cut.bytes); }));
    check(files_, "sync", name, uninterrupted([&] { return file->sync(); }));
}

}  // namespace mvcore::journal
