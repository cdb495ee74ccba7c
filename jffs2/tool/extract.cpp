// jffs2 extract
#include <fmt/format.h>

#include "base/progress.h"
#include "jffs2/tool/commands.h"
#include "jffs2/tool/extract_run.h"

namespace quire::jffs2 {

int run_extract(const ExtractCommand& command) {
  auto opened = Opened::open(command.input);
  if (!opened) return complain(opened.error());
  auto system = (*opened)->only_system();
  if (!system) return complain(system.error());
  return extract_system(**opened, **system, command.directory,
                        {.force = command.force, .verbose = command.verbose, .orphans = false});
}

}  // namespace quire::jffs2
