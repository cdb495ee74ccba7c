// Which nodes still count, and how the erase blocks are filled.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "jffs2/tool/survey.h"
#include "jffs2/tool/tree.h"

namespace quire::jffs2 {

enum class NodeUse : u8 {
  live,      ///< says something that holds
  obsolete,  ///< superseded, or of a file that is gone
  overhead,  ///< cleanmarker, padding, summary
  damaged,
};
std::string_view use_name(NodeUse use);

/// What each node of the tree's list is good for.
std::vector<NodeUse> classify(const Tree& tree);

/// Bytes of one erase block.
struct BlockUse {
  u64 live = 0;
  u64 obsolete = 0;
  u64 overhead = 0;
  u64 damaged = 0;  ///< broken nodes
  u64 other = 0;    ///< neither nodes nor erased
  u64 free = 0;     ///< 0xFF behind the last node
  bool summary = false;
};

/// The blocks of `system`, of its own size or, where that is unknown, of `assumed`.
std::vector<BlockUse> block_use(const Tree& tree, const FoundSystem& system, std::span<const NodeUse> uses,
                                u32 assumed);

/// What one compression did for the live nodes.
struct MethodUse {
  u64 nodes = 0;
  u64 stored = 0;    ///< bytes on flash
  u64 expanded = 0;  ///< bytes of file
};
std::map<std::string, MethodUse> compression_use(const Tree& tree, std::span<const NodeUse> uses);

/// A picture of the blocks, a character each, for a terminal `columns` wide.
std::string draw_blocks(std::span<const BlockUse> blocks, u32 block_size, unsigned columns);
/// The same as a drawing.
std::string draw_blocks_svg(std::span<const BlockUse> blocks, u32 block_size, const std::string& title);

}  // namespace quire::jffs2
