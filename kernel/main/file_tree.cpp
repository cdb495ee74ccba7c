#include "kernel/main/file_tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/fs/host/host_fs.h"
#ifndef QUIRE_WITHOUT_JFFS2
#include "kernel/fs/jffs2/jffs2_fs.h"
#endif
#include "kernel/fs/overlay/overlay.h"
#include "kernel/fs/tmpfs/tmpfs.h"
#include "kernel/main/system_mounts.h"

namespace quire::cli {
namespace {

using Failed = std::unexpected<std::string>;

std::expected<Sources::Source, std::string> open_source(const std::string& path, const char* what) {
  Sources::Source s;
  s.host = path;
  s.fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  struct stat st;
  if (s.fd < 0 || ::fstat(s.fd, &st) != 0)
    return Failed(fmt::format("cannot open {} '{}': {}", what, path, Errno::last().message()));
  s.directory = S_ISDIR(st.st_mode);
  // O_PATH asked for no permission.
  if (::faccessat(s.fd, s.directory ? "." : "", s.directory ? X_OK : R_OK,
                  AT_EACCESS | (s.directory ? 0 : AT_EMPTY_PATH)) != 0) {
    std::string line = fmt::format("cannot read {} '{}': {}", what, path, Errno::last().message());
    ::close(s.fd);
    return Failed(line);
  }
  return s;
}

/// Makes the directories down to `path` (and the file itself) where they are missing.
Result<vfs::Path> make_target(const vfs::Lookup& at, const std::string& path, bool directory) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    bool last = slash == std::string::npos;
    std::string part = path.substr(0, slash);
    if (!part.empty() && part != "/" && !vfs::walk(at, part, vfs::walk_follow)) {
      if (last && !directory)
        TRY_VOID(vfs::make_node(at, part, S_IFREG | 0644, 0));
      else
        TRY_VOID(vfs::make_directory(at, part, 0755));
    }
    if (last) return vfs::walk(at, path, vfs::walk_follow);
  }
}

Result<Ref<vfs::FileSystem>> new_tmpfs(mm::MemoryManager& memory, u32 mode) {
  fs::tmpfs::Options o;
  o.mode = mode;
  return Ref<vfs::FileSystem>(TRY(fs::tmpfs::Tmpfs::create(&memory, o)));
}

/// Why a source could not be opened.
std::string reason(Errno error, bool as_image) {
#ifndef QUIRE_WITHOUT_JFFS2
  if (as_image) return fs::jffs2::reason(error);
#endif
  (void)as_image;
  return error.message();
}

/// A directory or file of the host, or a JFFS2 image (`as_image`). Takes the descriptor over.
Result<Ref<vfs::FileSystem>> open_file_system(Sources::Source& source, bool as_image, bool writable,
                                              mm::MemoryManager& memory) {
#ifndef QUIRE_WITHOUT_JFFS2
  if (as_image) {
    fs::jffs2::Options o;
    o.read_only = !writable;
    // The library opens the file a second time; the descriptor is closed with the sources.
    return Ref<vfs::FileSystem>(
        TRY(fs::jffs2::Jffs2::open(fmt::format("/proc/self/fd/{}", source.fd), memory, o)));
  }
#endif
  (void)as_image;
  int fd = std::exchange(source.fd, -1);
  return Ref<vfs::FileSystem>(TRY(fs::host::HostFileSystem::create(fd, memory, {.writable = writable})));
}

/// True for a regular file that begins as a JFFS2 does: a node's magic in either byte order.
bool looks_like_image(const Sources::Source& source) {
#ifndef QUIRE_WITHOUT_JFFS2
  if (source.directory) return false;
  struct stat st;
  if (::fstat(source.fd, &st) != 0 || !S_ISREG(st.st_mode)) return false;
  int fd = ::open(fmt::format("/proc/self/fd/{}", source.fd).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  unsigned char magic[2] = {};
  bool image = ::pread(fd, magic, 2, 0) == 2 &&
               ((magic[0] == 0x85 && magic[1] == 0x19) || (magic[0] == 0x19 && magic[1] == 0x85));
  ::close(fd);
  return image;
#else
  (void)source;
  return false;
#endif
}

}  // namespace

Sources::Sources(Sources&& o) noexcept : root(o.root), volumes(std::move(o.volumes)), writes(o.writes) {
  o.root.fd = -1;
  o.volumes.clear();
}

Sources::~Sources() {
  if (root.fd >= 0) ::close(root.fd);
  for (Source& s : volumes)
    if (s.fd >= 0) ::close(s.fd);
}

std::expected<Sources, std::string> open_sources(const RunOptions& options) {
  Sources sources;
  auto root = open_source(options.root, "root");
  if (!root) return Failed(root.error());
  sources.root = *root;
#ifndef QUIRE_WITHOUT_JFFS2
  struct stat st;
  bool image = ::fstat(sources.root.fd, &st) == 0 && S_ISREG(st.st_mode);
#else
  bool image = false;
#endif
  if (!sources.root.directory && !image)
    return Failed(fmt::format("root '{}' is not a directory", options.root));
  sources.writes = options.writable_root;
  for (const Volume& v : options.volumes) {
    auto source = open_source(v.host, "volume");
    if (!source) return Failed(source.error());
    sources.volumes.push_back(*source);
    sources.writes |= !v.read_only;
  }
  return sources;
}

std::expected<FileTree, std::string> build_file_tree(const RunOptions& options, Sources& sources,
                                                     mm::MemoryManager& memory, task::Kernel& kernel) {
  auto failed = [](const std::string& what, Errno e) {
    return Failed(fmt::format("{}: {}", what, e.message()));
  };

  auto lower = open_file_system(sources.root, !sources.root.directory, options.writable_root, memory);
  if (!lower)
    return Failed(fmt::format("root '{}': {}", options.root, reason(lower.error(), !sources.root.directory)));
  Ref<vfs::FileSystem> root = *lower;
  if (!options.writable_root) {
    auto upper = new_tmpfs(memory, 0755);
    if (!upper) return failed("the root's overlay", upper.error());
    auto overlay = fs::overlay::Overlay::create(root, *upper);
    if (!overlay) return failed("the root's overlay", overlay.error());
    root = *overlay;
  }
  auto mount = vfs::MountTable::make_root(root, 0, options.writable_root ? options.root : "overlay");
  if (!mount) return failed("mounting the root", mount.error());
  FileTree tree{vfs::Path{*mount, (*mount)->root()}};

  auto god = make_ref<vfs::Credentials>();
  god->cap_effective = ~u64{0};
  vfs::Lookup at{tree.root, tree.root, *god, 0};

  if (auto provided = provide_services(memory, kernel); !provided)
    return failed("file systems", provided.error());
  // In an image that is written the places for /proc and the others stay; a directory of the host gets none.
  const bool make_places = !options.writable_root || !sources.root.directory;
  if (auto own = mount_system(at, memory, kernel, options.memory.value_or(0), make_places); !own)
    return failed("mounting /proc, /sys, /dev and /run", own.error());

  for (std::size_t i = 0; i < options.volumes.size(); ++i) {
    const Volume& v = options.volumes[i];
    Sources::Source& s = sources.volumes[i];
    bool image = looks_like_image(s);
    auto target = make_target(at, v.guest, s.directory || image);
    if (!target) return failed(fmt::format("volume target '{}'", v.guest), target.error());
    auto shown = open_file_system(s, image, !v.read_only, memory);
    if (!shown) return Failed(fmt::format("volume '{}': {}", v.host, reason(shown.error(), image)));
    u64 flags = v.read_only ? 1 : 0;
    auto mounted = vfs::MountTable::instance().mount(*target, *shown, flags, v.host);
    if (!mounted) return failed(fmt::format("volume target '{}'", v.guest), mounted.error());
    (*mounted)->lock();
  }
  return tree;
}

}  // namespace quire::cli
