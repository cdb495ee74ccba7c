// jffs2 mkfs
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/progress.h"
#include "jffs2/tool/commands.h"
#include "jffs2/tool/json.h"
#include "jffs2/tool/output_file.h"
#include "jffs2/tool/printable.h"
#include "jffs2/tool/terminal.h"

namespace quire::jffs2 {

namespace {

Status add_source(SourceTree& tree, const std::string& path, bool xattrs) {
  struct stat st{};
  if (path != "-" && ::stat(path.c_str(), &st) != 0) return fail(path, Errno::last());
  if (path != "-" && S_ISDIR(st.st_mode)) return add_directory(tree, path, xattrs);
  return add_archive(tree, path);
}

Outcome<MkfsReport> make(const MkfsCommand& command) {
  SourceTree tree;
  for (const std::string& source : command.sources)
    CHECK_VOID(add_source(tree, source, command.options.xattrs));
  for (const std::string& table : command.device_tables) CHECK_VOID(add_device_table(tree, table));
  u64 total = 0;
  for (const SourceInode& inode : tree.inodes)
    if (inode.content) total += inode.content->size();
  OutputFile out = CHECK(OutputFile::create(command.image));
  Progress progress("compressing", total);
  MkfsReport report = CHECK(make_image(
      tree, command.options, [&](std::span<const u8> bytes) { return out.write(bytes); },
      [&](u64 bytes) { progress.advance(bytes); }));
  CHECK_VOID(out.commit());
  return report;
}

}  // namespace

int run_mkfs(const MkfsCommand& command) {
  auto report = make(command);
  if (!report) return complain(report.error());
  constexpr std::size_t kShown = 20;
  for (std::size_t i = 0; i < report->warnings.size() && i < kShown; i++)
    warn(printable(report->warnings[i]));
  if (report->warnings.size() > kShown)
    warn(fmt::format("... and {} more warnings", report->warnings.size() - kShown));
  // The image may itself be on standard output.
  if (command.image == "-") return kSuccess;
  if (command.json) {
    Json all;
    all["files"] = report->files;
    all["file_bytes"] = report->file_bytes;
    all["image_bytes"] = report->image_bytes;
    all["nodes"] = report->nodes;
    all["warnings"] = report->warnings;
    fmt::print("{}\n", json_text(all));
  } else if (command.verbose) {
    fmt::print("{}: {} files, {} in {} nodes, image {}\n", printable(command.image), report->files,
               human_size(report->file_bytes), report->nodes, human_size(report->image_bytes));
  }
  return kSuccess;
}

}  // namespace quire::jffs2
