// A book as it was at one epoch, to be read while writes go on.
#pragma once

#include <memory>

#include "book.hpp"

namespace mvcore {

class Snapshot : public Reader {
public:
    // O(pages): microseconds.
    explicit Snapshot(const std::shared_ptr<Book>& book)
        : Reader(state_, book->names(), lock_, book->lock(), book->value_scale()),
          book_(book),
          state_(book->copy()) {}

private:
    std::shared_ptr<Book> book_;  // the names
    State state_;
    Lock lock_;  // the index is built when it is first needed
};

}  // namespace mvcore
