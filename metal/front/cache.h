// A directory of function files, keyed by what went into them.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "metal/front/extract.h"
#include "metal/ir/lock_order.h"

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
  /// What a source file was when this run first asked.
  struct FileState {
    bool exists = false;
    u64 size = 0;
    i64 mtime_ns = 0;
    bool hashed = false;
    u64 hash = 0;
  };
  bool is_current(const Dependency& d);

  std::string directory_;
  Mutex<kCacheLock> lock_;
  std::unordered_map<std::string, FileState> files_ GUARDED_BY(lock_);
};

}  // namespace quire::metal
