// Constants that trade speed, memory and waiting time. None changes a result. Most change no file
// either. The section "Journal and waiting" says which constants change how a journal is divided,
// or what is on the disk at a power cut. Each comment says what set the value:
//   measured   other values were tried; the record is named
//   follows    the value follows from the reason given
//   chosen     a plausible value; nobody has tried others
// "See bench/..." names the benchmark that runs the code in question. Run it before and after a
// change of the constant.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mvcore::tuning {

// ---- Prefetching: how far ahead, or how many rows at once ----

// Rows of a group in overlap_misses(), for lookups in several steps. Chosen. See
// bench/bench_orders.py.
inline constexpr std::size_t kPrefetchGroup = 32;
// Orders of a group in a full load. Chosen. See bench/bench_load.py.
inline constexpr std::size_t kLoadGroup = 64;
// Quotes of a batch of ticks. Chosen. See bench/bench_ticks.py.
inline constexpr std::size_t kQuotesAhead = 8;
// Blocks of short lines in a sweep by account. Chosen. See bench/bench_sparse.py.
inline constexpr std::size_t kBlocksAhead = 8;
// Buckets of the order index while a checkpoint is opened. Measured: decision 0014, with
// bench/durable.py. About as many cache misses as a core can overlap.
inline constexpr std::size_t kBucketsAhead = 24;
// Orders whose ids are compared at the end of opening. Chosen. See bench/durable.py.
inline constexpr std::size_t kComparedAhead = 8;

// ---- Short calls: what takes less than about 5 us, so that a caller may keep the GIL ----

// Rows of incremental views that follow a write. Chosen. See bench/bench_ticks.py.
inline constexpr std::uint64_t kFastRows = 4096;
// The fixed cost of one incremental view, in rows. Chosen. See bench/bench_views.py.
inline constexpr std::uint64_t kRowsOfView = 64;
// Small views read in one call. Chosen. See bench/bench_views.py.
inline constexpr std::size_t kFastReads = 4;
// Rows, selected accounts, and changes to follow of a view that is small. Chosen. See
// bench/bench_views.py.
inline constexpr std::size_t kSmallViewRows = 16;
inline constexpr std::size_t kSmallViewChanges = 64;
// Positions of an account (`value`), or positions and orders of an instrument (`revalue`). Chosen.
// See bench/bench_reads.py.
inline constexpr std::uint32_t kFastPositions = 16'384;
// Totals of units that the fast path of `value` adds up. Chosen: it compares each with all others.
inline constexpr std::size_t kFastUnits = 16;
// Rows of a table of plain Python values that one call of the core reads. Chosen: larger tables
// amortize the general path. See bench/bench_orders.py.
inline constexpr std::size_t kSmallTableRows = 64;
// Bytes of a result up to which releasing the GIL costs more than freeing the memory. Chosen.
inline constexpr std::size_t kLargeBytes = std::size_t{1} << 20;

// ---- Lookups or sweeps ----

// Looking up one cell costs about as much as so many cells of a sweep. Follows from decision 0003:
// a cell by offset costs several times a cell of a dense loop. See bench/bench_shapes.py.
inline constexpr std::size_t kCellsOfLookup = 8;
// Selected accounts up to which a read takes less time under the lock than a copy of the state.
// Chosen. See bench/bench_reads.py.
inline constexpr std::ptrdiff_t kFewAccounts = 16;
// Cells that a read of positions visits under the lock; for more it copies the state. Chosen: a
// cell takes less than 0.1 us, so that a writer waits less than half a millisecond.
inline constexpr std::uint64_t kPositionsUnderLock = 4096;
// Instruments whose changed prices a what-if sets under the lock at a time. Chosen, so that a
// writer waits less than a millisecond.
inline constexpr std::size_t kChangesUnderLock = 256;
// Accounts whose cells are always looked up. Chosen.
inline constexpr std::size_t kAlwaysLookedUp = 4;
// Instruments that moved from which a sweep by account beats a sweep by instrument. Chosen. See
// bench/bench_views.py.
inline constexpr std::size_t kFewLines = 4;
// Accounts of a view up to which it follows the list of facts of each account. Chosen. See
// bench/bench_views.py.
inline constexpr std::size_t kThreadedAccounts = 16;
// A view rebuilds if more than this part of the instruments moved: 1/2, or 1/16 if it reads the
// by-account index. Follows from decision 0002: a rebuild sweeps eight instruments at a time. See
// bench/bench_views.py.
inline constexpr std::size_t kRebuildShare = 2;
inline constexpr std::size_t kRebuildShareByAccount = 16;
// Instruments that a view always follows one by one. Chosen.
inline constexpr std::size_t kLeastToRebuild = 16;
// Sums by instrument and group that a view caches. Follows: 32 MiB a view.
inline constexpr std::size_t kMostSums = std::size_t{1} << 22;
// A grouping has a row for each pair of groups if there are at most so many pairs, or if the
// positions are at least one part in kDenseRows of them; else for each pair with a position.
// Follows: a listed row takes about 20 bytes and 10 ns more than a dense one. Rows that are dense
// stay so down to one part in kDenseRowsKept. See bench/bench_views.py.
inline constexpr std::size_t kAlwaysDense = 1024;
inline constexpr std::size_t kDenseRows = 4;
inline constexpr std::size_t kDenseRowsKept = 16;
// Rows among which a page selects its rows at once, at least. Chosen, so that they stay in the L1
// cache.
inline constexpr std::size_t kLeastPageCandidates = 512;
// Positions among which a page of positions selects at once, at least. Chosen: about 2 MB.
inline constexpr std::size_t kPositionsBesidePage = std::size_t{1} << 16;
// Instruments (columns) that one loop, `add_fan64`, sweeps at once. Measured: decision 0003,
// against one at a time.
inline constexpr int kFan = 8;
// Positions passed to a user function at once. Chosen, so that their columns stay in the L2 cache.
// See bench/bench_measures.py.
inline constexpr std::size_t kFunctionPositions = 4096;

// Holdings that `revalue` multiplies at once if none is zero. Chosen: one zero in a few thousand is
// usual. See bench/bench_order_reads.py.
inline constexpr std::uint32_t kRevaluedAtOnce = 256;

// ---- Several threads ----

// The most threads that a book may be given. Chosen: more than machines have, and few enough to be
// a mistake beyond.
inline constexpr std::size_t kMostThreads = 1024;
// The cost of a sweep, in cells of a dense block, which take about 0.1 ns each: a cell by offset,
// and a sparse block in addition to its cells. Follows from the times of bench/whole_book.py.
inline constexpr std::uint64_t kCostOfSparseCell = 8;
inline constexpr std::uint64_t kCostOfSparseBlock = 256;
// The cost from which the threads of a book share a sweep. Follows: to wake a thread takes 0.05 to
// 0.2 ms on a virtual machine. See bench/whole_book.py.
inline constexpr std::uint64_t kCostInParallel = std::uint64_t{1} << 22;
// Parts of a sweep for each thread, and the least cost of a part. Chosen, so that a thread that
// starts late or is interrupted holds up the others by one part, and so that private totals of a
// block cost little beside it. See bench/whole_book.py.
inline constexpr std::size_t kPartsPerThread = 8;
inline constexpr std::uint64_t kCostOfPart = std::uint64_t{1} << 18;
// Totals by account that a sweep holds until it adds up groups of accounts. Follows: 32 MiB.
inline constexpr std::size_t kMostByAccount = std::size_t{1} << 22;

// ---- Logs and the building of the by-account index ----

// Entries of a change log, a power of two. Follows: 1.5 MiB of prices, 3 MiB of facts (decision
// 0002).
inline constexpr std::uint64_t kLogEntries = std::uint64_t{1} << 16;
// Facts that the new index follows under the exclusive lock, and rounds before writers must wait.
// Chosen. See bench/sessions.py and decision 0015.
inline constexpr std::uint64_t kFactsUnderLock = 256;
inline constexpr int kIndexRounds = 4;
// Cells in the buffers while the index is built. Follows: 2 M cells of three 64-bit quantities are
// 48 MiB.
inline constexpr std::size_t kCellsInFlight = std::size_t{1} << 21;
// The index is dropped if the instruments that became loose since it was built (another unit, or a
// price beyond 64 bits) are more than kLooseAlways plus 1/kLooseShare of all. Chosen: reads treat
// each loose instrument on its own. No benchmark has many of them.
inline constexpr std::size_t kLooseAlways = 64;
inline constexpr std::size_t kLooseShare = 16;

// ---- Pages and blocks ----

// Items of the pages that snapshots share (decision 0008). Follows: a page is a few KiB, so that
// the copy after a snapshot takes about a microsecond. See bench/bench_reads.py.
inline constexpr std::size_t kQuotesPerPage = 64;
inline constexpr std::size_t kInstrumentsPerPage = 16;
inline constexpr std::size_t kBlocksPerPage = 32;
inline constexpr std::size_t kOrderPagesPerPage = 128;
inline constexpr std::size_t kOrderLinesPerPage = 128;
inline constexpr std::size_t kCountsPerPage = 1024;
// Orders of a page. Follows: records of 16 bytes fill a memory page. See bench/book_memory.py.
inline constexpr std::uint32_t kOrdersPerPage = 256;
// Space of an instrument's first page, and of that page once it is full. Chosen, so that
// instruments with few orders take little memory. See bench/book_memory.py.
inline constexpr std::uint32_t kFirstOrders = 16;
inline constexpr std::uint32_t kSecondOrders = 64;
// Rows of a block, at most 2^16. Follows: their 64-bit totals fit the L1 cache (decision 0003).
inline constexpr std::uint32_t kBlockRows = 4096;
// A block becomes dense once one of so many rows holds a position: a sparse cell takes two bytes
// more and several times the time. Follows from the times measured in decision 0003. See
// bench/bench_sparse.py.
inline constexpr std::uint32_t kDenseShare = 4;
// The order index has 2^10 tables, so that the growth of one takes microseconds. Chosen. See
// bench/bench_orders.py.
inline constexpr int kIndexTableBits = 10;

// ---- Memory ----

// Bytes of the smallest piece in a huge page; malloc serves smaller pieces. Follows: they share
// memory pages anyway (decision 0012).
inline constexpr std::size_t kLeastPooled = 4096;
// Empty huge pages that are kept. Chosen: 16 MiB. See decision 0012.
inline constexpr std::size_t kSpareHugePages = 8;
// Bytes of a chunk of ids that are texts, and of a block of names. The first block is small, for
// small books. Chosen.
inline constexpr std::size_t kTextChunk = std::size_t{1} << 20;
inline constexpr std::size_t kNameBlock = 64 * 1024;
inline constexpr std::size_t kFirstNameBlock = 512;
// The texts are compacted if more than this part of the store's memory holds dead texts: 1/4.
// Chosen.
inline constexpr std::size_t kDeadTextShare = 4;
// Rows of the buffers that batches of ticks reuse. Larger buffers are freed. Chosen.
inline constexpr std::size_t kKeptTicks = 65'536;
// Names that are copied or looked up under the lock at once. Chosen. See bench/durable.py.
inline constexpr std::size_t kNamesUnderLock = 4096;
// Ids that wait for the index while a checkpoint is opened. Measured: decision 0014.
inline constexpr std::size_t kMostListed = std::size_t{1} << 22;
// Orders for which the index reserves space before it has seen them. Follows: a damaged count must
// not request more than a few GiB.
inline constexpr std::size_t kMostReserved = std::size_t{1} << 27;

// ---- Journal and waiting ----

// The journal is read in pieces of so many bytes. Chosen. See bench/durable_opening.py.
inline constexpr std::size_t kReadBytes = std::size_t{1} << 20;
// Bytes of a text that are encoded at once, and of a buffer that is written as a frame. They decide
// how a large group is divided into frames; readers accept any division. Follows: together they
// stay below the limit of a frame, 1 MiB.
inline constexpr std::size_t kTextPiece = std::size_t{1} << 18;
inline constexpr std::size_t kFullBuffer = std::size_t{1} << 19;
// Defaults of options of a durable book, which `mvcore.open` shares: how long prices are conflated,
// how long facts may wait for a sync (sync="interval"), and the bytes of a file of the journal. The
// first two bound what a power cut may lose. Chosen. See bench/durable_writes.py.
inline constexpr int kPriceIntervalMs = 50;
inline constexpr int kSyncIntervalMs = 1000;
inline constexpr std::uint64_t kJournalFileBytes = std::uint64_t{64} << 20;
// How long a fork waits for readers in total, and how often it looks. A book whose
// readers take longer is closed in the child. Chosen.
inline constexpr int kLongestForkMs = 1000;
inline constexpr int kForkPauseUs = 50;

}  // namespace mvcore::tuning
