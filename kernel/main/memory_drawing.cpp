// A MemoryMap as text and as SVG.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "kernel/main/memory_map.h"

namespace quire::cli {
namespace {

std::string size_text(u64 bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  const char* units[] = {"kB", "MB", "GB", "TB"};
  double v = static_cast<double>(bytes) / 1024;
  unsigned u = 0;
  while (v >= 1000 && u < 3) v /= 1024, ++u;
  return fmt::format("{:.{}f} {}", v, v < 10 ? 2 : v < 100 ? 1 : 0, units[u]);
}

std::string share_text(const MemoryMap& map, int pid) {
  for (const Neighbour& n : map.neighbours)
    if (n.pid == pid) return fmt::format("{} {}", n.pid, n.name);
  return std::to_string(pid);
}

std::size_t place_of(const MemoryMap& map, int pid) {
  const auto it = std::ranges::find(map.neighbours, pid, &Neighbour::pid);
  return static_cast<std::size_t>(it - map.neighbours.begin());
}

char letter(const MemoryMap& map, const Share& s) {
  if (s.kind == Share::Kind::own) return '#';
  if (s.kind == Share::Kind::file) return '=';
  return static_cast<char>('a' + place_of(map, s.pid) % 26);
}

/// What most of [begin, end) of the area is; null: untouched.
const Piece* most_of(const Area& a, u64 begin, u64 end) {
  const Piece* best = nullptr;
  u64 most = 0;
  for (const Piece& p : a.pieces) {
    const u64 from = std::max(begin, p.begin);
    const u64 to = std::min(end, p.end);
    if (from < to && to - from > most) most = to - from, best = &p;
  }
  return best;
}

u64 own_bytes(const Area& a) {
  u64 n = 0;
  for (const Piece& p : a.pieces)
    if (p.share.kind == Share::Kind::own) n += p.bytes;
  return n;
}

std::string area_name(const Area& a) {
  if (!a.name.empty()) return a.name;
  return a.rights.starts_with("---") ? "(no access)" : "(anonymous)";
}

std::string escaped(std::string_view s) {
  std::string out;
  for (const char c : s) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20)
      out += '?';
    else
      out += c;
  }
  return out;
}

std::string shortened(const std::string& s, std::size_t most) {
  return s.size() <= most ? s : "…" + s.substr(s.size() - most + 1);
}

// --- the picture

constexpr double width = 1120, margin = 36, label = 250, bar_height = 18, row_height = 40;
constexpr double bar_left = margin + label, bar_most = width - bar_left - margin - 170;
constexpr const char* own_colour = "#2f6f4f";
constexpr const char* file_colour = "#b9b2a3";
constexpr const char* untouched_colour = "#f1eee6";
constexpr std::array<const char*, 6> neighbour_colours{"#d98324", "#3b6ea5", "#a23b72",
                                                       "#6b8e23", "#7a5195", "#c0504d"};

const char* colour(const MemoryMap& map, const Share& s) {
  if (s.kind == Share::Kind::own) return own_colour;
  if (s.kind == Share::Kind::file) return file_colour;
  return neighbour_colours[place_of(map, s.pid) % neighbour_colours.size()];
}

class Picture {
 public:
  explicit Picture(const MemoryMap& map) : map_(map) {}
  std::string draw() {
    heading();
    summary();
    for (const auto& a : map_.areas)
      if (largest_ < a.end - a.begin && a.present() != 0) largest_ = a.end - a.begin;
    u64 last = 0;
    unsigned skipped = 0;
    for (const auto& a : map_.areas) {
      if (a.present() == 0) {
        ++skipped;
        continue;
      }
      if (last != 0 && a.begin > last) gap(a.begin - last);
      row(a);
      last = a.end;
    }
    if (skipped != 0) {
      text(margin, y_ + 14, 12, "#8a8577",
           fmt::format("{} more area{} with nothing in memory", skipped, skipped == 1 ? "" : "s"));
      y_ += 24;
    }
    y_ += 12;
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
               "{1}\" "
               "font-family=\"Helvetica, Arial, DejaVu Sans, sans-serif\">\n"
               "<rect width=\"{0}\" height=\"{1}\" fill=\"#fcfbf7\"/>\n",
               width, std::ceil(y_)) +
           out_ + "</svg>\n";
  }

 private:
  void text(double x, double y, int size, const char* fill, const std::string& s, const char* more = "") {
    out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\" fill=\"{}\"{}>{}</text>\n", x, y,
                        size, fill, more, escaped(s));
  }
  void box(double x, double y, double w, double h, const char* fill, const std::string& title,
           double round = 0) {
    if (w <= 0) return;
    out_ += fmt::format(
        "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"{}\" "
        "rx=\"{}\"><title>{}</title></rect>\n",
        x, y, w, h, fill, round, escaped(title));
  }

  void heading() {
    text(margin, 48, 26, "#26241f", map_.name, " font-weight=\"bold\"");
    text(margin, 70, 13, "#6d685c",
         fmt::format("process {}: {} in memory, {} of page tables", map_.pid,
                     size_text(map_.own + map_.shared + map_.file), size_text(map_.table_bytes)));
    y_ = 92;
  }

  // One bar for all that is present, and beside each colour what it stands for.
  void summary() {
    struct Part {
      u64 bytes;
      const char* fill;
      std::string name;
    };
    std::vector<Part> parts{{map_.own, own_colour, "its own"}};
    std::vector<u64> by_first(map_.neighbours.size(), 0);
    for (const Area& a : map_.areas)
      for (const Piece& p : a.pieces)
        if (p.share.kind == Share::Kind::process && place_of(map_, p.share.pid) < by_first.size())
          by_first[place_of(map_, p.share.pid)] += p.bytes;
    for (std::size_t i = 0; i < by_first.size(); ++i)
      if (by_first[i] != 0)
        parts.push_back({by_first[i], neighbour_colours[i % neighbour_colours.size()],
                         fmt::format("shared with {}", share_text(map_, map_.neighbours[i].pid))});
    parts.push_back({map_.file, file_colour, "files"});
    const double all = std::max<double>(1, static_cast<double>(map_.own + map_.shared + map_.file));
    double x = margin;
    for (const Part& p : parts) {
      const double w = (width - 2 * margin) * static_cast<double>(p.bytes) / all;
      box(x, y_, w, 26, p.fill, fmt::format("{}: {}", p.name, size_text(p.bytes)));
      x += w;
    }
    y_ += 48;
    x = margin;
    for (const Part& p : parts) {
      if (p.bytes == 0) continue;
      const std::string s = fmt::format("{}  {}", p.name, size_text(p.bytes));
      const double w = 30 + 7.2 * static_cast<double>(s.size());
      if (x + w > width - margin) x = margin, y_ += 22;
      box(x, y_ - 10, 12, 12, p.fill, p.name, 2);
      text(x + 18, y_, 13, "#26241f", s);
      x += w;
    }
    y_ += 34;
  }

  // Bars are as long as the square root of the area, so that small ones can be seen beside large ones.
  double length(u64 bytes) const {
    return std::max(4.0, bar_most * std::sqrt(static_cast<double>(bytes) /
                                              static_cast<double>(std::max<u64>(largest_, 1))));
  }

  void row(const Area& a) {
    const double w = length(a.end - a.begin);
    const double scale = w / static_cast<double>(a.end - a.begin);
    text(margin, y_ + 9, 13, "#26241f", shortened(area_name(a), 34));
    text(margin, y_ + 23, 11, "#8a8577", fmt::format("{:x}  {}", a.begin, a.rights),
         " font-family=\"DejaVu Sans Mono, monospace\"");
    box(bar_left, y_, w, bar_height, untouched_colour, fmt::format("{:x}-{:x} untouched", a.begin, a.end), 2);
    // Pieces too narrow to be seen are drawn as what most of a pixel is.
    const auto pixels = static_cast<unsigned>(w);
    const Piece* drawn = nullptr;
    double from = 0;
    auto flush = [&](double to) {
      if (drawn == nullptr) return;
      std::string title = fmt::format("{:x}-{:x}, {}: ", drawn->begin, drawn->end, size_text(drawn->bytes));
      if (drawn->share.kind == Share::Kind::own)
        title += "its own";
      else if (drawn->share.kind == Share::Kind::file)
        title += "of a file";
      else
        title += "shared with " + share_text(map_, drawn->share.pid) +
                 (drawn->share.others > 1 ? fmt::format(" and {} more", drawn->share.others - 1) : "");
      box(bar_left + from, y_, to - from, bar_height, colour(map_, drawn->share), title);
    };
    const double step = static_cast<double>(a.end - a.begin) / std::max(1u, pixels);
    for (unsigned x = 0; x < pixels; ++x) {
      const Piece* p =
          most_of(a, a.begin + static_cast<u64>(x * step), a.begin + static_cast<u64>((x + 1) * step));
      if (p == drawn) continue;
      flush(x);
      drawn = p;
      from = x;
    }
    flush(w);
    tables(a, scale);
    const u64 own = own_bytes(a);
    text(bar_left + w + 10, y_ + 9, 12, "#26241f",
         fmt::format("{} of {}", size_text(a.present()), size_text(a.end - a.begin)));
    if (own != a.present() && own != 0)
      text(bar_left + w + 10, y_ + 23, 11, "#8a8577", fmt::format("{} its own", size_text(own)));
    y_ += row_height;
  }

  // Below the bar: where the page tables themselves are shared, from which level down.
  void tables(const Area& a, double scale) {
    for (std::size_t i = 0; i < a.pieces.size();) {
      const Piece& p = a.pieces[i];
      std::size_t j = i + 1;
      while (j < a.pieces.size() && a.pieces[j].table_level == p.table_level &&
             a.pieces[j].table_sharers == p.table_sharers)
        ++j;
      if (p.table_level != 0) {
        const double x = bar_left + static_cast<double>(p.begin - a.begin) * scale;
        const double w = static_cast<double>(a.pieces[j - 1].end - p.begin) * scale;
        box(x, y_ + bar_height + 3, std::max(w, 2.0), 3, "#26241f",
            fmt::format("one level-{} page table for {} address spaces", p.table_level, p.table_sharers),
            1.5);
        if (w > 150)
          text(x, y_ + bar_height + 16, 10, "#6d685c",
               fmt::format("level-{} page table shared by {}", p.table_level, p.table_sharers));
      }
      i = j;
    }
  }

  void gap(u64 bytes) {
    if (bytes < (u64{1} << 30)) return;
    text(margin, y_ + 4, 11, "#b0aa9c", fmt::format("· · ·  {} free", size_text(bytes)));
    y_ += 20;
  }

  const MemoryMap& map_;
  std::string out_;
  u64 largest_ = 0;
  double y_ = 0;
};

}  // namespace

std::string memory_as_text(const MemoryMap& map) {
  constexpr unsigned cells = 40;
  std::string out = fmt::format("{}, process {}: {} in memory\n", map.name, map.pid,
                                size_text(map.own + map.shared + map.file));
  out += fmt::format("  #  its own            {:>10}\n", size_text(map.own));
  for (std::size_t i = 0; i < map.neighbours.size(); ++i) {
    const Neighbour& n = map.neighbours[i];
    out += fmt::format("  {}  shared with {:<7}{:>10}   {}\n", static_cast<char>('a' + i % 26), n.pid,
                       size_text(n.bytes), n.name);
  }
  out += fmt::format("  =  files              {:>10}\n", size_text(map.file));
  out += fmt::format("     page tables        {:>10}\n\n", size_text(map.table_bytes));
  for (const Area& a : map.areas) {
    std::string bar;
    const double step = static_cast<double>(a.end - a.begin) / cells;
    for (unsigned c = 0; c < cells; ++c) {
      const Piece* p =
          most_of(a, a.begin + static_cast<u64>(c * step), a.begin + static_cast<u64>((c + 1) * step));
      bar += p == nullptr ? '.' : letter(map, p->share);
    }
    out += fmt::format("{:012x} {:>9} {} {} {:>9}  {}", a.begin, size_text(a.end - a.begin), a.rights, bar,
                       size_text(a.present()), area_name(a));
    unsigned level = 0;
    u32 sharers = 0;
    for (const Piece& p : a.pieces)
      if (p.table_level > level) level = p.table_level, sharers = p.table_sharers;
    if (level != 0) out += fmt::format("  [level-{} table shared by {}]", level, sharers);
    out += '\n';
  }
  return out;
}

std::string memory_as_svg(const MemoryMap& map) { return Picture(map).draw(); }

}  // namespace quire::cli
