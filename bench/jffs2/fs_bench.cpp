// Measures of the JFFS2 library. Every ratio is of figures taken in this run, on this machine.

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "jffs2/flash/file_device.h"
#include "jffs2/flash/ram_device.h"
#include "jffs2/fs/file_system.h"

namespace quire::jffs2 {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr u32 kEraseSize = 128 * 1024;
constexpr u64 kImageSize = 48 << 20;
constexpr u64 kTreeSize = 64 << 20;  // bytes of file, before compression
constexpr int kRounds = 9;

double seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

/// Processor time of this process: what other load on the machine does not change.
double cpu_seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// How often the machine took the processor away from this thread for others.
long preemptions() {
  rusage u{};
  getrusage(RUSAGE_THREAD, &u);
  return u.ru_nivcsw;
}

struct Cost {
  double wall_ms;  ///< the least
  double cpu_ms;   ///< the median
};
template <typename F>
Cost cost_of(F f) {
  std::vector<double> wall, cpu;
  for (int i = 0; i < kRounds; i++) {
    auto start = Clock::now();
    double cpu_start = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    f();
    cpu.push_back((cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start) * 1000);
    wall.push_back(seconds(start) * 1000);
  }
  std::ranges::sort(cpu);
  return {std::ranges::min(wall), cpu[cpu.size() / 2]};
}

/// Anonymous memory in bytes: the mapped image is not the index's.
u64 anonymous_memory() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  return 0;
}

const char* floor_text(bool holds) { return holds ? "  floor holds" : "  FLOOR MISSED"; }

void fail(const std::string& what) {
  fmt::print(stderr, "jffs2-fs: {}\n", what);
  std::exit(1);
}

template <typename T>
T must(Result<T> r, const char* what) {
  if (!r) fail(fmt::format("{}: {}", what, r.error().message()));
  if constexpr (!std::is_void_v<T>) return std::move(*r);
}

std::unique_ptr<FlashDevice> open_image(const std::string& path, bool writing) {
  return must(open_file_device(path, {.erase_size = kEraseSize,
                                      .size = writing ? kImageSize : 0,
                                      .read_only = !writing,
                                      .create = writing}),
              "image");
}

MountOptions reading(bool ignore_summaries) {
  MountOptions o;
  o.read_only = true;
  o.scan_threads = 1;
  o.ignore_summaries = ignore_summaries;
  return o;
}

/// Copies host files into a new image until it has kTreeSize of them or is full.
void make_image(const std::string& path, const fs::path& from) {
  auto device = open_image(path, true);
  must(FileSystem::format(*device, std::endian::little), "format");
  MountOptions o;
  o.background_gc = false;
  o.compression.zlib_level = 6;
  auto volume = must(FileSystem::mount(*device, o), "mount");
  std::map<std::string, Ino> dirs{{"", kRootIno}};
  u64 total = 0;
  auto it = fs::recursive_directory_iterator(from, fs::directory_options::skip_permission_denied);
  for (const auto& e : it) {
    std::string relative = fs::relative(e.path(), from).string();
    auto dir = dirs.find(fs::path(relative).parent_path().string());
    if (dir == dirs.end()) continue;
    std::string name = e.path().filename().string();
    if (e.is_directory() && !e.is_symlink()) {
      if (auto made = volume->mkdir(dir->second, name, {.mode = 0755})) dirs[relative] = *made;
    } else if (e.is_regular_file() && !e.is_symlink()) {
      std::ifstream in(e.path(), std::ios::binary);
      std::vector<u8> bytes{std::istreambuf_iterator<char>(in), {}};
      auto file = volume->create(dir->second, name, {.mode = 0644});
      if (!file || !volume->write(*file, 0, bytes)) break;
      total += bytes.size();
    }
    if (total > kTreeSize) break;
  }
  must(volume->unmount(), "unmount");
}

void scan_and_mount(const std::string& path) {
  auto device = open_image(path, false);
  u64 size = device->geometry().size();
  auto image = device->view(0, static_cast<u32>(size));
  u64 used_blocks = 0, nodes = 0, summaries = 0;
  {
    auto volume = must(FileSystem::mount(*device, reading(false)), "mount");
    auto s = volume->statistics();
    nodes = s.live_nodes;
    summaries = s.summaries_used;
    for (const auto& b : s.blocks) used_blocks += b.used + b.unchecked != 0;
  }
  volatile unsigned long sink = 0;
  Cost crc = cost_of([&] { sink = ::crc32_z(0, image.data(), image.size()); });
  Cost full = cost_of([&] { must(FileSystem::mount(*device, reading(true)), "mount"); });
  Cost summary = cost_of([&] { must(FileSystem::mount(*device, reading(false)), "mount"); });
  (void)sink;
  fmt::print("image: {} MiB, {} blocks of {} KiB in use, {} live nodes, {} blocks with summary\n", size >> 20,
             used_blocks, kEraseSize / 1024, nodes, summaries);
  auto line = [&](const char* what, const Cost& c, double most) {
    double ratio = c.cpu_ms / crc.cpu_ms;
    fmt::print("{:26}{:8.2f} ms wall (least) {:8.2f} ms cpu (median) {:6.2f} x crc32{}\n", what, c.wall_ms,
               c.cpu_ms, ratio, most == 0 ? "" : floor_text(ratio <= most));
  };
  line("zlib crc32() over it", crc, 0);
  line("mount, every block read", full, 1.5);
  line("mount, by summaries", summary, 0.2);
}

void walk(FileSystem& volume, Ino dir) {
  for (const auto& e : must(volume.readdir(dir, 0, ~0u), "readdir")) {
    (void)volume.getattr(e.ino).has_value();
    if (e.type == FileType::dir) walk(volume, e.ino);
  }
}

/// In a process of its own, whose heap is fresh.
int memory_of_index(const std::string& path) {
  auto device = open_image(path, false);
  u64 before = anonymous_memory();
  auto volume = must(FileSystem::mount(*device, reading(false)), "mount");
  u64 mounted = anonymous_memory();
  u64 nodes = volume->statistics().live_nodes;
  walk(*volume, kRootIno);
  u64 loaded = anonymous_memory();
  u64 all = volume->statistics().live_nodes;
  double most = static_cast<double>(loaded - before) / static_cast<double>(all);
  fmt::print("memory a live node        {:8.1f} B after mount, {:.1f} B after walking the whole tree{}\n",
             static_cast<double>(mounted - before) / static_cast<double>(nodes), most,
             floor_text(most <= 64));
  return 0;
}

void overwrite_latency(u32 percent) {
  RamDevice device({.erase_size = 64 * 1024, .block_count = 256});
  must(FileSystem::format(device, std::endian::little), "format");
  MountOptions o;
  o.gc_budget_us = 2000;
  auto volume = must(FileSystem::mount(device, o), "mount");
  std::mt19937 rng(1);
  std::vector<u8> page(4096);
  auto fill = [&] {
    for (u8& b : page) b = static_cast<u8>(rng() >> 13);
  };
  u32 pages = static_cast<u32>(device.geometry().size() * percent / 100 / 4200);
  Ino file = must(volume->create(kRootIno, "file", {.mode = 0644}), "create");
  for (u32 i = 0; i < pages; i++) {
    fill();
    must(volume->write(file, u64{i} * 4096, page), "fill");
  }
  // Once over, so that the steady state is what is measured.
  for (u32 i = 0; i < pages; i++) must(volume->write(file, u64{rng() % pages} * 4096, page), "warm up");
  std::vector<double> us, cpu_us;
  double undisturbed_max = 0;
  u32 disturbed = 0;
  for (u32 i = 0; i < 8000; i++) {
    fill();
    u64 at = u64{rng() % pages} * 4096;
    long taken_away = preemptions();
    auto start = Clock::now();
    double cpu_start = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    must(volume->write(file, at, page), "write");
    must(volume->fsync(file), "fsync");
    cpu_us.push_back((cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_start) * 1e6);
    us.push_back(seconds(start) * 1e6);
    if (preemptions() != taken_away)
      disturbed++;
    else
      undisturbed_max = std::max(undisturbed_max, us.back());
  }
  std::ranges::sort(us);
  std::ranges::sort(cpu_us);
  fmt::print(
      "{:3} % full: wall median {:7.1f} p99 {:8.1f} max {:9.1f} us, {:7.1f} us without the {} that lost the "
      "processor; cpu p99 {:7.1f} max {:7.1f} us (budget {} us){}\n",
      percent, us[us.size() / 2], us[us.size() * 99 / 100], us.back(), undisturbed_max, disturbed,
      cpu_us[cpu_us.size() * 99 / 100], cpu_us.back(), o.gc_budget_us,
      floor_text(undisturbed_max <= o.gc_budget_us));
}

int run(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--memory") return memory_of_index(argv[2]);
  fs::path from = argc > 1 ? argv[1] : "/usr/include";
  std::string image =
      (fs::temp_directory_path() / fmt::format("quire-jffs2-bench-{}.img", getpid())).string();
  make_image(image, from);
  scan_and_mount(image);
  std::fflush(stdout);
  if (std::system(fmt::format("'{}' --memory '{}'", argv[0], image).c_str()) != 0) fail("memory");
  fs::remove(image);
  // Where the host allows it nobody else gets between: latency is of the file system, not of neighbours.
  sched_param priority{.sched_priority = 1};
  bool alone = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
  fmt::print("4 KiB overwrite + fsync, 16 MiB chip in memory{}:\n", alone ? ", at real-time priority" : "");
  for (u32 percent : {42, 74, 93}) overwrite_latency(percent);
  return 0;
}

}  // namespace
}  // namespace quire::jffs2

int main(int argc, char** argv) { return quire::jffs2::run(argc, argv); }
