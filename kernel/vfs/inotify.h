// inotify(7): who watches which inode, and the descriptor that events are read from.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "kernel/vfs/file.h"

namespace quire::vfs {

class Inotify;

/// The watches on one inode.
class InodeWatches {
 public:
  struct Watch {
    Inotify* instance;
    int descriptor;
    u32 mask;
  };
  /// The descriptor of the instance's watch, made or changed (IN_MASK_ADD, IN_MASK_CREATE: EEXIST).
  Result<int> set(Inotify& instance, u32 mask);
  void remove(Inotify& instance);
  void notify(u32 event, u32 cookie, const std::string& name);

 private:
  Mutex<locks::watches> lock_;
  std::vector<Watch> watches_ GUARDED_BY(lock_);
};

/// Tells watches on the object, and those on the directory it is in. Cheap while nothing is watched.
void notify_watches(const Path& path, u32 event);
/// Tells the watches on a directory of an event of its child `name`.
void notify_directory(Inode& directory, u32 event, std::string_view name, u32 cookie = 0);
void notify_self(Inode& inode, u32 event);
u32 next_inotify_cookie();

/// What inotify_init1 returns.
class Inotify final : public File {
 public:
  explicit Inotify(int flags) : File(flags) {}
  ~Inotify() override;

  Result<int> add_watch(const Ref<Inode>& inode, u32 mask);
  Result<> remove_watch(int descriptor);

  Result<std::size_t> read(IoBuffer& to, i64 offset) override;
  Result<u64> ioctl(mm::AddressSpace& mm, u32 command, u64 argument) override;
  u32 poll() override;
  WaitQueue* wait_queue() override { return &queue_; }
  std::string describe() override { return "anon_inode:inotify"; }

  /// Adds an event; called by the watches with their lock held.
  void push(int descriptor, u32 event, u32 cookie, const std::string& name);
  int next_descriptor();

 private:
  struct Event {
    int descriptor;
    u32 mask, cookie;
    std::string name;
    std::size_t size() const { return 16 + (name.empty() ? 0 : (name.size() + 16) / 16 * 16); }
  };
  static constexpr std::size_t max_events = 16384;

  Mutex<locks::inotify> lock_;
  std::deque<Event> events_ GUARDED_BY(lock_);
  std::map<int, Ref<Inode>> inodes_ GUARDED_BY(lock_);
  int next_ GUARDED_BY(lock_) = 1;
  WaitQueue queue_;
};

}  // namespace quire::vfs
