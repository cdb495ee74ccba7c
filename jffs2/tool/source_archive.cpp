// Gathers a SourceTree from a tar archive, by libarchive.
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "jffs2/tool/source.h"

namespace quire::jffs2 {

namespace {

// JFFS2 offsets are 32 bits, so nothing larger can go into an image anyway.
constexpr u64 max_archive_bytes = u64{4} << 30;

class MemoryContent final : public SourceContent {
 public:
  explicit MemoryContent(std::string bytes) : bytes_(std::move(bytes)) {}
  u64 size() const override { return bytes_.size(); }
  Result<> read(u64 offset, char* out, std::size_t n) const override {
    if (offset > bytes_.size() || n > bytes_.size() - offset) return err(EIO);
    std::memcpy(out, bytes_.data() + offset, n);
    return {};
  }

 private:
  std::string bytes_;
};

struct ArchiveCloser {
  void operator()(archive* a) const { archive_read_free(a); }
};

// Appends the entry's data; a sparse archive names each piece's offset.
Status read_data(archive* a, const std::string& name, u64& budget, std::string& bytes) {
  while (true) {
    const void* piece = nullptr;
    std::size_t n = 0;
    la_int64_t offset = 0;
    int status = archive_read_data_block(a, &piece, &n, &offset);
    if (status == ARCHIVE_EOF) return {};
    if (status < ARCHIVE_WARN) return fail(fmt::format("{}: {}", name, archive_error_string(a)));
    u64 end = static_cast<u64>(offset) + n;
    if (offset < 0 || end > budget) return fail("the archive is larger than an image can be");
    if (end > bytes.size()) bytes.resize(end);
    std::memcpy(bytes.data() + offset, piece, n);
  }
}

SourceInode inode_of(archive_entry* entry) {
  SourceInode inode;
  inode.mode = archive_entry_mode(entry);
  inode.uid = static_cast<u32>(archive_entry_uid(entry));
  inode.gid = static_cast<u32>(archive_entry_gid(entry));
  inode.mtime = archive_entry_mtime(entry);
  inode.atime = archive_entry_atime_is_set(entry) != 0 ? archive_entry_atime(entry) : inode.mtime;
  inode.ctime = archive_entry_ctime_is_set(entry) != 0 ? archive_entry_ctime(entry) : inode.mtime;
  if (S_ISCHR(inode.mode) || S_ISBLK(inode.mode)) {
    inode.device_major = static_cast<u32>(archive_entry_rdevmajor(entry));
    inode.device_minor = static_cast<u32>(archive_entry_rdevminor(entry));
  }
  if (const char* target = archive_entry_symlink(entry); target != nullptr) inode.target = target;
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
    inode.xattrs[name] = std::string(static_cast<const char*>(value), size);
  return inode;
}

}  // namespace

Status add_archive(SourceTree& tree, const std::string& path) {
  std::unique_ptr<archive, ArchiveCloser> a(archive_read_new());
  archive_read_support_format_tar(a.get());
  archive_read_support_filter_all(a.get());
  const char* file = path == "-" ? nullptr : path.c_str();
  if (archive_read_open_filename(a.get(), file, 1 << 16) != ARCHIVE_OK)
    return fail(fmt::format("{}: {}", path, archive_error_string(a.get())));
  u64 budget = max_archive_bytes;
  while (true) {
    archive_entry* entry = nullptr;
    int status = archive_read_next_header(a.get(), &entry);
    if (status == ARCHIVE_EOF) return {};
    if (status < ARCHIVE_WARN) return fail(fmt::format("{}: {}", path, archive_error_string(a.get())));
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr) return fail(fmt::format("{}: an entry has no name", path));
    std::string name = raw;
    if (const char* other = archive_entry_hardlink(entry); other != nullptr) {
      if (auto linked = tree.link(other, name); !linked) return fail(path + ": " + linked.error().message);
      continue;
    }
    SourceInode inode = inode_of(entry);
    if (S_ISREG(inode.mode)) {
      std::string bytes;
      CHECK_VOID(read_data(a.get(), name, budget, bytes));
      // A sparse file may end in a hole, of which read_data saw nothing.
      u64 size =
          std::max<u64>(bytes.size(), static_cast<u64>(std::max<la_int64_t>(archive_entry_size(entry), 0)));
      if (size > budget) return fail("the archive is larger than an image can be");
      bytes.resize(size);
      budget -= size;
      inode.content = std::make_shared<MemoryContent>(std::move(bytes));
    }
    if (auto put = tree.put(name, std::move(inode)); !put) return fail(path + ": " + put.error().message);
  }
}

}  // namespace quire::jffs2
