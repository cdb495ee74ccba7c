#include "kernel/main/memory_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace quire::cli {
namespace {

constexpr u64 page = 4096;

struct Run {
  u64 begin = 0, end = 0, frame = 0, pages = 0;
  bool of_object = false;
  unsigned level = 0;
  u32 sharers = 0;
  u64 frame_end() const { return frame + (end - begin) / page; }
};

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

std::string process_name(int pid) {
  std::string name = contents(fmt::format("/proc/{}/comm", pid));
  if (!name.empty() && name.back() == '\n') name.pop_back();
  return name;
}

std::vector<Run> read_runs(int pid) {
  std::vector<Run> runs;
  std::istringstream lines(contents(fmt::format("/proc/{}/frames", pid)));
  for (std::string line; std::getline(lines, line);) {
    Run r;
    char kind = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %c %lx %lu %u %u", &r.begin, &r.end, &kind, &r.frame, &r.pages,
                    &r.level, &r.sharers) != 7 ||
        r.begin >= r.end)
      continue;
    r.of_object = kind == 'o';
    runs.push_back(r);
  }
  return runs;
}

std::vector<Area> read_areas(int pid) {
  std::vector<Area> areas;
  std::istringstream lines(contents(fmt::format("/proc/{}/maps", pid)));
  for (std::string line; std::getline(lines, line);) {
    Area a;
    char rights[8] = "";
    int name_at = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %7s %*s %*s %*s %n", &a.begin, &a.end, rights, &name_at) < 3)
      continue;
    a.rights = rights;
    if (name_at > 0 && static_cast<std::size_t>(name_at) < line.size())
      a.name = line.substr(static_cast<std::size_t>(name_at));
    areas.push_back(std::move(a));
  }
  return areas;
}

/// Whose the frames are: by first frame, ranges with the processes that show them.
class Owners {
 public:
  void add(int pid, const std::vector<Run>& runs) {
    for (const Run& r : runs) {
      cut(r.frame);
      cut(r.frame_end());
      for (u64 f = r.frame; f < r.frame_end();) {
        auto it = ranges_.lower_bound(f);
        if (it == ranges_.end() || it->first != f) {
          const u64 stop = it == ranges_.end() ? r.frame_end() : std::min(it->first, r.frame_end());
          it = ranges_.emplace_hint(it, f, Range{stop, {}});
        }
        it->second.pids.insert(pid);
        f = it->second.end;
      }
    }
  }
  /// Calls use(end frame, processes) for each stretch of [begin, end).
  template <typename F>
  void each(u64 begin, u64 end, F&& use) const {
    static const std::set<int> nobody;
    for (u64 f = begin; f < end;) {
      auto it = ranges_.upper_bound(f);
      if (it != ranges_.begin() && std::prev(it)->second.end > f) {
        const Range& r = std::prev(it)->second;
        use(std::min(r.end, end), r.pids);
        f = r.end;
      } else {
        const u64 stop = it == ranges_.end() ? end : std::min(it->first, end);
        use(stop, nobody);
        f = stop;
      }
    }
  }

 private:
  struct Range {
    u64 end;
    std::set<int> pids;
  };
  void cut(u64 at) {
    auto it = ranges_.lower_bound(at);
    if (it == ranges_.begin()) return;
    Range& before = std::prev(it)->second;
    if (before.end <= at) return;
    ranges_.emplace_hint(it, at, Range{before.end, before.pids});
    before.end = at;
  }
  std::map<u64, Range> ranges_;
};

}  // namespace

MemoryMap read_memory_map(int pid, std::string& error) {
  MemoryMap map;
  map.pid = pid;
  std::error_code ignored;
  const std::string self = fmt::format("/proc/{}", pid);
  if (!std::filesystem::exists(self, ignored)) return error = fmt::format("there is no process {}", pid), map;
  if (!std::filesystem::exists("/proc/self/frames", ignored))
    return error =
               "this is not a Quire sandbox: run it inside one, as in quire run -- sh -c 'PROGRAM & quire "
               "mem $!'",
           map;
  map.name = process_name(pid);
  map.areas = read_areas(pid);
  const std::vector<Run> runs = read_runs(pid);
  if (map.areas.empty())
    return error = fmt::format("process {} has no memory, or it may not be looked at", pid), map;
  const std::string status = contents(self + "/status");
  if (const auto at = status.find("VmPTE:"); at != std::string::npos)
    map.table_bytes = std::strtoull(status.c_str() + at + 6, nullptr, 10) << 10;

  Owners owners;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string number = entry.path().filename();
    if (!std::ranges::all_of(number, [](unsigned char c) { return std::isdigit(c); })) continue;
    if (const int other = std::atoi(number.c_str()); other != pid) owners.add(other, read_runs(other));
  }
  std::map<int, u64> with;
  auto area = map.areas.begin();
  for (const Run& r : runs) {
    while (area != map.areas.end() && area->end <= r.begin) ++area;
    if (area == map.areas.end() || area->begin > r.begin) continue;
    u64 at = r.begin;
    const double full = static_cast<double>(r.pages * page) / static_cast<double>(r.end - r.begin);
    owners.each(r.frame, r.frame_end(), [&](u64 stop, const std::set<int>& others) {
      Piece p{.begin = at,
              .end = r.begin + (stop - r.frame) * page,
              .bytes = 0,
              .share = {},
              .table_level = r.level,
              .table_sharers = r.sharers};
      p.bytes = static_cast<u64>(static_cast<double>(p.end - p.begin) * full);
      at = p.end;
      if (!others.empty())
        p.share = {
            .kind = Share::Kind::process, .pid = *others.begin(), .others = static_cast<u32>(others.size())};
      if (r.of_object && area->rights[3] != 's') p.share = {.kind = Share::Kind::file, .pid = 0, .others = 0};
      switch (p.share.kind) {
        case Share::Kind::own:
          map.own += p.bytes;
          break;
        case Share::Kind::file:
          map.file += p.bytes;
          break;
        case Share::Kind::process:
          map.shared += p.bytes;
          for (const int other : others) with[other] += p.bytes;
      }
      if (!area->pieces.empty() && area->pieces.back().end == p.begin &&
          area->pieces.back().share == p.share && area->pieces.back().table_level == p.table_level &&
          area->pieces.back().table_sharers == p.table_sharers) {
        area->pieces.back().end = p.end;
        area->pieces.back().bytes += p.bytes;
      } else {
        area->pieces.push_back(p);
      }
    });
  }
  for (const auto& [other, bytes] : with) map.neighbours.push_back({other, process_name(other), bytes});
  return map;
}

int show_memory(int pid, const std::string& svg) {
  std::string error;
  const MemoryMap map = read_memory_map(pid, error);
  if (!error.empty()) {
    fmt::print(stderr, "quire mem: {}\n", error);
    return 1;
  }
  if (svg.empty()) {
    fmt::print("{}", memory_as_text(map));
    return std::fflush(stdout) == 0 ? 0 : 1;
  }
  std::ofstream file(svg);
  file << memory_as_svg(map);
  file.close();
  if (!file) {
    fmt::print(stderr, "quire mem: cannot write {}\n", svg);
    return 1;
  }
  return 0;
}

}  // namespace quire::cli
