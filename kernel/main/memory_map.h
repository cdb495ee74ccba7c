// `quire mem PID`: what memory a process of the sandbox has, and what of it is shared with whom.
#pragma once

#include <string>
#include <vector>

#include "base/types.h"

namespace quire::cli {

/// What somebody's pages are. Processes that share a page are told apart by the first of them.
struct Share {
  enum class Kind : u8 { own, process, file } kind = Kind::own;
  int pid = 0;     // process: with whom; of several, the one with the lowest number
  u32 others = 0;  // process: how many share it
  friend bool operator==(const Share&, const Share&) = default;
};

/// Present pages of an area that are alike.
struct Piece {
  u64 begin = 0, end = 0;  // addresses
  u64 bytes = 0;           // of them, with storage
  Share share;
  unsigned table_level = 0;  // the highest shared page table above; 0: none
  u32 table_sharers = 0;
};

struct Area {
  u64 begin = 0, end = 0;
  std::string rights;  // as in /proc/PID/maps
  std::string name;
  std::vector<Piece> pieces;
  u64 present() const {
    u64 n = 0;
    for (const Piece& p : pieces) n += p.bytes;
    return n;
  }
};

struct Neighbour {
  int pid = 0;
  std::string name;
  u64 bytes = 0;  // shared with the process that is looked at
};

struct MemoryMap {
  int pid = 0;
  std::string name;
  std::vector<Area> areas;
  std::vector<Neighbour> neighbours;  // those that share something, by number
  u64 table_bytes = 0;                // page tables, shared ones counted too
  u64 own = 0, shared = 0, file = 0;  // bytes present
};

/// Reads it from /proc. Empty, with a line of text in `error`, if there is no such process or no sandbox.
MemoryMap read_memory_map(int pid, std::string& error);

std::string memory_as_text(const MemoryMap& map);
std::string memory_as_svg(const MemoryMap& map);

/// The subcommand: text to standard output, or an SVG into the file. Exit status.
int show_memory(int pid, const std::string& svg);

}  // namespace quire::cli
