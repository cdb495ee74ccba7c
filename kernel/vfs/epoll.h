// epoll(7) and poll(2).
#pragma once

#include <list>
#include <map>
#include <span>
#include <vector>

#include <sys/epoll.h>

#include "kernel/vfs/file.h"

namespace quire::vfs {

class Epoll;

/// One file of an epoll set. The set does not keep the file open: its last descriptor's close takes it
/// out (forget_watched_file).
class EpollItem final : public RefCounted, public WaitListener {
 public:
  EpollItem(Epoll& set, File& file, int fd) : set_(&set), file_(&file), fd_(fd) {}
  void on_notify(u32 events) override;

 private:
  friend class Epoll;
  friend void forget_watched_file(File& file);
  Epoll* const set_;
  File* const file_;  // valid while the item is in the table of watched files
  const int fd_;
  // Guarded by the set's lock_:
  u32 events_ = 0;
  u64 data_ = 0;
  bool disabled_ = false;  // EPOLLONESHOT has fired
  Ref<WaitList> queue_;
  // Guarded by the set's ready_lock_:
  bool queued_ = false;
  bool gone_ = false;
};

class Epoll final : public File {
 public:
  explicit Epoll(int flags) : File(flags) {}
  ~Epoll() override;

  /// EPOLL_CTL_*. EEXIST, ENOENT, EPERM (files that are always ready), ELOOP, EINVAL.
  Result<> control_set(int operation, int fd, const Ref<File>& file, const epoll_event& event);
  /// Up to `max` events; none at the deadline. May return abi::restart_sys (which callers turn to EINTR).
  Result<std::vector<epoll_event>> wait(std::size_t max, Deadline deadline);

  u32 poll() override;
  WaitQueue* wait_queue() override { return &queue_; }
  std::string describe() override { return "anon_inode:[eventpoll]"; }
  /// For /proc/PID/fdinfo: descriptor, events, data.
  struct Watch {
    int fd;
    u32 events;
    u64 data;
  };
  std::vector<Watch> watches() const;

 private:
  friend class EpollItem;
  friend void forget_watched_file(File& file);
  using Key = std::pair<File*, int>;

  /// Takes ready items off the list, asks their files, and puts those back that stay ready.
  std::vector<epoll_event> harvest(std::size_t max, bool only_look);
  void make_ready(const Ref<EpollItem>& item);
  void drop(const Ref<EpollItem>& item);
  static bool reaches(File& from, const File& target, int depth);

  mutable Mutex<locks::epoll> lock_;
  std::map<Key, Ref<EpollItem>> items_ GUARDED_BY(lock_);
  Mutex<locks::epoll_ready> ready_lock_;
  std::list<Ref<EpollItem>> ready_ GUARDED_BY(ready_lock_);
  WaitQueue queue_;
};

/// A file that some epoll set watches is being destroyed.
void forget_watched_file(File& file);

/// One entry of poll(2). A null file counts as closed: POLLNVAL.
struct PollItem {
  Ref<File> file;
  u32 events = 0, result = 0;
};
/// Waits until one is ready; how many are (0 at the deadline). abi::restart_nohand when interrupted.
Result<int> poll_files(std::span<PollItem> items, Deadline deadline);

}  // namespace quire::vfs
