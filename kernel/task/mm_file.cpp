#include "kernel/task/mm_file.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <cstring>

#include "include/quire/mm.h"
#include "kernel/task/kernel.h"
#include "kernel/task/redirect.h"
#include "kernel/vfs/fd_table.h"

namespace quire::task {

// The layout that programs for User-mode Linux's host patch have compiled in.
static_assert(sizeof(proc_mm_op) == 56 && offsetof(proc_mm_op, u) == 8);
static_assert(offsetof(proc_mm_op, u.mmap.offset) == 48 && offsetof(proc_mm_op, u.mprotect.prot) == 24);

Result<Ref<mm::AddressSpace>> make_empty_mm(Task& task) {
  auto mm = TRY(mm::AddressSpace::create(task.kernel().mm(), true));
  const Process& p = task.process();
  mm->set_limits({.address_space = p.limit(RLIMIT_AS).rlim_cur,
                  .data = p.limit(RLIMIT_DATA).rlim_cur,
                  .stack = p.limit(RLIMIT_STACK).rlim_cur,
                  .locked = p.limit(RLIMIT_MEMLOCK).rlim_cur});
  mm->space().set_transient();
  return mm;
}

MmFile::MmFile(Ref<mm::AddressSpace> mm, int flags) : File(flags), mm_(std::move(mm)) {}

Result<struct stat> MmFile::stat() {
  if (path()) return File::stat();
  struct stat st{};
  st.st_mode = S_IRUSR | S_IWUSR;
  st.st_nlink = 1;
  st.st_blksize = 4096;
  return st;
}

Result<std::size_t> ProcMmFile::write(vfs::IoBuffer& from, i64) {
  Task* task = Task::current();
  if (task == nullptr) return err(EINVAL);
  proc_mm_op op{};
  const std::size_t size = from.remaining();
  if (size > sizeof op || size < sizeof op.op) return err(EINVAL);
  if (TRY(from.get({reinterpret_cast<std::byte*>(&op), size})) != size) return err(EFAULT);
  auto whole = [&](const auto& part) { return size >= offsetof(proc_mm_op, u) + sizeof part; };
  u64 number = 0;
  Args args;
  switch (op.op) {
    case MM_MMAP:
      if (!whole(op.u.mmap)) return err(EINVAL);
      number = SYS_mmap;
      args = {
          {op.u.mmap.addr, op.u.mmap.len, op.u.mmap.prot, op.u.mmap.flags, op.u.mmap.fd, op.u.mmap.offset}};
      break;
    case MM_MUNMAP:
      if (!whole(op.u.munmap)) return err(EINVAL);
      number = SYS_munmap;
      args = {{op.u.munmap.addr, op.u.munmap.len}};
      break;
    case MM_MPROTECT:
      if (!whole(op.u.mprotect)) return err(EINVAL);
      number = SYS_mprotect;
      args = {{op.u.mprotect.addr, op.u.mprotect.len, op.u.mprotect.prot}};
      break;
    case MM_COPY_SEGMENTS: {
      if (!whole(op.u.copy_segments)) return err(EINVAL);
      // Segment descriptors: there are none to copy, as modify_ldt() makes none.
      const Ref<vfs::File> file = TRY(task->fds().get(op.u.copy_segments));
      if (!mm_of(*file)) return err(EINVAL);
      return size;
    }
    default:
      return err(EINVAL);
  }
  const SyscallTable table = task->kernel().options().syscalls;
  const SyscallRow* row = number < table.size() ? table[number] : nullptr;
  if (row == nullptr || row->handler == nullptr) return err(ENOSYS);
  const Redirect redirect(*task, mm());
  TRY_VOID(row->handler(*task, args));
  return size;
}

Ref<mm::AddressSpace> mm_of(vfs::File& file) {
  auto* f = dynamic_cast<MmFile*>(&file);
  return f != nullptr ? f->mm() : nullptr;
}

}  // namespace quire::task
