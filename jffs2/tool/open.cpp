#include "jffs2/tool/open.h"

#include <fmt/format.h>

#include <cstdio>

namespace quire::jffs2 {

Outcome<std::unique_ptr<Opened>> Opened::open(const InputOptions& options) {
  ImageFile file = CHECK(ImageFile::open(options.path));
  std::unique_ptr<Opened> opened(new Opened(std::move(file)));
  std::span<const u8> all = opened->file_.bytes();
  if (options.offset > all.size())
    return fail(fmt::format("{}: has only {} bytes", options.path, all.size()));
  opened->start_ = options.offset;
  opened->window_ = all.subspan(options.offset);
  if (options.size != 0 && options.size < opened->window_.size())
    opened->window_ = opened->window_.first(options.size);
  opened->survey_ = jffs2::survey(opened->window_, options.hints);
  return opened;
}

std::span<const u8> Opened::bytes() const {
  return survey_.layout.page != 0 ? std::span<const u8>(survey_.data) : window_;
}

u64 Opened::file_offset(u64 offset) const {
  const PageLayout& l = survey_.layout;
  if (l.page == 0) return start_ + offset;
  return start_ + offset / l.page * (l.page + l.spare) + offset % l.page;
}

Outcome<const FoundSystem*> Opened::only_system() const {
  std::vector<const FoundSystem*> candidates;
  for (const FoundSystem& s : survey_.systems)
    if (!s.leftover) candidates.push_back(&s);
  if (candidates.size() == 1) return candidates.front();
  if (candidates.empty()) return fail("no JFFS2 file system found");
  std::string message = fmt::format(
      "{} file systems found; choose one with --offset, or use 'jffs2 recover':", candidates.size());
  for (const FoundSystem* s : candidates) message += "\n  " + describe(*this, *s);
  return fail(message);
}

std::string describe(const Opened& opened, const FoundSystem& system) {
  u64 begin = opened.file_offset(system.begin);
  std::string text =
      fmt::format("offset {:#x}, {} bytes, {} endian, ", begin, opened.file_offset(system.end) - begin,
                  system.order == ByteOrder::little ? "little" : "big");
  text += system.erase_size != 0 ? fmt::format("{} KiB blocks, ", system.erase_size / 1024) : "";
  text += fmt::format("{} nodes", system.nodes.size());
  if (u64 damaged = system.damaged_nodes(); damaged != 0) text += fmt::format(", {} damaged", damaged);
  if (system.leftover) text += ", left over behind an end marker";
  return text;
}

int complain(const Failure& failure) {
  std::fprintf(stderr, "jffs2: %s\n", failure.message.c_str());
  return 2;
}

void warn(const std::string& message) { std::fprintf(stderr, "jffs2: %s\n", message.c_str()); }

}  // namespace quire::jffs2
