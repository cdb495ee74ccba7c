// Seeded workloads: the next operation is chosen from the model's state alone, so that a seed names a
// run for good.
#pragma once

#include <random>

#include "jffs2/fs/power/model.h"

namespace quire::jffs2::power {

enum class Mix : u8 {
  everything,
  rewriting,  ///< overwrites on a chip that is nearly full: collection all the time
  renaming,
};

/// One operation: its effect on a model and on a file system.
struct Action {
  enum class Kind : u8 {
    create,
    write,
    truncate,
    unlink,
    mkdir,
    rmdir,
    rename,
    link,
    symlink,
    chmod,
    setxattr,
    removexattr,
    sync
  };
  Kind kind = Kind::sync;
  std::string path{};
  std::string other{};  ///< rename, link: the new name; symlink: target; xattr: name
  u32 number = 0;       ///< offset, size or mode
  std::vector<u8> data{};
};

class Workload {
 public:
  /// `budget`: bytes of file data that the model may reach.
  Workload(Mix mix, u32 seed, u32 budget) : mix_(mix), rng_(seed), budget_(budget) {}
  Action next(const Model& model);

 private:
  u32 pick(u32 n) { return static_cast<u32>(rng_() % n); }
  std::string some(const Model& m, File::Kind kind);
  std::string new_name(const Model& m);
  std::vector<u8> bytes();

  Mix mix_;
  std::minstd_rand rng_;
  u32 budget_;
  u32 counter_ = 0;
};

/// The model after `action`; `done`: bytes written, for a write that stopped short.
Model after(const Model& model, const Action& action, u32 done = ~0u);
/// Does it. Bytes written for a write, else 0.
Result<u32> perform(FileSystem& fs, const Action& action);

}  // namespace quire::jffs2::power
