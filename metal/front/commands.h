// Where compile commands come from.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "metal/front/extract.h"

namespace quire::metal {

/// The commands of BUILD_DIR/compile_commands.json (or of the file itself). C, C++ only; one a file.
std::expected<std::vector<CompileCommand>, ExtractError> read_compile_commands(const std::string& path);

/// The commands of a configured kernel tree: those with which its object files were made, and what `make -n
/// V=1` would run besides. Nothing is compiled. `make_arguments` are passed on ("LLVM=-19", "drivers/net/").
/// A compiler other than the one that the tree is configured for is an error, since make would configure it
/// anew.
std::expected<std::vector<CompileCommand>, ExtractError> read_kbuild(
    const std::string& directory, const std::vector<std::string>& make_arguments);

/// Sorts by path; of several commands for one file the first stays.
void sort_and_drop_doubles(std::vector<CompileCommand>& commands);

/// Splits a shell command line ("gcc -DX='a b' -c f.c") and makes a command of it if it compiles one C or C++
/// file; otherwise an empty `file`.
CompileCommand parse_command_line(const std::string& directory, std::string_view line);
/// The same from words.
CompileCommand parse_command_words(const std::string& directory, const std::vector<std::string>& words);

/// `metal extract FILE -- FLAGS -o OUT`: exit status 0, 2 wrong use, 3 the file could not be read.
int extract_main(int argc, char** argv);
/// `metal cc COMPILER ARGS...`: runs the compiler as asked, and beside it stores the function file in the
/// cache named by METAL_CACHE, if set, and the command in METAL_COMMANDS (default: ./compile_commands.json),
/// so that `metal check -p .` can follow. Exit status is the compiler's.
int cc_main(int argc, char** argv);

}  // namespace quire::metal
