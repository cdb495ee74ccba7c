#include "kernel/task/pidfd.h"

#include <fcntl.h>
#include <poll.h>

namespace quire::task {

PidFd::PidFd(Ref<Process> process, int flags) : File(flags | O_RDWR), process_(std::move(process)) {}

u32 PidFd::poll() { return process_->has_exited() ? POLLIN | POLLRDNORM : 0; }
vfs::WaitQueue* PidFd::wait_queue() { return &process_->exit_events(); }

Result<struct stat> PidFd::stat() {
  struct stat st{};
  st.st_mode = S_IRUSR | S_IWUSR;
  st.st_nlink = 1;
  st.st_blksize = 4096;
  return st;
}

std::string PidFd::describe() { return "anon_inode:[pidfd]"; }

Ref<vfs::File> make_pidfd(Ref<Process> process, int flags) {
  return make_ref<PidFd>(std::move(process), flags);
}

Process* process_of(vfs::File& file) {
  auto* fd = dynamic_cast<PidFd*>(&file);
  return fd != nullptr ? &fd->process() : nullptr;
}

}  // namespace quire::task
