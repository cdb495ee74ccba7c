// What system calls need of concrete file systems, which only the composition knows.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "kernel/vfs/file.h"
#include "kernel/vfs/mount.h"

namespace quire::vfs {

/// mount(2) as a file system sees it.
struct MountRequest {
  std::string source;
  Path source_path;  // what the source names, if anything (an image)
  std::string options;
  u64 flags = 0;  // MS_*
  Ref<const Credentials> credentials;
};

struct Services {
  /// pipe2: the reading and the writing end.
  std::pair<Ref<File>, Ref<File>> (*create_pipe)(int flags, u32 uid, u32 gid) = nullptr;
  /// Makes the inodes of memfd_create.
  Ref<FileSystem> memory_files;
  /// Makes the inodes of memfd_create(MFD_HUGETLB); null: EINVAL.
  Ref<FileSystem> huge_memory_files;
  /// What mount(2) knows, by type.
  std::map<std::string, std::function<Result<Ref<FileSystem>>(const MountRequest&)>> file_system_types;
};

/// Filled in by the composition before the first program runs; read-only after that.
Services& services();

}  // namespace quire::vfs
