// What a power cut leaves, put right at the next writing mount, before anybody can see it:
//
// - A stamped block without a summary was being written. Its tail may read otherwise after the next
//   power-up, so its live nodes are copied and it is erased.
// - A block with ones but no cleanmarker, or with damage, or without the cleanmarker in front of its
//   nodes: an erase was cut. The same.
// - A directory with two names: a rename was cut between its two dirents. The older name is removed.
//
// Nothing gets a new version here: a node rewritten with the size that an unstable node brought, and
// that node then gone, would bring truncated bytes back. Partly live nodes are copied whole.
//
// Cuts in here are harmless: a copy has the version of its original, and of two equal versions the
// one in the block stamped later counts. Emptied blocks are erased first and the emptiest evacuated
// next, so that mounts cut again and again do not eat up the free blocks.

#include <algorithm>

#include "jffs2/fs/volume.h"

namespace quire::jffs2 {
namespace {
/// A power cut leaves one half-erased block, recoveries cut in turn a few. More, and the writer of
/// the image simply makes blocks without cleanmarkers.
constexpr std::size_t kMostUnmarked = 4;
}  // namespace

Result<> Volume::recover(const std::vector<BlockIndex>& odd) {
  std::vector<BlockIndex> empty, suspect, unmarked;
  for (u32 i = 0; i < index_.block_count(); i++) {
    BlockIndex b(i);
    const Block& block = index_.block(b);
    if (block.state == BlockState::erase_pending) {
      empty.push_back(b);
    } else if (block.state == BlockState::used) {
      bool was_open = block.sequence != 0 && !block.summary;
      bool is_odd = std::ranges::binary_search(odd, b);
      if (was_open)
        (block.live() == 0 ? empty : suspect).push_back(b);
      else if (is_odd)
        (block.live() == 0 ? empty : unmarked).push_back(b);
    }
  }
  if (unmarked.size() <= kMostUnmarked) suspect.insert(suspect.end(), unmarked.begin(), unmarked.end());
  for (BlockIndex b : empty) TRY_VOID(log_.erase(b));
  // Before anything else is copied, for which of two names is the newer is told by where they lie; and
  // only once the newer one is on stable ground, or a cut could cost both.
  for (const Loser& loser : losers_) {
    auto winner_dir = load_dir(loser.winner_dir), dir = load_dir(loser.dir);
    if (!winner_dir || !dir) continue;
    u32 winner = (*winner_dir)->directory->find_live(loser.winner);
    if (winner == Directory::kNone) continue;
    if (!copy_verbatim((*winner_dir)->directory->entry(winner).ref) || !log_.flush()) break;
    if (!set_name(**dir, loser.name, kNoIno, FileType::unknown, Purpose::collection)) break;
  }
  losers_.clear();
  std::ranges::sort(suspect, {},
                    [&](BlockIndex b) REQUIRES(lock_) { return std::pair(index_.block(b).live(), b); });
  recovering_ = true;
  for (BlockIndex b : suspect) {
    auto r = evacuate(b);
    victim_.reset();
    victim_at_ = 0;
    if (!r && r.error() == Errno(ENOSPC)) {
      note("no free block to move what was written last; a further power cut may lose it");
      break;
    }
    if (!r) {
      fail_read_only("recovery failed");
      break;
    }
  }
  recovering_ = false;
  return log_.flush();
}

}  // namespace quire::jffs2
