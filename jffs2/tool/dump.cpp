// jffs2 dump
#include <fmt/format.h>

#include "jffs2/codec/compress.h"
#include "jffs2/tool/commands.h"
#include "jffs2/tool/json.h"
#include "jffs2/tool/printable.h"
#include "jffs2/tool/terminal.h"
#include "jffs2/tool/usage.h"

namespace quire::jffs2 {

namespace {

// One node's fields, for both forms of output. The node's inode number is kept apart for --ino.
struct Described {
  Json fields = Json::object();
  std::optional<u32> ino;
};

Described describe_inode(std::span<const u8> raw, ByteOrder order) {
  Described d;
  auto n = decode_inode(raw, order);
  if (!n) return d;
  d.ino = n->ino.value();
  d.fields["ino"] = n->ino.value();
  d.fields["version"] = n->version.value();
  d.fields["mode"] = fmt::format("{:06o}", n->mode);
  d.fields["uid"] = n->uid;
  d.fields["gid"] = n->gid;
  d.fields["isize"] = n->isize;
  d.fields["mtime"] = n->mtime;
  d.fields["offset_in_file"] = n->offset;
  d.fields["csize"] = n->csize;
  d.fields["dsize"] = n->dsize;
  d.fields["compression"] = compression_name(n->compression);
  return d;
}

Described describe_dirent(std::span<const u8> raw, ByteOrder order) {
  Described d;
  auto n = decode_dirent(raw, order);
  if (!n) return d;
  d.ino = n->pino.value();
  d.fields["pino"] = n->pino.value();
  d.fields["version"] = n->version.value();
  d.fields["ino"] = n->ino.value();
  d.fields["mctime"] = n->mctime;
  d.fields["dtype"] = static_cast<unsigned>(n->type);
  set_bytes(d.fields, "name", n->name);
  return d;
}

Described describe_attribute(std::span<const u8> raw, ByteOrder order, NodeType type) {
  Described d;
  if (type == NodeType::xattr) {
    if (auto n = decode_xattr(raw, order)) {
      d.fields["xid"] = n->xid.value();
      d.fields["version"] = n->version.value();
      d.fields["prefix"] = static_cast<unsigned>(n->prefix);
      set_bytes(d.fields, "name", n->name);
      d.fields["value_bytes"] = n->value.size();
    }
  } else if (auto n = decode_xref(raw, order)) {
    d.ino = n->ino.value();
    d.fields["ino"] = n->ino.value();
    d.fields["xid"] = n->xid.value();
    d.fields["seqno"] = n->seqno;
  }
  return d;
}

std::string type_name(u16 type) {
  switch (static_cast<NodeType>(type)) {
    case NodeType::dirent:
      return "dirent";
    case NodeType::inode:
      return "inode";
    case NodeType::cleanmarker:
      return "cleanmarker";
    case NodeType::padding:
      return "padding";
    case NodeType::summary:
      return "summary";
    case NodeType::xattr:
      return "xattr";
    case NodeType::xref:
      return "xref";
  }
  return fmt::format("type {:#06x}", type);
}

Described describe_node(std::span<const u8> raw, const FoundNode& node) {
  NodeType type = static_cast<NodeType>(node.type);
  if (type == NodeType::inode) return describe_inode(raw, node.order);
  if (type == NodeType::dirent) return describe_dirent(raw, node.order);
  if (type == NodeType::xattr || type == NodeType::xref) return describe_attribute(raw, node.order, type);
  return {};
}

void print_line(u64 offset, const FoundNode& node, NodeUse use, const Json& fields) {
  std::string line = fmt::format("{:#010x} {:<11} {:>7}", offset, type_name(node.type), node.totlen);
  for (const auto& [key, value] : fields.items())
    line += " " + key + "=" + (value.is_string() ? printable(value.get<std::string>()) : json_text(value));
  Colour c = use == NodeUse::damaged    ? Colour::red
             : use == NodeUse::obsolete ? Colour::yellow
             : use == NodeUse::overhead ? Colour::grey
                                        : Colour::plain;
  if (node.health != Health::good) line += fmt::format(" ({})", health_name(node.health));
  if (use == NodeUse::obsolete) line += " (obsolete)";
  fmt::print("{}\n", colour(c, line));
}

}  // namespace

int run_dump(const DumpCommand& command) {
  auto opened = Opened::open(command.input);
  if (!opened) return complain(opened.error());
  auto system = (*opened)->only_system();
  if (!system) return complain(system.error());
  Tree tree((*opened)->bytes(), (*system)->nodes, (*system)->order);
  std::vector<NodeUse> uses = classify(tree);
  JsonLines lines(command.json);
  for (std::size_t i = 0; i < uses.size(); i++) {
    const FoundNode& node = tree.nodes()[i];
    Described d = describe_node(bytes_of(tree.bytes(), node), node);
    if (command.ino && d.ino != *command.ino) continue;
    u64 offset = (*opened)->file_offset(node.offset);
    if (!command.json) {
      print_line(offset, node, uses[i], d.fields);
      continue;
    }
    Json line;
    line["offset"] = offset;
    line["type"] = type_name(node.type);
    line["totlen"] = node.totlen;
    line["health"] = health_name(node.health);
    line["use"] = use_name(uses[i]);
    line.update(d.fields);
    lines.add(line);
  }
  return (*system)->damaged_nodes() == 0 ? kSuccess : kProblems;
}

}  // namespace quire::jffs2
