#include "jffs2/tool/extract_run.h"

#include <fmt/format.h>

#include "base/progress.h"
#include "jffs2/tool/commands.h"
#include "jffs2/tool/extractor.h"
#include "jffs2/tool/printable.h"
#include "jffs2/tool/terminal.h"

namespace quire::jffs2 {

int extract_system(const Opened& opened, const FoundSystem& system, const std::string& directory,
                   const ExtractRun& how) {
  Tree tree(opened.bytes(), system.nodes, system.order);
  u64 total = 0;
  tree.for_each([&](Ino, const TreeInode& inode) {
    if (inode.known && inode.is_file()) total += inode.meta.isize;
  });
  Progress progress("extracting", total);
  constexpr u64 kShown = 20;
  u64 problems = 0;
  ExtractOptions options;
  options.force = how.force;
  options.orphans = how.orphans;
  options.on_bytes = [&](u64 n) { progress.advance(n); };
  Json told = Json::array();
  options.on_problem = [&](const std::string& message) {
    problems++;
    if (how.report != nullptr)
      told.push_back(message);
    else if (problems <= kShown || how.verbose)
      warn(message);
  };
  if (how.verbose && how.report == nullptr)
    options.on_file = [](const std::string& path) { fmt::print("{}\n", printable(path)); };
  auto report = extract_tree(tree, directory, options);
  progress.finish();
  if (!report) return complain(report.error());
  if (how.report != nullptr) {
    Json& all = *how.report;
    set_bytes(all, "directory", directory);
    all["entries"] = report->entries;
    all["bytes"] = report->bytes;
    all["left_to_root"] = report->left_to_root;
    all["problems"] = std::move(told);
    return report->problems == 0 ? kSuccess : kProblems;
  }
  if (problems > kShown && !how.verbose)
    warn(fmt::format("... and {} more (--verbose shows them)", problems - kShown));
  if (report->left_to_root != 0)
    warn(fmt::format("{} device nodes or attributes were left out: only root may make them",
                     report->left_to_root));
  fmt::print("{}: {} entries, {}\n", printable(directory), report->entries, human_size(report->bytes));
  return report->problems == 0 ? kSuccess : kProblems;
}

}  // namespace quire::jffs2
