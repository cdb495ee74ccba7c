#include "jffs2/tool/survey.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/byte_order.h"
#include "base/progress.h"
#include "jffs2/codec/crc.h"
#include "jffs2/fs/erase_size.h"

namespace quire::jffs2 {

namespace {

constexpr std::array<PageLayout, 7> kLayouts{
    {{512, 16}, {2048, 64}, {2048, 128}, {4096, 128}, {4096, 224}, {4096, 256}, {8192, 448}}};
// Where nothing tells the size of erase blocks, conflicts are sought in windows of this size.
constexpr u32 kWindow = 65536;
// Copies of one node that differ are a sign of two file systems; one pair may be an accident of a
// power cut, so a window needs more.
constexpr u32 kConflicts = 3;

bool is(const FoundNode& node, NodeType type) { return node.type == static_cast<u16>(type); }

// How well the bytes read as JFFS2: sound nodes longer than any piece that fits a page by chance.
struct Score {
  u64 sound = 0;
  u64 broken = 0;
};
Score score(std::span<const u8> bytes, std::vector<FoundNode>& nodes) {
  Progress progress("searching", bytes.size());
  nodes = find_nodes(bytes, [&](u64 n) { progress.advance(n); });
  check_data(bytes, nodes);
  Score s;
  for (const FoundNode& n : nodes) {
    if (n.health == Health::good) s.sound++;
    if (n.health == Health::bad_crc || n.health == Health::bad_data) s.broken++;
  }
  return s;
}

// What a node says, without where it stands: equal keys with unequal values cannot both be true of
// one file system.
struct Claim {
  u64 key;
  u32 value;
};
std::optional<Claim> claim_of(std::span<const u8> bytes, const FoundNode& node) {
  if (node.health != Health::good) return std::nullopt;
  std::span<const u8> raw = bytes_of(bytes, node);
  if (is(node, NodeType::inode)) {
    auto n = decode_inode(raw, node.order);
    return Claim{u64{n->ino.value()} << 32 | n->version.value(), crc32(raw.first(kInodeSize))};
  }
  if (is(node, NodeType::dirent)) {
    auto n = decode_dirent(raw, node.order);
    return Claim{~(u64{n->pino.value()} << 32 | n->version.value()), crc32(raw)};
  }
  return std::nullopt;
}

// Where OpenWrt's marker stands, on a 4-byte grid, between `from` and `to`.
bool end_marker_between(std::span<const u8> bytes, u64 from, u64 to) {
  for (u64 at = from; at + 4 <= std::min<u64>(to, bytes.size()); at++)
    if (bytes[at] == 0xDE && load<u32>(bytes.data() + at, ByteOrder::big) == kEndMarker) return true;
  return false;
}

// Cuts the nodes where the byte order or the alignment changes, at end markers, and where what is
// said contradicts what went before.
class Divider {
 public:
  explicit Divider(std::span<const u8> bytes) : bytes_(bytes) {}

  std::vector<FoundSystem> divide(std::vector<FoundNode> nodes) {
    for (std::size_t i = 0; i < nodes.size();) {
      std::size_t last = i + 1;
      while (last < nodes.size() && goes_on(nodes[last - 1], nodes[last])) last++;
      add_run(std::span(nodes).subspan(i, last - i));
      i = last;
    }
    std::erase_if(systems_, [](const FoundSystem& s) { return !worth_showing(s); });
    return std::move(systems_);
  }

 private:
  static bool goes_on(const FoundNode& a, const FoundNode& b) {
    return a.order == b.order && a.offset / kWindow == b.offset / kWindow && a.offset % 4 == b.offset % 4;
  }

  // A few nodes of one window, which belong together or not at all.
  void add_run(std::span<const FoundNode> run) {
    bool marked = false;
    if (!systems_.empty()) {
      FoundSystem& last = systems_.back();
      marked = end_marker_between(bytes_, last.nodes.back().end(), run.front().offset);
      if (!marked && last.order == run.front().order &&
          last.nodes.back().offset % 4 == run.front().offset % 4 && !contradicts(run)) {
        last.nodes.insert(last.nodes.end(), run.begin(), run.end());
        remember(run);
        return;
      }
    }
    FoundSystem fresh;
    fresh.order = run.front().order;
    fresh.leftover = marked;
    fresh.nodes.assign(run.begin(), run.end());
    systems_.push_back(std::move(fresh));
    claims_.clear();
    remember(run);
  }

  bool contradicts(std::span<const FoundNode> run) const {
    u32 conflicts = 0;
    for (const FoundNode& node : run) {
      auto claim = claim_of(bytes_, node);
      if (!claim) continue;
      auto known = claims_.find(claim->key);
      if (known != claims_.end() && known->second != claim->value && ++conflicts >= kConflicts) return true;
    }
    return false;
  }

  void remember(std::span<const FoundNode> run) {
    for (const FoundNode& node : run)
      if (auto claim = claim_of(bytes_, node)) claims_.insert_or_assign(claim->key, claim->value);
  }

  // Four right bytes of CRC may stand anywhere once in a while; cleanmarkers alone are an empty file
  // system, but a lone one is chance or a remnant.
  static bool worth_showing(const FoundSystem& s) {
    u64 telling = 0, markers = 0;
    for (const FoundNode& n : s.nodes) {
      telling += n.health == Health::good && (is(n, NodeType::inode) || is(n, NodeType::dirent));
      markers += n.health == Health::good && is(n, NodeType::cleanmarker);
    }
    return telling > 0 || markers > 1;
  }

  std::span<const u8> bytes_;
  std::vector<FoundSystem> systems_;
  std::unordered_map<u64, u32> claims_;
};

// A NAND block has more pages than this; markers nearer to each other mark no blocks.
constexpr u32 kLeastPages = 16;

// Where, without spare bytes, pages begin whose spare bytes hold a cleanmarker: blocks of NAND.
std::vector<u64> oob_markers(std::span<const u8> file, PageLayout layout, ByteOrder order) {
  const std::vector<u8> marker = encode_oob_cleanmarker(order);
  std::vector<u64> places;
  u64 stride = u64{layout.page} + layout.spare;
  for (u64 at = 0, page = 0; at + stride <= file.size(); at += stride, page++) {
    auto spare = file.subspan(at + layout.page, layout.spare);
    if (!std::ranges::search(spare, marker).empty()) places.push_back(page * layout.page);
  }
  return places;
}

void find_erase_size(FoundSystem& s, u32 told, PageLayout layout, const std::vector<u64>& markers) {
  std::vector<u64> edges = markers;
  for (const FoundNode& n : s.nodes) {
    if (n.health != Health::good) continue;
    if (is(n, NodeType::cleanmarker)) edges.push_back(n.offset);
    if (is(n, NodeType::summary)) edges.push_back(n.end());
  }
  std::ranges::sort(edges);
  s.erase_size = erase_size_from_edges(edges).value_or(0);
  if (s.erase_size < kLeastPages * layout.page) s.erase_size = 0;
  if (told != 0) s.erase_size = told;
  s.begin = s.nodes.front().offset;
  if (s.erase_size != 0) {
    u64 phase = edges.empty() ? 0 : edges.front() % s.erase_size;
    u64 over = (s.begin + s.erase_size - phase) % s.erase_size;
    s.begin -= std::min(over, s.begin);
    // Erased blocks in front of the first node, where their spare bytes say whose they are.
    while (s.begin >= s.erase_size && std::ranges::binary_search(markers, s.begin - s.erase_size))
      s.begin -= s.erase_size;
  }
}

void find_ends(std::span<const u8> bytes, std::vector<FoundSystem>& systems) {
  for (std::size_t i = 0; i < systems.size(); i++) {
    FoundSystem& s = systems[i];
    // A node's padding may reach past the end, and a damaged length into the next file system.
    u64 last = std::min<u64>(s.nodes.back().end(), bytes.size());
    u64 limit = i + 1 < systems.size() ? std::max(systems[i + 1].begin, last) : bytes.size();
    // Erased flash behind the last node belongs to it, up to the first byte that is something else.
    u64 end = last;
    while (end < limit && bytes[end] == 0xFF) end++;
    if (s.erase_size != 0) {
      u64 whole = (end - s.begin) / s.erase_size * s.erase_size;
      u64 needed = last - s.begin;
      if (whole < needed)
        whole = std::min<u64>((needed + s.erase_size - 1) / s.erase_size * s.erase_size, limit - s.begin);
      end = s.begin + std::max(whole, needed);
    }
    s.end = end;
  }
}

}  // namespace

u64 FoundSystem::damaged_nodes() const {
  return static_cast<u64>(std::count_if(nodes.begin(), nodes.end(), [](const FoundNode& n) {
    return n.health == Health::bad_crc || n.health == Health::bad_data || n.health == Health::cut_short;
  }));
}

std::vector<u8> without_spare(std::span<const u8> file, PageLayout layout) {
  std::vector<u8> data;
  data.reserve(file.size());
  for (std::size_t at = 0; at < file.size(); at += layout.page + layout.spare) {
    auto page = file.subspan(at, std::min<std::size_t>(layout.page, file.size() - at));
    data.insert(data.end(), page.begin(), page.end());
  }
  return data;
}

Survey survey(std::span<const u8> file, const SurveyHints& hints) {
  Survey result;
  std::vector<FoundNode> nodes;
  if (hints.layout && hints.layout->page != 0) {
    result.layout = *hints.layout;
    result.data = without_spare(file, result.layout);
    score(result.data, nodes);
  } else {
    Score best = score(file, nodes);
    // Spare bytes in the midst break every node that crosses a page, so they show.
    if (!hints.layout && best.broken != 0) {
      for (PageLayout layout : kLayouts) {
        std::vector<u8> data = without_spare(file, layout);
        std::vector<FoundNode> candidate;
        Score s = score(data, candidate);
        if (s.sound <= best.sound || s.broken >= best.broken) continue;
        best = s;
        nodes = std::move(candidate);
        result.layout = layout;
        result.data = std::move(data);
      }
    }
  }
  std::span<const u8> bytes = result.layout.page != 0 ? std::span<const u8>(result.data) : file;
  if (hints.order) std::erase_if(nodes, [&](const FoundNode& n) { return n.order != *hints.order; });
  result.systems = Divider(bytes).divide(std::move(nodes));
  for (ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    std::vector<u64> markers;
    if (result.layout.page != 0) markers = oob_markers(file, result.layout, order);
    u64 before = 0;  // where the last file system's nodes end
    for (FoundSystem& s : result.systems) {
      if (s.order == order) {
        std::vector<u64> own(std::ranges::lower_bound(markers, before), markers.end());
        find_erase_size(s, hints.erase_size, result.layout, own);
      }
      before = s.nodes.back().end();
    }
  }
  find_ends(bytes, result.systems);
  return result;
}

}  // namespace quire::jffs2
