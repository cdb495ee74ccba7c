#include "jffs2/fs/directory.h"

#include <algorithm>

namespace quire::jffs2 {

u32 name_hash(std::string_view name) {
  u32 h = 2166136261u;
  for (char c : name) h = (h ^ static_cast<u8>(c)) * 16777619u;
  return h ^ (h >> 15);
}

u32 Directory::find(std::string_view name) const {
  if (buckets_.empty()) return kNone;
  u32 hash = name_hash(name);
  for (std::size_t i = hash & (buckets_.size() - 1); buckets_[i] != 0; i = (i + 1) & (buckets_.size() - 1)) {
    u32 index = buckets_[i] - 1;
    if (entries_[index].hash == hash && this->name(index) == name) return index;
  }
  return kNone;
}

RefId Directory::set(std::string_view name, Ino ino, FileType type, RefId ref) {
  u32 index = find(name);
  if (index == kNone) {
    if ((entries_.size() + 1) * 3 > buckets_.size() * 2)
      rehash(std::max<std::size_t>(8, buckets_.size() * 2));
    index = size();
    u32 hash = name_hash(name);
    entries_.push_back(
        {hash, kNoIno, kNoRef, static_cast<u32>(names_.size()), static_cast<u8>(name.size()), type});
    names_.insert(names_.end(), name.begin(), name.end());
    std::size_t i = hash & (buckets_.size() - 1);
    while (buckets_[i] != 0) i = (i + 1) & (buckets_.size() - 1);
    buckets_[i] = index + 1;
  }
  Entry& e = entries_[index];
  live_ += (ino != kNoIno ? 1u : 0u) - (e.ino != kNoIno ? 1u : 0u);
  RefId before = e.ref;
  e.ino = ino;
  e.type = type;
  e.ref = ref;
  return before;
}

void Directory::forget(u32 index) {
  Entry& e = entries_[index];
  if (e.ino != kNoIno) live_--;
  e.ino = kNoIno;
  e.ref = kNoRef;
}

u32 Directory::find_ref(std::string_view name, RefId ref) const {
  u32 i = find(name);
  return i != kNone && entries_[i].ref == ref ? i : kNone;
}

void Directory::remove_ghost(u32 hash) {
  auto it = ghosts_.find(hash);
  if (it != ghosts_.end() && --it->second == 0) ghosts_.erase(it);
}

void Directory::rehash(std::size_t buckets) {
  buckets_.assign(buckets, 0);
  for (u32 e = 0; e < entries_.size(); e++) {
    std::size_t i = entries_[e].hash & (buckets - 1);
    while (buckets_[i] != 0) i = (i + 1) & (buckets - 1);
    buckets_[i] = e + 1;
  }
}

void Directory::shrink() {
  entries_.shrink_to_fit();
  names_.shrink_to_fit();
}

u64 Directory::memory() const {
  return sizeof(*this) + entries_.capacity() * sizeof(Entry) + names_.capacity() +
         buckets_.capacity() * sizeof(u32) + ghosts_.size() * 40 + ghosts_.bucket_count() * sizeof(void*);
}

}  // namespace quire::jffs2
