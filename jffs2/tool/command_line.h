// The `jffs2` command line.
#pragma once

namespace quire::jffs2 {

/// Parses, runs, and returns the exit status.
int command_line(int argc, char** argv);

}  // namespace quire::jffs2
