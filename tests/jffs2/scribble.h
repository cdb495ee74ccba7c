// A seeded workload on a FileSystem, and what it must look like afterwards.
#pragma once

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "jffs2/fs/file_system.h"

namespace quire::jffs2 {

/// Random operations of every kind on a small tree. Equal seeds give equal runs.
class Scribbler {
 public:
  Scribbler(FileSystem& fs, u64 seed) : fs_(fs), random_(seed * 2 + 1) {}

  /// One operation; failures for want of space are part of the game.
  void step();

 private:
  u64 next(u64 below);
  Ino any_directory();
  std::string any_name();
  void write_somewhere(Ino ino);

  FileSystem& fs_;
  u64 random_;
  u64 steps_ = 0;
};

/// Prints the whole tree in the judge's form. EIO and the like are printed as they are met.
void print_manifest(FileSystem& fs, std::FILE* to);

}  // namespace quire::jffs2
