#include "jffs2/fs/scan.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "base/byte_order.h"
#include "jffs2/codec/summary.h"
#include "jffs2/flash/erased.h"
#include "jffs2/fs/stamp.h"
#include "jffs2/threads.h"

namespace quire::jffs2 {
namespace {

constexpr std::size_t kEndsLookedAt = 4096;

/// Length of the run of ones at the start of `bytes`, in whole words.
u32 erased_run(std::span<const u8> bytes) {
  u32 n = 0;
  u32 size = static_cast<u32>(bytes.size());
  while (n + 8 <= size) {
    u64 w;
    std::memcpy(&w, bytes.data() + n, 8);
    if (w != ~u64{0}) break;
    n += 8;
  }
  while (n + 4 <= size) {
    u32 w;
    std::memcpy(&w, bytes.data() + n, 4);
    if (w != ~u32{0}) break;
    n += 4;
  }
  return n;
}

/// Scans blocks of one device; one for each thread, for the buffer's sake.
class Scanner {
 public:
  Scanner(FlashDevice& device, const ScanOptions& options) : device_(device), options_(options) {}

  /// Good until the next call; may be moved from.
  BlockScan& scan(BlockIndex b) {
    out_.clear();
    if (device_.is_bad(b)) {
      out_.kind = BlockScan::Kind::bad;
      return out_;
    }
    const Geometry& g = device_.geometry();
    u64 start = g.block_start(b);
    std::span<const u8> block = device_.view(start, g.erase_size);
    if (block.size() != g.erase_size) {
      buffer_.resize(g.erase_size);
      // An unreadable page shows as damaged nodes.
      (void)device_.read(start, buffer_).has_value();
      block = buffer_;
    }
    if (g.is_nand()) {
      std::array<u8, 8> oob;
      out_.marker = g.oob_free_size >= oob.size() && device_.read_oob(start, g.oob_free_offset, oob) &&
                    is_oob_cleanmarker(oob, options_.order);
    }
    scan_block(block, g.is_nand());
    return out_;
  }

 private:
  void scan_block(std::span<const u8> block, bool nand) {
    if (load<u32>(block.data(), std::endian::big) == kEndMarker) {
      out_.end_of_image = true;
      return;
    }
    u32 first = kHeaderSize;
    if (!nand) {
      auto h = decode_header(block, options_.order);
      out_.marker = h && h->type == static_cast<u16>(NodeType::cleanmarker) && h->totlen <= block.size();
      if (out_.marker) first = std::max(first, pad4(h->totlen));
    }
    u32 data_at = out_.marker && !nand ? std::min<u32>(first, static_cast<u32>(block.size())) : 0;
    auto behind = block.subspan(data_at);
    if (auto stamp = decode_stamp(behind, options_.order)) {
      out_.sequence = *stamp;
    } else if (auto h = decode_header(behind, options_.order);
               h && h->type == static_cast<u16>(NodeType::padding) && h->totlen == kStampSize) {
      out_.damaged++;  // a stamp of which only the header is whole
    }
    if (looks_erased(behind)) {
      // A chip without OOB has nowhere to mark its clean blocks.
      bool can_mark = !nand || device_.geometry().oob_free_size >= 8;
      out_.kind = out_.marker || !can_mark ? BlockScan::Kind::erased : BlockScan::Kind::unmarked;
      return;
    }
    out_.front = nand ? load<u32>(block.data(), std::endian::native) != ~u32{0} : out_.marker;
    if (nand && !out_.front) {
      // Pages are programmed in order, so this is an erase that was cut, and all that counted had been
      // copied before it began. What still reads well was not good enough to be copied: a page that
      // power failed in, which now reads otherwise, while the page before it is gone.
      out_.kind = BlockScan::Kind::unmarked;
      out_.damaged++;
      return;
    }
    if (!options_.ignore_summaries && take_summary(block, nand)) return;
    scan_nodes(block, nand);
  }

  /// Whether a block holds nothing. Behind a sound cleanmarker its ends tell: such a block is erased
  /// once more before it is used. (A check, and what has no cleanmarker, is looked at in full.)
  bool looks_erased(std::span<const u8> bytes) const {
    if (!options_.ignore_summaries && out_.marker && bytes.size() > 2 * kEndsLookedAt)
      return is_erased(bytes.first(kEndsLookedAt)) && is_erased(bytes.last(kEndsLookedAt));
    return is_erased(bytes);
  }

  bool take_summary(std::span<const u8> block, bool nand) {
    if (!decode_summary(block, options_.order, summary_)) return false;
    // A front that is gone (its erase was cut) tells that the nodes listed may be gone too.
    if (!nand && summary_.cleanmarker != 0 && !out_.marker) return false;
    if (!summary_.entries.empty() &&
        !decode_header(block.subspan(summary_.entries[0].offset), options_.order))
      return false;
    out_.summary = true;
    out_.nodes.reserve(summary_.entries.size());
    u32 listed = 0;
    for (const SummaryEntry& e : summary_.entries) {
      ScannedNode n{.offset = e.offset, .length = e.type == NodeType::xref ? kXrefSize : e.totlen};
      listed += pad4(n.length);
      switch (e.type) {
        case NodeType::inode:
          n.kind = RefKind::inode;
          n.ino = e.ino;
          n.version = e.version;
          break;
        case NodeType::dirent:
          n.kind = RefKind::dirent;
          n.ino = e.ino;
          n.pino = e.pino;
          n.version = e.version;
          n.file_type = e.file_type;
          keep_name(n, e.name);
          break;
        case NodeType::xattr:
          n.kind = RefKind::xattr;
          n.xid = e.xid;
          n.version = e.version;
          break;
        default: {
          // The summary does not say whose it is.
          auto x = decode_xref(block.subspan(e.offset), options_.order);
          if (!x) {
            out_.damaged++;
            continue;
          }
          n.kind = RefKind::xref;
          set_xref(n, *x);
        }
      }
      out_.nodes.push_back(n);
    }
    out_.wasted = static_cast<u32>(block.size()) - summary_.node_offset + summary_.cleanmarker +
                  (out_.sequence != 0 ? kStampSize : 0);
    out_.wasted = std::min(out_.wasted, static_cast<u32>(block.size()) - listed);
    return true;
  }

  void scan_nodes(std::span<const u8> block, bool nand) {
    u32 size = static_cast<u32>(block.size());
    u32 page = nand ? device_.geometry().page_size : 0;
    bool in_garbage = false;
    for (u32 at = 0; at + kHeaderSize <= size;) {
      auto rest = block.subspan(at);
      u32 word = load<u32>(rest.data(), std::endian::native);
      if (word == ~u32{0}) {
        at += erased_run(rest);
        in_garbage = false;
        continue;
      }
      auto header = decode_header(rest, options_.order);
      if (!header || header->totlen < kHeaderSize || header->totlen > rest.size()) {
        // Zeros up to the page's end are padding too short for a node.
        if (page != 0 && word == 0 && page - at % page <= kHeaderSize) {
          out_.wasted += 4;
        } else if (!in_garbage) {
          out_.damaged++;
          in_garbage = true;
        }
        at += 4;
        continue;
      }
      in_garbage = false;
      take_node(rest.first(header->totlen), at, *header);
      at += pad4(header->totlen);
    }
  }

  void take_node(std::span<const u8> node, u32 at, const NodeHeader& header) {
    u32 length = header.totlen;
    if (pad4(length) + u64{at} > device_.geometry().erase_size) {
      out_.damaged++;
      return;
    }
    if (header.obsolete) return;
    ScannedNode n{.offset = at, .length = length};
    switch (static_cast<NodeType>(header.type)) {
      case NodeType::inode: {
        auto x = decode_inode(node, options_.order);
        if (!x) break;
        n.ino = x->ino;
        n.version = x->version;
        out_.nodes.push_back(n);
        return;
      }
      case NodeType::dirent: {
        auto x = decode_dirent(node, options_.order);
        if (!x) break;
        n.kind = RefKind::dirent;
        n.ino = x->ino;
        n.pino = x->pino;
        n.version = x->version;
        n.file_type = x->type;
        keep_name(n, x->name);
        out_.nodes.push_back(n);
        return;
      }
      case NodeType::xattr: {
        auto x = decode_xattr(node, options_.order);
        if (!x) break;
        n.kind = RefKind::xattr;
        n.xid = x->xid;
        n.version = x->version;
        out_.nodes.push_back(n);
        return;
      }
      case NodeType::xref: {
        auto x = decode_xref(node, options_.order);
        if (!x) break;
        n.kind = RefKind::xref;
        set_xref(n, *x);
        out_.nodes.push_back(n);
        return;
      }
      case NodeType::cleanmarker:
      case NodeType::padding:
      case NodeType::summary:
        out_.wasted += pad4(length);
        return;
      default:
        take_unknown(n, header.type);
        return;
    }
    out_.damaged++;
  }

  void take_unknown(ScannedNode n, u16 type) {
    out_.unknown++;
    switch (compat_of(type)) {
      case Compat::rw_delete:
        break;
      case Compat::rw_copy:
        n.kind = RefKind::foreign;
        out_.nodes.push_back(n);
        break;
      case Compat::read_only:
        out_.read_only = true;
        break;
      case Compat::incompatible:
        out_.incompatible = true;
        break;
    }
  }

  void keep_name(ScannedNode& n, std::string_view name) {
    n.name_at = static_cast<u32>(out_.names.size());
    n.name_length = static_cast<u8>(name.size());
    out_.names.insert(out_.names.end(), name.begin(), name.end());
  }
  static void set_xref(ScannedNode& n, const XrefNode& x) {
    n.ino = x.ino;
    n.xid = x.xid;
    n.version = Version(x.seqno);
  }

  FlashDevice& device_;
  const ScanOptions& options_;
  std::vector<u8> buffer_;
  Summary summary_;
  BlockScan out_;
};

/// Blocks that helpers scan while the caller takes over what is done.
class SharedScan {
 public:
  SharedScan(FlashDevice& device, const ScanOptions& options)
      : device_(device),
        options_(options),
        count_(device.geometry().block_count),
        done_(count_),
        is_done_(count_) {}

  Result<> run(unsigned helpers, const std::function<Result<>(BlockIndex, BlockScan&)>& take) {
    Helpers threads(helpers, [this] {
      Scanner scanner(device_, options_);
      while (scan_next(scanner)) {
      }
    });
    Scanner scanner(device_, options_);
    for (u32 i = 0; i < count_; i++) {
      while (!is_done_[i] && scan_next(scanner)) {
      }
      is_done_[i].wait(false);
      auto taken = take(BlockIndex(i), done_[i]);
      done_[i] = BlockScan{};
      if (taken) continue;
      next_ = count_;
      return taken;
    }
    return {};
  }

 private:
  /// False: none is left.
  bool scan_next(Scanner& scanner) {
    u32 i = next_++;
    if (i >= count_) return false;
    done_[i] = std::move(scanner.scan(BlockIndex(i)));
    is_done_[i] = true;
    is_done_[i].notify_one();
    return true;
  }

  FlashDevice& device_;
  const ScanOptions& options_;
  const u32 count_;
  std::atomic<u32> next_{0};
  std::vector<BlockScan> done_;
  std::vector<std::atomic<bool>> is_done_;
};

}  // namespace

void BlockScan::clear() {
  BlockScan fresh;
  fresh.nodes.swap(nodes);
  fresh.names.swap(names);
  *this = std::move(fresh);
  nodes.clear();
  names.clear();
}

Result<> scan_blocks(FlashDevice& device, const ScanOptions& options,
                     const std::function<Result<>(BlockIndex, BlockScan&)>& take) {
  u32 count = device.geometry().block_count;
  unsigned threads = std::min<unsigned>(options.threads, (count + 15) / 16);
  if (threads > 1) return SharedScan(device, options).run(threads - 1, take);
  Scanner scanner(device, options);
  for (u32 i = 0; i < count; i++) TRY_VOID(take(BlockIndex(i), scanner.scan(BlockIndex(i))));
  return {};
}

std::optional<ByteOrder> detect_order(FlashDevice& device) {
  const Geometry& g = device.geometry();
  std::array<u32, 2> votes{};
  std::vector<u8> block(g.erase_size);
  for (u32 b = 0; b < g.block_count && votes[0] + votes[1] < 8; b++) {
    if (device.is_bad(BlockIndex(b))) continue;
    (void)device.read(g.block_start(BlockIndex(b)), block).has_value();
    // An empty NAND chip tells only out of band.
    std::array<u8, 8> oob;
    if (g.oob_free_size >= oob.size() &&
        device.read_oob(g.block_start(BlockIndex(b)), g.oob_free_offset, oob)) {
      votes[0] += is_oob_cleanmarker(oob, std::endian::little);
      votes[1] += is_oob_cleanmarker(oob, std::endian::big);
    }
    for (u32 at = 0; at + kHeaderSize <= block.size(); at += 4) {
      auto rest = std::span<const u8>(block).subspan(at);
      if (u32 run = erased_run(rest); run != 0) {
        at += run - 4;
        continue;
      }
      if (decode_header(rest, std::endian::little)) {
        votes[0]++;
        break;
      }
      if (decode_header(rest, std::endian::big)) {
        votes[1]++;
        break;
      }
    }
  }
  if (votes[0] + votes[1] == 0) return std::nullopt;
  return votes[0] >= votes[1] ? std::endian::little : std::endian::big;
}

}  // namespace quire::jffs2
