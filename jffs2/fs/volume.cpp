// Mounting and unmounting, statistics, the background thread.

#include "jffs2/fs/volume.h"
#include "jffs2/threads.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace quire::jffs2 {
namespace {

constexpr u64 kWorthTrimming = 4096;  // nodes
/// The background thread looks around this often even if nobody calls it.
constexpr auto kIdle = std::chrono::seconds(5);
constexpr auto kBetweenSteps = std::chrono::microseconds(50);

u64 elapsed_ns(std::chrono::steady_clock::time_point since) {
  auto d = std::chrono::steady_clock::now() - since;
  return static_cast<u64>(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count());
}

MountOptions sanitised(MountOptions o) {
  o.max_node_data = std::clamp(o.max_node_data / 4096 * 4096, 4096u, 65536u);
  return o;
}

}  // namespace

Result<std::unique_ptr<FileSystem>> FileSystem::mount(FlashDevice& device, const MountOptions& options) {
  const Geometry& g = device.geometry();
  // Offsets are 32 bits; a reference's length has 28.
  if (g.block_count == 0 || g.erase_size < 1024 || g.erase_size > NodeRef::kMaxLength ||
      g.size() > u64{1} << 32)
    return err(EINVAL);
  auto found = options.order ? std::nullopt : detect_order(device);
  ByteOrder order = options.order.value_or(found.value_or(std::endian::little));
  auto volume = std::make_unique<Volume>(device, options, order);
  TRY_VOID(volume->mount());
  return volume;
}

Result<> FileSystem::format(FlashDevice& device, ByteOrder order) {
  const Geometry& g = device.geometry();
  for (u32 i = 0; i < g.block_count; i++) {
    BlockIndex b(i);
    if (device.is_bad(b)) continue;
    if (!device.erase(b)) {
      TRY_VOID(device.mark_bad(b));
      continue;
    }
    std::vector<u8> marker;
    if (!g.is_nand()) {
      encode_cleanmarker(marker, order);
      TRY_VOID(device.program(g.block_start(b), marker));
    } else if (marker = encode_oob_cleanmarker(order); g.oob_size != 0 && g.oob_free_size >= marker.size()) {
      TRY_VOID(device.program_oob(g.block_start(b), g.oob_free_offset, marker));
    }
  }
  return device.sync();
}

Volume::Volume(FlashDevice& device, const MountOptions& options, ByteOrder order)
    : device_(device),
      options_(sanitised(options)),
      order_(order),
      index_(device.geometry()),
      medium_(device),
      log_(index_, medium_, order,
           {.before_erase = [this](BlockIndex b) NO_THREAD_SAFETY_ANALYSIS { before_erase(b); },
            .moved = [this](RefId from, RefId to) NO_THREAD_SAFETY_ANALYSIS { node_moved(from, to); }}) {}

Volume::~Volume() { (void)unmount().has_value(); }

Result<> Volume::mount() {
  auto start = std::chrono::steady_clock::now();
  {
    LockGuard guard(lock_);
    std::vector<BlockIndex> odd;
    TRY_VOID(build(odd));
    if (!read_only_) TRY_VOID(recover(odd));
    // What was held in passing goes back to the system, where it is worth the walk through the heap.
    if (index_.live_nodes() >= kWorthTrimming) malloc_trim(0);
    counters_.mount_ns = elapsed_ns(start);
  }
  if (!read_only_ && options_.background_gc) collector_ = start_thread([this] { background(); });
  return {};
}

Result<> Volume::usable() const {
  if (unmounted_) return err(EIO);
  return {};
}

void Volume::note(const std::string& text) const {
  if (options_.log) options_.log(text);
}

u32 Volume::now() const { return options_.clock ? options_.clock() : static_cast<u32>(std::time(nullptr)); }

void Volume::fail_read_only(const char* why) {
  if (!read_only_.exchange(true)) note(std::string(why) + ": read-only from now on");
}

Result<> Volume::unmount() {
  {
    LockGuard guard(lock_);
    stop_ = true;
  }
  wake_.notify_all();
  if (collector_.joinable()) collector_.join();
  LockGuard guard(lock_);
  if (unmounted_) return {};
  unmounted_ = true;
  if (read_only_) return {};
  // Ended with its summary, the open block needs no recovery; an empty one is not worth a summary.
  if (auto open = log_.open_block(); open && index_.block(*open).live() != 0) TRY_VOID(log_.close());
  TRY_VOID(log_.flush());
  return device_.sync();
}

void Volume::background() {
  LockGuard guard(lock_);
  while (!stop_) {
    if (!read_only_ && log_.free_blocks() <= kBackgroundStarts) {
      trim_cache();
      auto r = step(false);
      if (!r) fail_read_only("background collection failed");
      if (r && *r) {
        // Whoever waits for the lock comes first; taken again at once, it would rarely be got by others.
        guard.unlock();
        std::this_thread::sleep_for(kBetweenSteps);
        guard.lock();
        continue;
      }
    }
    wake_.wait_until(lock_, std::chrono::steady_clock::now() + kIdle);
  }
}

StatFs Volume::statfs() {
  LockGuard guard(lock_);
  StatFs s;
  s.total_bytes = capacity(Purpose::collection);
  u64 live = index_.live_bytes();
  auto less = [&](u64 a) { return a > live ? a - live : 0; };
  s.free_bytes = less(capacity(Purpose::collection));
  s.available_bytes = less(capacity(Purpose::data));
  s.inodes = index_.inode_count();
  return s;
}

Statistics Volume::statistics() {
  LockGuard guard(lock_);
  Statistics s = counters_;
  u64 refs = 0;
  for (u32 i = 0; i < index_.block_count(); i++) {
    const Block& b = index_.block(BlockIndex(i));
    refs += b.refs.size();
    BlockState state = b.state == BlockState::used && b.live() == 0 ? BlockState::dirty : b.state;
    s.blocks.push_back({.state = state,
                        .used = b.used,
                        .unchecked = b.unchecked,
                        .dirty = b.dirty,
                        .wasted = b.wasted,
                        .free = b.free,
                        .nodes = static_cast<u32>(b.refs.size()),
                        .erases = b.erases,
                        .summary = b.summary});
  }
  s.live_nodes = index_.live_nodes();
  s.obsolete_nodes = refs - s.live_nodes;
  s.inodes = index_.inode_count();
  s.bytes_of_memory = index_.memory() + loaded_memory_;
  s.gc_erased_blocks = log_.erased_blocks();
  s.written_nodes = log_.written_nodes();
  s.programmed_bytes = medium_.programmed_bytes();
  return s;
}

std::vector<Ino> Volume::inodes() {
  LockGuard guard(lock_);
  std::vector<Ino> out;
  index_.each_inode([&](Slot s) NO_THREAD_SAFETY_ANALYSIS {
    const InodeSlot& inode = index_.slot(s);
    if (inode.parent != kNoIno || inode.links != 0) out.push_back(inode.ino);
  });
  std::ranges::sort(out);
  return out;
}

}  // namespace quire::jffs2
