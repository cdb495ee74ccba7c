// How the files of a Linux tree are compiled, without compiling any.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "metal/front/commands.h"
#include "metal/front/files.h"

namespace quire::metal {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kCommandFileEnd = ".o.cmd";

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// The value of `NAME=value` among the arguments (the last counts, as for make), else in the environment.
std::string variable(const std::vector<std::string>& arguments, const std::string& name) {
  for (auto it = arguments.rbegin(); it != arguments.rend(); ++it)
    if (it->starts_with(name + "=")) return it->substr(name.size() + 1);
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

/// What the kernel's Makefile takes for its compiler.
std::string compiler(const std::vector<std::string>& arguments) {
  for (auto it = arguments.rbegin(); it != arguments.rend(); ++it)
    if (it->starts_with("CC=")) return it->substr(3);
  const std::string llvm = variable(arguments, "LLVM");
  if (llvm.empty()) return variable(arguments, "CROSS_COMPILE") + "gcc";
  if (llvm.ends_with('/')) return llvm + "clang";
  return llvm.starts_with('-') ? "clang" + llvm : "clang";
}

std::string version_line(const std::string& compiler) {
  std::string line = first_line(output_of({"sh", "-c", "LC_ALL=C " + compiler + " --version"}).value_or(""));
  std::erase(line, '#');  // as the kernel's Makefile does
  return line;
}

/// A value of the configuration without its quotes; empty when there is none.
std::string configured(const std::string& config, const std::string& name) {
  const std::string key = "\n" + name + "=";
  const std::size_t at = config.find(key);
  if (at == std::string::npos) return {};
  std::string value = first_line(config.substr(at + key.size()));
  std::erase(value, '"');
  return value;
}

/// Adds the compiler that the tree is configured for, when the arguments name none. Make itself configures a
/// tree anew for another compiler, even when it is only asked what it would do: that is refused.
std::expected<void, ExtractError> settle_compiler(const std::string& top,
                                                  std::vector<std::string>& arguments) {
  const std::string config = "\n" + read_file(top + "/.config").value_or("");
  const std::string wanted = configured(config, "CONFIG_CC_VERSION_TEXT");
  if (wanted.empty()) return {};  // an old kernel's configuration does not depend on it
  const bool named = std::any_of(arguments.begin(), arguments.end(), [](const std::string& a) {
    return a.starts_with("CC=") || a.starts_with("LLVM=");
  });
  if (!named && variable(arguments, "LLVM").empty() && configured(config, "CONFIG_CC_IS_CLANG") == "y") {
    const std::string version = configured(config, "CONFIG_CLANG_VERSION");  // 190107
    const std::string suffix = version.size() > 4 ? "-" + version.substr(0, version.size() - 4) : "";
    arguments.push_back(version_line("clang" + suffix) == wanted ? "LLVM=" + suffix : "LLVM=1");
    if (arguments.back() == "LLVM=") arguments.back() += "1";
  }
  const std::string cc = compiler(arguments);
  if (const std::string found = version_line(cc); found != wanted)
    return std::unexpected(
        ExtractError{fmt::format("{}: configured for '{}', and '{}' is {}; name that compiler with "
                                 "--kbuild-arg CC=... or LLVM=..., or "
                                 "configure the tree for this one",
                                 top, wanted, cc, found.empty() ? "not there" : "'" + found + "'")});
  return {};
}

/// Kbuild keeps the command of each object file beside it: `savedcmd_fs/dcache.o := gcc ... -c -o ...`, with
/// make's own escapes.
CompileCommand saved_command(const std::string& top, const std::string& file) {
  std::string line = first_line(read_file(file).value_or(""));
  const std::size_t at = line.find(" := ");
  if (at == std::string::npos || (!line.starts_with("cmd_") && !line.starts_with("savedcmd_"))) return {};
  line.erase(0, at + 4);
  for (auto [from, to] : {std::pair("$(pound)", "#"), std::pair("$$", "$")})
    for (std::size_t i = 0; (i = line.find(from, i)) != std::string::npos; ++i)
      line.replace(i, std::string_view(from).size(), to);
  CompileCommand command = parse_command_line(top, line);
  std::error_code ec;
  if (!command.file.empty() && !fs::exists(fs::path(top) / command.file, ec)) return {};  // of an old version
  return command;
}

/// Programs of the build itself (scripts/, tools/) are no part of the kernel.
bool of_kernel(const CompileCommand& c) {
  return !c.file.empty() &&
         std::find(c.arguments.begin(), c.arguments.end(), "-D__KERNEL__") != c.arguments.end();
}

}  // namespace

std::expected<std::vector<CompileCommand>, ExtractError> read_kbuild(
    const std::string& directory, const std::vector<std::string>& make_arguments) {
  std::error_code ec;
  std::string top = fs::absolute(directory, ec).lexically_normal().string();
  while (top.size() > 1 && top.ends_with('/')) top.pop_back();
  if (!fs::exists(top + "/Kbuild", ec))
    return std::unexpected(ExtractError{top + ": not the top of a kernel tree"});
  if (!fs::exists(top + "/include/generated/autoconf.h", ec))
    return std::unexpected(
        ExtractError{top + ": not configured; run 'make defconfig prepare modules_prepare' there first"});
  std::vector<std::string> arguments = make_arguments;
  if (auto settled = settle_compiler(top, arguments); !settled) return std::unexpected(settled.error());
  // -k: without object files the links at the end cannot be planned, and that does not matter.
  std::vector<std::string> make = {"make", "-C", top, "--no-print-directory", "-n", "-k", "V=1"};
  make.push_back(fmt::format("-j{}", std::max(1u, std::thread::hardware_concurrency())));
  make.emplace_back("--output-sync=recurse");
  make.insert(make.end(), arguments.begin(), arguments.end());
  const auto text = output_of(make);
  if (!text) return std::unexpected(ExtractError{std::string("make: ") + text.error().message()});
  std::vector<CompileCommand> commands;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string_view line = std::string_view(*text).substr(at, end - at);
    at = end + 1;
    if (line.find(" -c ") == std::string_view::npos || line.find(".c") == std::string_view::npos) continue;
    if (CompileCommand command = parse_command_line(top, line); of_kernel(command))
      commands.push_back(std::move(command));
  }
  // What is built already make does not tell again.
  for (fs::recursive_directory_iterator it(top, fs::directory_options::skip_permission_denied, ec), end;
       !ec && it != end; it.increment(ec)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with('.') || !name.ends_with(kCommandFileEnd)) continue;
    if (CompileCommand command = saved_command(top, it->path().string()); of_kernel(command))
      commands.push_back(std::move(command));
  }
  if (commands.empty()) return std::unexpected(ExtractError{top + ": make -n printed no compile commands"});
  sort_and_drop_doubles(commands);
  return commands;
}

}  // namespace quire::metal
