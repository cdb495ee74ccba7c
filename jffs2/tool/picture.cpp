// Pictures of how the erase blocks are filled.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "jffs2/tool/terminal.h"
#include "jffs2/tool/usage.h"

namespace quire::jffs2 {

namespace {

// The height tells how much of the block is live; colour tells what most of the rest is.
std::string block_cell(const BlockUse& b, u32 size) {
  constexpr std::array<const char*, 8> bars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  u64 content = b.live + b.obsolete + b.damaged + b.other;
  if (content == 0) return colour(Colour::grey, b.free == 0 ? "-" : "·");
  std::size_t height = std::min<std::size_t>(b.live * 8 / std::max<u32>(size, 1), 7);
  if (b.damaged + b.other > 0) return colour(Colour::red, b.live == 0 ? "x" : bars[height]);
  if (b.live == 0) return colour(Colour::yellow, "_");
  return colour(b.obsolete > b.live ? Colour::yellow
                : b.free > size / 4 ? Colour::cyan
                                    : Colour::green,
                bars[height]);
}

}  // namespace

std::string draw_blocks(std::span<const BlockUse> blocks, u32 block_size, unsigned columns) {
  std::string text;
  for (std::size_t i = 0; i < blocks.size(); i++) {
    if (i % columns == 0) text += (i == 0 ? "  " : "\n  ");
    text += block_cell(blocks[i], block_size);
  }
  text += "\n  height: live share; · erased, _ only obsolete nodes, x unreadable";
  if (colours_wanted()) {
    text += fmt::format("\n  {} live, {} mostly obsolete, {} with room, {} damaged or foreign",
                        colour(Colour::green, "█"), colour(Colour::yellow, "█"), colour(Colour::cyan, "█"),
                        colour(Colour::red, "█"));
  }
  return text + "\n";
}

std::string draw_blocks_svg(std::span<const BlockUse> blocks, u32 block_size, const std::string& title) {
  constexpr unsigned columns = 64, cell = 12, gap = 2, top = 56, left = 10;
  struct Part {
    const char* name;
    const char* fill;
    u64 BlockUse::* bytes;
  };
  // Stacked from the bottom.
  constexpr std::array<Part, 6> parts{{{"live", "#2e8b57", &BlockUse::live},
                                       {"obsolete", "#e0a030", &BlockUse::obsolete},
                                       {"overhead", "#8090a0", &BlockUse::overhead},
                                       {"damaged", "#c03030", &BlockUse::damaged},
                                       {"foreign", "#7040a0", &BlockUse::other},
                                       {"free", "#e8eef4", &BlockUse::free}}};
  std::size_t rows = (blocks.size() + columns - 1) / columns;
  std::string escaped;
  for (char c : title) escaped += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{}\" "
      "y=\"18\">{}</text>\n",
      left * 2 + columns * (cell + gap), top + rows * (cell + gap) + 10, left, escaped);
  unsigned x = left;
  for (const Part& part : parts) {
    svg += fmt::format(
        "<rect x=\"{}\" y=\"28\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"39\">{}</text>\n",
        x, part.fill, x + 16, part.name);
    x += 90;
  }
  for (std::size_t i = 0; i < blocks.size(); i++) {
    double at_x = static_cast<double>(left + i % columns * (cell + gap));
    double bottom = static_cast<double>(top + i / columns * (cell + gap) + cell);
    svg += fmt::format("<g><title>block {}: live {}, obsolete {}, damaged {}, free {}</title>", i,
                       blocks[i].live, blocks[i].obsolete, blocks[i].damaged, blocks[i].free);
    for (const Part& part : parts) {
      double height = static_cast<double>(blocks[i].*part.bytes) / std::max<u32>(block_size, 1) * cell;
      if (height <= 0) continue;
      bottom -= height;
      svg += fmt::format("<rect x=\"{:.0f}\" y=\"{:.2f}\" width=\"{}\" height=\"{:.2f}\" fill=\"{}\"/>", at_x,
                         bottom, cell, height, part.fill);
    }
    svg += "</g>\n";
  }
  return svg + "</svg>\n";
}

}  // namespace quire::jffs2
