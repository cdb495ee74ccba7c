// /proc/PID/maps, smaps, pagemap, mem, cmdline, environ.
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/fs/proc/nodes.h"
#include "kernel/vfs/memory_inode.h"

namespace quire::fs::proc {
namespace {

Result<Ref<mm::AddressSpace>> memory_of(int pid) {
  auto process = TRY(view_of(pid));
  TRY_VOID(check_inspect(*process));
  return process->mm();
}

std::string header(const mm::VmaInfo& v) {
  std::string s =
      fmt::format("{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ", v.range.begin.value(),
                  v.range.end.value(), allows(v.access, Access::read) ? 'r' : '-',
                  allows(v.access, Access::write) ? 'w' : '-', allows(v.access, Access::exec) ? 'x' : '-',
                  v.shared ? 's' : 'p', v.offset, major(v.device), minor(v.device), v.inode);
  if (!v.name.empty()) {
    s.resize(std::max<std::size_t>(s.size(), 73), ' ');
    for (char c : v.name) s += c == '\n' ? std::string("\\012") : std::string(1, c);
  }
  return s + "\n";
}

std::vector<mm::VmaInfo> all_vmas(const mm::AddressSpace& mm) {
  std::vector<mm::VmaInfo> out;
  mm.for_each_vma([&](const mm::VmaInfo& v) {
    out.push_back(v);
    return true;
  });
  return out;
}

struct Sums {
  u64 rss = 0, anonymous = 0, shared = 0, dirty = 0, huge = 0, locked = 0;
  u64 hugetlb_private = 0, hugetlb_shared = 0, proportional = 0;
  void add(const mm::Residency& r, bool is_locked) {
    rss += r.resident;
    anonymous += r.anonymous;
    shared += r.shared;
    dirty += r.dirty;
    huge += r.huge;
    hugetlb_private += r.hugetlb_private;
    hugetlb_shared += r.hugetlb_shared;
    proportional += r.proportional_bytes;
    if (is_locked) locked += r.resident;
  }
  std::string text() const {
    u64 own = rss - std::min(shared, rss);
    u64 own_dirty = std::min(dirty, own), shared_dirty = dirty - own_dirty;
    return fmt::format(
        "Rss:            {:8} kB\nPss:            {:8} kB\nPss_Dirty:      {:8} kB\nShared_Clean:   {:8} kB\n"
        "Shared_Dirty:   {:8} kB\nPrivate_Clean:  {:8} kB\nPrivate_Dirty:  {:8} kB\nReferenced:     {:8} kB\n"
        "Anonymous:      {:8} kB\nLazyFree:       {:8} kB\nAnonHugePages:  {:8} kB\nShmemPmdMapped: {:8} kB\n"
        "FilePmdMapped:  {:8} kB\nShared_Hugetlb: {:8} kB\nPrivate_Hugetlb:{:8} kB\nSwap:           {:8} kB\n"
        "SwapPss:        {:8} kB\nLocked:         {:8} kB\n",
        4 * rss, proportional >> 10, 4 * own_dirty, 4 * (shared - std::min(shared_dirty, shared)),
        4 * shared_dirty, 4 * (own - own_dirty), 4 * own_dirty, 4 * rss, 4 * anonymous, 0, 4 * huge, 0, 0,
        4 * hugetlb_shared, 4 * hugetlb_private, 0, 0, 4 * locked);
  }
};

std::string vm_flags(const mm::VmaInfo& v) {
  std::string s;
  auto put = [&](bool on, const char* f) {
    if (on) s += f, s += ' ';
  };
  put(allows(v.access, Access::read), "rd");
  put(allows(v.access, Access::write), "wr");
  put(allows(v.access, Access::exec), "ex");
  put(v.shared, "sh");
  put(allows(v.max_access, Access::read), "mr");
  put(allows(v.max_access, Access::write), "mw");
  put(allows(v.max_access, Access::exec), "me");
  put(v.grows_down, "gd");
  put(v.locked, "lo");
  put(v.lock_on_fault, "lf");
  put(v.dont_fork, "dc");
  put(v.no_reserve, "nr");
  put(v.huge_tlb, "ht");
  put(v.advised_huge, "hg");
  put(v.advised_no_huge, "nh");
  put(v.wipe_on_fork, "wf");
  put(v.dont_dump, "dd");
  return s;
}

/// /proc/PID/mem: past page protections, as a debugger sees it.
class MemoryOfProcess final : public vfs::File {
 public:
  MemoryOfProcess(int pid, Ref<mm::AddressSpace> mm, int flags, vfs::Inode& node)
      : File(flags), pid_(pid), mm_(std::move(mm)), node_(&node) {}
  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override { return transfer(to, offset, false); }
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override { return transfer(from, offset, true); }
  Result<u64> seek(i64 offset, int whence) override {
    LockGuard g(position_lock_);
    if (whence == SEEK_SET)
      position_ = static_cast<u64>(offset);  // addresses may look negative
    else if (whence == SEEK_CUR)
      position_ += static_cast<u64>(offset);
    else
      return err(EINVAL);
    return position_;
  }
  Result<> sync(bool) override { return err(EINVAL); }
  std::string describe() override { return path_description(); }

 private:
  Result<std::size_t> transfer(vfs::IoBuffer& buffer, i64 offset, bool write) {
    // Of a process that ended, or runs another program by now, there is nothing left.
    if (auto process = view_of(pid_); !process || (*process)->mm() != mm_) return std::size_t{0};
    u64 at = offset >= 0 ? static_cast<u64>(offset) : position();
    std::size_t done = 0;
    std::vector<std::byte> bounce(page_size);
    while (buffer.remaining() != 0) {
      std::size_t n = std::min<std::size_t>(buffer.remaining(), page_size - at % page_size);
      std::span<std::byte> part(bounce.data(), n);
      Result<std::size_t> moved = n;
      if (write) {
        moved = buffer.get(part);
        if (moved && !mm_->force_copy_out(GuestAddr(at), part.data(), *moved)) moved = err(EIO);
      } else if (mm_->force_copy_in(part.data(), GuestAddr(at), n)) {
        moved = buffer.put(part);
      } else {
        moved = err(EIO);
      }
      if (!moved) {
        if (done == 0) return moved;
        break;
      }
      done += *moved;
      at += *moved;
      if (*moved < n) break;
    }
    if (offset < 0) {
      LockGuard own(position_lock_);
      position_ = at;
    }
    return done;
  }

  const int pid_;
  const Ref<mm::AddressSpace> mm_;
  const Ref<vfs::Inode> node_;
};

class Pagemap final : public vfs::File {
 public:
  Pagemap(Ref<mm::AddressSpace> mm, int flags, vfs::Inode& node)
      : File(flags), mm_(std::move(mm)), node_(&node) {}
  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override {
    u64 at = offset >= 0 ? static_cast<u64>(offset) : position();
    if (at % 8 != 0 || to.remaining() % 8 != 0) return err(EINVAL);
    constexpr u64 end = (u64{1} << 47) / page_size * 8;
    std::vector<u64> entries(512);
    std::size_t done = 0;
    while (to.remaining() != 0 && at < end) {
      std::size_t n = std::min<u64>({to.remaining() / 8, entries.size(), (end - at) / 8});
      mm_->pagemap(GuestAddr(at / 8 * page_size), std::span(entries).first(n));
      std::size_t put = TRY(to.put(std::as_bytes(std::span(entries).first(n))));
      done += put;
      at += put;
      if (put < n * 8) break;
    }
    if (offset < 0) {
      LockGuard g(position_lock_);
      position_ = at;
    }
    return done;
  }
  Result<u64> seek(i64 offset, int whence) override {
    LockGuard g(position_lock_);
    return vfs::move_position(position_, offset, whence, 0);
  }
  std::string describe() override { return path_description(); }

 private:
  const Ref<mm::AddressSpace> mm_;
  const Ref<vfs::Inode> node_;
};

}  // namespace

Result<std::string> maps_text(int pid) {
  auto mm = TRY(memory_of(pid));
  std::string out;
  if (mm)
    for (const mm::VmaInfo& v : all_vmas(*mm)) out += header(v);
  return out;
}

Result<std::string> smaps_text(int pid) {
  auto mm = TRY(memory_of(pid));
  std::string out;
  if (!mm) return out;
  for (const mm::VmaInfo& v : all_vmas(*mm)) {
    Sums s;
    s.add(mm->residency(v.range), v.locked);
    out += header(v);
    out += fmt::format("Size:           {:8} kB\nKernelPageSize: {:8} kB\nMMUPageSize:    {:8} kB\n",
                       v.range.size() / 1024, v.huge_tlb ? 2048 : 4, v.huge_tlb ? 2048 : 4);
    out += s.text();
    out += fmt::format("THPeligible:    {:8}\nVmFlags: {}\n", v.huge_eligible ? 1 : 0, vm_flags(v));
  }
  return out;
}

Result<std::string> smaps_rollup_text(int pid) {
  auto mm = TRY(memory_of(pid));
  if (!mm) return std::string();
  auto vmas = all_vmas(*mm);
  if (vmas.empty()) return std::string();
  Sums s;
  for (const mm::VmaInfo& v : vmas) s.add(mm->residency(v.range), v.locked);
  mm::VmaInfo all;
  all.range = {vmas.front().range.begin, vmas.back().range.end};
  all.name = "[rollup]";
  return header(all) + s.text();
}

// One line a run: addresses; p (private) or o (a file's, or shared memory's); first frame, pages with
// storage; and, for private pages, the level of the highest shared page table above them and how many share
// it.
Result<std::string> frames_text(int pid) {
  auto mm = TRY(memory_of(pid));
  std::string out;
  if (!mm) return out;
  mm->for_each_run([&](const mm::MemoryRun& r) {
    out += fmt::format("{:x}-{:x} {} {:x} {} {} {}\n", r.range.begin.value(), r.range.end.value(),
                       r.of_object ? 'o' : 'p', r.frame.value(), r.pages, r.shared_level, r.shared_by);
    return true;
  });
  return out;
}

Result<std::string> program_bytes(int pid, bool environment) {
  auto process = TRY(view_of(pid));
  if (environment) TRY_VOID(check_inspect(*process));
  auto mm = process->mm();
  if (!mm) return std::string();
  auto l = mm->program_layout();
  GuestAddr begin = environment ? l.env_begin : l.arg_begin, end = environment ? l.env_end : l.arg_end;
  if (end <= begin) return std::string();
  constexpr u64 most = 4u << 20;
  std::string out(std::min<u64>(end - begin, most), '\0');
  if (!mm->force_copy_in(out.data(), begin, out.size())) return std::string();
  // setproctitle: if the last NUL was overwritten the title goes on, up to the next one.
  if (!environment && !out.empty() && out.back() != '\0') out.resize(std::min(out.find('\0'), out.size()));
  return out;
}

Result<Ref<vfs::File>> open_memory(int pid, int flags, vfs::Inode& node) {
  auto mm = TRY(memory_of(pid));
  if (!mm) return err(EACCES);
  return Ref<vfs::File>(make_ref<MemoryOfProcess>(pid, std::move(mm), flags, node));
}

Result<Ref<vfs::File>> open_pagemap(int pid, int flags, vfs::Inode& node) {
  auto mm = TRY(memory_of(pid));
  if (!mm) return err(EACCES);
  return Ref<vfs::File>(make_ref<Pagemap>(std::move(mm), flags, node));
}

}  // namespace quire::fs::proc
