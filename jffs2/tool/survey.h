// Finding file systems in a file whose layout nobody told: an image, or a raw dump of a router's
// flash with a boot loader, a kernel and other things around, in either byte order, at any offset,
// with or without the spare bytes of NAND pages, with bad blocks left out or left in.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "jffs2/codec/types.h"
#include "jffs2/tool/node_list.h"

namespace quire::jffs2 {

/// NAND pages as they stand in a dump: `page` bytes of data, then `spare`; page 0: data only.
struct PageLayout {
  u32 page = 0;
  u32 spare = 0;
};

/// One file system, as a range of the searched bytes and the nodes in it.
struct FoundSystem {
  ByteOrder order = ByteOrder::little;
  u64 begin = 0;  ///< on the grid of erase blocks where that is known
  u64 end = 0;
  u32 erase_size = 0;  ///< 0: nothing tells
  /// It lies behind an end marker (0xDEADC0DE) that follows another file system: what an older
  /// firmware left on the flash, which the device itself no longer looks at.
  bool leftover = false;
  std::vector<FoundNode> nodes;

  u64 damaged_nodes() const;
};

/// What a file holds.
struct Survey {
  PageLayout layout;     ///< as found or as told
  std::vector<u8> data;  ///< the file without spare bytes, where it had them
  std::vector<FoundSystem> systems;
  u64 largest_erased = 0;  ///< longest run of 0xFF
};

/// What a person knows better than we do.
struct SurveyHints {
  std::optional<PageLayout> layout;
  std::optional<ByteOrder> order;
  u32 erase_size = 0;
};

Survey survey(std::span<const u8> file, const SurveyHints& hints);

/// `file` without the spare bytes of its pages; a last part of a page is kept as far as it goes.
std::vector<u8> without_spare(std::span<const u8> file, PageLayout layout);

}  // namespace quire::jffs2
