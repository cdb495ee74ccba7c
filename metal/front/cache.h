// A directory of function files, keyed by what went into them.
#pragma once

#include <memory>
#include <string>

#include "metal/front/extract.h"

namespace quire::metal {

/// Entries are named by a hash of command and extractor version; each records the files it was made from, so
/// that looking one up costs a stat for each of them (and a read when only its time has changed), and starts
/// no Clang. Any number of processes may share a directory: entries are written aside and renamed. A corrupt
/// entry is one that is not there. Thread-safe.
class Cache {
 public:
  /// `directory` is made when missing; an empty name makes a cache that keeps nothing.
  explicit Cache(std::string directory);

  struct Outcome {
    std::unique_ptr<UnitReader> unit;
    bool parsed = false;  ///< Clang was started
  };
  /// The function file of `command`: from the directory when it is still true, else made and stored.
  std::expected<Outcome, ExtractError> get(const CompileCommand& command, Symbols& symbols);

 private:
  std::string directory_;
};

}  // namespace quire::metal
