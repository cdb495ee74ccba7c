#include "kernel/vfs/fd_table.h"

#include <algorithm>

#include "kernel/vfs/file_locks.h"

namespace quire::vfs {

FdTable::~FdTable() { close_all(); }

Ref<FdTable> FdTable::copy() const {
  auto t = make_ref<FdTable>();
  SharedLockGuard g(lock_);
  LockGuard g2(t->lock_);
  t->slots_ = slots_;
  t->lowest_free_ = lowest_free_;
  return t;
}

Result<Ref<File>> FdTable::get(int fd) const {
  SharedLockGuard g(lock_);
  auto i = static_cast<u32>(fd);
  if (i >= slots_.size() || !slots_[i].file) return err(EBADF);
  return slots_[i].file;
}

Result<int> FdTable::install(Ref<File> file, bool cloexec, u64 limit, int from) {
  LockGuard g(lock_);
  std::size_t i = std::max(lowest_free_, static_cast<std::size_t>(from));
  while (i < slots_.size() && slots_[i].file) ++i;
  if (static_cast<std::size_t>(from) <= lowest_free_) lowest_free_ = i;
  if (i >= limit) return err(EMFILE);
  if (i >= slots_.size()) slots_.resize(std::max(i + 1, std::min(2 * slots_.size(), i + 1024)));
  slots_[i] = {std::move(file), cloexec};
  if (i == lowest_free_) ++lowest_free_;
  return static_cast<int>(i);
}

Result<int> FdTable::install_at(int fd, Ref<File> file, bool cloexec, u64 limit) {
  if (fd < 0 || static_cast<u64>(fd) >= limit) return err(EBADF);
  auto i = static_cast<std::size_t>(fd);
  Ref<File> old;
  {
    LockGuard g(lock_);
    if (i >= slots_.size()) slots_.resize(i + 1);
    old = std::move(slots_[i].file);
    slots_[i] = {std::move(file), cloexec};
  }
  if (old) (void)finish_close(std::move(old));  // dup2 reports no error of the close it implies
  return fd;
}

Result<> FdTable::finish_close(Ref<File> file) {
  auto flushed = file->flush();
  if (Inode* inode = file->inode())
    if (FileLocks* l = inode->file_locks_if_any()) l->release_posix(this);
  return flushed;
}

Result<> FdTable::close(int fd) {
  Ref<File> file;
  {
    LockGuard g(lock_);
    auto i = static_cast<u32>(fd);
    if (i >= slots_.size() || !slots_[i].file) return err(EBADF);
    file = std::move(slots_[i].file);
    slots_[i] = {};
    lowest_free_ = std::min<std::size_t>(lowest_free_, i);
  }
  return finish_close(std::move(file));
}

void FdTable::close_range(u32 first, u32 last, bool cloexec) {
  std::vector<Ref<File>> gone;
  {
    LockGuard g(lock_);
    for (std::size_t i = first; i < slots_.size() && i <= last; ++i) {
      if (!slots_[i].file) continue;
      if (cloexec) {
        slots_[i].cloexec = true;
        continue;
      }
      gone.push_back(std::move(slots_[i].file));
      slots_[i] = {};
      lowest_free_ = std::min(lowest_free_, i);
    }
  }
  for (auto& file : gone) (void)finish_close(std::move(file));
}

void FdTable::close_on_exec() {
  std::vector<Ref<File>> gone;
  {
    LockGuard g(lock_);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (!slots_[i].file || !slots_[i].cloexec) continue;
      gone.push_back(std::move(slots_[i].file));
      slots_[i] = {};
      lowest_free_ = std::min(lowest_free_, i);
    }
  }
  for (auto& file : gone) (void)finish_close(std::move(file));
}

void FdTable::close_all() { close_range(0, ~u32{0}, false); }

Result<bool> FdTable::cloexec(int fd) const {
  SharedLockGuard g(lock_);
  auto i = static_cast<u32>(fd);
  if (i >= slots_.size() || !slots_[i].file) return err(EBADF);
  return slots_[i].cloexec;
}

Result<> FdTable::set_cloexec(int fd, bool on) {
  LockGuard g(lock_);
  auto i = static_cast<u32>(fd);
  if (i >= slots_.size() || !slots_[i].file) return err(EBADF);
  slots_[i].cloexec = on;
  return {};
}

std::vector<FdTable::Entry> FdTable::list() const {
  std::vector<Entry> out;
  SharedLockGuard g(lock_);
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].file) out.push_back({static_cast<int>(i), slots_[i].file, slots_[i].cloexec});
  return out;
}

std::size_t FdTable::capacity() const {
  SharedLockGuard g(lock_);
  return slots_.size();
}

}  // namespace quire::vfs
