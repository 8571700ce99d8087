// Reads a journal from its beginning: every frame is checked, whole groups are handed out, and
// where it ends is told. A tail that was never acknowledged is cut; anything else that is not as
// it was written is CorruptData.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mvcore/durable/journal_writer.hpp"

namespace mvcore::journal {

// What the folder says of its book, before anything is replayed; none where it is new.
struct BookOnDisk {
    Opening opening;
    std::uint64_t book = 0;
};

struct Report {
    std::uint64_t loaded = 0;    // sequence up to which a checkpoint was loaded, 0: none
    std::uint64_t groups = 0;    // replayed
    std::uint64_t files = 0;     // read
    std::uint64_t bytes = 0;     // of whole groups in them
    std::uint64_t first = 0;     // sequence of the first frame read
    std::uint64_t sequence = 0;  // of the last
    std::uint64_t book = 0;
    std::uint64_t cut_bytes = 0;  // of a tail that was not finished
    std::string cut_at;           // file and place of it
    bool sealed = false;          // the book had been closed
    std::uint64_t epoch = 0;      // of the last group
};

class Recovery {
public:
    Recovery(Files& files, bool read_only) : files_(files), read_only_(read_only) {}

    // First.
    [[nodiscard]] std::optional<BookOnDisk> look();
    // group(header, decoder) for each group after the sequence `loaded`.
    using Group = std::function<void(const Header&, Decoder&)>;
    End run(std::uint64_t loaded, const Group& group);
    // In place of both, for who only wants to know: all files are read and nothing is done with
    // them. Throws CorruptData.
    Report verify();
    [[nodiscard]] const Report& report() const noexcept { return report_; }

private:
    struct Reader;  // of one file
    struct Cut {
        std::size_t file;
        std::uint64_t bytes;  // of the file that stay
        std::uint64_t size;   // that it had
        std::uint64_t sequence;
    };
    void list();
    void open(const std::string& name, Reader& reader);
    void read_files(std::size_t begin, std::uint64_t loaded, const Group& group);
    BookOnDisk opening_of(const std::string& name);
    // Groups of one file; where it is broken off.
    std::optional<Cut> read_file(std::size_t k, std::uint64_t loaded, const Group& group);
    bool read_group(Reader& reader, std::uint64_t loaded, const Group& group);
    // The next frame's header, its contents in reader; none where it is not as it must be.
    std::optional<Header> read_frame(Reader& reader);
    Header header_again(Reader& reader, std::uint64_t at);
    void hand_out(Reader& reader, std::uint64_t begin, const Header& last, const Group& group);
    // Throws where something shows that the frames from cut.sequence on had been on the disk.
    void refuse_damage(const Cut& cut);
    void cut(const Cut& cut);
    void check_named() const;

    Files& files_;
    bool read_only_;
    std::vector<std::string> names_;
    std::deque<std::pair<std::uint64_t, std::uint64_t>> unsynced_;  // frames: sequence and place
    std::uint64_t book_ = 0;
    End end_;
    Report report_;
};

// `format`: that of the frame.
Opening decode_opening(Decoder& in, std::uint16_t format);

}  // namespace mvcore::journal
