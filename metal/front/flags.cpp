#include "metal/front/flags.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace quire::metal {

namespace {

bool starts(std::string_view s, std::string_view prefix) { return s.starts_with(prefix); }

/// Options that only say where output goes or that take no part in what the source means; their separate
/// value too.
constexpr std::array kOutputWithValue = {"-o",        "-MF",      "-MT",       "-MQ",
                                         "-dumpbase", "-dumpdir", "-aux-info", "--serialize-diagnostics"};
constexpr std::array kOutput = {"-c",  "-S",  "-E",    "-M",          "-MM", "-MD", "-MMD",
                                "-MP", "-MG", "-pipe", "-save-temps", "-v",  "-P"};

/// Options that GCC has and Clang does not. By their beginnings; gathered from the makefiles of the kernel,
/// glibc and others that are built by GCC.
constexpr std::array kGccOnly = {"-fconserve-stack",
                                 "-fno-conserve-stack",
                                 "-fno-tree-",
                                 "-ftree-",
                                 "-fno-ipa-",
                                 "-fipa-",
                                 "-fno-var-tracking",
                                 "-fvar-tracking",
                                 "-fno-guess-",
                                 "-fno-reorder-",
                                 "-freorder-",
                                 "-fno-code-hoisting",
                                 "-fno-gcse",
                                 "-fgcse",
                                 "-fno-crossjumping",
                                 "-fno-cse-",
                                 "-fno-partial-inlining",
                                 "-fplugin",
                                 "-fno-allow-store-data-races",
                                 "-fallow-store-data-races",
                                 "--param",
                                 "-fmerge-constants",
                                 "-fno-merge-",
                                 "-fno-optimize-",
                                 "-fno-schedule-",
                                 "-fno-strength-reduce",
                                 "-falign-jumps",
                                 "-falign-loops",
                                 "-malign-",
                                 "-mpreferred-stack-boundary",
                                 "-mskip-rax-setup",
                                 "-mno-fp-ret-in-387",
                                 "-maccumulate-outgoing-args",
                                 "-mno-accumulate",
                                 "-mindirect-branch",
                                 "-mfunction-return",
                                 "-mrecord-mcount",
                                 "-fmin-function-alignment",
                                 "-fzero-call-used-regs",
                                 "-fno-stack-clash",
                                 "-fstack-clash",
                                 "-fno-semantic-",
                                 "-mharden-sls",
                                 "-fno-ivopts",
                                 "-fno-shrink-wrap",
                                 "-fno-toplevel-reorder",
                                 "-fno-lifetime-dse",
                                 "-fno-default-inline",
                                 "-fdiagnostics-",
                                 "-fno-thread-jumps",
                                 "-fno-forward-propagate",
                                 "-fno-caller-saves",
                                 "-flive-patching",
                                 "-femit-struct-debug",
                                 "-fno-canonical-system-headers",
                                 "-fno-printf-return-value",
                                 "-fno-dce",
                                 "-fno-dse",
                                 "-fno-if-conversion",
                                 "-mno-red-zone-gcc",
                                 "-specs",
                                 "-fmax-errors",
                                 "-fno-stack-limit",
                                 "-fno-isolate-",
                                 "-fno-inline-functions-called-once",
                                 "-fstrict-volatile-bitfields"};

/// Options that change code or speed only, known to both, and profiling and sanitizing, which the source may
/// test for.
constexpr std::array kCodeOnly = {"-g",
                                  "-flto",
                                  "-fno-lto",
                                  "-fprofile",
                                  "-ftest-coverage",
                                  "--coverage",
                                  "-fpatchable-function",
                                  "-fsanitize",
                                  "-fno-sanitize",
                                  "-mretpoline",
                                  "-fcf-protection",
                                  "-pg",
                                  "-mfentry",
                                  "-mnop-mcount",
                                  "-mstack-",
                                  "-fstack-protector",
                                  "-fno-stack-protector",
                                  "-ffunction-sections",
                                  "-fdata-sections"};

template <std::size_t N>
bool any_prefix(const std::array<const char*, N>& list, std::string_view arg) {
  return std::any_of(list.begin(), list.end(), [&](const char* p) { return starts(arg, p); });
}

}  // namespace

bool is_cxx_file(const std::string& name) {
  const auto dot = name.rfind('.');
  if (dot == std::string::npos) return false;
  const std::string_view ext = std::string_view(name).substr(dot);
  return ext == ".cc" || ext == ".cpp" || ext == ".cxx" || ext == ".C" || ext == ".c++" || ext == ".CPP";
}

bool is_source_file(const std::string& name) {
  return is_cxx_file(name) || name.ends_with(".c") || name.ends_with(".i");
}

ClangFlags to_clang_flags(const std::vector<std::string>& arguments) {
  ClangFlags result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& arg = arguments[i];
    if (std::find(kOutputWithValue.begin(), kOutputWithValue.end(), arg) != kOutputWithValue.end()) {
      ++i;
      continue;
    }
    if (std::find(kOutput.begin(), kOutput.end(), arg) != kOutput.end() || starts(arg, "-Wp,-M") ||
        starts(arg, "-save-temps") || (starts(arg, "-o") && arg.size() > 2) || starts(arg, "-MF") ||
        starts(arg, "-MT"))
      continue;
    if (arg == "-Wa" || starts(arg, "-Wa,") || starts(arg, "-Wl,")) continue;
    if (starts(arg, "-Wp,")) {
      // -Wp,-DX,-DY: pass the pieces on.
      for (std::size_t at = 4; at < arg.size();) {
        const std::size_t comma = std::min(arg.find(',', at), arg.size());
        const std::string piece = arg.substr(at, comma - at);
        if (starts(piece, "-D") || starts(piece, "-U") || starts(piece, "-I"))
          result.arguments.push_back(piece);
        at = comma + 1;
      }
      continue;
    }
    if (starts(arg, "-W") || arg == "-w" || starts(arg, "-pedantic")) continue;
    if (arg == "--param") {
      ++result.dropped;
      ++i;
      continue;
    }
    if (any_prefix(kGccOnly, arg) || any_prefix(kCodeOnly, arg)) {
      if (!starts(arg, "-g")) ++result.dropped;
      continue;
    }
    if (starts(arg, "-march=") || starts(arg, "-mtune=") || starts(arg, "-mcpu=") || arg == "-m486") {
      // Processor names come and go between compilers; builds that need one for its macros are rare.
      if (arg == "-march=native") continue;
      if (starts(arg, "-mtune=") || arg == "-m486" || arg == "-march=i386" || starts(arg, "-mcpu=")) continue;
    }
    if (arg == "-std=gnu89" || arg == "-std=gnu90" || arg == "-std=c89" || arg == "-std=c90" ||
        arg == "-ansi")
      result.gnu89 = true;
    result.arguments.push_back(arg);
  }
  return result;
}

}  // namespace quire::metal
