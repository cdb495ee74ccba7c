// jffs2 recover
#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>

#include "jffs2/tool/commands.h"
#include "jffs2/tool/extract_run.h"
#include "jffs2/tool/json.h"
#include "jffs2/tool/printable.h"
#include "jffs2/tool/terminal.h"

namespace quire::jffs2 {

namespace {

Json system_json(const Opened& opened, const FoundSystem& s) {
  Tree tree(opened.bytes(), s.nodes, s.order);
  u64 begin = opened.file_offset(s.begin);
  return {{"offset", begin},
          {"size", opened.file_offset(s.end) - begin},
          {"byte_order", s.order == ByteOrder::little ? "little" : "big"},
          {"erase_size", s.erase_size != 0 ? Json(s.erase_size) : Json(nullptr)},
          {"nodes", s.nodes.size()},
          {"damaged_nodes", s.damaged_nodes()},
          {"files", tree.size()},
          {"unnamed_files", tree.orphans().size()},
          {"leftover", s.leftover}};
}

void print_found(const Opened& opened) {
  const PageLayout& layout = opened.survey().layout;
  if (layout.page != 0)
    fmt::print("NAND dump: pages of {} bytes with {} spare bytes each\n", layout.page, layout.spare);
  for (const FoundSystem& s : opened.survey().systems) {
    Tree tree(opened.bytes(), s.nodes, s.order);
    fmt::print("{}\n  {} files, {} of them without a name\n", colour(Colour::green, describe(opened, s)),
               tree.size(), tree.orphans().size());
  }
}

}  // namespace

int run_recover(const RecoverCommand& command) {
  auto opened = Opened::open(command.input);
  if (!opened) return complain(opened.error());
  const std::vector<FoundSystem>& systems = (*opened)->survey().systems;
  JsonLines lines(command.json);
  if (!command.json) print_found(**opened);
  if (systems.empty()) return complain({command.input.path + ": no JFFS2 file system found"});
  // Several: a directory each, named by where they were.
  const bool several = systems.size() > 1;
  if (!command.directory.empty() && several && ::mkdir(command.directory.c_str(), 0777) != 0 &&
      errno != EEXIST)
    return complain({command.directory + ": " + Errno::last().message()});
  int status = kSuccess;
  for (const FoundSystem& s : systems) {
    Json line = command.json ? system_json(**opened, s) : Json();
    if (!command.directory.empty()) {
      std::string directory = command.directory;
      if (several)
        directory += fmt::format("/{:#x}-{}{}", (*opened)->file_offset(s.begin),
                                 s.order == ByteOrder::little ? "le" : "be", s.leftover ? "-leftover" : "");
      Json report;
      ExtractRun how{.force = command.force, .verbose = command.verbose, .orphans = true};
      if (command.json) how.report = &report;
      int done = extract_system(**opened, s, directory, how);
      if (done != kFailure && command.json) line["extracted"] = std::move(report);
      status = std::max(status, done);
    }
    if (command.json) lines.add(line);
  }
  return status;
}

}  // namespace quire::jffs2
