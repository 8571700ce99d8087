// The files of a local folder, through POSIX calls.
#pragma once

#include "mvcore/journal/files.hpp"

namespace mvcore::journal {

std::unique_ptr<Files> posix_files(std::string folder);

}  // namespace mvcore::journal
