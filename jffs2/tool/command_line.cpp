#include "jffs2/tool/command_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <map>
#include <memory>

#include "jffs2/tool/commands.h"
#include "jffs2/tool/printable.h"

namespace quire::jffs2 {

namespace {

constexpr const char* kVersion = "jffs2 (quire) 0.1.0";

// "65536", "0x10000", "64KiB", "64K", "1M". `small_is_kib`: numbers below 4096 count KiB, as
// mtd-utils takes them. nullopt: not a size.
std::optional<u64> parse_size(const std::string& text, bool small_is_kib) {
  std::size_t used = 0;
  u64 value = 0;
  int base = text.starts_with("0x") || text.starts_with("0X") ? 16 : 10;
  std::string digits = base == 16 ? text.substr(2) : text;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  used = static_cast<std::size_t>(end - digits.data());
  if (error != std::errc{} || used == 0) return std::nullopt;
  std::string unit = digits.substr(used);
  u64 factor = 1;
  if (unit == "K" || unit == "k" || unit == "KiB" || unit == "kiB")
    factor = 1 << 10;
  else if (unit == "M" || unit == "MiB")
    factor = 1 << 20;
  else if (unit == "G" || unit == "GiB")
    factor = 1 << 30;
  else if (!unit.empty())
    return std::nullopt;
  if (unit.empty() && small_is_kib && base == 10 && value < 4096) factor = 1 << 10;
  if (value > (u64{1} << 40) / factor) return std::nullopt;
  return value * factor;
}

template <typename T>
CLI::Option* add_size(CLI::App* app, const std::string& names, T& into, const std::string& help,
                      bool small_is_kib = false) {
  return app
      ->add_option_function<std::string>(
          names,
          [&into, small_is_kib](const std::string& text) {
            auto size = parse_size(text, small_is_kib);
            if (!size || *size > std::numeric_limits<T>::max())
              throw CLI::ValidationError(text, "not a size");
            into = static_cast<T>(*size);
          },
          help)
      ->type_name("SIZE");
}

void add_input(CLI::App* app, InputOptions& input) {
  app->add_option("IMAGE", input.path, "An image or a raw dump; - is standard input")->required();
  add_size(app, "--offset", input.offset, "Look only from this byte of the file on");
  add_size(app, "--size", input.size, "Look at this many bytes only");
  add_size(app, "-e,--eraseblock", input.hints.erase_size, "Size of erase blocks (otherwise found out)",
           true);
  app->add_flag_callback(
      "-l,--little-endian", [&input] { input.hints.order = ByteOrder::little; },
      "Look for little-endian nodes only");
  app->add_flag_callback(
      "-b,--big-endian", [&input] { input.hints.order = ByteOrder::big; }, "Look for big-endian nodes only");
  auto layout = [&input]() -> PageLayout& {
    if (!input.hints.layout) input.hints.layout = PageLayout{};
    return *input.hints.layout;
  };
  app->add_option_function<u32>(
      "--page", [layout](u32 v) { layout().page = v; },
      "Data bytes of a NAND page, where the dump holds spare bytes too");
  app->add_option_function<u32>(
      "--spare", [layout](u32 v) { layout().spare = v; }, "Spare (OOB) bytes after each page");
}

// --- mkfs ---

// A compressor as -x, -X and -y change it.
struct Compressor {
  Compression method;
  int priority;
  bool enabled;
};
using Compressors = std::map<std::string, Compressor>;

Compressors initial_compressors() {
  return {{"lzo", {Compression::lzo, 80, false}},
          {"zlib", {Compression::zlib, 60, true}},
          {"rtime", {Compression::rtime, 50, true}}};
}

Compressor& compressor(Compressors& all, const std::string& name) {
  auto at = all.find(name);
  if (at == all.end()) throw CLI::ValidationError(name, "no such compressor (lzo, zlib, rtime)");
  return at->second;
}

std::vector<Compression> by_priority(const Compressors& all) {
  std::vector<Compressor> enabled;
  for (const auto& [name, c] : all)
    if (c.enabled) enabled.push_back(c);
  std::sort(enabled.begin(), enabled.end(),
            [](const auto& a, const auto& b) { return a.priority > b.priority; });
  std::vector<Compression> methods;
  for (const Compressor& c : enabled) methods.push_back(c.method);
  return methods;
}

void print_compressors(const Compressors& all) {
  for (const auto& [name, c] : all)
    fmt::print("{:>10} priority:{} {}\n", name, c.priority, c.enabled ? "enabled" : "disabled");
}

struct MkfsParse {
  MkfsCommand command;
  std::string source, image;  // in their places, without -r and -o
  std::vector<std::string> roots;
  std::string output;
  std::string pad;
  Compressors compressors = initial_compressors();
  bool list_compressors = false;
  bool no_cleanmarkers = false;
  bool no_summaries = false;
  std::string incremental;
};

void add_mkfs_compression(CLI::App* app, MkfsParse& p) {
  MkfsCompression& compression = p.command.options.compression;
  static const std::map<std::string, MkfsCompressMode> modes{{"none", MkfsCompressMode::none},
                                                             {"priority", MkfsCompressMode::priority},
                                                             {"size", MkfsCompressMode::size},
                                                             {"favourlzo", MkfsCompressMode::favour_lzo}};
  app->add_option("-m,--compression-mode", compression.mode, "none, priority, size or favourlzo")
      ->transform(CLI::CheckedTransformer(modes))
      ->option_text("MODE");
  app->add_option_function<std::vector<std::string>>(
         "-x,--disable-compressor",
         [&p](const std::vector<std::string>& names) {
           for (const auto& n : names) compressor(p.compressors, n).enabled = false;
         },
         "Do without a compressor")
      ->allow_extra_args(false)
      ->type_name("NAME");
  app->add_option_function<std::vector<std::string>>(
         "-X,--enable-compressor",
         [&p](const std::vector<std::string>& names) {
           for (const auto& n : names) compressor(p.compressors, n).enabled = true;
         },
         "Use a compressor (lzo is off unless asked for)")
      ->allow_extra_args(false)
      ->type_name("NAME");
  app->add_option_function<std::vector<std::string>>(
         "-y,--compressor-priority",
         [&p](const std::vector<std::string>& all) {
           for (const auto& text : all) {
             std::size_t colon = text.find(':');
             int priority = 0;
             auto [end, error] =
                 std::from_chars(text.data(), text.data() + std::min(colon, text.size()), priority);
             if (colon == std::string::npos || error != std::errc{} || end != text.data() + colon)
               throw CLI::ValidationError(text, "not PRIORITY:NAME");
             compressor(p.compressors, text.substr(colon + 1)).priority = priority;
           }
         },
         "Set a compressor's priority; the highest goes first")
      ->allow_extra_args(false)
      ->type_name("PRIORITY:NAME");
  app->add_flag("-L,--list-compressors", p.list_compressors, "Show the compressors, and do nothing else");
  app->add_flag("-t,--test-compression", compression.verify, "Expand each node again and compare");
  app->add_option("--level", compression.level, "Effort of zlib: 1 is fast, 12 small [6]")
      ->check(CLI::Range(1, 12))
      ->option_text("N");
}

void add_mkfs(CLI::App& root, MkfsParse& p) {
  CLI::App* app = root.add_subcommand("mkfs", "Make an image from a directory or a tar archive");
  MkfsOptions& o = p.command.options;
  app->add_option("SOURCE", p.source, "A directory or a tar archive; - is standard input")->type_name("");
  app->add_option("IMAGE", p.image, "The image to make; - is standard output")->type_name("");
  app->add_option("-r,-d,--root", p.roots, "A directory or archive; several are laid over each other")
      ->allow_extra_args(false)
      ->type_name("SOURCE");
  app->add_option("-o,--output", p.output, "The image; - is standard output")->type_name("IMAGE");
  app->add_option("-D,--devtable", p.command.device_tables, "Apply a device table")
      ->allow_extra_args(false)
      ->type_name("FILE");
  add_size(app, "-e,--eraseblock", o.erase_size, "Size of erase blocks [64KiB]", true);
  add_size(app, "-s,--pagesize", o.page_size, "Most file bytes in a node; the target's page size [4KiB]");
  app->add_flag("-p,--pad", p.pad, "Fill up with 0xFF to the end of the last block, or to --pad=SIZE");
  add_size(app, "-c,--cleanmarker", o.cleanmarker, "Size of cleanmarkers [12]");
  app->add_flag("-n,--no-cleanmarkers", p.no_cleanmarkers, "No cleanmarkers (NAND keeps them in OOB)");
  app->add_flag("--no-summary", p.no_summaries, "No summaries at the ends of blocks");
  app->add_flag_callback(
      "-l,--little-endian", [&o] { o.order = ByteOrder::little; }, "Little endian (default)");
  app->add_flag_callback("-b,--big-endian", [&o] { o.order = ByteOrder::big; }, "Big endian");
  app->add_flag_callback(
      "-q,--squash", [&o] { o.squash_owners = o.squash_permissions = true; },
      "All files owned by root, and not writable by others");
  app->add_flag("-U,--squash-uids", o.squash_owners, "All files owned by root");
  app->add_flag("-P,--squash-perms", o.squash_permissions,
                "No file writable by group and others, no set-id bits");
  app->add_flag("-f,--faketime", o.zero_times, "All times 0");
  app->add_flag("--with-xattr", o.xattrs,
                "Store extended attributes and ACLs (the target's kernel must know them)");
  app->add_flag_callback(
      "--with-selinux", [&o] { o.xattrs = o.only_selinux = true; },
      "Of these, security.* only (SELinux labels)");
  app->add_flag_callback("--with-posix-acl", [&o] { o.xattrs = o.only_acls = true; }, "Of these, ACLs only");
  app->add_option("-j,--threads", o.threads, "Threads that compress [one a processor]")
      ->check(CLI::Range(0, 256))
      ->option_text("N");
  add_mkfs_compression(app, p);
  app->add_flag("-v,--verbose", p.command.verbose, "Say what was made");
  app->add_flag("--json", p.command.json, "Say it as JSON");
  app->set_version_flag("-V,--version", kVersion);
  // Known, so that the answer is a clear one.
  app->add_option("-i,--incremental", p.incremental)->group("");
}

Status finish_mkfs(MkfsParse& p) {
  MkfsCommand& c = p.command;
  c.sources = p.roots;
  c.image = p.output;
  std::vector<std::string> rest;
  for (const std::string& given : {p.source, p.image})
    if (!given.empty()) rest.push_back(given);
  if (!p.incremental.empty())
    return fail("--incremental is not offered; 'jffs2 mount' adds files to an image");
  // As mkfs.jffs2 has it: the current directory, and standard output.
  if (c.sources.empty() && rest.empty() && !c.image.empty()) c.sources.push_back(".");
  if (c.image.empty() && rest.empty() && !c.sources.empty()) c.image = "-";
  if (c.sources.empty() && !rest.empty()) {
    c.sources.push_back(rest.front());
    rest.erase(rest.begin());
  }
  if (c.image.empty() && !rest.empty()) {
    c.image = rest.front();
    rest.erase(rest.begin());
  }
  if (c.sources.empty() || c.image.empty() || !rest.empty()) return fail("mkfs takes a source and an image");
  if (c.image == "-" && ::isatty(STDOUT_FILENO) == 1)
    return fail("an image does not go to a terminal; name a file");
  if (!p.pad.empty()) {
    auto size = p.pad == "true" ? std::optional<u64>(0) : parse_size(p.pad, false);
    if (!size) return fail(p.pad + ": not a size");
    c.options.pad_to = *size;
  }
  if (p.no_cleanmarkers) c.options.cleanmarker = 0;
  c.options.summaries = !p.no_summaries;
  c.options.compression.methods = by_priority(p.compressors);
  return {};
}

void add_list(CLI::App& root, ListCommand& c) {
  CLI::App* app = root.add_subcommand("list", "List the files in an image");
  add_input(app, c.input);
  app->add_flag("-1,--names", c.names_only, "Names only");
  app->add_flag("--checksum", c.checksums, "Show the CRC-32 of each file's contents");
  app->add_flag("--json", c.json, "As JSON");
}

void add_extract(CLI::App& root, ExtractCommand& c) {
  CLI::App* app = root.add_subcommand("extract", "Extract the files of an image into a directory");
  add_input(app, c.input);
  app->add_option("DIR", c.directory, "Made if it does not exist")->required();
  app->add_flag("--force", c.force, "Also into a directory that is not empty, replacing files");
  app->add_flag("-v,--verbose", c.verbose, "Name each file");
  app->add_flag("--json", c.json, "Say what was done as JSON");
}

void add_dump(CLI::App& root, DumpCommand& c) {
  CLI::App* app = root.add_subcommand("dump", "Show every node of an image");
  add_input(app, c.input);
  app->add_option("--ino", c.ino, "Only the nodes of this inode")->option_text("INO");
  app->add_flag("--json", c.json, "As JSON");
}

void add_check(CLI::App& root, CheckCommand& c) {
  CLI::App* app = root.add_subcommand("check", "Look for damage; write a repaired image");
  add_input(app, c.input);
  app->add_option("--repair", c.repair, "Write what is readable to a fresh image")->type_name("OUT");
  app->add_flag("--json", c.json, "As JSON");
}

void add_stat(CLI::App& root, StatCommand& c) {
  CLI::App* app =
      root.add_subcommand("stat", "Show space, compression, wear, and a picture of the erase blocks");
  add_input(app, c.input);
  app->add_option("--svg", c.svg, "Draw the picture into a file")->type_name("OUT");
  app->add_flag("--json", c.json, "As JSON");
}

void add_recover(CLI::App& root, RecoverCommand& c) {
  CLI::App* app =
      root.add_subcommand("recover", "Find file systems in a raw dump and extract what is readable");
  add_input(app, c.input);
  app->add_option("DIR", c.directory, "Where to extract; without it the command only says what there is");
  app->add_flag("--force", c.force, "Also into a directory that is not empty, replacing files");
  app->add_flag("-v,--verbose", c.verbose, "Name each file and each problem");
  app->add_flag("--json", c.json, "Say what there is, and what was extracted, as JSON");
}

void add_mount(CLI::App& root, MountCommand& c) {
  CLI::App* app = root.add_subcommand("mount", "Mount an image on a directory, to read and write");
  add_input(app, c.input);
  app->add_option("DIR", c.mountpoint, "The mount point; umount or fusermount3 -u ends it")->required();
  app->add_flag("-r,--read-only", c.read_only, "Do not change the image");
  app->add_flag("-f,--foreground", c.foreground, "Stay until unmounted");
  app->add_flag("--allow-other", c.allow_other, "Let other users in");
  app->add_flag("--create", c.create, "Make a new, empty image first");
  add_size(app, "--grow", c.size, "Make the image at least this large (with --create: its size [16MiB])");
}

}  // namespace

namespace {

// mkfs.jffs2 takes -pSIZE; to the parser that would be a row of flags.
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> all(argv + 1, argv + argc);
  if (!all.empty() && all.front() == "mkfs")
    for (std::string& a : all)
      if (a.size() > 2 && a.starts_with("-p") && a[2] >= '0' && a[2] <= '9') a = "--pad=" + a.substr(2);
  std::ranges::reverse(all);
  return all;
}

}  // namespace

int command_line(int argc, char** argv) {
  CLI::App app("JFFS2 file systems as files: make, look into, extract, check, repair, mount, recover.",
               "jffs2");
  app.require_subcommand(1);
  app.set_version_flag("-V,--version", kVersion);
  MkfsParse mkfs;
  ListCommand list;
  ExtractCommand extract;
  DumpCommand dump;
  CheckCommand check;
  StatCommand stat;
  RecoverCommand recover;
  MountCommand mount;
  add_mkfs(app, mkfs);
  add_extract(app, extract);
  add_list(app, list);
  add_check(app, check);
  add_stat(app, stat);
  add_dump(app, dump);
  add_recover(app, recover);
  add_mount(app, mount);
  app.footer(
      "Exit status: 0 done; 1 done, but something is damaged or was left out; 2 not done.\n"
      "'jffs2 COMMAND --help' tells more.");
  app.get_formatter()->label("REQUIRED", "");
  app.get_formatter()->label("TEXT", "");
  app.get_formatter()->label("UINT", "BYTES");
  auto commands = app.get_subcommands([](CLI::App*) { return true; });
  auto named = [&](const CLI::App* c) { return c->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && std::ranges::none_of(commands, named))
    return complain({fmt::format("no command '{}'; 'jffs2 --help' lists them", printable(argv[1]))});
  try {
    app.parse(arguments(argc, argv));
  } catch (const CLI::ParseError& e) {
    int status = app.exit(e);
    return status == 0 ? kSuccess : kFailure;
  }
  if (app.got_subcommand("mkfs")) {
    if (mkfs.list_compressors) {
      print_compressors(mkfs.compressors);
      return kSuccess;
    }
    if (auto ready = finish_mkfs(mkfs); !ready) return complain(ready.error());
    return run_mkfs(mkfs.command);
  }
  if (app.got_subcommand("list")) return run_list(list);
  if (app.got_subcommand("extract")) return run_extract(extract);
  if (app.got_subcommand("dump")) return run_dump(dump);
  if (app.got_subcommand("check")) return run_check(check);
  if (app.got_subcommand("stat")) return run_stat(stat);
  if (app.got_subcommand("recover")) return run_recover(recover);
  return run_mount(mount);
}

}  // namespace quire::jffs2
