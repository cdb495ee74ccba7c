#include "kernel/vfs/epoll.h"

#include <poll.h>

#include <deque>
#include <unordered_map>

#include "kernel/abi/restart.h"

namespace quire::vfs {
namespace {

constexpr int max_nesting = 5;  // of epoll sets in epoll sets, as in Linux
constexpr u32 always = EPOLLERR | EPOLLHUP;
constexpr u32 modes = EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE;

/// Which items watch which file, for files' ends.
struct Watched {
  Mutex<locks::epoll_watched> lock;
  std::unordered_multimap<File*, Ref<EpollItem>> items GUARDED_BY(lock);
};
Watched& watched() {
  static Watched* w = new Watched;
  return *w;
}

void unlink_watched(File* file, const EpollItem* item) {
  Watched& w = watched();
  LockGuard g(w.lock);
  auto [from, to] = w.items.equal_range(file);
  for (auto it = from; it != to; ++it)
    if (it->second.get() == item) {
      w.items.erase(it);
      return;
    }
}

}  // namespace

void EpollItem::on_notify(u32) {
  // The queue's lock keeps the item in its list, hence the set alive.
  {
    LockGuard g(set_->ready_lock_);
    if (gone_) return;
    if (!queued_) {
      queued_ = true;
      set_->ready_.push_back(Ref<EpollItem>(this));
    }
  }
  set_->queue_.notify(POLLIN | POLLRDNORM);
}

void forget_watched_file(File& file) {
  std::vector<Ref<EpollItem>> items;
  Watched& w = watched();
  {
    // Sets leave the table, under this lock, before they die: those found here are alive.
    LockGuard g(w.lock);
    auto [from, to] = w.items.equal_range(&file);
    for (auto it = from; it != to; ++it) items.push_back(it->second);
    w.items.erase(&file);
    for (auto& item : items) {
      Epoll& set = *item->set_;
      LockGuard g2(set.lock_);
      set.items_.erase({&file, item->fd_});
      if (item->queue_) WaitQueue::remove_listener(*item->queue_, *item);
      LockGuard g3(set.ready_lock_);
      item->gone_ = true;
    }
  }
}

Epoll::~Epoll() {
  std::map<Key, Ref<EpollItem>> items;
  {
    LockGuard g(watched().lock);
    LockGuard g2(lock_);
    items.swap(items_);
    for (auto& [key, item] : items) {
      auto [from, to] = watched().items.equal_range(key.first);
      for (auto it = from; it != to; ++it)
        if (it->second == item) {
          watched().items.erase(it);
          break;
        }
    }
  }
  for (auto& [key, item] : items) WaitQueue::remove_listener(*item->queue_, *item);
}

void Epoll::make_ready(const Ref<EpollItem>& item) {
  {
    LockGuard g(ready_lock_);
    if (item->gone_ || item->queued_) return;
    item->queued_ = true;
    ready_.push_back(item);
  }
  queue_.notify(POLLIN | POLLRDNORM);
}

void Epoll::drop(const Ref<EpollItem>& item) {
  WaitQueue::remove_listener(*item->queue_, *item);
  LockGuard g(ready_lock_);
  item->gone_ = true;
}

/// Does set `from` contain, at any depth, `target`, or nest too deeply?
bool Epoll::reaches(File& from, const File& target, int depth) {
  if (&from == &target || depth > max_nesting) return true;
  auto* set = dynamic_cast<Epoll*>(&from);
  if (set == nullptr) return false;
  std::vector<Ref<File>> members;
  {
    LockGuard g(set->lock_);
    for (auto& [key, item] : set->items_)
      if (key.first->try_ref()) members.push_back(Ref<File>::adopt(key.first));
  }
  for (auto& m : members)
    if (dynamic_cast<Epoll*>(m.get()) != nullptr && reaches(*m, target, depth + 1)) return true;
  return false;
}

Result<> Epoll::control_set(int operation, int fd, const Ref<File>& file, const epoll_event& event) {
  if (file.get() == this) return err(EINVAL);
  Key key{file.get(), fd};
  switch (operation) {
    case EPOLL_CTL_ADD: {
      WaitQueue* queue = file->wait_queue();
      if (queue == nullptr) return err(EPERM);
      if (dynamic_cast<Epoll*>(file.get()) != nullptr && reaches(*file, *this, 1)) return err(ELOOP);
      auto item = make_ref<EpollItem>(*this, *file, fd);
      item->events_ = event.events | always;
      item->data_ = event.data.u64;
      file->set_watched();
      {
        LockGuard g(watched().lock);
        LockGuard g2(lock_);
        if (!items_.emplace(key, item).second) return err(EEXIST);
        item->queue_ = queue->add_listener(*item);
        watched().items.emplace(file.get(), item);
      }
      make_ready(item);  // it may be ready already: the next wait asks
      return {};
    }
    case EPOLL_CTL_MOD: {
      Ref<EpollItem> item;
      {
        LockGuard g(lock_);
        auto it = items_.find(key);
        if (it == items_.end()) return err(ENOENT);
        item = it->second;
        if (((item->events_ | event.events) & EPOLLEXCLUSIVE) != 0) return err(EINVAL);
        item->events_ = event.events | always;
        item->data_ = event.data.u64;
        item->disabled_ = false;
      }
      make_ready(item);
      return {};
    }
    case EPOLL_CTL_DEL: {
      Ref<EpollItem> item;
      {
        LockGuard g(lock_);
        auto it = items_.find(key);
        if (it == items_.end()) return err(ENOENT);
        item = it->second;
        items_.erase(it);
      }
      unlink_watched(file.get(), item.get());
      drop(item);
      return {};
    }
    default:
      return err(EINVAL);
  }
}

std::vector<epoll_event> Epoll::harvest(std::size_t max, bool only_look) {
  std::list<Ref<EpollItem>> candidates, back;
  {
    LockGuard g(ready_lock_);
    candidates.swap(ready_);
    for (auto& item : candidates) item->queued_ = false;
  }
  std::vector<epoll_event> out;
  while (!candidates.empty()) {
    Ref<EpollItem> item = std::move(candidates.front());
    candidates.pop_front();
    if (out.size() >= max) {
      back.push_back(std::move(item));
      continue;
    }
    Ref<File> file;
    u32 wanted = 0;
    u64 data = 0;
    {
      // In items_, so not yet forgotten: the pointer is good, though its last reference may be gone.
      LockGuard g(lock_);
      auto it = items_.find({item->file_, item->fd_});
      if (it == items_.end() || !(it->second == item) || item->disabled_) continue;
      if (!item->file_->try_ref()) continue;
      file = Ref<File>::adopt(item->file_);
      wanted = item->events_;
      data = item->data_;
    }
    u32 ready = file->poll() & wanted & ~modes;
    if (ready == 0) continue;
    epoll_event e{};
    e.events = ready;
    e.data.u64 = data;
    out.push_back(e);
    if (only_look) {
      back.push_back(std::move(item));
    } else if ((wanted & EPOLLONESHOT) != 0) {
      LockGuard g(lock_);
      item->disabled_ = true;
    } else if ((wanted & EPOLLET) == 0) {
      back.push_back(std::move(item));
    }
  }
  if (back.empty()) return out;
  LockGuard g(ready_lock_);
  for (auto& item : back) {
    if (item->queued_ || item->gone_) continue;
    item->queued_ = true;
    ready_.push_back(std::move(item));
  }
  return out;
}

Result<std::vector<epoll_event>> Epoll::wait(std::size_t max, Deadline deadline) {
  auto events = harvest(max, false);
  if (!events.empty()) return events;
  WaitEntry entry(queue_, Waiter::current(), POLLIN);
  for (;;) {
    events = harvest(max, false);
    if (!events.empty()) return events;
    auto slept = Waiter::current().sleep(deadline);
    if (slept) continue;
    if (slept.error().value() == ETIMEDOUT) return events;
    return err(slept.error());
  }
}

u32 Epoll::poll() { return harvest(1, true).empty() ? 0 : POLLIN | POLLRDNORM; }

std::vector<Epoll::Watch> Epoll::watches() const {
  std::vector<Watch> out;
  LockGuard g(lock_);
  for (auto& [key, item] : items_) out.push_back({item->fd_, item->events_, item->data_});
  return out;
}

Result<int> poll_files(std::span<PollItem> items, Deadline deadline) {
  auto look = [&] {
    int n = 0;
    for (PollItem& i : items) {
      u32 asked = i.events | POLLERR | POLLHUP;
      i.result = i.file ? i.file->poll() & asked : POLLNVAL;
      n += i.result != 0 ? 1 : 0;
    }
    return n;
  };
  int n = look();
  if (n != 0 || (deadline && *deadline <= Clock::now())) return n;
  std::deque<WaitEntry> entries;
  for (PollItem& i : items)
    if (WaitQueue* q = i.file->wait_queue())
      entries.emplace_back(*q, Waiter::current(), i.events | POLLERR | POLLHUP);
  for (;;) {
    n = look();
    if (n != 0) return n;
    auto slept = Waiter::current().sleep(deadline);
    if (slept) continue;
    if (slept.error().value() == ETIMEDOUT) return look();
    return err(abi::restart_nohand);
  }
}

}  // namespace quire::vfs
