// Books in a folder: opening, flushing and checkpoints.
#include <cerrno>

#include "mvcore/base/errors.hpp"
#include "mvcore/bindings/parts.hpp"
#include "mvcore/book/snapshot.hpp"
#include "mvcore/journal/posix_files.hpp"

namespace mvcore::bindings {
namespace {

// A folder that this process has opened, and what its journal says about the book in it.
struct Folder {
    std::unique_ptr<journal::Files> files;  // null after a book has taken it
    bool read_only;
    std::optional<journal::BookOnDisk> book;
};

std::unique_ptr<Folder> open_folder(const std::string& path, bool read_only) {
    const Unlocked unlocked;
    auto folder = std::make_unique<Folder>();
    folder->files = journal::posix_files(path);
    folder->read_only = read_only;
    if (!read_only) {
        journal::check(*folder->files, "make the folder", "", folder->files->make_folder());
        const int error = journal::uninterrupted([&] { return folder->files->lock(); });
        if (error == EWOULDBLOCK)
            throw Error(
                ErrorKind::storage,
                path + " is open already, in this process or another: a book has one writer");
        journal::check(*folder->files, "lock", "lock", error);
    }
    folder->book = journal::Recovery(*folder->files, read_only).look();
    return folder;
}

std::chrono::nanoseconds seconds(double s) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(s * 1e9));
}

journal::SyncMode mode_of(const std::string& name) {
    return name == "always"     ? journal::SyncMode::always
           : name == "interval" ? journal::SyncMode::interval
                                : journal::SyncMode::os;
}

// A batch's changes of the master tables, which the wrapper replays on its attributes.
struct MastersChange {
    Given accounts;
    Given instruments;
    std::vector<std::int32_t> account_rows;
    std::vector<std::int32_t> instrument_rows;
    std::vector<std::int32_t> removed_accounts;
    std::vector<std::int32_t> removed_instruments;
    std::string attributes;
};

void note(const Batch& batch, std::vector<MastersChange>& changes) {
    MastersChange change{batch.accounts_given,   batch.instruments_given,   batch.account_rows, {},
                         batch.removed_accounts, batch.removed_instruments, batch.attributes};
    for (const auto& row : batch.instrument_rows)
        change.instrument_rows.push_back(raw(row.instrument));
    if (change.accounts != Given::absent || change.instruments != Given::absent ||
        !change.removed_accounts.empty() || !change.removed_instruments.empty())
        changes.push_back(std::move(change));
}

py::dict to_dict(MastersChange&& change) {
    py::dict out;
    out["accounts"] = static_cast<int>(change.accounts);
    out["instruments"] = static_cast<int>(change.instruments);
    out["account_codes"] = to_array(std::move(change.account_rows));
    out["instrument_codes"] = to_array(std::move(change.instrument_rows));
    out["removed_accounts"] = to_array(std::move(change.removed_accounts));
    out["removed_instruments"] = to_array(std::move(change.removed_instruments));
    out["attributes"] = py::bytes(change.attributes);
    return out;
}

py::tuple recover(Book& book, Folder& folder, const std::string& sync, double price_interval,
                  double sync_interval, std::uint64_t file_bytes, std::uint64_t loaded,
                  std::uint64_t checkpoint) {
    journal::Options options;
    options.sync = mode_of(sync);
    options.price_interval = seconds(price_interval);
    options.sync_interval = seconds(sync_interval);
    options.file_bytes = file_bytes;
    std::vector<MastersChange> changes;
    const auto report = unlocked([&] {
        return book.recover(std::move(folder.files), folder.read_only, options, loaded, checkpoint,
                            [&](const Batch& batch) { note(batch, changes); });
    });
    py::dict out;
    out["loaded"] = report.loaded;
    out["groups"] = report.groups;
    out["files"] = report.files;
    out["bytes"] = report.bytes;
    out["cut_bytes"] = report.cut_bytes;
    out["cut_at"] = report.cut_at;
    out["sealed"] = report.sealed;
    py::list masters;
    for (auto& change : changes) masters.append(to_dict(std::move(change)));
    return py::make_tuple(out, masters);
}

// Returns (files, bytes, sequence of the first frame, sequence of the last frame, bytes of the torn
// tail, the book's number). Zeros if there is no journal.
py::tuple check_journal(const std::string& path) {
    const auto report = unlocked([&] {
        const auto files = journal::posix_files(path);
        return journal::Recovery(*files, true).verify();
    });
    return py::make_tuple(report.files, report.bytes, report.first, report.sequence,
                          report.cut_bytes, report.book);
}

py::dict journal_stats(const Book& book) {
    py::dict out;
    if (const auto* durable = book.durable(); durable != nullptr) {
        out["journal_bytes"] = durable->bytes();
        out["journal_groups"] = durable->groups();
        out["journal_syncs"] = durable->syncs();
    }
    return out;
}

}  // namespace

void add_durable(py::module_& m) {
    py::class_<Folder>(m, "Folder")
        .def(py::init(&open_folder), py::arg("path"), py::arg("read_only"))
        .def_property_readonly("base_currency",
                               [](const Folder& f) -> std::optional<std::string> {
                                   if (!f.book) return std::nullopt;
                                   return f.book->opening.base_currency;
                               })
        .def_property_readonly(
            "value_scale",
            [](const Folder& f) { return f.book ? f.book->opening.value_scale : -1; })
        .def_property_readonly("cash",
                               [](const Folder& f) -> std::optional<std::string> {
                                   if (!f.book || !f.book->opening.cash.from_fills)
                                       return std::nullopt;
                                   return kFromFills;
                               })
        .def_property_readonly("cash_scale",
                               [](const Folder& f) -> std::optional<int> {
                                   if (!f.book || !f.book->opening.cash.from_fills ||
                                       f.book->opening.cash.scale == CashRule::kMinorUnits)
                                       return std::nullopt;
                                   return f.book->opening.cash.scale;
                               })
        .def_property_readonly("book_id", [](const Folder& f) { return f.book ? f.book->book : 0; })
        // Releases the folder, unless a book has taken it.
        .def("close", [](Folder& f) { f.files.reset(); });
    m.def("recover", &recover, py::arg("book"), py::arg("folder"), py::arg("sync"),
          py::arg("price_interval"), py::arg("sync_interval"), py::arg("file_bytes"),
          py::arg("loaded"), py::arg("checkpoint"));
    m.def("check_journal", &check_journal, py::arg("path"));
    m.def("journal_stats", &journal_stats, py::arg("book"));
    m.def(
        "trim_journal",
        [](Book& book, std::uint64_t sequence) {
            const Unlocked unlocked;
            book.trim_journal(sequence);
        },
        py::arg("book"), py::arg("sequence"));
    m.def(
        "flush",
        [](Book& book) {
            const Unlocked unlocked;
            book.flush();
        },
        py::arg("book"));
    m.def(
        "close",
        [](Book& book) {
            const Unlocked unlocked;
            book.close();
        },
        py::arg("book"));
    m.def(
        "feeds",
        [](Book& book) {
            const Feeds feeds = unlocked([&] { return book.feeds(); });
            return std::map<std::string, std::int64_t>(feeds.begin(), feeds.end());
        },
        py::arg("book"));
    m.def(
        "set_feeds",
        [](Book& book, const std::map<std::string, std::int64_t>& feeds) {
            const Unlocked unlocked;
            book.set_feeds({feeds.begin(), feeds.end()});
        },
        py::arg("book"), py::arg("feeds"));
}

}  // namespace mvcore::bindings
