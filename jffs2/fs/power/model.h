// What a file system should hold: a model that the power-loss tests run beside the real one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "jffs2/fs/file_system.h"

namespace quire::jffs2::power {

/// One inode of the model. Contents are shared between states and never changed in place.
struct File {
  enum class Kind : u8 { regular, directory, symlink };
  Kind kind = Kind::regular;
  u32 mode = 0;
  std::shared_ptr<const std::vector<u8>> data = std::make_shared<const std::vector<u8>>();
  std::string target{};
  std::map<std::string, std::string> xattrs{};
};

/// A whole tree: paths ("/a/b") to inodes.
struct Model {
  std::map<std::string, int> names;
  std::map<int, File> files;
  int next = 1;

  bool has_children(const std::string& dir) const;
  /// Removes a name, and the file with its last one.
  void remove(const std::string& path);
  /// Moves a name and all below it.
  void move(const std::string& from, const std::string& to);
};
using State = std::shared_ptr<const Model>;

/// What is found on flash.
struct Found {
  File file;
  u32 ino = 0;
  u32 nlink = 0;
};
using Tree = std::map<std::string, Found>;

/// Reads everything; `problem` gets the first error.
Tree read_tree(FileSystem& fs, std::string& problem);
/// Whether `tree` is `before`, `after`, or the operation between them half done. "" or why not.
std::string compare(const Tree& tree, const Model& before, const Model& after);
/// Whether two trees are the same, inode numbers too. "" or why not.
std::string compare(const Tree& a, const Tree& b);
/// A model of what was found, to go on from.
Model model_of(const Tree& tree);
/// Lines "kind mode nlink size crc32 path" for other judges.
std::string manifest(const Tree& tree);

}  // namespace quire::jffs2::power
