#include "kernel/mm/object.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>

#include "kernel/mm/manager.h"

namespace quire::mm {
namespace {

constexpr u64 read_ahead_pages = 32;  // a fill reads so many pages, aligned
constexpr u64 whole_file_pages = 64;  // files up to this size are read at once
constexpr u64 largest_object = u64{1} << 46;
constexpr u64 copy_piece = 64u << 10;  // bytes copied under the object's lock at a time

constexpr u64 window_of(u64 index) { return index / pages_per_huge; }
constexpr unsigned in_window(u64 index) { return static_cast<unsigned>(index % pages_per_huge); }

}  // namespace

Result<Ref<MemoryObject>> MemoryObject::create_anonymous(MemoryManager& mm, u64 size) {
  if (size > largest_object) return err(EFBIG);
  return Ref<MemoryObject>(make_ref<ObjectImpl>(static_cast<ManagerImpl&>(mm), nullptr, size, u64{0}));
}

Result<Ref<MemoryObject>> MemoryObject::create_backed(MemoryManager& mm, std::unique_ptr<PageSource> source,
                                                      u64 size, u64 patch_key) {
  if (size > largest_object) return err(EFBIG);
  return Ref<MemoryObject>(
      make_ref<ObjectImpl>(static_cast<ManagerImpl&>(mm), std::move(source), size, patch_key));
}

ObjectImpl::ObjectImpl(ManagerImpl& manager, std::unique_ptr<PageSource> source, u64 size, u64 patch_key)
    : manager_(manager), source_(std::move(source)), patch_key_(patch_key), size_(size) {
  if (backed()) manager_.join(this);
}

ObjectImpl::~ObjectImpl() {
  if (backed()) manager_.leave(this);
  (void)write_back();
  unreserve_from(0, ~u64{0});
  LockGuard guard(lock_);
  for (Windows* all : {&original_, &patched_})
    for (auto& [number, w] : *all) manager_.pool().release_whole(w.block, 1);
}

Result<ObjectImpl::Window*> ObjectImpl::window(Windows& windows, u64 number) {
  auto it = windows.lower_bound(number);
  if (it != windows.end() && it->first == number) return &it->second;
  BlockNumber wanted = no_block;
  if (it != windows.begin()) {
    const auto& [n, w] = *std::prev(it);
    wanted = BlockNumber(w.block.value() + (number - n));
  } else if (it != windows.end() && it->second.block.value() >= it->first - number) {
    wanted = BlockNumber(it->second.block.value() - (it->first - number));
  }
  const BlockNumber b = TRY(manager_.pool().allocate(number, wanted));
  it = windows.emplace_hint(it, number, Window{});
  it->second.block = b;
  return &it->second;
}

Result<std::optional<ObjectImpl::Run>> ObjectImpl::run_around(u64 index, u64 low, u64 high, bool patched) {
  high = std::min(high, page_count());
  if (index < low || index >= high) return std::optional<Run>();
  LockGuard guard(lock_);
  Windows& all = windows(patched);
  if (!sparse()) {
    // Every page is present: the window, and neighbours whose blocks follow on.
    Window* w = TRY(window(all, window_of(index)));
    Run run{window_of(index) * pages_per_huge, (window_of(index) + 1) * pages_per_huge,
            first_frame(w->block)};
    for (auto it = all.find(window_of(index)); run.end < high; run.end += pages_per_huge) {
      ++it;
      if (it == all.end() || it->first != window_of(run.end) ||
          first_frame(it->second.block) != run.at(run.end))
        break;
    }
    for (auto it = all.find(window_of(index)); run.first > low && it != all.begin();) {
      --it;
      if (it->first != window_of(run.first) - 1 ||
          first_frame(it->second.block) + pages_per_huge != run.frame)
        break;
      run.first -= pages_per_huge;
      run.frame = first_frame(it->second.block);
    }
    const u64 first = std::max(run.first, low);
    return std::optional(Run{first, std::min(run.end, high), run.at(first)});
  }
  auto it = all.find(window_of(index));
  if (it == all.end() || !it->second.valid[in_window(index)]) return std::optional<Run>();
  const Window& w = it->second;
  const u64 base = window_of(index) * pages_per_huge;
  u64 first = index;
  u64 end = index + 1;
  while (first > std::max(low, base) && w.valid[in_window(first - 1)]) --first;
  while (end < std::min(high, base + pages_per_huge) && w.valid[in_window(end)]) ++end;
  return std::optional(Run{first, end, first_frame(w.block) + in_window(first)});
}

Result<std::optional<ObjectImpl::Run>> ObjectImpl::next_run(u64 low, u64 high, bool patched) {
  high = std::min(high, page_count());
  u64 index = low;
  if (sparse()) {
    LockGuard guard(lock_);
    Windows& all = windows(patched);
    while (index < high) {
      auto it = all.lower_bound(window_of(index));
      if (it == all.end()) return std::optional<Run>();
      index = std::max(index, it->first * pages_per_huge);
      while (index < high && window_of(index) == it->first && !it->second.valid[in_window(index)]) ++index;
      if (window_of(index) == it->first) break;
    }
  }
  if (index >= high) return std::optional<Run>();
  return run_around(index, index, high, patched);
}

Result<> ObjectImpl::read_source(u64 first, u64 pages, FrameNumber frame, bool patched) {
  const std::span<std::byte> to(manager_.memory().at(frame), pages * page_size);
  std::size_t done = 0;
  while (done < to.size()) {
    const std::size_t n = TRY(source_->read(first * page_size + done, to.subspan(done)));
    if (n == 0) break;
    done += n;
  }
  if (patched && done != 0) manager_.platform().patcher().apply(patch_key_, first * page_size, to);
  return {};
}

void ObjectImpl::call_trapped(u64 offset, const platform::TrappedCall& call) {
  platform::TextPatcher& patcher = manager_.platform().patcher();
  const u64 index = offset >> page_shift;
  LockGuard guard(lock_);
  auto it = patched_.find(window_of(index));
  if (it == patched_.end() || !it->second.valid[in_window(index)]) return;
  // Patching takes the page from all who map it for a moment.
  if (std::ranges::any_of(mappers_, [](const auto& m) { return m.first->prompt(); })) return;
  const std::span<std::byte> page(manager_.memory().at(first_frame(it->second.block) + in_window(index)),
                                  page_size);
  if (!patcher.trapped(patch_key_, index * page_size, page, offset % page_size, call)) return;
  // From here on nobody finds the page, and its window stays.
  it->second.valid[in_window(index)] = false;
  it->second.filling[in_window(index)] = true;
  guard.unlock();
  forget_in_mappers(index * page_size, (index + 1) * page_size, false);
  patcher.apply(patch_key_, index * page_size, page);
  guard.lock();
  Window& w = patched_.find(window_of(index))->second;
  w.filling[in_window(index)] = false;
  if (index < page_count())
    w.valid[in_window(index)] = true;
  else
    manager_.pool().clear(first_frame(w.block) + in_window(index), 1);  // truncated meanwhile
  filled_.notify_all();
}

Result<> ObjectImpl::fill(u64 index, bool patched) {
  if (huge_) return fill_huge(index);
  if (!backed()) return {};
  LockGuard guard(lock_);
  for (;;) {
    const u64 pages = page_count();
    if (index >= pages) return err(ENXIO);
    Window* w = TRY(window(windows(patched), window_of(index)));
    if (w->valid[in_window(index)]) return {};
    if (w->filling[in_window(index)]) {
      filled_.wait(lock_);
      continue;
    }
    const u64 base = window_of(index) * pages_per_huge;
    const u64 ahead = pages <= whole_file_pages ? pages_per_huge : read_ahead_pages;
    const u64 low = std::max(base, round_down(index, ahead));
    const u64 high = std::min({base + pages_per_huge, round_down(index, ahead) + ahead, pages});
    auto free = [&](u64 i) { return !w->valid[in_window(i)] && !w->filling[in_window(i)]; };
    u64 first = index;
    u64 end = index + 1;
    while (first > low && free(first - 1)) --first;
    while (end < high && free(end)) ++end;
    for (u64 i = first; i < end; ++i) w->filling[in_window(i)] = true;
    const FrameNumber frame = first_frame(w->block) + in_window(first);
    guard.unlock();
    auto done = read_source(first, end - first, frame, patched);
    guard.lock();
    // The window stays while pages of it are being filled (drop_pages leaves those alone).
    w = &windows(patched).find(window_of(index))->second;
    for (u64 i = first; i < end; ++i) {
      w->filling[in_window(i)] = false;
      if (done && i < page_count())
        w->valid[in_window(i)] = true;
      else
        manager_.pool().clear(first_frame(w->block) + in_window(i), 1);  // truncated meanwhile
    }
    filled_.notify_all();
    return done;
  }
}

void ObjectImpl::mark_dirty(u64 first, u64 end) {
  if (!backed()) return;
  LockGuard guard(lock_);
  for (u64 i = first; i < end; ++i)
    if (auto it = original_.find(window_of(i)); it != original_.end()) it->second.dirty[in_window(i)] = true;
}

Result<std::size_t> ObjectImpl::read(u64 offset, std::span<std::byte> to) {
  platform::Memory& memory = manager_.memory();
  std::size_t done = 0;
  while (done < to.size()) {
    const u64 at = offset + done;
    const u64 end = size();
    if (at >= end) break;
    const u64 index = at >> page_shift;
    u64 n = std::min<u64>(to.size() - done, end - at);
    LockGuard guard(lock_);
    auto it = original_.find(window_of(index));
    if (!backed() && it == original_.end()) {  // never written: zeros
      n = std::min(n, (window_of(index) + 1) * huge_size - at);
      std::memset(to.data() + done, 0, n);
      done += n;
      continue;
    }
    if (backed() && (it == original_.end() || !it->second.valid[in_window(index)])) {
      guard.unlock();
      auto filled = fill(index, false);
      if (!filled && filled.error() == Errno(ENXIO)) break;  // truncated meanwhile
      if (!filled) return done != 0 ? Result<std::size_t>(done) : err(filled.error());
      guard.lock();
      it = original_.find(window_of(index));
      if (it == original_.end() || !it->second.valid[in_window(index)]) continue;
    }
    u64 last = index + 1;  // pages in reach
    if (backed())
      while (window_of(last) == window_of(index) && it->second.valid[in_window(last)]) ++last;
    else
      last = (window_of(index) + 1) * pages_per_huge;
    n = std::min({n, last * page_size - at, copy_piece});
    const FrameNumber frame = first_frame(it->second.block) + in_window(index);
    if (!backed()) {
      // A hole is not touched: that would give it storage.
      const FrameNumber limit = frame + ((at % page_size + n + page_size - 1) >> page_shift);
      const FrameNumber data = memory.next_data(frame, limit);
      if (frame < data) {
        n = std::min(n, (data - frame) * page_size - at % page_size);
        std::memset(to.data() + done, 0, n);
        done += n;
        continue;
      }
      n = std::min(n, (memory.next_hole(frame, limit) - frame) * page_size - at % page_size);
    }
    if (!memory.checked_copy(to.data() + done, memory.at(frame) + at % page_size, n)) return err(EIO);
    done += n;
  }
  return done;
}

Result<std::size_t> ObjectImpl::write(u64 offset, std::span<const std::byte> from) {
  if (from.empty()) return std::size_t{0};
  if (huge_) return err(EINVAL);
  if (offset > largest_object || from.size() > largest_object - offset) return err(EFBIG);
  if (!backed() && !manager_.room_for(from.size())) return err(ENOSPC);
  platform::Memory& memory = manager_.memory();
  drop_patched();
  std::size_t done = 0;
  auto result = [&](int e) { return done != 0 ? Result<std::size_t>(done) : err(e); };
  while (done < from.size()) {
    const u64 at = offset + done;
    const u64 index = at >> page_shift;
    const u64 n = std::min(
        {from.size() - done, backed() ? page_size - at % page_size : huge_size - at % huge_size, copy_piece});
    const bool partial = n != page_size;
    if (backed() && partial && index < page_count()) {
      if (auto filled = fill(index, false); !filled) return result(filled.error().value());
    }
    LockGuard guard(lock_);
    auto w = window(original_, window_of(index));
    if (!w) return result(ENOSPC);
    if (backed()) {
      if ((*w)->filling[in_window(index)]) {
        filled_.wait(lock_);
        continue;
      }
      (*w)->valid[in_window(index)] = true;
      (*w)->dirty[in_window(index)] = true;
    }
    std::byte* to = memory.at(first_frame((*w)->block) + in_window(index)) + at % page_size;
    if (!memory.checked_copy(to, from.data() + done, n)) return result(ENOSPC);
    done += n;
    if (at + n > size()) size_.store(at + n, std::memory_order_release);
  }
  return done;
}

Result<> ObjectImpl::reserve(u64 first, u64 end) {
  if (sparse() || first >= end) return {};
  LockGuard guard(lock_);
  const u64 last = window_of(end - 1);
  for (u64 n = window_of(first); n <= last;) {
    auto next = original_.lower_bound(n);
    const u64 stop = next == original_.end() ? last + 1 : std::min(next->first, last + 1);
    if (stop - n > 1) {
      if (auto b = manager_.pool().allocate_run(stop - n, n)) {
        for (u64 k = n; k < stop; ++k) original_[k].block = BlockNumber(b->value() + (k - n));
        n = stop;
        continue;
      }
    }
    TRY_VOID(window(original_, n));
    ++n;
  }
  return {};
}

void ObjectImpl::add_mapper(ObjectMapper* mapper, u64 pages, bool shared_writable) {
  LockGuard guard(lock_);
  mappers_[mapper] += pages;
  if (shared_writable) writable_pages_ += pages;
}

void ObjectImpl::remove_mapper(ObjectMapper* mapper, u64 pages, bool shared_writable) {
  LockGuard guard(lock_);
  auto it = mappers_.find(mapper);
  assert(it != mappers_.end() && it->second >= pages);
  it->second -= pages;
  if (it->second == 0) mappers_.erase(it);
  if (shared_writable) writable_pages_ -= pages;
}

bool ObjectImpl::mapped_writable() const {
  LockGuard guard(lock_);
  return writable_pages_ != 0;
}

bool ObjectImpl::mapped_once() const {
  LockGuard guard(lock_);
  return mappers_.size() <= 1;
}

u64 ObjectImpl::mapped_by() const {
  LockGuard guard(lock_);
  return std::max<u64>(1, mappers_.size());
}

void ObjectImpl::forget_in_mappers(u64 begin, u64 end, bool even_private) {
  struct Held {
    Ref<RefCounted> alive;
    ObjectMapper* mapper;
  };
  std::vector<Held> held;
  {
    LockGuard guard(lock_);
    for (auto& [mapper, pages] : mappers_)
      if (auto alive = mapper->hold_alive()) held.push_back({std::move(alive), mapper});
  }
  for (const Held& h : held) h.mapper->forget_object_range(*this, begin, end, even_private);
}

// Whole windows go with their block; of others the pages are given back. Pages being filled stay.
void ObjectImpl::drop_pages(Windows& windows, u64 first, u64 end) {
  BlockPool& pool = manager_.pool();
  for (auto it = windows.lower_bound(window_of(first)); it != windows.end();) {
    Window& w = it->second;
    const u64 base = it->first * pages_per_huge;
    if (base >= end) break;
    const u64 a = std::max(first, base) - base;
    const u64 b = std::min(end - base, pages_per_huge);
    if (a == 0 && b == pages_per_huge && w.filling.none()) {
      pool.release_whole(w.block, 1);
      it = windows.erase(it);
      continue;
    }
    if (backed()) {
      for (u64 i = a; i < b; ++i) {
        if (!w.valid[i]) continue;
        w.valid[i] = w.dirty[i] = false;
        pool.clear(first_frame(w.block) + i, 1);
      }
    } else {
      pool.clear(first_frame(w.block) + a, b - a);
    }
    ++it;
  }
}

void ObjectImpl::adopt(u64 number, BlockNumber block) {
  manager_.pool().retain_whole(block);
  LockGuard guard(lock_);
  Window w;
  w.block = block;
  w.valid.set();
  original_.emplace(number, w);
}

Result<> ObjectImpl::zero_tail(u64 size) {
  if (size % page_size == 0) return {};
  static constexpr std::array<std::byte, page_size> zeros{};
  LockGuard guard(lock_);
  auto it = original_.find(window_of(size >> page_shift));
  if (it == original_.end()) return {};
  const unsigned i = in_window(size >> page_shift);
  if (backed() && !it->second.valid[i]) return {};
  platform::Memory& memory = manager_.memory();
  const FrameNumber f = first_frame(it->second.block) + i;
  if (memory.next_data(f, f + 1) != f) return {};
  if (!memory.checked_copy(memory.at(f) + size % page_size, zeros.data(), page_size - size % page_size))
    return err(EIO);
  return {};
}

Result<> ObjectImpl::resize(u64 new_size) {
  if (new_size > largest_object) return err(EFBIG);
  const u64 old = size_.exchange(new_size, std::memory_order_acq_rel);
  if (new_size >= old) return {};
  const u64 first = (new_size + page_size - 1) >> page_shift;
  // From here on no fault maps what lies beyond; what was mapped before is taken away now.
  forget_in_mappers(first << page_shift, std::numeric_limits<u64>::max(), true);
  {
    LockGuard guard(lock_);
    drop_pages(original_, first, std::numeric_limits<u64>::max() >> page_shift);
    drop_pages(patched_, first, std::numeric_limits<u64>::max() >> page_shift);
  }
  if (huge_) unreserve_from(first / pages_per_huge, ~u64{0});
  return zero_tail(new_size);
}

Result<> ObjectImpl::punch(u64 offset, u64 length) {
  const u64 end = std::min(size(), offset + length < offset ? ~u64{0} : offset + length);
  if (offset >= end) return {};
  if (huge_) return punch_huge(offset, end - offset);
  static constexpr std::array<std::byte, page_size> zeros{};
  const u64 whole_end = end == size() ? round_up(end, page_size) : round_down(end, page_size);
  const u64 whole_begin = round_up(offset, page_size);
  auto clear_part = [&](u64 from, u64 to) -> Result<> {
    if (from >= to) return {};
    if (!backed() && TRY(seek_data(from)) >= to) return {};
    TRY_VOID(write(from, std::span(zeros).first(to - from)));
    return {};
  };
  if (whole_begin >= whole_end) {
    const u64 middle = std::min(end, whole_begin);
    if (auto r = clear_part(offset, middle); !r && r.error() != Errno(ENXIO)) return r;
    if (auto r = clear_part(middle, end); !r && r.error() != Errno(ENXIO)) return r;
    return {};
  }
  if (auto r = clear_part(offset, whole_begin); !r && r.error() != Errno(ENXIO)) return r;
  if (whole_end < end)
    if (auto r = clear_part(whole_end, end); !r && r.error() != Errno(ENXIO)) return r;
  if (backed()) {
    for (u64 at = whole_begin; at < std::min(whole_end, size()); at += page_size) {
      const u64 n = std::min(page_size, size() - at);
      TRY_VOID(write(at, std::span(zeros).first(n)));
    }
    return {};
  }
  // Mappings stay: they show the holes that are left, which the host fills with zeros.
  LockGuard guard(lock_);
  for (auto it = original_.lower_bound(whole_begin / huge_size); it != original_.end(); ++it) {
    const u64 base = it->first * huge_size;
    if (base >= whole_end) break;
    const u64 a = std::max(base, whole_begin) - base;
    const u64 b = std::min(base + huge_size, whole_end) - base;
    manager_.pool().clear(first_frame(it->second.block) + (a >> page_shift), (b - a) >> page_shift);
  }
  return {};
}

Result<u64> ObjectImpl::seek_data(u64 from) {
  const u64 end = size();
  if (from >= end) return err(ENXIO);
  if (sparse()) return from;
  LockGuard guard(lock_);
  for (auto it = original_.lower_bound(from / huge_size); it != original_.end(); ++it) {
    const u64 base = it->first * huge_size;
    const u64 at = std::max(from, base);
    if (at >= end) break;
    const FrameNumber f = first_frame(it->second.block);
    const FrameNumber d = manager_.memory().next_data(f + ((at - base) >> page_shift), f + pages_per_huge);
    if (d == f + pages_per_huge) continue;
    const u64 found = std::max(at, base + (d - f) * page_size);
    if (found >= end) break;
    return found;
  }
  return err(ENXIO);
}

Result<u64> ObjectImpl::seek_hole(u64 from) {
  const u64 end = size();
  if (from >= end) return err(ENXIO);
  if (sparse()) return end;
  LockGuard guard(lock_);
  u64 at = from;
  while (at < end) {
    auto it = original_.find(at / huge_size);
    if (it == original_.end()) return at;
    const u64 base = it->first * huge_size;
    const FrameNumber f = first_frame(it->second.block);
    const FrameNumber h = manager_.memory().next_hole(f + ((at - base) >> page_shift), f + pages_per_huge);
    if (h != f + pages_per_huge) return std::min(end, std::max(at, base + (h - f) * page_size));
    at = base + huge_size;
  }
  return end;
}

Result<> ObjectImpl::write_back() {
  if (!backed()) return {};
  u64 index = 0;
  LockGuard guard(lock_);
  for (auto it = original_.begin(); it != original_.end(); it = original_.lower_bound(window_of(index))) {
    index = std::max(index, it->first * pages_per_huge);
    Window& w = it->second;
    while (window_of(index) == it->first && !w.dirty[in_window(index)]) ++index;
    if (window_of(index) != it->first) continue;
    const u64 end = size();
    if (index * page_size >= end) break;
    u64 last = index;
    while (window_of(last) == it->first && w.dirty[in_window(last)] && last * page_size < end) {
      // A page that guests can still write stays dirty.
      if (writable_pages_ == 0) w.dirty[in_window(last)] = false;
      ++last;
    }
    const u64 bytes = std::min(last * page_size, end) - index * page_size;
    const std::span<const std::byte> from(manager_.memory().at(first_frame(w.block) + in_window(index)),
                                          bytes);
    const u64 offset = index * page_size;
    guard.unlock();
    auto written = source_->write(offset, from);
    guard.lock();
    if (!written) {
      if (auto again = original_.find(window_of(index)); again != original_.end())
        for (u64 i = index; i < last; ++i)
          if (again->second.valid[in_window(i)]) again->second.dirty[in_window(i)] = true;
      return err(written.error());
    }
    index = last;
  }
  return {};
}

bool ObjectImpl::drop_clean(bool patched_only) {
  std::vector<BlockNumber> blocks;
  {
    LockGuard guard(lock_);
    for (Windows* all : {&original_, &patched_}) {
      if (patched_only && all == &original_) continue;
      for (auto it = all->begin(); it != all->end();) {
        if (it->second.dirty.any() || it->second.filling.any()) {
          ++it;
          continue;
        }
        blocks.push_back(it->second.block);
        it = all->erase(it);
      }
    }
  }
  if (blocks.empty()) return false;
  // Nobody finds these pages in the cache any more; those who mapped them lose them now.
  forget_in_mappers(0, std::numeric_limits<u64>::max(), false);
  for (const BlockNumber b : blocks) manager_.pool().release_whole(b, 1);
  return true;
}

bool ObjectImpl::reclaim() {
  {
    LockGuard guard(lock_);
    if (std::ranges::any_of(mappers_, [](const auto& m) { return m.first->prompt(); })) return false;
  }
  return drop_clean(false);
}

void ObjectImpl::invalidate() {
  if (backed()) drop_clean(false);
}

void ObjectImpl::drop_patched() {
  {
    LockGuard guard(lock_);
    if (patched_.empty()) return;
  }
  drop_clean(true);
}

u64 ObjectImpl::resident_pages(u64 first, u64 end) const {
  end = std::min(end, page_count());
  if (first >= end) return 0;
  u64 n = 0;
  LockGuard guard(lock_);
  for (auto it = original_.lower_bound(window_of(first)); it != original_.end(); ++it) {
    const u64 base = it->first * pages_per_huge;
    if (base >= end) break;
    const u64 a = std::max(first, base) - base;
    const u64 b = std::min(end - base, pages_per_huge);
    if (sparse()) {
      for (u64 i = a; i < b; ++i) n += it->second.valid[i] ? 1 : 0;
      continue;
    }
    n += manager_.pool().with_data(first_frame(it->second.block) + a, b - a);
  }
  return n;
}

bool ObjectImpl::page_resident(u64 index) const { return resident_pages(index, index + 1) != 0; }

u64 ObjectImpl::bytes_used() const { return resident_pages(0, page_count()) * page_size; }

}  // namespace quire::mm
