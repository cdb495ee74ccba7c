// All nodes found in a piece of a file, with what is wrong with each.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "jffs2/codec/node.h"

namespace quire::jffs2 {

enum class Health : u8 {
  good,
  obsolete,   ///< marked so by an old kernel
  bad_crc,    ///< of the node itself, a name or an attribute: nothing in it can be trusted
  bad_data,   ///< an inode node whose file data is damaged
  cut_short,  ///< reaches past the end of what there is
  unknown,    ///< a type that we do not know
};
std::string_view health_name(Health health);

/// A place where a header with a right CRC stands.
struct FoundNode {
  u64 offset = 0;  ///< in the bytes that were searched
  u16 type = 0;    ///< with the accurate bit set
  Health health = Health::good;
  ByteOrder order = ByteOrder::little;
  u32 totlen = 0;
  /// Where the next node may start; lengths from flash may be anything, so in 64 bits.
  u64 end() const { return offset + ((u64{totlen} + 3) & ~u64{3}); }
};

/// The node's own bytes.
std::span<const u8> bytes_of(std::span<const u8> bytes, const FoundNode& node);

/// Every node in `bytes`, in either byte order and at any offset, in order of offset, health set but
/// for data CRCs. What lies inside a node is not searched: a stored file may itself be an image.
/// `advance`: told from time to time how many bytes more were searched.
std::vector<FoundNode> find_nodes(std::span<const u8> bytes, const std::function<void(u64)>& advance = {});

/// Sets bad_data where it applies; on as many threads as there are processors.
void check_data(std::span<const u8> bytes, std::span<FoundNode> nodes);

}  // namespace quire::jffs2
