// jffs2 extract
#include <fmt/format.h>

#include "jffs2/tool/commands.h"
#include "jffs2/tool/extract_run.h"

namespace quire::jffs2 {

int run_extract(const ExtractCommand& command) {
  auto opened = Opened::open(command.input);
  if (!opened) return complain(opened.error());
  auto system = (*opened)->only_system();
  if (!system) return complain(system.error());
  Json report;
  ExtractRun how{.force = command.force, .verbose = command.verbose};
  if (command.json) how.report = &report;
  int status = extract_system(**opened, **system, command.directory, how);
  if (command.json && status != kFailure) fmt::print("{}\n", json_text(report));
  return status;
}

}  // namespace quire::jffs2
