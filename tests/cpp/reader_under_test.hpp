// The reader under test, a book or a snapshot of it, and the model that it must agree with.
#pragma once

#include "mvcore/book/snapshot.hpp"
#include "random_run.hpp"

namespace model {

struct ReaderUnderTest {
    Run& run;
    mvcore::Reader& reader;
    const Model& model;

    explicit ReaderUnderTest(Run& r) : run(r), reader(r.book), model(r.model) {}
    ReaderUnderTest(Run& r, mvcore::Reader& snapshot, const Model& then)
        : run(r), reader(snapshot), model(then) {}
};

}  // namespace model
