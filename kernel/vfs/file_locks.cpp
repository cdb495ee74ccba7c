#include "kernel/vfs/file_locks.h"

#include <map>

namespace quire::vfs {
namespace {

/// Which owner waits for which, over all files: a circle is a deadlock.
struct Waiting {
  Mutex<locks::lock_waits> lock;
  std::map<const void*, const void*> for_owner GUARDED_BY(lock);
};
Waiting& waiting() {
  static Waiting* w = new Waiting;
  return *w;
}

/// Notes that `who` waits for `whom`; EDEADLK if that closes a circle.
Result<> note_wait(const void* who, const void* whom) {
  Waiting& w = waiting();
  LockGuard g(w.lock);
  const void* at = whom;
  for (int steps = 0; steps < 1000; ++steps) {
    if (at == who) return err(EDEADLK);
    auto it = w.for_owner.find(at);
    if (it == w.for_owner.end()) break;
    at = it->second;
  }
  w.for_owner[who] = whom;
  return {};
}

void end_wait(const void* who) {
  Waiting& w = waiting();
  LockGuard g(w.lock);
  w.for_owner.erase(who);
}

}  // namespace

const FileLocks::Record* FileLocks::find_conflict(const Record& lock) const {
  const Record* first = nullptr;
  for (const Record& r : records_) {
    bool conflicts =
        r.owner != lock.owner && (r.exclusive || lock.exclusive) && r.begin < lock.end && lock.begin < r.end;
    if (conflicts && (first == nullptr || r.begin < first->begin)) first = &r;
  }
  return first;
}

std::optional<FileLocks::Record> FileLocks::conflict(const Record& lock) const {
  LockGuard g(lock_);
  const Record* r = find_conflict(lock);
  return r != nullptr ? std::optional(*r) : std::nullopt;
}

Result<> FileLocks::set(const Record& lock, bool unlock, bool wait) {
  std::optional<WaitEntry> entry;
  for (;;) {
    {
      LockGuard g(lock_);
      const Record* r = unlock ? nullptr : find_conflict(lock);
      if (r == nullptr) {
        // Cut the range out of what the owner has, then add it anew.
        for (auto it = records_.begin(); it != records_.end();) {
          if (it->owner != lock.owner || it->end <= lock.begin || it->begin >= lock.end) {
            ++it;
            continue;
          }
          if (it->end > lock.end) {
            Record tail = *it;
            tail.begin = lock.end;
            records_.insert(it, tail);
          }
          if (it->begin < lock.begin) {
            it->end = lock.begin;
            ++it;
          } else {
            it = records_.erase(it);
          }
        }
        if (!unlock) {
          Record merged = lock;
          for (auto it = records_.begin(); it != records_.end();) {
            bool touches = it->owner == lock.owner && it->exclusive == lock.exclusive &&
                           (it->end == merged.begin || it->begin == merged.end);
            if (!touches) {
              ++it;
              continue;
            }
            merged.begin = std::min(merged.begin, it->begin);
            merged.end = std::max(merged.end, it->end);
            it = records_.erase(it);
          }
          records_.push_back(merged);
        }
        changed_.notify();
        return {};
      }
      if (!wait) return err(EAGAIN);
      if (lock.pid >= 0) TRY_VOID(note_wait(lock.owner, r->owner));
    }
    if (!entry) {
      entry.emplace(changed_, Waiter::current());
      end_wait(lock.owner);
      continue;
    }
    auto slept = Waiter::current().sleep();
    end_wait(lock.owner);
    TRY_VOID(slept);
  }
}

Result<> FileLocks::set_whole(const void* owner, int kind, bool wait) {
  std::optional<WaitEntry> entry;
  for (;;) {
    {
      LockGuard g(lock_);
      bool had = whole_.remove_if([&](const Whole& w) { return w.owner == owner; }) != 0;
      if (had) changed_.notify();
      if (kind == 0) return {};
      bool blocked = false;
      for (const Whole& w : whole_) blocked |= w.exclusive || kind == 2;
      if (!blocked) {
        whole_.push_back({owner, kind == 2});
        return {};
      }
    }
    if (!wait) return err(EWOULDBLOCK);
    if (!entry) {
      entry.emplace(changed_, Waiter::current());
      continue;
    }
    TRY_VOID(Waiter::current().sleep());
  }
}

void FileLocks::release_posix(const void* owner) {
  LockGuard g(lock_);
  if (records_.remove_if([&](const Record& r) { return r.owner == owner; }) != 0) changed_.notify();
}

void FileLocks::release_file(const void* owner) {
  LockGuard g(lock_);
  auto n = records_.remove_if([&](const Record& r) { return r.owner == owner; });
  n += whole_.remove_if([&](const Whole& w) { return w.owner == owner; });
  if (n != 0) changed_.notify();
}

}  // namespace quire::vfs
