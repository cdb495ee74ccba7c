#include "jffs2/tool/fuse_bridge.h"

#define FUSE_USE_VERSION 314
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

namespace quire::jffs2 {

namespace {

// Nobody but us changes the image, so the kernel may trust what it has heard for long.
constexpr double kTimeout = 60.0;
constexpr u32 kMaxBlock = 4096;  // st_blksize: what a node holds
// "." and ".." come first, at these positions; a file system's cookie follows, shifted.
constexpr u64 kDotEntries = 2;

FileSystem& fs_of(fuse_req_t request) { return *static_cast<FileSystem*>(fuse_req_userdata(request)); }
Ino ino_of(fuse_ino_t ino) { return Ino(static_cast<u32>(ino)); }  // both count the root as 1

void reply(fuse_req_t request, const Result<>& result) {
  fuse_reply_err(request, result ? 0 : result.error().value());
}
void reply(fuse_req_t request, Errno e) { fuse_reply_err(request, e.value()); }

struct stat stat_of(const Attr& a) {
  struct stat st{};
  st.st_ino = a.ino.value();
  st.st_mode = a.mode;
  st.st_nlink = a.nlink;
  st.st_uid = a.uid;
  st.st_gid = a.gid;
  st.st_rdev = makedev(a.rdev_major, a.rdev_minor);
  st.st_size = static_cast<off_t>(a.size);
  st.st_blksize = kMaxBlock;
  // What it takes on flash: du then shows what compression gained.
  st.st_blocks = static_cast<blkcnt_t>((a.stored + 511) / 512);
  st.st_atim.tv_sec = a.atime;
  st.st_mtim.tv_sec = a.mtime;
  st.st_ctim.tv_sec = a.ctime;
  return st;
}

Result<fuse_entry_param> entry_of(FileSystem& fs, Ino ino) {
  Attr attr = TRY(fs.getattr(ino));
  fuse_entry_param entry{};
  entry.ino = ino.value();
  entry.attr = stat_of(attr);
  entry.attr_timeout = entry.entry_timeout = kTimeout;
  return entry;
}

void reply_entry(fuse_req_t request, Result<Ino> ino) {
  if (!ino) return reply(request, ino.error());
  auto entry = entry_of(fs_of(request), *ino);
  if (!entry) return reply(request, entry.error());
  fuse_reply_entry(request, &*entry);
}

// Who makes a file: the caller, and in a set-gid directory that directory's group.
Result<NewInode> maker(fuse_req_t request, Ino dir, mode_t mode) {
  const fuse_ctx* context = fuse_req_ctx(request);
  NewInode how{.mode = mode, .uid = context->uid, .gid = context->gid};
  Attr parent = TRY(fs_of(request).getattr(dir));
  if ((parent.mode & S_ISGID) != 0) {
    how.gid = parent.gid;
    if (S_ISDIR(mode)) how.mode |= S_ISGID;
  }
  return how;
}

void do_lookup(fuse_req_t request, fuse_ino_t dir, const char* name) {
  reply_entry(request, fs_of(request).lookup(ino_of(dir), name));
}

void do_getattr(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  auto attr = fs_of(request).getattr(ino_of(ino));
  if (!attr) return reply(request, attr.error());
  struct stat st = stat_of(*attr);
  fuse_reply_attr(request, &st, kTimeout);
}

void do_setattr(fuse_req_t request, fuse_ino_t ino, struct stat* st, int which, fuse_file_info*) {
  auto seconds = [](const timespec& t) { return static_cast<u32>(std::clamp<i64>(t.tv_sec, 0, 0xFFFFFFFF)); };
  const u32 now = static_cast<u32>(std::time(nullptr));
  SetAttr what;
  if ((which & FUSE_SET_ATTR_MODE) != 0) what.mode = st->st_mode & 07777;
  if ((which & FUSE_SET_ATTR_UID) != 0) what.uid = st->st_uid;
  if ((which & FUSE_SET_ATTR_GID) != 0) what.gid = st->st_gid;
  if ((which & FUSE_SET_ATTR_SIZE) != 0) what.size = static_cast<u64>(st->st_size);
  if ((which & FUSE_SET_ATTR_ATIME) != 0) what.atime = seconds(st->st_atim);
  if ((which & FUSE_SET_ATTR_MTIME) != 0) what.mtime = seconds(st->st_mtim);
  if ((which & FUSE_SET_ATTR_CTIME) != 0) what.ctime = seconds(st->st_ctim);
  if ((which & FUSE_SET_ATTR_ATIME_NOW) != 0) what.atime = now;
  if ((which & FUSE_SET_ATTR_MTIME_NOW) != 0) what.mtime = now;
  auto attr = fs_of(request).setattr(ino_of(ino), what);
  if (!attr) return reply(request, attr.error());
  struct stat after = stat_of(*attr);
  fuse_reply_attr(request, &after, kTimeout);
}

void do_readlink(fuse_req_t request, fuse_ino_t ino) {
  auto target = fs_of(request).readlink(ino_of(ino));
  if (!target) return reply(request, target.error());
  fuse_reply_readlink(request, target->c_str());
}

void do_mknod(fuse_req_t request, fuse_ino_t dir, const char* name, mode_t mode, dev_t device) {
  FileSystem& fs = fs_of(request);
  auto how = maker(request, ino_of(dir), mode);
  if (!how) return reply(request, how.error());
  if (S_ISREG(mode)) {
    how->mode &= 07777;
    return reply_entry(request, fs.create(ino_of(dir), name, *how));
  }
  reply_entry(request, fs.mknod(ino_of(dir), name, *how, major(device), minor(device)));
}

void do_mkdir(fuse_req_t request, fuse_ino_t dir, const char* name, mode_t mode) {
  auto how = maker(request, ino_of(dir), (mode & 07777) | S_IFDIR);
  if (!how) return reply(request, how.error());
  how->mode &= 07777;
  reply_entry(request, fs_of(request).mkdir(ino_of(dir), name, *how));
}

void do_symlink(fuse_req_t request, const char* target, fuse_ino_t dir, const char* name) {
  auto how = maker(request, ino_of(dir), 0777);
  if (!how) return reply(request, how.error());
  reply_entry(request, fs_of(request).symlink(ino_of(dir), name, target, *how));
}

void do_link(fuse_req_t request, fuse_ino_t ino, fuse_ino_t dir, const char* name) {
  auto linked = fs_of(request).link(ino_of(ino), ino_of(dir), name);
  if (!linked) return reply(request, linked.error());
  reply_entry(request, ino_of(ino));
}

void do_unlink(fuse_req_t request, fuse_ino_t dir, const char* name) {
  reply(request, fs_of(request).unlink(ino_of(dir), name));
}
void do_rmdir(fuse_req_t request, fuse_ino_t dir, const char* name) {
  reply(request, fs_of(request).rmdir(ino_of(dir), name));
}
void do_rename(fuse_req_t request, fuse_ino_t old_dir, const char* old_name, fuse_ino_t new_dir,
               const char* new_name, unsigned flags) {
  reply(request, fs_of(request).rename(ino_of(old_dir), old_name, ino_of(new_dir), new_name, flags));
}

void do_open(fuse_req_t request, fuse_ino_t ino, fuse_file_info* info) {
  auto opened = fs_of(request).open(ino_of(ino));
  if (!opened) return reply(request, opened.error());
  info->keep_cache = 1;
  // The caller may have been interrupted; then there will be no release.
  if (fuse_reply_open(request, info) == -ENOENT) fs_of(request).close(ino_of(ino));
}

void do_create(fuse_req_t request, fuse_ino_t dir, const char* name, mode_t mode, fuse_file_info* info) {
  FileSystem& fs = fs_of(request);
  auto how = maker(request, ino_of(dir), mode & 07777);
  if (!how) return reply(request, how.error());
  auto ino = fs.create(ino_of(dir), name, *how);
  if (!ino) return reply(request, ino.error());
  auto entry = entry_of(fs, *ino);
  if (!entry) return reply(request, entry.error());
  if (auto opened = fs.open(*ino); !opened) return reply(request, opened.error());
  if (fuse_reply_create(request, &*entry, info) == -ENOENT) fs.close(*ino);
}

void do_release(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  fs_of(request).close(ino_of(ino));
  fuse_reply_err(request, 0);
}

void do_read(fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info*) {
  std::vector<u8> buffer(size);
  auto n = fs_of(request).read(ino_of(ino), static_cast<u64>(offset), buffer);
  if (!n) return reply(request, n.error());
  fuse_reply_buf(request, reinterpret_cast<const char*>(buffer.data()), *n);
}

void do_write(fuse_req_t request, fuse_ino_t ino, const char* data, std::size_t size, off_t offset,
              fuse_file_info*) {
  std::span<const u8> bytes(reinterpret_cast<const u8*>(data), size);
  auto n = fs_of(request).write(ino_of(ino), static_cast<u64>(offset), bytes);
  if (!n) return reply(request, n.error());
  fuse_reply_write(request, *n);
}

void do_fsync(fuse_req_t request, fuse_ino_t ino, int, fuse_file_info*) {
  reply(request, fs_of(request).fsync(ino_of(ino)));
}

void do_readdir(fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info*) {
  FileSystem& fs = fs_of(request);
  std::vector<char> buffer(size);
  std::size_t used = 0;
  auto add = [&](const char* name, Ino entry, FileType type, u64 next) {
    struct stat st{};
    st.st_ino = entry.value();
    st.st_mode = static_cast<mode_t>(type) << 12;  // DT_* values are the type bits of a mode
    std::size_t n =
        fuse_add_direntry(request, buffer.data() + used, size - used, name, &st, static_cast<off_t>(next));
    if (n > size - used) return false;
    used += n;
    return true;
  };
  u64 at = static_cast<u64>(offset);
  bool room = true;
  if (at == 0) room = add(".", ino_of(ino), FileType::dir, ++at);
  if (room && at == 1) {
    auto parent = fs.parent(ino_of(ino));
    room = add("..", parent ? *parent : ino_of(ino), FileType::dir, ++at);
  }
  while (room) {
    auto entries = fs.readdir(ino_of(ino), at - kDotEntries, 128);
    if (!entries) return reply(request, entries.error());
    if (entries->empty()) break;
    for (const DirEntry& e : *entries) {
      room = add(e.name.c_str(), e.ino, e.type, e.cookie + kDotEntries);
      if (!room) break;
      at = e.cookie + kDotEntries;
    }
  }
  fuse_reply_buf(request, buffer.data(), used);
}

void do_statfs(fuse_req_t request, fuse_ino_t) {
  StatFs s = fs_of(request).statfs();
  struct statvfs v{};
  v.f_bsize = v.f_frsize = kMaxBlock;
  v.f_blocks = s.total_bytes / kMaxBlock;
  v.f_bfree = s.free_bytes / kMaxBlock;
  v.f_bavail = s.available_bytes / kMaxBlock;
  v.f_files = s.inodes;
  v.f_namemax = s.max_name;
  fuse_reply_statfs(request, &v);
}

void do_setxattr(fuse_req_t request, fuse_ino_t ino, const char* name, const char* value, std::size_t size,
                 int flags) {
  std::span<const u8> bytes(reinterpret_cast<const u8*>(value), size);
  reply(request, fs_of(request).setxattr(ino_of(ino), name, bytes, flags));
}

// A size of 0 asks how large the answer is.
void reply_sized(fuse_req_t request, std::span<const u8> bytes, std::size_t size) {
  if (size == 0) {
    fuse_reply_xattr(request, bytes.size());
  } else if (size < bytes.size()) {
    fuse_reply_err(request, ERANGE);
  } else {
    fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

void do_getxattr(fuse_req_t request, fuse_ino_t ino, const char* name, std::size_t size) {
  auto value = fs_of(request).getxattr(ino_of(ino), name);
  if (!value) return reply(request, value.error());
  reply_sized(request, *value, size);
}

void do_listxattr(fuse_req_t request, fuse_ino_t ino, std::size_t size) {
  auto names = fs_of(request).listxattr(ino_of(ino));
  if (!names) return reply(request, names.error());
  std::vector<u8> all;
  for (const std::string& name : *names) {
    all.insert(all.end(), name.begin(), name.end());
    all.push_back(0);
  }
  reply_sized(request, all, size);
}

void do_removexattr(fuse_req_t request, fuse_ino_t ino, const char* name) {
  reply(request, fs_of(request).removexattr(ino_of(ino), name));
}

constexpr fuse_lowlevel_ops operations() {
  fuse_lowlevel_ops ops{};
  ops.lookup = do_lookup;
  ops.getattr = do_getattr;
  ops.setattr = do_setattr;
  ops.readlink = do_readlink;
  ops.mknod = do_mknod;
  ops.mkdir = do_mkdir;
  ops.unlink = do_unlink;
  ops.rmdir = do_rmdir;
  ops.symlink = do_symlink;
  ops.rename = do_rename;
  ops.link = do_link;
  ops.open = do_open;
  ops.read = do_read;
  ops.write = do_write;
  ops.release = do_release;
  ops.fsync = do_fsync;
  ops.opendir = do_open;
  ops.readdir = do_readdir;
  ops.releasedir = do_release;
  ops.fsyncdir = do_fsync;
  ops.statfs = do_statfs;
  ops.setxattr = do_setxattr;
  ops.getxattr = do_getxattr;
  ops.listxattr = do_listxattr;
  ops.removexattr = do_removexattr;
  ops.create = do_create;
  return ops;
}

}  // namespace

Outcome<FuseBridge> FuseBridge::mount(FileSystem& fs, const FuseOptions& options) {
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  // The kernel checks permissions by the modes that we report. Commas would end an option.
  std::string source = options.source;
  std::replace(source.begin(), source.end(), ',', '_');
  std::string flags = "-odefault_permissions,subtype=jffs2,fsname=" + source;
  if (options.read_only) flags += ",ro";
  if (options.allow_other) flags += ",allow_other";
  bool ready = fuse_opt_add_arg(&args, "jffs2") == 0 && fuse_opt_add_arg(&args, flags.c_str()) == 0;
  static constexpr fuse_lowlevel_ops ops = operations();
  fuse_session* session = ready ? fuse_session_new(&args, &ops, sizeof ops, &fs) : nullptr;
  fuse_opt_free_args(&args);
  if (session == nullptr) return fail("FUSE cannot be set up");
  FuseBridge bridge(session);
  if (fuse_set_signal_handlers(session) != 0) return fail("FUSE cannot take signals");
  if (fuse_session_mount(session, options.mountpoint.c_str()) != 0)
    return fail(options.mountpoint + ": cannot be mounted on");
  return bridge;
}

FuseBridge::FuseBridge(FuseBridge&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}

FuseBridge::~FuseBridge() {
  if (session_ == nullptr) return;
  fuse_session_unmount(session_);
  fuse_remove_signal_handlers(session_);
  fuse_session_destroy(session_);
}

Status FuseBridge::run() {
  fuse_loop_config* config = fuse_loop_cfg_create();
  int status = fuse_session_loop_mt(session_, config);
  fuse_loop_cfg_destroy(config);
  // A positive value is the signal that ended it, which is a way to ask for the end.
  if (status < 0) return fail("serving requests", Errno(-status));
  return {};
}

}  // namespace quire::jffs2
