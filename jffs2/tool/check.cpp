// jffs2 check
#include <fmt/format.h>

#include <algorithm>

#include "base/progress.h"
#include "jffs2/tool/checker.h"
#include "jffs2/tool/commands.h"
#include "jffs2/tool/json.h"
#include "jffs2/tool/output_file.h"
#include "jffs2/tool/printable.h"
#include "jffs2/tool/terminal.h"
#include "jffs2/tool/tree_source.h"

namespace quire::jffs2 {

namespace {

// The readable part as a fresh image of the same kind.
Outcome<std::string> repair(const Tree& tree, const FoundSystem& system, const std::string& path) {
  SourceTree source = source_of(tree);
  MkfsOptions options;
  options.order = system.order;
  if (system.erase_size != 0) options.erase_size = system.erase_size;
  auto has = [&](NodeType type) {
    return std::any_of(system.nodes.begin(), system.nodes.end(),
                       [&](const FoundNode& n) { return n.type == static_cast<u16>(type); });
  };
  if (!has(NodeType::cleanmarker)) options.cleanmarker = 0;
  options.xattrs = has(NodeType::xattr);
  // As large as it was where that can be, so that it goes back where it came from.
  u64 size = (system.end - system.begin) / options.erase_size * options.erase_size;
  u64 content = 0;
  for (const SourceInode& inode : source.inodes)
    if (inode.content) content += inode.content->size();
  Progress progress("writing", content);
  OutputFile out = CHECK(OutputFile::create(path));
  u64 written = 0;
  auto report = CHECK(make_image(
      source, options,
      [&](std::span<const u8> bytes) {
        written += bytes.size();
        return out.write(bytes);
      },
      [&](u64 bytes) { progress.advance(bytes); }));
  std::vector<u8> erased(options.erase_size, 0xFF);
  for (u64 at = written; at < size;) {
    u64 n = std::min<u64>(erased.size(), size - at);
    CHECK_VOID(out.write(std::span(erased).first(n)));
    at += n;
  }
  CHECK_VOID(out.commit());
  return fmt::format("{}: {} files, {}", printable(path), report.files, human_size(std::max(written, size)));
}

}  // namespace

int run_check(const CheckCommand& command) {
  auto opened = Opened::open(command.input);
  if (!opened) return complain(opened.error());
  auto system = (*opened)->only_system();
  if (!system) return complain(system.error());
  Tree tree((*opened)->bytes(), (*system)->nodes, (*system)->order);
  std::vector<Problem> problems = find_problems(tree, **system);
  auto faults = std::count_if(problems.begin(), problems.end(),
                              [](const Problem& p) { return p.severity == Severity::fault; });
  if (command.json) {
    JsonLines lines(true);
    for (const Problem& p : problems) {
      Json line{{"severity", p.severity == Severity::fault ? "fault" : "note"}, {"kind", p.kind}};
      if (p.offset != 0) line["offset"] = (*opened)->file_offset(p.offset);
      if (p.ino != 0) line["ino"] = p.ino;
      line["text"] = p.text;
      lines.add(line);
    }
  } else {
    for (const Problem& p : problems) {
      std::string where = p.offset != 0 ? fmt::format("{:#x}: ", (*opened)->file_offset(p.offset)) : "";
      bool bad = p.severity == Severity::fault;
      fmt::print("{} {}{}\n", colour(bad ? Colour::red : Colour::yellow, bad ? "fault:" : "note: "), where,
                 p.text);
    }
    fmt::print(
        "{}: {} nodes, {} files; {}\n", printable(command.input.path), tree.nodes().size(), tree.size(),
        faults == 0 ? problems.empty() ? colour(Colour::green, "clean")
                                       : fmt::format("sound, {} notes", problems.size())
                    : colour(Colour::red, fmt::format("{} faults, {} notes", faults,
                                                      problems.size() - static_cast<std::size_t>(faults))));
  }
  if (!command.repair.empty()) {
    auto done = repair(tree, **system, command.repair);
    if (!done) return complain(done.error());
    if (!command.json) fmt::print("{}\n", *done);
  }
  return faults == 0 ? kSuccess : kProblems;
}

}  // namespace quire::jffs2
