#include "kernel/task/elf_image.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace quire::task {

namespace {

constexpr std::size_t max_headers_bytes = 65536;
constexpr std::size_t max_interpreter_path = 4096;
constexpr u64 max_alignment = u64{1} << 30;

Result<> read_exactly(const FileReader& read, u64 offset, std::span<std::byte> to) {
  std::size_t done = 0;
  while (done < to.size()) {
    const std::size_t n = TRY(read(offset + done, to.subspan(done)));
    if (n == 0) return err(ENOEXEC);
    done += n;
  }
  return {};
}

Access access_of(u32 flags) {
  Access a = Access::none;
  if ((flags & PF_R) != 0) a = a | Access::read;
  if ((flags & PF_W) != 0) a = a | Access::write;
  if ((flags & PF_X) != 0) a = a | Access::exec;
  return a;
}

Result<ElfSegment> read_segment(const Elf64_Phdr& h, u64 limit, u64 lowest) {
  if (h.p_filesz > h.p_memsz || h.p_memsz > limit || h.p_vaddr > limit - h.p_memsz) return err(ENOEXEC);
  if ((h.p_vaddr - h.p_offset) % page_size != 0) return err(ENOEXEC);
  if (h.p_offset + h.p_filesz < h.p_offset || h.p_offset > (u64{1} << 62)) return err(ENOEXEC);
  if (h.p_vaddr < lowest) return err(ENOEXEC);
  return ElfSegment{.address = h.p_vaddr,
                    .memory_size = h.p_memsz,
                    .offset = h.p_offset,
                    .file_size = h.p_filesz,
                    .access = access_of(h.p_flags)};
}

}  // namespace

Range<u64> ElfImage::span() const {
  return {round_down(segments.front().address, page_size), round_up(segments.back().end(), page_size)};
}

Result<ElfImage> read_elf(const FileReader& read, u64 limit) {
  Elf64_Ehdr e;
  TRY_VOID(read_exactly(read, 0, std::as_writable_bytes(std::span(&e, 1))));
  if (std::memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 || e.e_ident[EI_CLASS] != ELFCLASS64 ||
      e.e_ident[EI_DATA] != ELFDATA2LSB || e.e_machine != EM_X86_64)
    return err(ENOEXEC);
  if (e.e_type != ET_EXEC && e.e_type != ET_DYN) return err(ENOEXEC);
  if (e.e_phentsize != sizeof(Elf64_Phdr) || e.e_phnum == 0 || e.e_phoff > (u64{1} << 62) ||
      std::size_t{e.e_phnum} * sizeof(Elf64_Phdr) > max_headers_bytes)
    return err(ENOEXEC);
  std::vector<Elf64_Phdr> headers(e.e_phnum);
  TRY_VOID(read_exactly(read, e.e_phoff, std::as_writable_bytes(std::span(headers))));

  ElfImage image;
  image.position_independent = e.e_type == ET_DYN;
  image.entry = e.e_entry;
  image.header_count = e.e_phnum;
  for (const Elf64_Phdr& h : headers) {
    switch (h.p_type) {
      case PT_LOAD: {
        if (h.p_memsz == 0) break;
        const u64 lowest = image.segments.empty() ? 0 : image.segments.back().end();
        image.segments.push_back(TRY(read_segment(h, limit, lowest)));
        if (h.p_align <= max_alignment && (h.p_align & (h.p_align - 1)) == 0)
          image.alignment = std::max(image.alignment, h.p_align);
        if (h.p_offset <= e.e_phoff && e.e_phoff - h.p_offset < h.p_filesz)
          image.header_address = h.p_vaddr + (e.e_phoff - h.p_offset);
        break;
      }
      case PT_INTERP: {
        if (image.interpreter) break;  // the first one counts
        if (h.p_filesz < 2 || h.p_filesz > max_interpreter_path) return err(ENOEXEC);
        std::string path(h.p_filesz, '\0');
        TRY_VOID(read_exactly(read, h.p_offset, std::as_writable_bytes(std::span(path))));
        if (path.back() != '\0') return err(ENOEXEC);
        image.interpreter = path.c_str();
        break;
      }
      case PT_GNU_STACK:
        image.executable_stack = (h.p_flags & PF_X) != 0;
        break;
      default:
        break;
    }
  }
  if (image.segments.empty()) return err(ENOEXEC);
  return image;
}

Result<ScriptLine> read_script_line(std::span<const std::byte> start) {
  const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  std::size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    // A line longer than what was read may have lost part of the interpreter's name.
    if (const std::size_t name = text.find_first_not_of(" \t", 2);
        text.size() >= 256 &&
        (name == std::string_view::npos || text.find_first_of(" \t", name) == std::string_view::npos))
      return err(ENOEXEC);
    end = text.size();
  }
  std::string_view line = text.substr(2, end - 2);
  line = line.substr(0, line.find('\0'));
  auto trim = [](std::string_view s) {
    const std::size_t first = s.find_first_not_of(" \t");
    if (first == std::string_view::npos) return std::string_view{};
    return s.substr(first, s.find_last_not_of(" \t") - first + 1);
  };
  line = trim(line);
  if (line.empty()) return err(ENOEXEC);
  const std::size_t space = line.find_first_of(" \t");
  ScriptLine result{.interpreter = std::string(line.substr(0, space)), .argument = std::nullopt};
  if (space != std::string_view::npos)
    if (const std::string_view rest = trim(line.substr(space)); !rest.empty())
      result.argument = std::string(rest);
  return result;
}

}  // namespace quire::task
