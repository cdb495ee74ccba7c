#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <unordered_map>

#include "kernel/fs/pipe/pipe.h"

namespace quire::fs::pipe {
namespace {

/// Where pipes' inode numbers come from; never mounted.
class PipeFileSystem final : public vfs::FileSystem {
 public:
  const char* type_name() const override { return "pipefs"; }
  Result<Ref<vfs::Inode>> root() override { return err(EINVAL); }
  Result<struct statfs> statfs() override {
    struct statfs s{};
    s.f_type = 0x50495045;
    s.f_bsize = s.f_frsize = page_size;
    s.f_namelen = 255;
    return s;
  }
  static PipeFileSystem& instance() {
    static PipeFileSystem* fs = new PipeFileSystem;
    return *fs;
  }
  std::atomic<u64> next_inode{10000};
};

class PipeInode final : public vfs::Inode {
 public:
  PipeInode(u32 uid, u32 gid)
      : Inode(PipeFileSystem::instance(), S_IFIFO),
        number_(PipeFileSystem::instance().next_inode.fetch_add(1)) {
    a_.mode = S_IFIFO | 0600;
    a_.uid = uid;
    a_.gid = gid;
    a_.inode = number_;
    a_.device = file_system().device();
    a_.atime = a_.mtime = a_.ctime = vfs::now();
  }
  Result<vfs::Attributes> attributes() override {
    LockGuard g(lock_);
    return a_;
  }
  Result<> set_attributes(const vfs::AttributeChange& c) override {
    LockGuard g(lock_);
    if (c.mode) a_.mode = S_IFIFO | *c.mode;
    if (c.uid) a_.uid = *c.uid;
    if (c.gid) a_.gid = *c.gid;
    a_.ctime = vfs::now();
    return {};
  }
  Result<Ref<vfs::File>> open(int) override { return err(ENXIO); }
  u64 number() const { return number_; }

 private:
  const u64 number_;
  Mutex<locks::inode> lock_;
  vfs::Attributes a_ GUARDED_BY(lock_);
};

/// The pipes behind FIFOs that are open somewhere.
struct Fifos {
  Mutex<locks::fifos> lock;
  std::unordered_map<vfs::Inode*, Pipe*> open GUARDED_BY(lock);
};
Fifos& fifos() {
  static Fifos* f = new Fifos;
  return *f;
}

/// A pipe that belongs to a FIFO's inode while any end is open.
class FifoPipe final : public Pipe {
 public:
  explicit FifoPipe(vfs::Inode& node) : node_(&node) {}
  ~FifoPipe() override {
    LockGuard g(fifos().lock);
    auto it = fifos().open.find(node_.get());
    if (it != fifos().open.end() && it->second == this) fifos().open.erase(it);
  }

 private:
  const Ref<vfs::Inode> node_;
};

Ref<Pipe> pipe_of(vfs::Inode& node) {
  auto fresh = make_ref<FifoPipe>(node);
  LockGuard g(fifos().lock);
  auto& slot = fifos().open[&node];
  if (slot != nullptr && slot->try_ref()) return Ref<Pipe>::adopt(slot);
  slot = fresh.get();
  return fresh;
}

}  // namespace

PipeFile::PipeFile(Ref<Pipe> pipe, int flags) : File(flags), pipe_(std::move(pipe)) {
  pipe_->open_end(readable(), writable());
}
PipeFile::~PipeFile() {
  pipe_->close_end((flags() & O_ACCMODE) != O_WRONLY, (flags() & O_ACCMODE) != O_RDONLY);
}

Result<std::size_t> PipeFile::read(vfs::IoBuffer& to, i64 offset) {
  if (offset >= 0) return err(ESPIPE);
  return pipe_->read(to, nonblocking());
}
Result<std::size_t> PipeFile::write(vfs::IoBuffer& from, i64 offset) {
  if (offset >= 0) return err(ESPIPE);
  return pipe_->write(from, nonblocking());
}

Result<u64> PipeFile::ioctl(mm::AddressSpace& mm, u32 command, u64 argument) {
  if (command != FIONREAD) return err(ENOTTY);
  TRY_VOID(mm.write(GuestAddr(argument), static_cast<int>(pipe_->available())));
  return 0;
}

Result<u64> PipeFile::control(int command, u64 argument) {
  if (command == F_GETPIPE_SZ) return pipe_->capacity();
  if (command == F_SETPIPE_SZ) return TRY(pipe_->set_capacity(argument));
  return File::control(command, argument);
}

u32 PipeFile::poll() { return pipe_->poll(readable(), writable()); }

Result<Ref<vfs::File>> PipeFile::reopen(int flags) {
  auto file = make_ref<PipeFile>(pipe_, flags);
  file->set_path(path());
  return Ref<vfs::File>(file);
}

std::pair<Ref<vfs::File>, Ref<vfs::File>> create_pipe(int flags, u32 uid, u32 gid) {
  auto inode = make_ref<PipeInode>(uid, gid);
  vfs::Path path{nullptr, vfs::Dentry::make_unattached(inode, fmt::format("pipe:[{}]", inode->number()))};
  auto pipe = make_ref<Pipe>();
  auto reader = make_ref<PipeFile>(pipe, O_RDONLY | (flags & (O_NONBLOCK | O_DIRECT)));
  auto writer = make_ref<PipeFile>(pipe, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)));
  reader->set_path(path);
  writer->set_path(path);
  return {reader, writer};
}

Result<Ref<vfs::File>> open_fifo(vfs::Inode& node, int flags) {
  Ref<Pipe> pipe = pipe_of(node);
  int mode = flags & O_ACCMODE;
  bool nonblocking = (flags & O_NONBLOCK) != 0;
  if (mode == O_WRONLY && nonblocking && !pipe->has_readers()) return err(ENXIO);
  auto file = make_ref<PipeFile>(pipe, flags);
  if (!nonblocking && mode == O_RDONLY && !pipe->has_writers()) TRY_VOID(pipe->wait_for_other_end(true));
  if (!nonblocking && mode == O_WRONLY && !pipe->has_readers()) TRY_VOID(pipe->wait_for_other_end(false));
  return Ref<vfs::File>(file);
}

}  // namespace quire::fs::pipe
