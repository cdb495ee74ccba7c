#include "kernel/task/program_image.h"

#include <cpuid.h>
#include <elf.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>

#include "kernel/task/kernel.h"
#include "kernel/task/signal_frame.h"
#include "kernel/vfs/io.h"
#include "kernel/vfs/mount.h"

namespace quire::task {

namespace {

constexpr int max_script_depth = 5;
constexpr std::size_t first_bytes = 256;
constexpr u64 max_string = 32 * page_size;     // MAX_ARG_STRLEN
constexpr u64 initial_stack = 33 * page_size;  // mapped below the arguments at once
constexpr u64 stack_gap_min = 128u << 20;      // between the stack's top and the mmap area
constexpr u64 random_stack_pages = 1u << 22, random_mmap_pages = 1u << 28, random_brk_pages = 1u << 13;
constexpr u32 at_minsigstksz = 51;

FileReader reader_of(vfs::File& file) {
  return [&file](u64 offset, std::span<std::byte> to) -> Result<std::size_t> {
    vfs::IoBuffer buffer(to);
    return file.read(buffer, static_cast<i64>(offset));
  };
}

u64 random_pages(bool randomise, u64 pages) { return randomise ? Kernel::random() % pages * page_size : 0; }

/// Maps one binary at its addresses plus `bias`. Returns the end of its highest page.
Result<u64> map_segments(mm::AddressSpace& mm, const Ref<vfs::File>& file, const std::string& name,
                         const ElfImage& image, u64 bias) {
  u64 device = 0, inode = 0;
  if (const auto st = file->stat()) {
    device = st->st_dev;
    inode = st->st_ino;
  }
  u64 highest = 0;
  for (const ElfSegment& s : image.segments) {
    const u64 in_page = s.address % page_size;
    const u64 begin = bias + s.address - in_page;
    u64 end = begin;
    if (s.file_size != 0) {
      mm::MapRequest request;
      request.address = GuestAddr(begin);
      request.length = s.file_size + in_page;
      request.access = s.access;
      request.fixed = true;
      const vfs::Mappable mappable = TRY(file->map(s.offset - in_page, request.length, s.access, false));
      request.object = mappable.object;
      request.offset = mappable.offset;
      request.max_access = mappable.max_private;
      request.name = name;
      request.device = device;
      request.inode = inode;
      request.keep_alive = file;
      TRY_VOID(mm.map(request));
      end = round_up(begin + request.length, page_size);
      // What follows the file's bytes in their last page is zero, if the program may write there.
      const u64 file_end = bias + s.address + s.file_size;
      if (s.memory_size > s.file_size && allows(s.access, Access::write) && file_end < end)
        TRY_VOID(mm.zero_out(GuestAddr(file_end), end - file_end));
    }
    const u64 memory_end = round_up(bias + s.end(), page_size);
    if (memory_end > end) {
      mm::MapRequest request;
      request.address = GuestAddr(end);
      request.length = memory_end - end;
      request.access = s.access;
      request.fixed = true;
      TRY_VOID(mm.map(request));
    }
    highest = std::max(highest, memory_end);
  }
  return highest;
}

/// Finds room for a position-independent binary near `hint`; nothing stays mapped.
Result<u64> place(mm::AddressSpace& mm, const ElfImage& image, u64 hint) {
  const Range<u64> span = image.span();
  mm::MapRequest request;
  request.address = GuestAddr(hint);
  request.length = span.size() + (image.alignment > page_size ? image.alignment : 0);
  request.no_reserve = true;
  const GuestAddr at = TRY(mm.map(request));
  TRY_VOID(mm.unmap(at, request.length));
  return round_up(at.value(), image.alignment) - span.begin;
}

struct Loaded {
  ElfImage image;
  u64 bias = 0, end = 0;
};

Result<Loaded> load(mm::AddressSpace& mm, const Ref<vfs::File>& file, const std::string& name, ElfImage image,
                    u64 hint) {
  Loaded loaded;
  loaded.bias = image.position_independent ? TRY(place(mm, image, hint)) : 0;
  loaded.end = TRY(map_segments(mm, file, name, image, loaded.bias));
  loaded.image = std::move(image);
  return loaded;
}

/// The stack's contents, built downwards from the top in kernel memory and copied at once.
class StackBuilder {
 public:
  StackBuilder(u64 top, u64 most) : top_(top), most_(most) {}

  /// Puts bytes below what is there; returns their guest address. E2BIG beyond the limit.
  Result<u64> push(const void* bytes, std::size_t n) {
    if (used_ + n > most_) return err(E2BIG);
    if (used_ + n > buffer_.size()) {
      std::vector<std::byte> larger(std::max<std::size_t>(4 * page_size, 2 * (used_ + n)));
      std::copy(buffer_.end() - static_cast<std::ptrdiff_t>(used_), buffer_.end(),
                larger.end() - static_cast<std::ptrdiff_t>(used_));
      buffer_.swap(larger);
    }
    used_ += n;
    if (n != 0) std::memcpy(buffer_.data() + buffer_.size() - used_, bytes, n);
    return top_ - used_;
  }
  Result<u64> push(const std::string& s) {
    if (s.size() >= max_string) return err(E2BIG);
    return push(s.c_str(), s.size() + 1);
  }
  Result<> align(u64 to, u64 ahead = 0) {
    const u64 pad = (top_ - used_ - ahead) % to;
    static constexpr char zeros[64] = {};
    for (u64 left = pad; left > 0; left -= std::min<u64>(left, sizeof zeros))
      TRY_VOID(push(zeros, std::min<u64>(left, sizeof zeros)));
    return {};
  }
  u64 address() const { return top_ - used_; }
  u64 used() const { return used_; }
  Result<> copy_to(mm::AddressSpace& mm) const {
    return mm.copy_out(GuestAddr(address()), buffer_.data() + buffer_.size() - used_, used_);
  }

 private:
  u64 top_, most_, used_ = 0;
  std::vector<std::byte> buffer_;
};

u32 hardware_capabilities() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 ? d : 0;
}

std::string file_name(const vfs::Lookup& at, vfs::File& file) {
  return file.path() ? vfs::path_name(file.path(), at.root) : file.describe();
}

/// Resolves scripts until a binary is reached: request.file, path and argv become the interpreter's.
Result<> follow_scripts(const vfs::Lookup& at, ProgramRequest& request) {
  for (int depth = 0;; ++depth) {
    std::array<std::byte, first_bytes> start{};
    vfs::IoBuffer buffer{std::span<std::byte>(start)};
    const std::size_t n = TRY(request.file->read(buffer, 0));
    if (n < 2 || start[0] != std::byte{'#'} || start[1] != std::byte{'!'}) return {};
    if (depth == max_script_depth) return err(ELOOP);
    ScriptLine line = TRY(read_script_line(std::span(start).first(n)));
    std::vector<std::string> argv{line.interpreter};
    if (line.argument) argv.push_back(std::move(*line.argument));
    argv.push_back(request.path);
    if (!request.argv.empty())
      argv.insert(argv.end(), std::make_move_iterator(request.argv.begin() + 1),
                  std::make_move_iterator(request.argv.end()));
    request.argv = std::move(argv);
    request.file = TRY(vfs::open_exec(at, line.interpreter));
    request.path = std::move(line.interpreter);
  }
}

}  // namespace

Result<Program> build_program(Kernel& kernel, const vfs::Lookup& at, ProgramRequest request) {
  TRY_VOID(follow_scripts(at, request));
  const platform::Layout& layout = kernel.platform().layout();
  const u64 limit = layout.limit.value();
  const ElfImage image = TRY(read_elf(reader_of(*request.file), limit));

  Program program;
  program.mm = TRY(mm::AddressSpace::create(kernel.mm()));
  mm::AddressSpace& mm = *program.mm;
  mm.set_limits(request.limits);
  const bool randomise = request.randomise;

  // The stack's top and the mmap area below it, as Linux places them.
  const u64 stack_top =
      round_down(limit, page_size) - page_size - random_pages(randomise, random_stack_pages);
  const u64 gap = std::clamp(request.stack_limit, stack_gap_min, limit / 6 * 5) +
                  (randomise ? random_stack_pages * page_size : 0);
  mm.set_mmap_base(
      GuestAddr(round_down(limit - gap, page_size) - random_pages(randomise, random_mmap_pages)));

  const u64 pie_hint = round_down(limit / 3 * 2, page_size) + random_pages(randomise, random_mmap_pages);
  const std::string name = file_name(at, *request.file);
  const Loaded binary = TRY(load(mm, request.file, name, image, pie_hint));
  std::optional<Loaded> linker;
  if (image.interpreter) {
    Ref<vfs::File> file = TRY(vfs::open_exec(at, *image.interpreter));
    ElfImage linker_image = TRY(read_elf(reader_of(*file), limit));
    linker = TRY(load(mm, file, file_name(at, *file), std::move(linker_image), 0));
  }
  const GuestAddr brk(binary.end + random_pages(randomise, random_brk_pages));
  mm.set_brk_start(brk);

  // A quarter of the stack is for arguments, but always at least 128 KiB.
  StackBuilder stack(stack_top,
                     std::max<u64>(std::min<u64>(request.stack_limit / 4, 6u << 20), 32 * page_size));
  const u64 zero = 0;
  TRY_VOID(stack.push(&zero, sizeof zero));
  const u64 exec_name = TRY(stack.push(request.path));
  std::vector<u64> argv(request.argv.size()), envp(request.envp.size());
  const u64 env_end = stack.address();
  for (std::size_t i = envp.size(); i-- > 0;) envp[i] = TRY(stack.push(request.envp[i]));
  const u64 env_begin = stack.address();
  for (std::size_t i = argv.size(); i-- > 0;) argv[i] = TRY(stack.push(request.argv[i]));
  const u64 arg_begin = stack.address();
  const u64 platform_name = TRY(stack.push("x86_64"));
  const u64 seeds[2] = {Kernel::random(), Kernel::random()};
  const u64 random_bytes = TRY(stack.push(seeds, sizeof seeds));

  const vfs::Credentials& who = at.credentials;
  std::vector<u64>& aux = program.auxiliary_vector;
  auto add = [&aux](u64 type, u64 value) {
    aux.push_back(type);
    aux.push_back(value);
  };
  if (!layout.vdso.empty()) add(AT_SYSINFO_EHDR, layout.vdso.begin.value());
  add(at_minsigstksz, minimum_signal_stack(layout.extended_state_size));
  add(AT_HWCAP, hardware_capabilities());
  add(AT_PAGESZ, page_size);
  add(AT_CLKTCK, 100);
  add(AT_PHDR, image.header_address != 0 ? image.header_address + binary.bias : 0);
  add(AT_PHENT, sizeof(Elf64_Phdr));
  add(AT_PHNUM, image.header_count);
  add(AT_BASE, linker ? linker->bias : 0);
  add(AT_FLAGS, 0);
  add(AT_ENTRY, image.entry + binary.bias);
  add(AT_UID, who.uid);
  add(AT_EUID, who.euid);
  add(AT_GID, who.gid);
  add(AT_EGID, who.egid);
  add(AT_SECURE, 0);
  add(AT_RANDOM, random_bytes);
  add(AT_HWCAP2, getauxval(AT_HWCAP2));
  add(AT_EXECFN, exec_name);
  add(AT_PLATFORM, platform_name);
  add(AT_NULL, 0);

  std::vector<u64> words;
  words.push_back(argv.size());
  words.insert(words.end(), argv.begin(), argv.end());
  words.push_back(0);
  words.insert(words.end(), envp.begin(), envp.end());
  words.push_back(0);
  words.insert(words.end(), aux.begin(), aux.end());
  TRY_VOID(stack.align(16, words.size() * sizeof(u64)));
  program.stack_pointer = TRY(stack.push(words.data(), words.size() * sizeof(u64)));

  const u64 stack_size = std::min(
      round_up(stack.used(), page_size) + initial_stack,
      std::max(round_up(stack.used(), page_size) + page_size, round_down(request.stack_limit, page_size)));
  mm::MapRequest area;
  area.address = GuestAddr(stack_top - stack_size);
  area.length = stack_size;
  area.access = Access::read | Access::write | (image.executable_stack ? Access::exec : Access::none);
  area.fixed = true;
  area.grows_down = true;
  area.stack = true;
  area.name = "[stack]";
  TRY_VOID(mm.map(area));
  TRY_VOID(stack.copy_to(mm));

  const ElfSegment& first = image.segments.front();
  const ElfSegment& last = image.segments.back();
  mm.set_program_layout({.code_begin = GuestAddr(binary.bias + first.address),
                         .code_end = GuestAddr(binary.bias + first.end()),
                         .data_begin = GuestAddr(binary.bias + last.address),
                         .data_end = GuestAddr(binary.bias + last.address + last.file_size),
                         .brk_begin = brk,
                         .stack_begin = GuestAddr(program.stack_pointer),
                         .arg_begin = GuestAddr(arg_begin),
                         .arg_end = GuestAddr(env_begin),
                         .env_begin = GuestAddr(env_begin),
                         .env_end = GuestAddr(env_end)});
  program.entry = linker ? linker->image.entry + linker->bias : image.entry + binary.bias;
  program.file = std::move(request.file);
  program.path = std::move(request.path);
  return program;
}

}  // namespace quire::task
