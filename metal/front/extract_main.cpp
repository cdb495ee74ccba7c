#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "metal/front/commands.h"
#include "metal/front/files.h"

namespace quire::metal {

namespace {

constexpr const char* kUsage =
    "usage: metal extract FILE [-o OUT] [--dump] [-- COMPILER OPTIONS]\n"
    "\n"
    "Parses one C or C++ file and writes its function file to OUT (default: FILE.qmf in the current\n"
    "directory). An -o among the compiler options is taken for OUT when there is none before them.\n"
    "  --dump    print the function file as text instead\n";

struct Wish {
  CompileCommand command;
  std::string out;
  bool dump = false;
  bool help = false;
};

bool parse(int argc, char** argv, Wish& wish, std::string& why) {
  bool flags = false;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "-o" && (wish.out.empty() || !flags)) {
      if (i + 1 >= argc) {
        why = "-o needs a file name";
        return false;
      }
      wish.out = argv[++i];
    } else if (flags) {
      wish.command.arguments.push_back(arg);
    } else if (arg == "--") {
      flags = true;
    } else if (arg == "--dump") {
      wish.dump = true;
    } else if (arg == "--help" || arg == "-h") {
      wish.help = true;
    } else if (!arg.empty() && arg[0] == '-') {
      why = "unknown option " + arg + " (compiler options go after --)";
      return false;
    } else if (!wish.command.file.empty()) {
      why = "more than one file: " + wish.command.file + " and " + arg;
      return false;
    } else {
      wish.command.file = arg;
    }
  }
  if (wish.command.file.empty() && !wish.help) {
    why = "no file is named";
    return false;
  }
  return true;
}

}  // namespace

int extract_main(int argc, char** argv) {
  Wish wish;
  std::string why;
  if (!parse(argc, argv, wish, why)) {
    fmt::print(stderr, "metal extract: {}\n{}", why, kUsage);
    return 2;
  }
  if (wish.help) {
    fmt::print("{}", kUsage);
    return 0;
  }
  std::error_code ec;
  wish.command.directory = std::filesystem::current_path(ec).string();
  Symbols symbols;
  const auto unit = extract(wish.command, symbols);
  if (!unit) {
    fmt::print(stderr, "metal extract: {}\n", unit.error().what);
    return 3;
  }
  for (const UnitDiagnostic& d : unit->diagnostics)
    fmt::print(stderr, "{}:{}:{}: error: {}\n", d.file, d.line, d.column, d.text);
  if (wish.dump) {
    fmt::print("{}", dump(*unit));
    return 0;
  }
  if (wish.out.empty()) wish.out = std::filesystem::path(wish.command.file).filename().string() + ".qmf";
  if (const auto written = write_file_atomically(wish.out, encode(*unit)); !written) {
    fmt::print(stderr, "metal extract: {}: {}\n", wish.out, written.error().message());
    return 3;
  }
  return 0;
}

}  // namespace quire::metal
