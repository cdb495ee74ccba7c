// What is particular to the overlay and to the host's files.
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <thread>

#include "kernel/fs/fs_test.h"
#include "kernel/mm/memory_object.h"

namespace quire::fs::test {
namespace {

class Layers : public testing::Test {
 protected:
  Layers() {
    directory_.write("f", "lower");
    std::filesystem::create_directory(directory_.path("d"));
    directory_.write("d/x", "x");
    directory_.write("d/y", "y");
    std::filesystem::create_hard_link(directory_.path("f"), directory_.path("g"));
  }
  World overlay() {
    Ref<vfs::FileSystem> host = *host::HostFileSystem::create(directory_.descriptor(), memory(), {});
    return World(*overlay::Overlay::create(host, new_tmpfs()));
  }
  World writable() {
    return World(*host::HostFileSystem::create(directory_.descriptor(), memory(), {.writable = true}));
  }
  HostDirectory directory_;
};

TEST_F(Layers, TheLowerSideIsNeverTouched) {
  World w = overlay();
  EXPECT_EQ(w.write("/f", "upper"), 0);
  EXPECT_EQ(w.write("/new", "new"), 0);
  EXPECT_EQ(w.unlink("/d/x"), 0);
  EXPECT_EQ(w.mkdir("/d/x"), 0);
  EXPECT_EQ(w.rename("/d", "/e"), 0);
  EXPECT_EQ(w.read("/f"), "upper");
  EXPECT_EQ(w.list("/"), (std::vector<std::string>{"e", "f", "g", "new"}));
  EXPECT_EQ(w.list("/e"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(w.list("/e/x"), (std::vector<std::string>{}));
  EXPECT_EQ(w.read("/e/y"), "y");
  EXPECT_EQ(w.read("/d/y"), "(ENOENT)");
  EXPECT_EQ(w.mkdir("/d"), 0);  // opaque: nothing of the lower one shows
  EXPECT_EQ(w.list("/d"), (std::vector<std::string>{}));
  EXPECT_EQ(directory_.read("f"), "lower");
  EXPECT_EQ(directory_.read("d/x"), "x");
  EXPECT_FALSE(std::filesystem::exists(directory_.path("new")));
}

TEST_F(Layers, NumbersAndLinksSurviveCopyUp) {
  World w = overlay();
  auto before = *w.stat("/f");
  auto reader = *w.open("/f", O_RDONLY);
  EXPECT_EQ(before.nlink, 2u);
  EXPECT_EQ(w.write("/f", "changed"), 0);
  auto after = *w.stat("/f");
  EXPECT_EQ(before.inode, after.inode);
  EXPECT_EQ(before.device, after.device);
  EXPECT_EQ(after.nlink, 2u);
  EXPECT_EQ(w.read("/g"), "changed");              // the other name
  EXPECT_EQ(World::read_all(*reader), "changed");  // opened before
  EXPECT_EQ(w.unlink("/g"), 0);
  EXPECT_EQ(w.stat("/f")->nlink, 1u);
  for (vfs::Dentry* root = w.root().dentry.get(); root != nullptr; root = nullptr) root->prune(true);
  EXPECT_EQ(w.read("/f"), "changed");  // changes outlive the cache of names
}

TEST_F(Layers, AFullUpperSideIsAnError) {
  Ref<vfs::FileSystem> host = *host::HostFileSystem::create(directory_.descriptor(), memory(), {});
  World w(*overlay::Overlay::create(host, new_tmpfs(64 * 1024)));
  EXPECT_EQ(w.write("/big", std::string(1 << 20, 'b')), ENOSPC);
  EXPECT_EQ(w.unlink("/big"), 0);
  EXPECT_EQ(w.write("/small", "s"), 0);
  EXPECT_EQ(w.read("/f"), "lower");
}

TEST_F(Layers, ChangesOfTheHostShow) {
  World w = overlay();
  EXPECT_EQ(w.read("/f"), "lower");
  EXPECT_EQ(w.read("/later"), "(ENOENT)");
  directory_.write("later", "now");
  EXPECT_EQ(w.read("/later"), "now");
  directory_.write("f", "longer than before");
  EXPECT_EQ(w.read("/f"), "longer than before");
  std::filesystem::remove(directory_.path("later"));
  EXPECT_EQ(w.read("/later"), "(ENOENT)");
}

TEST_F(Layers, WritesArriveOnAWritableHost) {
  World w = writable();
  EXPECT_EQ(w.write("/f", "written"), 0);
  EXPECT_EQ(directory_.read("g"), "written");
  EXPECT_EQ(w.rename("/d/x", "/moved"), 0);
  EXPECT_EQ(directory_.read("moved"), "x");
  EXPECT_EQ(w.write("/made", "m"), 0);
  EXPECT_EQ(directory_.read("made"), "m");
}

TEST_F(Layers, NoSetIdFilesOrDevicesOnTheHost) {
  World w = writable();
  EXPECT_EQ(error(vfs::change_mode(*w.walk("/f"), 04755, w.who())), EPERM);
  EXPECT_EQ(error(vfs::change_mode(*w.walk("/f"), 02755, w.who())), EPERM);
  EXPECT_TRUE(w.open("/s", O_CREAT | O_WRONLY, 06755).has_value());
  EXPECT_EQ(w.stat("/s")->mode & 07000, 0u);
  EXPECT_EQ(error(vfs::make_node(w.at(), "/null", S_IFCHR | 0666, 0x103)), EPERM);
  EXPECT_FALSE(std::filesystem::exists(directory_.path("null")));
}

TEST_F(Layers, SpecialFilesOfTheHostCannotBeOpened) {
  ASSERT_EQ(::mkfifo(directory_.path("fifo").c_str(), 0666), 0);
  int s = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  std::string name = directory_.path("socket");
  std::copy(name.begin(), name.end(), a.sun_path);
  ASSERT_EQ(::bind(s, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
  World w = overlay();
  EXPECT_TRUE(S_ISFIFO(w.stat("/fifo")->mode));
  EXPECT_TRUE(S_ISSOCK(w.stat("/socket")->mode));
  EXPECT_EQ(error(w.open("/fifo", O_RDONLY | O_NONBLOCK)), EACCES);
  EXPECT_EQ(error(w.open("/socket", O_RDWR)), ENXIO);
  ::close(s);
}

TEST_F(Layers, LinksOfTheHostStayInTheGuestsRoot) {
  std::filesystem::create_symlink("/etc/passwd", directory_.path("abs"));
  std::filesystem::create_symlink("../../../../../etc/passwd", directory_.path("up"));
  World w = overlay();
  EXPECT_EQ(w.read("/abs"), "(ENOENT)");
  EXPECT_EQ(w.read("/up"), "(ENOENT)");
}

/// The host swaps a directory for a link to the outside while the guest walks through it.
TEST_F(Layers, SwappedDirectoriesDoNotLeadOutside) {
  HostDirectory outside;
  outside.write("x", "outside");
  std::filesystem::create_symlink(outside.path(), directory_.path("link"));
  World w = overlay();
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    for (int i = 0; i < 3000 && !stop; ++i) {
      ::rename(directory_.path("d").c_str(), directory_.path("away").c_str());
      ::rename(directory_.path("link").c_str(), directory_.path("d").c_str());
      ::rename(directory_.path("d").c_str(), directory_.path("link").c_str());
      ::rename(directory_.path("away").c_str(), directory_.path("d").c_str());
    }
    stop = true;
  });
  while (!stop) {
    EXPECT_NE(w.read("/d/x"), "outside");
    EXPECT_NE(w.read("/link/x"), "outside");
  }
  swapper.join();
}

TEST_F(Layers, ProcOfTheHostIsHidden) {
  int fd = ::open("/", O_PATH | O_CLOEXEC);
  World w(*host::HostFileSystem::create(fd, memory(), {}));
  EXPECT_EQ(error(w.stat("/proc/self")), EACCES);
  EXPECT_EQ(error(w.open("/proc/1/mem", O_RDONLY)), EACCES);
  EXPECT_EQ(error(w.open("/dev/null", O_RDONLY)), EACCES);
}

TEST_F(Layers, MappedPagesFollowTheFile) {
  World w = writable();
  auto file = *w.open("/f", O_RDWR);
  auto mapped = *file->map(0, page_size, Access::read | Access::write, true);
  std::string seen(5, '\0');
  EXPECT_EQ(*mapped.object->read(0, std::as_writable_bytes(std::span(seen))), 5u);
  EXPECT_EQ(seen, "lower");
  EXPECT_EQ(w.write("/f", "again", 0), 0);
  EXPECT_EQ(*mapped.object->read(0, std::as_writable_bytes(std::span(seen))), 5u);
  EXPECT_EQ(seen, "again");
}

TEST_F(Layers, ASingleFileCanBeMounted) {
  World w = overlay();
  HostDirectory other;
  other.write("one", "single");
  int fd = ::open(other.path("one").c_str(), O_PATH | O_CLOEXEC);
  Ref<vfs::FileSystem> fs = *host::HostFileSystem::create(fd, memory(), {.writable = true});
  ASSERT_TRUE(vfs::MountTable::instance().mount(*w.walk("/f"), fs, 0, "one").has_value());
  EXPECT_EQ(w.read("/f"), "single");
  EXPECT_EQ(w.write("/f", "twice", 0), 0);
  EXPECT_EQ(other.read("one"), "twicee");
  EXPECT_EQ(directory_.read("f"), "lower");
}

}  // namespace
}  // namespace quire::fs::test
