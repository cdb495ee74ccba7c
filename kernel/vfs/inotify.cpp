#include "kernel/vfs/inotify.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include <algorithm>

namespace quire::vfs {
namespace {
std::atomic<int> instances{0};
constexpr u32 kinds = IN_ALL_EVENTS;
}  // namespace

Result<int> InodeWatches::set(Inotify& instance, u32 mask) {
  LockGuard g(lock_);
  for (Watch& w : watches_) {
    if (w.instance != &instance) continue;
    if ((mask & IN_MASK_CREATE) != 0) return err(EEXIST);
    w.mask = (mask & IN_MASK_ADD) != 0 ? w.mask | mask : mask;
    return w.descriptor;
  }
  int descriptor = instance.next_descriptor();
  watches_.push_back({&instance, descriptor, mask});
  return descriptor;
}

void InodeWatches::remove(Inotify& instance) {
  LockGuard g(lock_);
  std::erase_if(watches_, [&](const Watch& w) { return w.instance == &instance; });
}

void InodeWatches::notify(u32 event, u32 cookie, const std::string& name) {
  LockGuard g(lock_);
  for (auto it = watches_.begin(); it != watches_.end();) {
    bool wanted = (it->mask & event & kinds) != 0;
    if (wanted) it->instance->push(it->descriptor, event, cookie, name);
    bool last = (event & IN_DELETE_SELF) != 0 || (wanted && (it->mask & IN_ONESHOT) != 0);
    if (last) it->instance->push(it->descriptor, IN_IGNORED, 0, {});
    it = last ? watches_.erase(it) : it + 1;
  }
}

void notify_self(Inode& inode, u32 event) {
  if (instances.load(std::memory_order_relaxed) == 0) return;
  if (InodeWatches* w = inode.watches_if_any())
    w->notify(inode.is_directory() ? event | IN_ISDIR : event, 0, {});
}

void notify_directory(Inode& directory, u32 event, std::string_view name, u32 cookie) {
  if (instances.load(std::memory_order_relaxed) == 0) return;
  if (InodeWatches* w = directory.watches_if_any()) w->notify(event, cookie, std::string(name));
}

void notify_watches(const Path& path, u32 event) {
  if (instances.load(std::memory_order_relaxed) == 0 || path.inode() == nullptr) return;
  notify_self(*path.inode(), event);
  if (path.dentry->deleted()) return;
  Ref<Dentry> parent = path.dentry->parent();
  if (parent)
    notify_directory(*parent->inode(), path.inode()->is_directory() ? event | IN_ISDIR : event,
                     path.dentry->name());
}

u32 next_inotify_cookie() {
  static std::atomic<u32> next{1};
  return next.fetch_add(1);
}

Inotify::~Inotify() {
  std::map<int, Ref<Inode>> inodes;
  {
    LockGuard g(lock_);
    inodes.swap(inodes_);
  }
  for (auto& [descriptor, inode] : inodes) {
    inode->watches().remove(*this);
    instances.fetch_sub(1);
  }
}

int Inotify::next_descriptor() {
  LockGuard g(lock_);
  return next_++;
}

Result<int> Inotify::add_watch(const Ref<Inode>& inode, u32 mask) {
  if ((mask & kinds) == 0) return err(EINVAL);
  int descriptor = TRY(inode->watches().set(*this, mask));
  LockGuard g(lock_);
  if (inodes_.emplace(descriptor, inode).second) instances.fetch_add(1);
  return descriptor;
}

Result<> Inotify::remove_watch(int descriptor) {
  Ref<Inode> inode;
  {
    LockGuard g(lock_);
    auto it = inodes_.find(descriptor);
    if (it == inodes_.end()) return err(EINVAL);
    inode = it->second;
    inodes_.erase(it);
  }
  instances.fetch_sub(1);
  inode->watches().remove(*this);
  push(descriptor, IN_IGNORED, 0, {});
  return {};
}

void Inotify::push(int descriptor, u32 event, u32 cookie, const std::string& name) {
  LockGuard g(lock_);
  Event e{descriptor, event, cookie, name};
  if (events_.size() >= max_events) {
    if (events_.back().mask == IN_Q_OVERFLOW) return;
    e = Event{-1, IN_Q_OVERFLOW, 0, {}};
  } else if (!events_.empty()) {
    const Event& last = events_.back();
    if (last.descriptor == descriptor && last.mask == event && last.cookie == cookie && last.name == name)
      return;
  }
  events_.push_back(std::move(e));
  queue_.notify(POLLIN | POLLRDNORM);
}

Result<std::size_t> Inotify::read(IoBuffer& to, i64) {
  WaitEntry entry(queue_, Waiter::current(), POLLIN);
  for (;;) {
    std::vector<std::byte> out;
    std::vector<Ref<Inode>> ended;  // let go of after the lock
    {
      LockGuard g(lock_);
      if (!events_.empty() && events_.front().size() > to.remaining()) return err(EINVAL);
      while (!events_.empty() && out.size() + events_.front().size() <= to.remaining()) {
        Event& e = events_.front();
        std::size_t at = out.size();
        out.resize(at + e.size());
        inotify_event head{e.descriptor, e.mask, e.cookie, static_cast<u32>(e.size() - 16)};
        std::memcpy(&out[at], &head, sizeof head);
        std::memcpy(&out[at] + sizeof head, e.name.data(), e.name.size());
        if (auto it = inodes_.find(e.descriptor); (e.mask & IN_IGNORED) != 0 && it != inodes_.end()) {
          ended.push_back(std::move(it->second));
          inodes_.erase(it);
          instances.fetch_sub(1);
        }
        events_.pop_front();
      }
    }
    if (!out.empty()) return to.put(out);
    if (nonblocking()) return err(EAGAIN);
    TRY_VOID(Waiter::current().sleep());
  }
}

Result<u64> Inotify::ioctl(mm::AddressSpace& mm, u32 command, u64 argument) {
  if (command != FIONREAD) return err(ENOTTY);
  int n = 0;
  {
    LockGuard g(lock_);
    for (const Event& e : events_) n += static_cast<int>(e.size());
  }
  TRY_VOID(mm.write(GuestAddr(argument), n));
  return 0;
}

u32 Inotify::poll() {
  LockGuard g(lock_);
  return events_.empty() ? 0 : POLLIN | POLLRDNORM;
}

}  // namespace quire::vfs
