// What must hold after each cut:
//
// 1. the chip mounts, and its rules were kept (no raised bit, no page twice, no half-erased block
//    programmed);
// 2. what was synced is exact; what was not is old, new or a hole;
// 3. a rename leaves the old name, the new or both; a replaced target reads old or new;
// 4. the tree is sound: check() finds nothing but damage;
// 5. the accounts of each block add up and equal those of a fresh scan that ignores summaries;
// 6. a chip filled to the brim can still be emptied, with a bounded number of erases;
// 7. a further mount, after another power-up, shows the same and finds no damage;
// 8. bad blocks are left alone (a rule of the chip), and wear is spread.

#include "jffs2/fs/power/explorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace quire::jffs2::power {
namespace {

constexpr Cut kProgramCuts[] = {Cut::nothing, Cut::prefix, Cut::subset, Cut::unstable};
constexpr Cut kEraseCuts[] = {Cut::nothing, Cut::prefix, Cut::subset, Cut::unstable, Cut::complete};
constexpr std::size_t kQueueLimit = 64;
constexpr u32 kWearSpread = 40;  ///< erases between the least and the most worn block

/// Damage is what a cut makes, and a write cut between two of its nodes may leave bytes that no node
/// covers; compare() judges what they read as. All else is a fault.
bool expected(const Finding& f) {
  return f.kind == Finding::Kind::damaged_node || f.kind == Finding::Kind::gap_in_file;
}

u64 hash_of(const CasePath& path) {
  u64 h = 0x9E3779B97F4A7C15u;
  for (const CutPoint& p : path) {
    h ^= p.operation * 8 + static_cast<u64>(p.cut) + 1;
    h *= 0xBF58476D1CE4E5B9u;
    h ^= h >> 29;
  }
  return h;
}

}  // namespace

std::string to_string(const CasePath& path) {
  std::string out;
  for (const CutPoint& p : path) {
    if (!out.empty()) out += "/";
    out += fmt::format("{}.{}", p.operation, cut_name(p.cut));
  }
  return out;
}

Result<std::unique_ptr<FileSystem>> Explorer::mount(RamDevice& device, bool read_only,
                                                    bool ignore_summaries) {
  mounts_++;
  MountOptions o;
  o.read_only = read_only;
  o.order = scenario_.order;
  o.scan_threads = 1;
  o.ignore_summaries = ignore_summaries;
  o.background_gc = false;
  // Replays must not depend on how fast the machine is.
  o.gc_budget_us = ~u32{0};
  o.compression.methods = {Compression::rtime};
  o.clock = [] { return 1000000000u; };
  return FileSystem::mount(device, o);
}

void Explorer::fail(const CasePath& path, const std::string& what) {
  std::lock_guard guard(mutex_);
  std::string id = scenario_.name + ":" + to_string(path);
  if (report_.failures.size() < 10)
    report_.failures.push_back(id + ": " + what);
  else
    enough_ = true;
}

bool Explorer::wanted(const CasePath& path) const {
  if (enough_) return false;
  if (!options_.only.empty()) {
    std::string id = to_string(path);
    return options_.only == id || options_.only.starts_with(id + "/");
  }
  if (path.front().operation % options_.parts != options_.part) return false;
  u32 one_of =
      path.size() <= options_.one_of.size() ? options_.one_of[path.size() - 1] : options_.one_of.back();
  return hash_of(path) % one_of == 0;
}

std::function<void(const FlashOp&)> Explorer::cutter(RamDevice& device, const CasePath& path,
                                                     const std::vector<State>& states, u64& counter,
                                                     std::function<void(Case)> take) {
  return [this, &device, &path, &states, &counter, take = std::move(take)](const FlashOp& op) {
    counter++;
    bool erase = op.kind == FlashOp::Kind::erase;
    for (Cut cut : erase ? std::span<const Cut>(kEraseCuts) : std::span<const Cut>(kProgramCuts)) {
      CasePath next = path;
      next.push_back({counter, cut});
      if (!wanted(next)) continue;
      if (!options_.only.empty())
        fmt::print("{}: {} at {:#x}, {} bytes\n", to_string(next), erase ? "erase" : "program", op.offset,
                   op.data.size());
      Case c{device.snapshot(), states, next};
      c.device->apply_cut(op, cut, hash_of(next));
      take(std::move(c));
    }
  };
}

void Explorer::act(FileSystem& fs, Workload& workload, State& model, std::vector<State>& states,
                   const CasePath& path, const std::function<bool()>& more) {
  const bool nand = scenario_.geometry.is_nand();
  u32 since_sync = 0;
  while (more()) {
    Action action = ++since_sync % 8 == 0 ? Action{} : workload.next(*model);
    if (!options_.only.empty())
      fmt::print("after {}: {} {} {} {} {}\n", to_string(path), static_cast<int>(action.kind), action.path,
                 action.other, action.number, action.data.size());
    auto next = std::make_shared<const Model>(after(*model, action));
    states.push_back(next);
    auto done = perform(fs, action);
    bool short_write = action.kind == Action::Kind::write && (!done || *done < action.data.size());
    if (!done && done.error() != Errno(ENOSPC) && done.error() != Errno(ERANGE))
      fail(path, fmt::format("action {} on {}: {}", static_cast<int>(action.kind), action.path,
                             done.error().name()));
    if (short_write) {
      // A hole up to the offset may have come to be; what is there is asked, not guessed.
      std::string problem;
      Tree tree = read_tree(fs, problem);
      if (!problem.empty()) fail(path, problem);
      if (std::string why = compare(tree, *model, *next); !why.empty())
        fail(path, "after a failed write: " + why);
      Model now = *model;
      now.files.at(now.names.at(action.path)).data = tree.at(action.path).file.data;
      next = std::make_shared<const Model>(std::move(now));
      states.back() = next;
    } else if (!done) {
      next = model;
      states.pop_back();
    }
    model = next;
    // NOR holds all that is done; NAND what was synced.
    if (!nand || action.kind == Action::Kind::sync) states.assign(1, model);
  }
}

void Explorer::first_life() {
  RamDevice device(scenario_.geometry);
  for (BlockIndex b : scenario_.bad_blocks) (void)device.mark_bad(b);
  if (!FileSystem::format(device, scenario_.order)) return fail({}, "format");
  CasePath path;
  State model = std::make_shared<const Model>();
  std::vector<State> states{model};
  u64 counter = 0;
  auto fs = mount(device);
  if (!fs) return fail({}, "mount of an empty chip");
  device.set_hook(cutter(device, path, states, counter, [this](Case c) { enqueue(std::move(c)); }));
  u32 budget = static_cast<u32>(scenario_.geometry.size() * scenario_.fill_percent / 100);
  Workload workload(scenario_.mix, scenario_.seed, budget);
  act(**fs, workload, model, states, path, [&] { return counter < scenario_.operations && !enough_; });
  device.set_hook(nullptr);
  std::string problem;
  Tree tree = read_tree(**fs, problem);
  std::string why = compare(tree, *model, *model);
  if (!problem.empty() || !why.empty()) fail({}, "at the end: " + problem + why);
  if (device.violations() != 0) fail({}, device.last_violation());
  u32 least = ~0u, most = 0;
  for (u32 b = 0; b < scenario_.geometry.block_count; b++) {
    if (device.is_bad(BlockIndex(b))) continue;
    least = std::min(least, device.erase_count(BlockIndex(b)));
    most = std::max(most, device.erase_count(BlockIndex(b)));
  }
  if (most > least + kWearSpread) fail({}, fmt::format("blocks were erased {} to {} times", least, most));
  report_.operations = counter;
}

void Explorer::later_life(Case& c) {
  RamDevice& device = *c.device;
  u64 hash = hash_of(c.path);
  device.power_up(hash);
  std::vector<Case> cuts;
  u64 counter = 0;
  std::vector<State> states = c.states;
  if (c.path.size() < scenario_.depth)
    device.set_hook(
        cutter(device, c.path, states, counter, [&](Case next) { cuts.push_back(std::move(next)); }));
  {
    auto fs = mount(device);
    if (!fs) return fail(c.path, std::string("mount: ") + fs.error().name());
    if ((*fs)->read_only()) fail(c.path, "mounted read-only");
    std::string problem;
    Tree tree = read_tree(**fs, problem);
    if (!problem.empty()) fail(c.path, problem);
    std::string why;
    for (std::size_t i = states.size(); i-- != 0;) {
      std::string this_why = compare(tree, *states[i], *states[std::min(i + 1, states.size() - 1)]);
      why = this_why;
      if (this_why.empty()) break;
    }
    if (!why.empty()) fail(c.path, why);
    auto findings = (*fs)->check();
    if (!findings)
      fail(c.path, "check");
    else
      for (const Finding& f : *findings)
        if (!expected(f)) fail(c.path, f.text);
    second_mount(device, tree, c.path, hash + 1);
    if (hash % options_.fill_one_of == 0) fill_and_empty(device, c.path);
    export_image(device, tree, c.path);

    if (scenario_.follow_up != 0) {
      State model = std::make_shared<const Model>(model_of(tree));
      states.assign(1, model);
      u32 left = scenario_.follow_up;
      Workload workload(scenario_.mix, static_cast<u32>(hash),
                        static_cast<u32>(scenario_.geometry.size() * scenario_.fill_percent / 100));
      act(**fs, workload, model, states, c.path, [&] { return left-- != 0; });
      Tree last = read_tree(**fs, problem);
      why = compare(last, *model, *model);
      if (!problem.empty() || !why.empty()) fail(c.path, "following up: " + problem + why);
    }
    device.set_hook(nullptr);
  }
  if (device.violations() != 0) fail(c.path, device.last_violation());
  for (Case& next : cuts) {
    cases_++;
    later_life(next);
  }
}

void Explorer::second_mount(const RamDevice& device, const Tree& tree, const CasePath& path, u64 seed) {
  auto again = device.snapshot();
  again->power_up(seed);
  auto fs = mount(*again);
  if (!fs) return fail(path, std::string("second mount: ") + fs.error().name());
  std::string problem;
  std::string why = compare(tree, read_tree(**fs, problem));
  if (!problem.empty() || !why.empty()) fail(path, "second mount: " + problem + why);
  auto findings = (*fs)->check();
  if (!findings) return fail(path, "second mount: check");
  for (const Finding& f : *findings)
    if (!expected(f)) fail(path, "second mount: " + f.text);
  if (!(*fs)->sync()) fail(path, "sync");
  auto copy = again->snapshot();
  auto fresh = mount(*copy, true, true);
  auto rest = fresh ? (*fresh)->check() : err(fresh.error());
  if (!rest) return fail(path, "fresh scan");
  // A block whose erase was cut may have passed for sound the first time. Not for ever.
  for (const Finding& f : *rest)
    if (f.kind != Finding::Kind::gap_in_file) fail(path, "damage that stays: " + f.text);
  auto a = (*fs)->statistics().blocks, b = (*fresh)->statistics().blocks;
  for (std::size_t i = 0; i < a.size(); i++) {
    if (a[i].used != b[i].used || a[i].unchecked + b[i].unchecked != 0)
      fail(path, fmt::format("block {}: used {}, a fresh scan says {}", i, a[i].used, b[i].used));
    // What is left of a block that is being written is nobody's to use after a cut.
    if (a[i].state != BlockState::open && a[i].free != b[i].free)
      fail(path, fmt::format("block {}: free {}, a fresh scan says {}", i, a[i].free, b[i].free));
  }
  fs->reset();
  if (again->violations() != 0) fail(path, "second mount: " + again->last_violation());
}

void Explorer::fill_and_empty(const RamDevice& device, const CasePath& path) {
  auto copy = device.snapshot();
  auto fs = mount(*copy);
  if (!fs) return fail(path, "mount to fill");
  std::vector<u8> data(1500);
  std::minstd_rand rng(5);
  for (u8& b : data) b = static_cast<u8>(rng() >> 8);
  u32 made = 0;
  u64 erases = (*fs)->statistics().gc_erased_blocks;
  for (; made < 10000; made++) {
    auto f = (*fs)->create(kRootIno, "fill" + std::to_string(made), {.mode = 0600});
    if (!f) break;
    auto w = (*fs)->write(*f, 0, data);
    if (!w || *w != data.size()) {
      made++;
      break;
    }
  }
  for (u32 i = 0; i < made; i++)
    if (auto r = (*fs)->unlink(kRootIno, "fill" + std::to_string(i)); !r)
      return fail(path, fmt::format("unlink {} of {} on a full chip: {}", i, made, r.error().name()));
  u64 limit = (made + 100) * u64{2} + 8 * u64{scenario_.geometry.block_count};
  if ((*fs)->statistics().gc_erased_blocks - erases > limit) fail(path, "too many erases");
  std::string problem;
  read_tree(**fs, problem);
  auto findings = (*fs)->check();
  if (!problem.empty() || !findings) fail(path, "emptied: " + problem);
  fs->reset();
  if (copy->violations() != 0) fail(path, "filled: " + copy->last_violation());
}

void Explorer::export_image(const RamDevice& device, const Tree& tree, const CasePath& path) {
  if (options_.export_directory.empty() || scenario_.geometry.is_nand() ||
      scenario_.order != std::endian::little)
    return;
  if (hash_of(path) % 16 != 0 || exported_++ >= options_.export_most) return;
  std::string id = to_string(path);
  std::ranges::replace(id, '/', '_');
  std::string base = options_.export_directory + "/" + scenario_.name + "-" + id;
  auto image = device.image();
  std::ofstream(base + ".img", std::ios::binary)
      .write(reinterpret_cast<const char*>(image.data()), static_cast<std::streamsize>(image.size()));
  std::ofstream(base + ".txt") << manifest(tree);
}

void Explorer::enqueue(Case c) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return queue_.size() < kQueueLimit; });
  queue_.push_back(std::move(c));
  changed_.notify_all();
}

void Explorer::worker() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !queue_.empty() || done_; });
    if (queue_.empty()) return;
    Case c = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    lock.unlock();
    cases_++;
    later_life(c);
  }
}

ExploreReport Explorer::run() {
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < options_.threads; i++) workers.emplace_back([this] { worker(); });
    first_life();
    {
      std::lock_guard guard(mutex_);
      done_ = true;
    }
    changed_.notify_all();
  }
  report_.cases = cases_;
  report_.mounts = mounts_;
  return report_;
}

}  // namespace quire::jffs2::power
