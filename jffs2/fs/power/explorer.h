// Cuts the power of a running workload at every operation on the flash, in every way, and looks at
// what the next mounts make of it. See explorer.cpp for what must hold.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "jffs2/flash/ram_device.h"
#include "jffs2/fs/power/workload.h"

namespace quire::jffs2::power {

struct Scenario {
  std::string name;
  Geometry geometry;
  ByteOrder order = std::endian::little;
  Mix mix = Mix::everything;
  u32 seed = 1;
  u64 operations = 2000;                 ///< the workload ends after so many operations on the flash
  u32 follow_up = 0;                     ///< actions after a recovery, cut in turn
  u32 depth = 2;                         ///< cuts in a row
  u32 fill_percent = 40;                 ///< file data, of the chip
  std::vector<BlockIndex> bad_blocks{};  ///< from the factory
};

/// One cut in a row of them: at which operation of that life, how.
struct CutPoint {
  u64 operation = 0;
  Cut cut = Cut::nothing;
};
using CasePath = std::vector<CutPoint>;
std::string to_string(const CasePath& path);

struct ExploreOptions {
  /// Of so many cuts one is tried, by depth (1: all).
  std::vector<u32> one_of{1, 1};
  /// Of the first cuts only those at operations that leave `part` when divided by `parts`.
  u32 part = 0;
  u32 parts = 1;
  /// Of so many survivors one is filled to the brim and emptied (1: all).
  u32 fill_one_of = 1;
  /// Only this case ("17.prefix/3.unstable"); empty: all.
  std::string only{};
  /// Surviving images (after recovery) with a manifest go here, at most `export_most`.
  std::string export_directory{};
  u32 export_most = 200;
  unsigned threads = 2;
};

struct ExploreReport {
  u64 operations = 0;
  u64 cases = 0;
  u64 mounts = 0;
  std::vector<std::string> failures;  ///< "id: what", at most 10
};

class Explorer {
 public:
  Explorer(const Scenario& scenario, const ExploreOptions& options)
      : scenario_(scenario), options_(options) {}
  ExploreReport run();

 private:
  /// The chip as a cut left it, and the states that may be found: each, or between it and the next.
  struct Case {
    std::unique_ptr<RamDevice> device;
    std::vector<State> states;
    CasePath path;
  };

  void first_life();
  void later_life(Case& c);
  /// Looks at a recovered chip again, from a copy.
  void second_mount(const RamDevice& device, const Tree& tree, const CasePath& path, u64 seed);
  void fill_and_empty(const RamDevice& device, const CasePath& path);
  /// Runs actions from `model` on; true unless one failed in a way that it must not.
  void act(FileSystem& fs, Workload& workload, State& model, std::vector<State>& states, const CasePath& path,
           const std::function<bool()>& more);
  /// The hook that collects the cuts of one life.
  std::function<void(const FlashOp&)> cutter(RamDevice& device, const CasePath& path,
                                             const std::vector<State>& states, u64& counter,
                                             std::function<void(Case)> take);
  bool wanted(const CasePath& path) const;
  Result<std::unique_ptr<FileSystem>> mount(RamDevice& device, bool read_only = false,
                                            bool ignore_summaries = false);
  void fail(const CasePath& path, const std::string& what);
  void export_image(const RamDevice& device, const Tree& tree, const CasePath& path);
  void enqueue(Case c);
  void worker();

  const Scenario scenario_;
  const ExploreOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Case> queue_;
  bool done_ = false;
  ExploreReport report_;
  std::atomic<u64> cases_{0}, mounts_{0};
  std::atomic<u32> exported_{0};
  std::atomic<bool> enough_{false};
};

}  // namespace quire::jffs2::power
