// The command's subcommands: what each was asked to do, and the function that does it. Each returns
// the exit status; failures have been printed by then.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jffs2/tool/mkfs.h"
#include "jffs2/tool/open.h"

namespace quire::jffs2 {

/// Exit statuses.
inline constexpr int kSuccess = 0;
inline constexpr int kProblems = 1;  ///< done, but something in the image is damaged or was left out
inline constexpr int kFailure = 2;   ///< not done

struct MkfsCommand {
  std::vector<std::string> sources;  ///< directories and archives, laid over each other
  std::string image;
  std::vector<std::string> device_tables;
  MkfsOptions options;
  bool verbose = false;
  bool json = false;
};
int run_mkfs(const MkfsCommand& command);

struct ListCommand {
  InputOptions input;
  bool names_only = false;
  bool checksums = false;
  bool json = false;
};
int run_list(const ListCommand& command);

struct ExtractCommand {
  InputOptions input;
  std::string directory;
  bool force = false;  ///< into a directory that is not empty, replacing files
  bool verbose = false;
  bool json = false;
};
int run_extract(const ExtractCommand& command);

struct DumpCommand {
  InputOptions input;
  std::optional<u32> ino;
  bool json = false;
};
int run_dump(const DumpCommand& command);

struct CheckCommand {
  InputOptions input;
  std::string repair;  ///< where to write a repaired image; empty: only look
  bool json = false;
};
int run_check(const CheckCommand& command);

struct StatCommand {
  InputOptions input;
  std::string svg;  ///< where to draw the picture; empty: text on the terminal
  bool json = false;
};
int run_stat(const StatCommand& command);

struct RecoverCommand {
  InputOptions input;
  std::string directory;  ///< empty: only say what there is
  bool force = false;
  bool verbose = false;
  bool json = false;
};
int run_recover(const RecoverCommand& command);

struct MountCommand {
  InputOptions input;
  std::string mountpoint;
  bool read_only = false;
  bool foreground = false;
  bool allow_other = false;
  u64 size = 0;  ///< make the image at least this large
  bool create = false;
};
int run_mount(const MountCommand& command);

}  // namespace quire::jffs2
