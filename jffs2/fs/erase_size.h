// Finding out how large the erase blocks of an image are.
#pragma once

#include <optional>
#include <vector>

#include "jffs2/flash/device.h"

namespace quire::jffs2 {

/// From places where blocks start or end (cleanmarkers stand at starts, summaries reach to ends), in any
/// order: their commonest distance, for bad blocks left out and stray nodes disturb single ones only.
/// nullopt: nothing tells.
std::optional<u32> erase_size_from_edges(std::vector<u64> edges);

/// Looks for cleanmarkers and summaries, whatever block size the device was opened with. nullopt:
/// nothing tells. Cost: a few bytes read in every 4 KiB.
std::optional<u32> detect_erase_size(FlashDevice& device);

}  // namespace quire::jffs2
