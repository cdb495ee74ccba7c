// One suite for every writable file system: what they must all do alike.
#include <linux/fs.h>
#include <sys/mount.h>

#include <map>
#include <random>
#include <thread>

#include "kernel/fs/fs_test.h"

namespace quire::fs::test {
namespace {

enum class Kind { tmpfs, overlay, host };

class FileSystems : public testing::TestWithParam<Kind> {
 protected:
  FileSystems() : world_(make()) {
    if (GetParam() == Kind::host && ::geteuid() != 0) world_.become(::geteuid(), ::getegid());
  }

  Ref<vfs::FileSystem> make() {
    if (GetParam() == Kind::tmpfs) return new_tmpfs();
    bool writable = GetParam() == Kind::host;
    Ref<vfs::FileSystem> host =
        *host::HostFileSystem::create(directory_.descriptor(), memory(), {.writable = writable});
    if (writable) return host;
    return *overlay::Overlay::create(host, new_tmpfs());
  }

  HostDirectory directory_;
  World world_;
};

TEST_P(FileSystems, FilesKeepWhatIsWritten) {
  EXPECT_EQ(world_.write("/a", "hello"), 0);
  EXPECT_EQ(world_.read("/a"), "hello");
  EXPECT_EQ(world_.write("/a", " world", O_APPEND), 0);
  EXPECT_EQ(world_.read("/a"), "hello world");
  EXPECT_EQ(world_.stat("/a")->size, 11u);
  EXPECT_EQ(world_.write("/a", "J", 0), 0);
  EXPECT_EQ(world_.read("/a"), "Jello world");
  std::string big(300'000, 'x');
  big[123'456] = 'y';
  EXPECT_EQ(world_.write("/big", big), 0);
  EXPECT_EQ(world_.read("/big"), big);
  EXPECT_EQ(world_.read("/none"), "(ENOENT)");
}

TEST_P(FileSystems, SeekAndTruncate) {
  auto file = *world_.open("/f", O_CREAT | O_RDWR);
  EXPECT_EQ(*file->seek(10000, SEEK_SET), 10000u);
  vfs::IoBuffer from{std::as_bytes(std::span("end", 3))};
  EXPECT_EQ(*file->write(from), 3u);
  EXPECT_EQ(file->attributes()->size, 10003u);
  EXPECT_EQ(*file->seek(-3, SEEK_END), 10000u);
  EXPECT_EQ(World::read_all(*file), "end");
  EXPECT_EQ(error(file->seek(-1, SEEK_SET)), EINVAL);
  EXPECT_EQ(error(file->truncate(2)), 0);
  EXPECT_EQ(world_.read("/f"), std::string(2, '\0'));
  EXPECT_EQ(error(file->truncate(5000)), 0);
  EXPECT_EQ(world_.read("/f"), std::string(5000, '\0'));
}

TEST_P(FileSystems, Directories) {
  EXPECT_EQ(world_.mkdir("/d"), 0);
  EXPECT_EQ(world_.mkdir("/d"), EEXIST);
  EXPECT_EQ(world_.mkdir("/d/e/"), 0);
  EXPECT_EQ(world_.mkdir("/x/y"), ENOENT);
  EXPECT_EQ(world_.rmdir("/d"), ENOTEMPTY);
  EXPECT_EQ(world_.write("/d/f", ""), 0);
  EXPECT_EQ(world_.mkdir("/d/f/g"), ENOTDIR);
  EXPECT_EQ(world_.list("/d"), (std::vector<std::string>{"e", "f"}));
  EXPECT_EQ(world_.unlink("/d/e"), EISDIR);
  EXPECT_EQ(world_.rmdir("/d/f"), ENOTDIR);
  EXPECT_EQ(world_.rmdir("/d/e/."), EINVAL);
  EXPECT_EQ(world_.rmdir("/d/e/.."), ENOTEMPTY);
  EXPECT_EQ(world_.rmdir("/"), EBUSY);
  EXPECT_EQ(world_.rmdir("/d/e"), 0);
  EXPECT_EQ(world_.unlink("/d/f"), 0);
  EXPECT_EQ(world_.list("/d"), (std::vector<std::string>{}));
  EXPECT_EQ(world_.rmdir("/d"), 0);
  EXPECT_EQ(error(world_.stat("/d")), ENOENT);
}

TEST_P(FileSystems, NothingIsMadeInARemovedDirectory) {
  EXPECT_EQ(world_.mkdir("/d"), 0);
  vfs::Path d = *world_.walk("/d");
  EXPECT_EQ(world_.rmdir("/d"), 0);
  vfs::Lookup inside{world_.root(), d, world_.who(), 0};
  EXPECT_EQ(error(vfs::make_directory(inside, "x", 0755)), ENOENT);
  EXPECT_EQ(error(vfs::open(inside, "x", {.flags = O_CREAT | O_WRONLY, .mode = 0644, .walk = 0})), ENOENT);
}

TEST_P(FileSystems, RenameReplacesOrRefuses) {
  world_.write("/a", "a");
  world_.write("/b", "b");
  world_.mkdir("/d");
  world_.mkdir("/e");
  world_.write("/e/x", "x");
  EXPECT_EQ(world_.rename("/a", "/b"), 0);
  EXPECT_EQ(world_.read("/b"), "a");
  EXPECT_EQ(world_.read("/a"), "(ENOENT)");
  EXPECT_EQ(world_.rename("/b", "/d"), EISDIR);
  EXPECT_EQ(world_.rename("/d", "/b"), ENOTDIR);
  EXPECT_EQ(world_.rename("/d", "/e"), ENOTEMPTY);
  EXPECT_EQ(world_.rename("/e", "/e/sub"), EINVAL);
  EXPECT_EQ(world_.rename("/b", "/e/x", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(world_.rename("/e", "/d"), 0);
  EXPECT_EQ(world_.read("/d/x"), "x");
  EXPECT_EQ(world_.rename("/b", "/d", RENAME_EXCHANGE), 0);
  EXPECT_EQ(world_.read("/d"), "a");
  EXPECT_EQ(world_.read("/b/x"), "x");
  EXPECT_EQ(world_.rename("/nothing", "/b"), ENOENT);
  EXPECT_EQ(world_.rename("/d", "/d/"), ENOTDIR);
  EXPECT_EQ(world_.rename("/.", "/q"), EBUSY);
}

TEST_P(FileSystems, LinksCount) {
  world_.write("/a", "text");
  EXPECT_EQ(world_.link("/a", "/b"), 0);
  EXPECT_EQ(world_.stat("/a")->nlink, 2u);
  EXPECT_EQ(world_.stat("/a")->inode, world_.stat("/b")->inode);
  EXPECT_EQ(world_.write("/b", "other"), 0);
  EXPECT_EQ(world_.read("/a"), "other");
  EXPECT_EQ(world_.link("/a", "/b"), EEXIST);
  auto open = *world_.open("/a", O_RDONLY);
  EXPECT_EQ(world_.unlink("/a"), 0);
  EXPECT_EQ(world_.stat("/b")->nlink, 1u);
  EXPECT_EQ(world_.unlink("/b"), 0);
  EXPECT_EQ(open->attributes()->nlink, 0u);
  EXPECT_EQ(World::read_all(*open), "other");
  world_.mkdir("/d");
  EXPECT_EQ(world_.link("/d", "/e"), EPERM);
}

TEST_P(FileSystems, SymbolicLinksStayInTheRoot) {
  world_.mkdir("/d");
  world_.write("/d/f", "found");
  EXPECT_EQ(world_.symlink("d/f", "/l"), 0);
  EXPECT_EQ(world_.symlink("/d", "/d/abs"), 0);
  EXPECT_EQ(world_.symlink("../../../../d/f", "/d/up"), 0);
  EXPECT_EQ(world_.symlink("loop", "/loop"), 0);
  EXPECT_EQ(world_.symlink("nowhere", "/dangling"), 0);
  EXPECT_EQ(world_.read("/l"), "found");
  EXPECT_EQ(world_.read("/d/abs/abs/abs/f"), "found");
  EXPECT_EQ(world_.read("/d/up"), "found");
  EXPECT_EQ(world_.read("/../../d/../d/./f"), "found");
  EXPECT_EQ(world_.read("/loop"), "(ELOOP)");
  EXPECT_EQ(error(world_.open("/l", O_RDONLY | O_NOFOLLOW)), ELOOP);
  EXPECT_EQ(world_.read("/dangling"), "(ENOENT)");
  EXPECT_EQ(world_.write("/dangling", "made"), 0);  // through the link
  EXPECT_EQ(world_.read("/nowhere"), "made");
  EXPECT_EQ(error(world_.open("/dangling", O_CREAT | O_EXCL | O_WRONLY)), EEXIST);
  EXPECT_EQ(*(*world_.walk("/l", 0)).inode()->read_link(), "d/f");
  EXPECT_EQ(error(world_.walk("/l", vfs::walk_follow | vfs::walk_no_symlinks)), ELOOP);
  EXPECT_EQ(error(world_.walk("/d/up", vfs::walk_follow | vfs::walk_beneath)), EXDEV);
  EXPECT_EQ(error(world_.walk("d/../..", vfs::walk_beneath)), EXDEV);
  EXPECT_EQ(error(world_.walk("d/f/", vfs::walk_follow)), ENOTDIR);
}

TEST_P(FileSystems, NamesTooLong) {
  EXPECT_EQ(world_.write("/" + std::string(255, 'n'), "x"), 0);
  EXPECT_EQ(world_.write("/" + std::string(256, 'n'), "x"), ENAMETOOLONG);
  std::string deep;
  for (int i = 0; i < 2100; ++i) deep += "/.";
  EXPECT_EQ(error(world_.walk(deep)), ENAMETOOLONG);
}

TEST_P(FileSystems, AttributesChange) {
  world_.write("/f", "1234");
  vfs::Path p = *world_.walk("/f");
  EXPECT_EQ(error(vfs::change_mode(p, 0640, world_.who())), 0);
  EXPECT_EQ(world_.stat("/f")->mode, S_IFREG | 0640u);
  timespec then{1'000'000'000, 5};
  EXPECT_EQ(error(vfs::change_times(p, then, then, true, world_.who())), 0);
  EXPECT_EQ(world_.stat("/f")->mtime.tv_sec, then.tv_sec);
  EXPECT_EQ(world_.stat("/f")->mtime.tv_nsec, then.tv_nsec);
  EXPECT_EQ(error(vfs::truncate(p, 2, world_.who())), 0);
  EXPECT_EQ(world_.read("/f"), "12");
  EXPECT_NE(world_.stat("/f")->mtime.tv_sec, then.tv_sec);
}

TEST_P(FileSystems, DirectoryListsInPieces) {
  world_.mkdir("/d");
  for (int i = 0; i < 300; ++i) ASSERT_EQ(world_.write("/d/" + std::to_string(i), ""), 0);
  class Few final : public vfs::DirSink {
   public:
    bool add(const std::string& n, u64, u8, u64) override {
      if (left == 0) return false;
      --left;
      if (n != "." && n != "..") ++seen[n];
      return true;
    }
    int left = 0;
    std::map<std::string, int> seen;
  } few;
  auto dir = *world_.open("/d", O_RDONLY | O_DIRECTORY);
  for (int round = 0; round < 400 && few.left == 0; ++round) {
    few.left = 7;
    ASSERT_EQ(error(dir->read_directory(few)), 0);
  }
  EXPECT_EQ(few.seen.size(), 300u);
  for (auto& [name, times] : few.seen) EXPECT_EQ(times, 1) << name;
}

TEST_P(FileSystems, PermissionsHold) {
  if (::geteuid() != 0 && GetParam() == Kind::host) GTEST_SKIP() << "needs files of two users";
  world_.mkdir("/private", 0700);
  world_.write("/private/f", "secret");
  world_.mkdir("/open", 0755);
  world_.write("/open/f", "public");
  vfs::Path sticky = *world_.walk("/open");
  EXPECT_EQ(error(vfs::change_mode(sticky, 01777, world_.who())), 0);
  world_.become(1234, 1234);
  EXPECT_EQ(world_.read("/private/f"), "(EACCES)");
  EXPECT_EQ(world_.read("/open/f"), "public");
  EXPECT_EQ(world_.write("/open/f", "x"), EACCES);
  EXPECT_EQ(world_.unlink("/open/f"), EPERM);
  EXPECT_EQ(world_.mkdir("/mine"), EACCES);
  EXPECT_EQ(world_.write("/open/mine", "mine"), 0);
  EXPECT_EQ(world_.stat("/open/mine")->uid, 1234u);
  EXPECT_EQ(error(vfs::change_owner(*world_.walk("/open/mine"), 0, 0, world_.who())), EPERM);
  EXPECT_EQ(error(vfs::change_mode(*world_.walk("/open/f"), 0777, world_.who())), EPERM);
  EXPECT_EQ(world_.unlink("/open/mine"), 0);
}

TEST_P(FileSystems, ReadOnlyMounts) {
  world_.mkdir("/d");
  world_.write("/d/f", "x");
  vfs::Path d = *world_.walk("/d");
  ASSERT_EQ(error(vfs::MountTable::instance().bind(d, *world_.walk("/d"), false, MS_RDONLY)), 0);
  EXPECT_EQ(world_.read("/d/f"), "x");
  EXPECT_EQ(world_.write("/d/f", "y"), EROFS);
  EXPECT_EQ(world_.write("/d/g", "y"), EROFS);
  EXPECT_EQ(world_.unlink("/d/f"), EROFS);
  EXPECT_EQ(world_.mkdir("/d/e"), EROFS);
  EXPECT_EQ(error(vfs::change_mode(*world_.walk("/d/f"), 0, world_.who())), EROFS);
  EXPECT_EQ(world_.rename("/d/f", "/f"), EXDEV);
  EXPECT_EQ(world_.rmdir("/d"), EBUSY);
  ASSERT_EQ(error(vfs::MountTable::instance().unmount(*world_.walk("/d"), true)), 0);
  EXPECT_EQ(world_.write("/d/f", "y"), 0);
}

/// Random operations against a model: a map from paths to contents (directories end in "/").
TEST_P(FileSystems, AgreesWithAModel) {
  std::mt19937 random(20010901);
  std::map<std::string, std::string> model;
  auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  auto name = [&] {
    std::string s;
    unsigned depth = 1 + pick(3);
    for (unsigned i = 0; i < depth; ++i) s += "/" + std::string(1, static_cast<char>('a' + pick(4)));
    return s;
  };
  auto is_dir = [&](const std::string& p) { return p.empty() || model.contains(p + "/"); };
  auto is_file = [&](const std::string& p) { return model.contains(p); };
  auto parent = [](const std::string& p) { return p.substr(0, p.rfind('/')); };
  auto has_children = [&](const std::string& p) {
    for (auto& [k, v] : model)
      if (k.size() > p.size() + 1 && k.starts_with(p + "/")) return true;
    return false;
  };
  for (int step = 0; step < 3000; ++step) {
    std::string a = name(), b = name();
    SCOPED_TRACE("step " + std::to_string(step) + " " + a + " " + b);
    switch (pick(6)) {
      case 0: {
        std::string text(pick(6000), static_cast<char>('0' + pick(10)));
        bool possible = is_dir(parent(a)) && !is_dir(a);
        ASSERT_EQ(world_.write(a, text) == 0, possible);
        if (possible) model[a] = text;
        break;
      }
      case 1: {
        bool possible = is_dir(parent(a)) && !is_dir(a) && !is_file(a);
        ASSERT_EQ(world_.mkdir(a) == 0, possible);
        if (possible) model[a + "/"] = "";
        break;
      }
      case 2:
        ASSERT_EQ(world_.unlink(a) == 0, is_file(a));
        model.erase(a);
        break;
      case 3: {
        bool possible = is_dir(a) && !has_children(a);
        ASSERT_EQ(world_.rmdir(a) == 0, possible);
        if (possible) model.erase(a + "/");
        break;
      }
      case 4: {
        bool dir = is_dir(a);
        bool possible =
            (dir || is_file(a)) && is_dir(parent(b)) && !(dir && (b + "/").starts_with(a + "/") && a != b);
        if (possible && a != b) {
          if (dir)
            possible = !is_file(b) && (!is_dir(b) || !has_children(b));
          else
            possible = !is_dir(b);
        }
        ASSERT_EQ(world_.rename(a, b) == 0, possible);
        if (!possible || a == b) break;
        std::map<std::string, std::string> moved;
        model.erase(b + "/");
        for (auto it = model.begin(); it != model.end();) {
          bool in = it->first == a || it->first.starts_with(a + "/");
          if (in) moved[b + it->first.substr(a.size())] = it->second;
          it = in ? model.erase(it) : std::next(it);
        }
        for (auto& [k, v] : moved) model[k] = v;
        break;
      }
      default:
        if (is_file(a)) {
          ASSERT_EQ(world_.read(a), model[a]);
        } else if (is_dir(a)) {
          std::vector<std::string> names;
          for (auto& [k, v] : model) {
            std::string rest = k.starts_with(a + "/") ? k.substr(a.size() + 1) : "";
            if (!rest.empty() && rest.back() == '/') rest.pop_back();
            if (!rest.empty() && rest.find('/') == std::string::npos) names.push_back(rest);
          }
          std::sort(names.begin(), names.end());
          ASSERT_EQ(world_.list(a), names);
        } else {
          ASSERT_NE(error(world_.stat(a)), 0);
        }
    }
  }
}

/// Threads that make, move, remove and look at the same few names: no crash, no lock out of order, and at
/// the end everything can be removed.
TEST_P(FileSystems, SurvivesThreads) {
  for (const char* d : {"/p", "/q"}) world_.mkdir(d);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 400; ++i) {
        std::string a =
            (random() % 2 != 0 ? "/p/" : "/q/") + std::string(1, static_cast<char>('a' + random() % 3));
        std::string b =
            (random() % 2 != 0 ? "/p/" : "/q/") + std::string(1, static_cast<char>('a' + random() % 3));
        switch (random() % 8) {
          case 0:
            world_.mkdir(a);
            break;
          case 1:
            world_.write(a, b);
            break;
          case 2:
            world_.rename(a, b);
            break;
          case 3:
            world_.unlink(a);
            break;
          case 4:
            world_.rmdir(a);
            break;
          case 5:
            world_.link(a, b);
            break;
          case 6:
            world_.list("/p");
            break;
          default:
            world_.read(a + "/../a");
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  for (const char* d : {"/p", "/q"}) {
    for (auto& n : world_.list(d)) {
      std::string name = std::string(d) + "/" + n;
      int error = world_.unlink(name);
      if (error == EISDIR) error = world_.rmdir(name);
      EXPECT_EQ(error, 0) << name;
    }
    EXPECT_EQ(world_.rmdir(d), 0);
  }
}

TEST_P(FileSystems, DeepTreesDoNotOverflow) {
  vfs::Path here = world_.root();
  std::vector<vfs::Path> path{here};
  for (int i = 0; i < 3000; ++i) {
    vfs::Lookup in{world_.root(), here, world_.who(), 0};
    ASSERT_EQ(error(vfs::make_directory(in, "d", 0755)), 0);
    auto next = vfs::walk(in, "d", 0);
    ASSERT_TRUE(next.has_value());
    here = *next;
    path.push_back(here);
  }
  EXPECT_EQ(vfs::path_name(here, world_.root()).size(), 6000u);
  while (path.size() > 1) {
    path.pop_back();
    vfs::Lookup in{world_.root(), path.back(), world_.who(), 0};
    ASSERT_EQ(error(vfs::remove_directory(in, "d")), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(All, FileSystems, testing::Values(Kind::tmpfs, Kind::overlay, Kind::host),
                         [](const testing::TestParamInfo<Kind>& i) {
                           return i.param == Kind::tmpfs     ? "tmpfs"
                                  : i.param == Kind::overlay ? "overlay"
                                                             : "host";
                         });

}  // namespace
}  // namespace quire::fs::test
