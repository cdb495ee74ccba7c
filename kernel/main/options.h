// The command line of `quire`, in the style of docker and podman run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "kernel/mm/memory_manager.h"

namespace quire::cli {

/// One -v HOST:GUEST[:ro]. HOST may be a directory, a file, or a JFFS2 image.
struct Volume {
  std::string host;
  std::string guest;
  bool read_only = false;
};

struct RunOptions {
  std::string root = "/";      // directory or JFFS2 image
  bool writable_root = false;  // --rw
  std::vector<Volume> volumes;
  std::vector<std::string> environment;  // NAME=VALUE, or NAME to take the caller's
  std::vector<std::string> env_files;
  bool clear_environment = false;
  std::optional<std::string> working_directory;
  std::optional<std::string> user;  // UID[:GID] or NAME[:GROUP]
  std::optional<std::string> hostname;
  std::optional<u64> memory;  // bytes
  unsigned pids_limit = 0;    // 0: the default
  enum class Net { none, host } net = Net::none;
  bool tty = false;
  bool interactive = false;
  bool stats = false;
  std::string stats_format = "text";
  bool strace = false;
  std::string strace_output;  // empty: standard error
  bool patch = true;
  std::string memory_file = "auto";
  mm::Policy policy;
  std::vector<std::string> command;  // program and arguments
};

struct Parsed {
  enum class What { run, version_or_help, syscalls, mem, usage_error } what = What::usage_error;
  RunOptions run;
  int mem_pid = 0;      // quire mem
  std::string mem_svg;  // file to draw to; empty: text
  std::string message;  // help text, version, or the error in one line
};

/// Parses argv. Never exits and never throws: errors come back as usage_error with one line of text.
Parsed parse(int argc, char** argv);

/// "512m", "2g", "65536", "1.5G" -> bytes; empty if it is not a size.
std::optional<u64> parse_size(const std::string& text);

}  // namespace quire::cli
