// Reads a journal from its beginning, checks every frame and emits whole groups. Reports where the
// journal ends. Cuts a tail that was never acknowledged; any other damage is CorruptData.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mvcore/base/ids.hpp"
#include "mvcore/durable/journal_writer.hpp"

namespace mvcore::journal {

// What the folder says about its book, known before replay. Empty if the folder is new.
struct BookOnDisk {
    Opening opening;
    std::uint64_t book = 0;
};

struct RecoveryReport {
    std::uint64_t loaded = 0;    // sequence that the loaded checkpoint covers, 0: none
    std::uint64_t groups = 0;    // groups replayed
    std::uint64_t files = 0;     // files read
    std::uint64_t bytes = 0;     // bytes of whole groups in them
    std::uint64_t first = 0;     // sequence of the first frame read
    std::uint64_t sequence = 0;  // sequence of the last frame read
    std::uint64_t book = 0;
    std::uint64_t cut_bytes = 0;  // size of the torn tail
    std::string cut_at;           // file and offset of the torn tail
    bool sealed = false;          // the book had been closed
    Epoch epoch{};                // epoch of the last group
};

class Recovery {
public:
    Recovery(Files& files, bool read_only) : files_(files), read_only_(read_only) {}

    // Call this first.
    [[nodiscard]] std::optional<BookOnDisk> look();
    // Calls group(header, decoder) for each group after the sequence `loaded`.
    using GroupHandler = std::function<void(const Header&, Decoder&)>;
    End run(std::uint64_t loaded, const GroupHandler& group);
    // Replaces look() and run() for callers that only verify: reads and checks all files without
    // replaying them. Throws CorruptData.
    RecoveryReport verify();
    [[nodiscard]] const RecoveryReport& report() const noexcept { return report_; }

private:
    struct Reader;  // of one file
    struct Cut {
        std::size_t file;
        std::uint64_t bytes;  // bytes of the file to keep
        std::uint64_t size;   // size of the file
        std::uint64_t sequence;
    };
    void list();
    void open(const std::string& name, Reader& reader);
    void read_files(std::size_t begin, std::uint64_t loaded, const GroupHandler& group);
    BookOnDisk opening_of(const std::string& name);
    // Reads the groups of one file. Returns the position of a broken frame, if any.
    std::optional<Cut> read_file(std::size_t k, std::uint64_t loaded, const GroupHandler& group);
    bool read_group(Reader& reader, std::uint64_t loaded, const GroupHandler& group);
    // Returns the next frame's header, with its contents in the reader; empty if the frame is
    // invalid.
    std::optional<Header> read_frame(Reader& reader);
    Header header_again(Reader& reader, std::uint64_t at);
    void emit_group(Reader& reader, std::uint64_t begin, const Header& last,
                    const GroupHandler& group);
    // Throws if anything proves that the frames from cut.sequence on had been on the disk.
    void refuse_damage(const Cut& cut);
    void cut(const Cut& cut);
    void check_named() const;

    Files& files_;
    bool read_only_;
    std::vector<std::string> names_;
    std::deque<std::pair<std::uint64_t, std::uint64_t>> unsynced_;  // frames: sequence and offset
    std::uint64_t book_ = 0;
    End end_;
    RecoveryReport report_;
};

// `format`: the frame's format version.
Opening decode_opening(Decoder& in, std::uint16_t format);

}  // namespace mvcore::journal
