// Answers the kernel's FUSE requests from a FileSystem.
#pragma once

#include <string>

#include "jffs2/fs/file_system.h"
#include "jffs2/tool/failure.h"

struct fuse_session;

namespace quire::jffs2 {

struct FuseOptions {
  std::string mountpoint;
  std::string source;  ///< what mount(8) shows as the device
  bool read_only = false;
  bool allow_other = false;
};

/// A mounted bridge: requests are served by run(), until the mount is gone or a signal ends it.
class FuseBridge {
 public:
  /// Mounts on the host. The file system must outlive the bridge.
  static Outcome<FuseBridge> mount(FileSystem& fs, const FuseOptions& options);
  ~FuseBridge();
  FuseBridge(FuseBridge&& other) noexcept;
  FuseBridge& operator=(FuseBridge&&) = delete;

  /// Serves on several threads. Returns after umount or SIGINT, SIGTERM, SIGHUP.
  Status run();

 private:
  explicit FuseBridge(fuse_session* session) : session_(session) {}

  fuse_session* session_;
};

}  // namespace quire::jffs2
