#include "kernel/fs/sys/sys.h"

#include <fmt/format.h>

#include "kernel/vfs/huge_page_files.h"
#include "kernel/vfs/pseudo.h"

namespace quire::fs::sys {
namespace {

using vfs::PseudoFileSystem;
using vfs::StaticDirectory;

class Builder {
 public:
  explicit Builder(PseudoFileSystem& fs) : fs_(fs), root_(make_ref<StaticDirectory>(fs)) {}

  StaticDirectory& directory(std::string_view path) {
    if (path.empty()) return *root_;
    auto it = dirs_.find(path);
    if (it != dirs_.end()) return *it->second;
    std::size_t slash = path.rfind('/');
    bool top = slash == std::string_view::npos;
    StaticDirectory& up = directory(top ? std::string_view() : path.substr(0, slash));
    auto dir = make_ref<StaticDirectory>(fs_);
    up.add(std::string(top ? path : path.substr(slash + 1)), dir);
    dirs_[std::string(path)] = dir;
    return *dir;
  }
  void file(std::string_view path, std::string text, u32 mode = 0444) {
    std::size_t slash = path.rfind('/');
    directory(path.substr(0, slash))
        .add(std::string(path.substr(slash + 1)),
             make_ref<vfs::TextFile>(fs_, [text] { return Result<std::string>(text); }, mode));
  }
  void live(std::string_view path, vfs::TextFile::Generate make, vfs::TextFile::Store store = {}) {
    std::size_t slash = path.rfind('/');
    const u32 mode = store ? 0644 : 0444;
    directory(path.substr(0, slash))
        .add(std::string(path.substr(slash + 1)),
             make_ref<vfs::TextFile>(fs_, std::move(make), mode, std::move(store)));
  }
  Ref<StaticDirectory> root() { return root_; }

 private:
  PseudoFileSystem& fs_;
  Ref<StaticDirectory> root_;
  std::map<std::string, Ref<StaticDirectory>, std::less<>> dirs_;
};

void add_cpus(Builder& b, unsigned cpus) {
  std::string list = cpus == 1 ? "0\n" : fmt::format("0-{}\n", cpus - 1);
  const std::string cpu = "devices/system/cpu";
  for (const char* f : {"online", "possible", "present"}) b.file(cpu + "/" + f, list);
  b.file(cpu + "/offline", "\n");
  b.file(cpu + "/isolated", "\n");
  b.file(cpu + "/kernel_max", fmt::format("{}\n", cpus - 1));
  std::string all = fmt::format("{:x}\n", cpus >= 64 ? ~u64{0} : (u64{1} << cpus) - 1);
  for (unsigned i = 0; i < cpus; ++i) {
    std::string topology = fmt::format("{}/cpu{}/topology/", cpu, i);
    std::string own = fmt::format("{:x}\n", u64{1} << (i % 64));
    b.file(topology + "core_id", fmt::format("{}\n", i));
    b.file(topology + "physical_package_id", "0\n");
    b.file(topology + "die_id", "0\n");
    b.file(topology + "thread_siblings", own);
    b.file(topology + "thread_siblings_list", fmt::format("{}\n", i));
    b.file(topology + "core_cpus", own);
    b.file(topology + "core_cpus_list", fmt::format("{}\n", i));
    b.file(topology + "core_siblings", all);
    b.file(topology + "core_siblings_list", list);
    b.file(topology + "package_cpus_list", list);
    if (i != 0) b.file(fmt::format("{}/cpu{}/online", cpu, i), "1\n");
  }
  const std::string node = "devices/system/node";
  for (const char* f : {"online", "possible", "has_cpu", "has_memory", "has_normal_memory"})
    b.file(node + "/" + f, "0\n");
  b.file(node + "/node0/cpulist", list);
  b.file(node + "/node0/cpumap", all);
  b.file(node + "/node0/distance", "10\n");
}

}  // namespace

Ref<vfs::FileSystem> instance(unsigned cpus) {
  static PseudoFileSystem* made = [&] {
    auto* fs = new PseudoFileSystem("sysfs", 0x62656572, true);
    Builder b(*fs);
    for (const char* d : {"block", "bus", "class/block", "class/net", "dev/block", "dev/char", "devices",
                          "firmware", "fs/cgroup", "kernel", "module", "power"})
      b.directory(d);
    add_cpus(b, cpus);
    const std::string thp = "kernel/mm/transparent_hugepage/";
    b.file(thp + "enabled", "always [madvise] never\n");
    b.file(thp + "defrag", "always defer defer+madvise [madvise] never\n");
    b.file(thp + "shmem_enabled", "always within_size [advise] never deny force\n");
    b.file(thp + "hpage_pmd_size", fmt::format("{}\n", huge_size));
    b.file(thp + "use_zero_page", "0\n");
    for (const std::string dir : {"kernel/mm/", "devices/system/node/node0/"}) {
      using Counts = mm::HugePageCounts;
      const std::string huge = dir + "hugepages/hugepages-2048kB/";
      b.live(huge + "nr_hugepages", vfs::huge_pages_text(&Counts::total), vfs::store_huge_pages(false));
      b.live(huge + "free_hugepages", vfs::huge_pages_text(&Counts::free));
      b.live(huge + "surplus_hugepages", vfs::huge_pages_text(&Counts::surplus));
      if (dir != "kernel/mm/") continue;
      b.live(huge + "nr_hugepages_mempolicy", vfs::huge_pages_text(&Counts::total),
             vfs::store_huge_pages(false));
      b.live(huge + "nr_overcommit_hugepages", vfs::huge_pages_text(&Counts::overcommit),
             vfs::store_huge_pages(true));
      b.live(huge + "resv_hugepages", vfs::huge_pages_text(&Counts::reserved));
    }
    b.file("kernel/mm/ksm/run", "0\n");
    fs->set_root(b.root());
    return fs;
  }();
  return Ref<vfs::FileSystem>(made);
}

}  // namespace quire::fs::sys
