#include "kernel/vfs/fs_context.h"

namespace quire::vfs {

Ref<FsContext> FsContext::copy() const { return make_ref<FsContext>(root(), cwd(), umask()); }

Path FsContext::root() const {
  LockGuard g(lock_);
  return root_;
}

Path FsContext::cwd() const {
  LockGuard g(lock_);
  return cwd_;
}

void FsContext::set_root(Path root) {
  LockGuard g(lock_);
  std::swap(root_, root);  // the old one goes after the lock
}

void FsContext::set_cwd(Path cwd) {
  LockGuard g(lock_);
  std::swap(cwd_, cwd);
}

}  // namespace quire::vfs
