#include "kernel/main/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <sstream>

namespace quire::cli {
namespace {

std::optional<Volume> parse_volume(const std::string& text) {
  Volume v;
  std::string rest = text;
  auto ends_with = [&](const char* suffix) {
    std::string s = suffix;
    if (rest.size() <= s.size() || rest.compare(rest.size() - s.size(), s.size(), s) != 0) return false;
    rest.resize(rest.size() - s.size());
    return true;
  };
  if (ends_with(":ro"))
    v.read_only = true;
  else
    ends_with(":rw");
  auto colon = rest.find(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  v.host = rest.substr(0, colon);
  v.guest = rest.substr(colon + 1);
  if (v.guest.empty() || v.guest.front() != '/') return std::nullopt;
  return v;
}

const std::map<std::string, mm::Policy::Lock> lock_names{
    {"mutex", mm::Policy::Lock::mutex}, {"rwsem", mm::Policy::Lock::rwsem}, {"vma", mm::Policy::Lock::vma}};
const std::map<std::string, mm::Policy::Cow> cow_names{{"adaptive", mm::Policy::Cow::adaptive},
                                                       {"page", mm::Policy::Cow::page},
                                                       {"host", mm::Policy::Cow::host_private},
                                                       {"block", mm::Policy::Cow::block}};

/// An option with a value out of a few names.
template <typename T>
void add_choice(CLI::App& app, const char* option, const std::map<std::string, T>& names, T& to,
                const char* what) {
  std::string list;
  for (const auto& [name, value] : names) list += (list.empty() ? "" : ", ") + name;
  app.add_option_function<std::string>(
         option,
         [&names, &to, option, list](const std::string& text) {
           auto it = names.find(text);
           if (it == names.end()) throw CLI::ValidationError(option, "'" + text + "' is none of " + list);
           to = it->second;
         },
         what + (": " + list))
      ->type_name("NAME");
}

bool parse_share(const std::string& text, mm::Policy& policy) {
  if (text == "never") {
    policy.share = mm::Policy::Share::never;
  } else if (text == "always") {
    policy.share = mm::Policy::Share::always;
  } else if (text.starts_with("from-")) {
    char* end = nullptr;
    unsigned long n = std::strtoul(text.c_str() + 5, &end, 10);
    if (end == text.c_str() + 5 || *end != '\0' || n == 0 || n > 1'000'000) return false;
    policy.share = mm::Policy::Share::from_n;
    policy.share_from = static_cast<unsigned>(n);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::optional<u64> parse_size(const std::string& text) {
  char* end = nullptr;
  if (text.empty() || !(std::isdigit(static_cast<unsigned char>(text[0])) || text[0] == '.'))
    return std::nullopt;
  double value = std::strtod(text.c_str(), &end);
  double unit = 1;
  switch (std::tolower(static_cast<unsigned char>(*end))) {
    case 'k':
      unit = 1024;
      break;
    case 'm':
      unit = 1024.0 * 1024;
      break;
    case 'g':
      unit = 1024.0 * 1024 * 1024;
      break;
    case 't':
      unit = 1024.0 * 1024 * 1024 * 1024;
      break;
    case 'b':
    case '\0':
      break;
    default:
      return std::nullopt;
  }
  if (*end != '\0' && end[1] != '\0' &&
      !(std::tolower(static_cast<unsigned char>(end[1])) == 'b' && end[2] == '\0'))
    return std::nullopt;
  double bytes = value * unit;
  if (!std::isfinite(bytes) || bytes < 0 || bytes > 9e18) return std::nullopt;
  return static_cast<u64>(bytes);
}

Parsed parse(int argc, char** argv) {
  Parsed out;
  RunOptions& o = out.run;
  CLI::App app{"Quire: a Linux kernel in user space. Runs unmodified programs in a sandbox.", "quire"};
  app.set_version_flag("--version", "quire " QUIRE_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& e) { return std::string(e.what()); });

  CLI::App* run =
      app.add_subcommand("run", "Run a program in the sandbox: quire run [OPTIONS] [--] PROGRAM [ARGS...]");
  run->prefix_command();
  std::vector<std::string> volumes;
  std::string memory, share = "always";
  run->add_option("--root", o.root, "Root directory or JFFS2 image (default: the host's /)")
      ->type_name("DIR|IMAGE");
  run->add_flag("--rw", o.writable_root, "Writes go to the root itself, not to a private overlay");
  run->add_option("-v,--volume", volumes, "Show HOST at GUEST")
      ->type_name("HOST:GUEST[:ro]")
      ->allow_extra_args(false);
  run->add_option("-e,--env", o.environment, "Set a variable, or pass the caller's")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false);
  run->add_option("--env-file", o.env_files, "Read variables from a file")->allow_extra_args(false);
  run->add_flag("--clear-env", o.clear_environment, "Start from an empty environment");
  run->add_option("-w,--workdir", o.working_directory, "Working directory in the guest");
  run->add_option("-u,--user", o.user, "User to run as")->type_name("UID[:GID]");
  run->add_option("--hostname", o.hostname, "Host name in the guest");
  run->add_option("-m,--memory", memory, "Memory limit, such as 512m (default: none)")->type_name("SIZE");
  run->add_option("--pids-limit", o.pids_limit, "Most tasks at once");
  const std::map<std::string, RunOptions::Net> net_names{{"none", RunOptions::Net::none},
                                                         {"host", RunOptions::Net::host}};
  add_choice(*run, "--net", net_names, o.net, "Network");
  run->add_flag("-t,--tty", o.tty, "Give the program a terminal of its own");
  run->add_flag("-i,--interactive", o.interactive, "Keep standard input open");
  run->add_flag("--stats", o.stats, "Print counts and times at the end, to standard error");
  run->add_flag_callback(
      "--stats-json", [&] { o.stats = true, o.stats_format = "json"; }, "As --stats, as JSON");
  run->add_flag("--strace", o.strace, "Print every system call, to standard error");
  run->add_option("--strace-output", o.strace_output, "Print system calls to a file instead");
  run->add_flag("!--no-patch", o.patch, "Do not patch system-call sites");
  run->add_option("--memory-file", o.memory_file, "Where guest memory lives")
      ->check(CLI::IsMember({"auto", "tmpfs", "memfd"}));
  run->add_option("--share-tables", share, "Share page tables at fork: never, always, from-N")
      ->type_name("POLICY");
  run->add_flag("--spread", o.policy.spread, "Give each writable area page tables of its own");
  run->add_flag("--copied-chains", o.policy.copied_chains,
                "Keep a chain of sharers for each page, copied at fork");
  add_choice(*run, "--mm-lock", lock_names, o.policy.lock, "Address-space lock");
  add_choice(*run, "--cow", cow_names, o.policy.cow, "Copy-on-write");
  run->add_flag("!--no-copy-home", o.policy.copy_home, "Leave pages that the host copied in the stub");
  run->add_flag("!--no-snapshot", o.policy.snapshot, "Settle such pages at the next fork");
  run->add_flag("!--no-collapse", o.policy.collapse, "Leave windows of small pages as they are");
  run->add_flag("!--no-keep-warm", o.policy.keep_warm, "Give free blocks back to the host at once");
  CLI::App* mem =
      app.add_subcommand("mem", "In a sandbox: show what memory a process has and shares with whom");
  mem->add_option("PID", out.mem_pid, "Process, as the sandbox numbers it")
      ->required()
      ->check(CLI::PositiveNumber);
  mem->add_option("--svg", out.mem_svg, "Draw a picture into FILE instead")->type_name("FILE");
  CLI::App* syscalls = app.add_subcommand("syscalls", "Print the table of system calls as Markdown");

  auto usage = [&](std::string text) {
    // One line: what a person needs first.
    if (auto nl = text.find('\n'); nl != std::string::npos) text.resize(nl);
    out.what = Parsed::What::usage_error;
    out.message = std::move(text);
    return out;
  };
  // CLI11 would read on past "--", so what follows the first one is kept from it.
  std::vector<std::string> before, after;
  bool separator = false;
  for (int i = 1; i < argc; ++i) {
    if (!separator && std::string_view(argv[i]) == "--")
      separator = true;
    else
      (separator ? after : before).emplace_back(argv[i]);
  }
  std::reverse(before.begin(), before.end());  // the order in which CLI11 wants a vector
  try {
    app.parse(std::move(before));
  } catch (const CLI::Success& s) {
    std::ostringstream text, ignored;
    app.exit(s, text, ignored);
    out.what = Parsed::What::version_or_help;
    out.message = text.str();
    return out;
  } catch (const CLI::ParseError& e) {
    return usage(std::string(e.what()) + "; see 'quire --help'");
  }
  if (mem->parsed()) {
    out.what = Parsed::What::mem;
    return out;
  }
  if (syscalls->parsed()) {
    out.what = Parsed::What::syscalls;
    return out;
  }

  o.command = run->remaining();
  if (!o.command.empty() && o.command[0].size() > 1 && o.command[0][0] == '-')
    return usage("unknown option '" + o.command[0] + "'; see 'quire run --help'");
  if (separator && !o.command.empty()) o.command.emplace_back("--");  // it was the program's own
  o.command.insert(o.command.end(), after.begin(), after.end());
  if (o.command.empty()) return usage("no program given; usage: quire run [OPTIONS] [--] PROGRAM [ARGS...]");
  for (const std::string& text : volumes) {
    auto v = parse_volume(text);
    if (!v) return usage("bad -v '" + text + "': want HOST:GUEST or HOST:GUEST:ro, GUEST absolute");
    o.volumes.push_back(*v);
  }
  if (!memory.empty()) {
    o.memory = parse_size(memory);
    if (!o.memory || *o.memory < (4u << 20))
      return usage("bad --memory '" + memory + "': want a size of at least 4m, such as 512m or 2g");
    o.policy.memory_limit = *o.memory;
  }
  if (!parse_share(share, o.policy))
    return usage("bad --share-tables '" + share + "': want never, always or from-N");
  out.what = Parsed::What::run;
  return out;
}

}  // namespace quire::cli
