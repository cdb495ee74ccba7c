#include "kernel/fs/hugetlbfs/hugetlbfs.h"

#include <linux/falloc.h>

#include "kernel/fs/fs_test.h"
#include "kernel/mm/address_space.h"

namespace quire::fs::test {
namespace {

constexpr Access rw = Access::read | Access::write;

/// A machine of its own for each test. (It stays: the mount table keeps the roots of worlds.)
class Hugetlbfs : public testing::Test {
 protected:
  mm::MemoryManager& memory() { return *memory_; }
  mm::HugePool& pool() { return memory_->huge_pages(); }
  World mount(const std::string& options) {
    const auto o = hugetlbfs::parse_options(options, pool().counts(), {});
    EXPECT_TRUE(o.has_value());
    return World(*hugetlbfs::HugetlbFs::create(memory(), *o));
  }
  Ref<mm::AddressSpace> space() { return *mm::AddressSpace::create(memory()); }
  static Result<GuestAddr> map(mm::AddressSpace& s, vfs::File& file, u64 length, bool shared = true,
                               u64 offset = 0) {
    const auto m = TRY(file.map(offset, length, rw, shared));
    mm::MapRequest r;
    r.length = length;
    r.access = rw;
    r.shared = shared;
    r.object = m.object;
    r.offset = m.offset;
    r.keep_alive = Ref<RefCounted>(&file);
    return s.map(r);
  }

 private:
  const std::unique_ptr<platform::fake::FakePlatform> platform_ = *platform::fake::FakePlatform::create({});
  const std::unique_ptr<mm::MemoryManager> memory_ = *mm::MemoryManager::create(*platform_, {});
};

TEST_F(Hugetlbfs, OptionsSayWhatLinuxTakes) {
  const mm::HugePageCounts ten{.total = 10};
  const auto parse = [&](std::string_view s) { return hugetlbfs::parse_options(s, ten, {}); };
  const auto all = parse("pagesize=2M,size=8M,min_size=20%,nr_inodes=1k,mode=1700,uid=5,gid=6");
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->most_pages, 4u);
  EXPECT_EQ(all->least_pages, 2u);
  EXPECT_EQ(all->max_inodes, 1024u);
  EXPECT_EQ(all->mode, 01700u);
  EXPECT_EQ(all->uid, 5u);
  EXPECT_EQ(all->gid, 6u);
  for (const char* bad : {"pagesize=4k", "pagesize=1G", "pagesize=", "size=x", "mode=9", "what=1", "size=1q",
                          "size=2M,min_size=4M", "nr_inodes=5%", "size=99999999999999999999"})
    EXPECT_FALSE(parse(bad).has_value()) << bad;
}

TEST_F(Hugetlbfs, FilesReadAsZerosAndAreNeverWritten) {
  pool().set_total(4);
  World w = mount("");
  auto file = w.open("f", O_CREAT | O_RDWR);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(w.write("f", "x"), EINVAL);
  EXPECT_EQ(error((*file)->truncate(4096)), EINVAL);
  EXPECT_EQ(error((*file)->truncate(huge_size)), 0);
  EXPECT_EQ(World::read_all(**file), std::string(huge_size, '\0'));
  EXPECT_EQ(w.stat("f")->blocks, 0u);
  EXPECT_EQ(error((*file)->allocate(0, 0, huge_size)), 0);
  EXPECT_EQ(w.stat("f")->blocks, huge_size / 512);
  EXPECT_EQ(w.stat("f")->block_size, huge_size);
  EXPECT_EQ(error((*file)->allocate(0, 0, 9 * huge_size)), ENOSPC);
  EXPECT_EQ(error((*file)->allocate(FALLOC_FL_ZERO_RANGE, 0, huge_size)), EOPNOTSUPP);
  EXPECT_EQ((*file)->statfs()->f_bsize, static_cast<long>(huge_size));
}

TEST_F(Hugetlbfs, MappingReservesAndDeletionGivesBack) {
  pool().set_total(4);
  World w = mount("");
  auto s = space();
  {
    auto file = w.open("f", O_CREAT | O_RDWR);
    EXPECT_EQ(error(map(*s, **file, 5 * huge_size)), ENOMEM);
    EXPECT_EQ(error(map(*s, **file, huge_size, true, 4096)), EINVAL);
    auto at = map(*s, **file, 2 * huge_size + 1);
    ASSERT_TRUE(at.has_value());
    EXPECT_EQ(at->value() % huge_size, 0u);
    EXPECT_EQ(w.stat("f")->size, 3 * huge_size);
    EXPECT_EQ(pool().counts().reserved, 3u);
    auto other = space();
    EXPECT_EQ(error(map(*other, **file, 3 * huge_size)), 0);  // reserved already
    EXPECT_EQ(pool().counts().reserved, 3u);
    EXPECT_EQ(error(s->write(*at + huge_size, u32{7})), 0);
    EXPECT_EQ(pool().counts().reserved, 2u);
    EXPECT_EQ(pool().counts().free, 3u);
    EXPECT_EQ(error(s->unmap(*at, 4096)), EINVAL);
    EXPECT_EQ(error(s->unmap(*at, 3 * huge_size)), 0);
    EXPECT_EQ(pool().counts().reserved, 2u);
  }
  EXPECT_EQ(w.unlink("f"), 0);
  EXPECT_EQ(pool().counts().reserved, 0u);
  EXPECT_EQ(pool().counts().free, 4u);
}

TEST_F(Hugetlbfs, PrivateCopiesAreTheParentsFirst) {
  pool().set_total(2);
  World w = mount("");
  auto file = w.open("f", O_CREAT | O_RDWR);
  auto s = space();
  auto at = map(*s, **file, huge_size, false);
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(pool().counts().reserved, 1u);
  EXPECT_EQ(error(s->write(*at, u32{1})), 0);
  auto child = *s->fork();
  auto grandchild = *child->fork();
  EXPECT_EQ(error(s->write(*at, u32{2})), 0);  // the second page
  EXPECT_EQ(*child->read<u32>(*at), 1u);
  auto second = *s->fork();
  EXPECT_EQ(error(s->write(*at, u32{3})), 0);  // taken back from its child
  EXPECT_EQ(*child->read<u32>(*at), 1u);
  EXPECT_EQ(error(second->read<u32>(*at)), EFAULT);
  EXPECT_EQ(error(child->write(*at, u32{9})), EFAULT);  // none left, and it reserved none
  child = nullptr;
  EXPECT_EQ(*grandchild->read<u32>(*at), 1u);
  EXPECT_EQ(error(grandchild->write(*at, u32{4})), 0);  // alone with it
  grandchild = nullptr;
  EXPECT_EQ(pool().counts().free, 1u);
  EXPECT_EQ(error(s->advise(*at, huge_size, 4 /* MADV_DONTNEED */)), 0);
  EXPECT_EQ(pool().counts().reserved, 1u);
  EXPECT_EQ(*s->read<u32>(*at), 0u);
  s = nullptr;
  EXPECT_EQ(pool().counts().free, 2u);
  EXPECT_EQ(pool().counts().reserved, 0u);
}

TEST_F(Hugetlbfs, SizesOfAMountHold) {
  pool().set_total(8);
  World w = mount("size=6M,min_size=4M");
  EXPECT_EQ(pool().counts().reserved, 2u);
  auto file = w.open("f", O_CREAT | O_RDWR);
  auto s = space();
  EXPECT_EQ(error(map(*s, **file, 4 * huge_size)), ENOMEM);
  ASSERT_TRUE(map(*s, **file, 3 * huge_size).has_value());
  EXPECT_EQ(pool().counts().reserved, 3u);
  EXPECT_EQ((*file)->statfs()->f_blocks, 3u);
  EXPECT_EQ((*file)->statfs()->f_bfree, 0u);
  EXPECT_EQ(error((*file)->truncate(0)), 0);
  EXPECT_EQ(pool().counts().reserved, 2u);
  const auto o = hugetlbfs::parse_options("min_size=14M", pool().counts(), {});
  EXPECT_EQ(error(hugetlbfs::HugetlbFs::create(memory(), *o)), ENOMEM);
}

TEST_F(Hugetlbfs, SurplusPagesLiveWhileTheyAreUsed) {
  pool().set_total(1);
  pool().set_overcommit(2);
  World w = mount("");
  auto file = w.open("f", O_CREAT | O_RDWR);
  auto s = space();
  EXPECT_EQ(error(map(*s, **file, 4 * huge_size)), ENOMEM);
  auto at = map(*s, **file, 3 * huge_size);
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(pool().counts().surplus, 2u);
  EXPECT_EQ(pool().counts().total, 3u);
  for (u64 i = 0; i < 3; ++i) EXPECT_EQ(error(s->write(*at + i * huge_size, u32{1})), 0);
  EXPECT_EQ(pool().counts().free, 0u);
  pool().set_total(0);
  EXPECT_EQ(pool().counts().surplus, 3u);
  EXPECT_EQ(error((*file)->allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, huge_size)), 0);
  EXPECT_EQ(pool().counts().surplus, 2u);
  EXPECT_EQ(error(s->read<u32>(*at)), EFAULT);  // as many surplus pages as there may be
  EXPECT_EQ(error((*file)->truncate(0)), 0);
  EXPECT_EQ(pool().counts().total, 0u);
  EXPECT_EQ(error(s->read<u32>(*at)), EFAULT);
}

TEST_F(Hugetlbfs, PermissionsAndInodesAreLimited) {
  World w = mount("mode=0755,nr_inodes=2,uid=0");
  EXPECT_EQ(error(w.open("a", O_CREAT | O_RDWR)), 0);
  EXPECT_EQ(error(w.open("b", O_CREAT | O_RDWR)), ENOSPC);
  EXPECT_EQ(w.unlink("a"), 0);
  w.become(1000, 1000);
  EXPECT_EQ(error(w.open("c", O_CREAT | O_RDWR)), EACCES);
}

}  // namespace
}  // namespace quire::fs::test
