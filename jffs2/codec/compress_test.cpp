#include "jffs2/codec/compress.h"

#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>

#include <array>
#include <random>

#include "jffs2/codec/methods.h"
#ifdef QUIRE_HAVE_LZO2
#include <lzo/lzo1x.h>
#endif

namespace quire::jffs2 {
namespace {

/// Data of several characters: zeros, text-like, runs, random, far repeats; of many sizes.
std::vector<std::vector<u8>> corpus() {
  std::mt19937 rng(1);
  std::vector<std::vector<u8>> out;
  for (u32 size : {1u, 2u, 3u, 5u, 17u, 64u, 255u, 256u, 700u, 4095u, 4096u, 20000u, 65536u}) {
    std::vector<u8> zero(size), text(size), runs(size), noise(size), far(size);
    u8 run = 0;
    for (u32 i = 0; i < size; i++) {
      text[i] = static_cast<u8>("the quick brown fox jumps over it "[(rng() % 5 == 0 ? rng() : i) % 34]);
      if (rng() % 300 == 0) run = static_cast<u8>(rng());
      runs[i] = run;
      noise[i] = static_cast<u8>(rng());
      far[i] = i >= 17000 ? far[i - 17000] : static_cast<u8>(rng());
    }
    for (auto* v : {&zero, &text, &runs, &noise, &far}) out.push_back(*v);
  }
  return out;
}

TEST(Compress, EveryWritingMethodThereAndBack) {
  for (const auto& data : corpus()) {
    for (Compression m : {Compression::rtime, Compression::zlib, Compression::lzo, Compression::copy}) {
      std::vector<u8> stored, back(data.size(), 0xAA);
      if (!compress_with(m, data, 200000, stored)) {
        ADD_FAILURE() << compression_name(m) << " refused " << data.size();
        continue;
      }
      ASSERT_TRUE(decompress(m, stored, back)) << compression_name(m) << " " << data.size();
      EXPECT_EQ(back, data) << compression_name(m);
    }
  }
}

TEST(Compress, RespectsTheLimit) {
  for (const auto& data : corpus()) {
    for (Compression m : {Compression::rtime, Compression::zlib, Compression::lzo}) {
      std::vector<u8> all, again;
      ASSERT_TRUE(compress_with(m, data, 200000, all));
      u32 n = static_cast<u32>(all.size());
      EXPECT_FALSE(compress_with(m, data, n, again)) << compression_name(m);
      EXPECT_TRUE(compress_with(m, data, n + 1, again)) << compression_name(m);
      EXPECT_EQ(all, again);
    }
  }
}

TEST(Compress, PolicyPicksAndFallsBack) {
  std::vector<u8> zero(4096), noise(4096);
  std::mt19937 rng(2);
  for (u8& b : noise) b = static_cast<u8>(rng());
  auto c = compress(zero, {});
  EXPECT_EQ(c.method, Compression::zlib);
  EXPECT_LT(c.bytes.size(), 40u);
  EXPECT_EQ(compress(noise, {}).method, Compression::none);
  EXPECT_EQ(compress(noise, {}).bytes, noise);
  CompressPolicy smallest{.mode = CompressMode::size,
                          .methods = {Compression::lzo, Compression::rtime, Compression::zlib}};
  std::vector<u8> text(4096);
  for (u32 i = 0; i < text.size(); i++) text[i] = static_cast<u8>("abcdefgh"[rng() % 8]);
  EXPECT_EQ(compress(text, smallest).method, Compression::zlib);
  CompressPolicy none{.mode = CompressMode::none, .methods = {Compression::zlib}};
  EXPECT_EQ(compress(zero, none).method, Compression::none);
  EXPECT_TRUE(looks_incompressible(noise));
  EXPECT_FALSE(looks_incompressible(zero));
  // Uniform bytes that repeat are compressible all the same.
  std::vector<u8> twice(noise.begin(), noise.begin() + 2048);
  twice.insert(twice.end(), noise.begin(), noise.begin() + 2048);
  EXPECT_FALSE(looks_incompressible(twice));
}

TEST(Zlib, ForeignStreamsAndChecksums) {
  for (const auto& data : corpus()) {
    for (int level : {1, 3, 9}) {
      std::vector<u8> stored(compressBound(data.size()) + 16);
      uLongf n = stored.size();
      ASSERT_EQ(compress2(stored.data(), &n, data.data(), data.size(), level), Z_OK);
      stored.resize(n);
      stored.back() ^= 0xFF;  // the Adler checksum is not looked at
      std::vector<u8> back(data.size());
      ASSERT_TRUE(zlib_decompress(stored, back));
      EXPECT_EQ(back, data);
      // Nor is what comes behind the bytes that the node wants, nor an end that is missing.
      back.assign(data.size() / 2, 0xAA);
      ASSERT_TRUE(zlib_decompress(stored, back));
      EXPECT_TRUE(std::equal(back.begin(), back.end(), data.begin()));
      stored.resize(stored.size() - 4);
      back.assign(data.size(), 0xAA);
      ASSERT_TRUE(zlib_decompress(stored, back));
      EXPECT_EQ(back, data);
    }
  }
}

#ifdef QUIRE_HAVE_LZO2
TEST(Lzo, LiblzoReadsOurs) {
  ASSERT_EQ(lzo_init(), LZO_E_OK);
  for (const auto& data : corpus()) {
    std::vector<u8> stored, back(data.size());
    ASSERT_TRUE(lzo_compress(data, 200000, stored));
    lzo_uint n = back.size();
    EXPECT_EQ(lzo1x_decompress_safe(stored.data(), stored.size(), back.data(), &n, nullptr), LZO_E_OK);
    EXPECT_EQ(n, data.size());
    EXPECT_EQ(back, data);
  }
}

TEST(Lzo, WeReadLiblzos) {
  ASSERT_EQ(lzo_init(), LZO_E_OK);
  std::vector<u8> work(LZO1X_999_MEM_COMPRESS);
  for (const auto& data : corpus()) {
    for (auto* method : {&lzo1x_1_compress, &lzo1x_1_15_compress, &lzo1x_999_compress}) {
      std::vector<u8> stored(data.size() + data.size() / 8 + 64), back(data.size());
      lzo_uint n = stored.size();
      ASSERT_EQ(method(data.data(), data.size(), stored.data(), &n, work.data()), LZO_E_OK);
      stored.resize(n);
      ASSERT_TRUE(lzo_decompress(stored, back)) << data.size();
      EXPECT_EQ(back, data);
    }
  }
}

TEST(Lzo, CompressesAboutAsWellAsTheBestOfLiblzo) {
  ASSERT_EQ(lzo_init(), LZO_E_OK);
  std::vector<u8> work(LZO1X_999_MEM_COMPRESS);
  std::size_t ours = 0, theirs = 0;
  for (const auto& data : corpus()) {
    std::vector<u8> stored(data.size() + data.size() / 8 + 64);
    lzo_uint n = stored.size();
    ASSERT_EQ(lzo1x_999_compress(data.data(), data.size(), stored.data(), &n, work.data()), LZO_E_OK);
    theirs += n;
    ASSERT_TRUE(lzo_compress(data, 200000, stored));
    ours += stored.size();
  }
  EXPECT_LT(ours, theirs * 101 / 100);
}
#endif

TEST(Lzma, RawStreamsAsOpenWrtWritesThem) {
  for (const auto& data : corpus()) {
    lzma_options_lzma options;
    ASSERT_FALSE(lzma_lzma_preset(&options, 9));
    options.dict_size = 8192;
    options.lc = options.lp = options.pb = 0;
    lzma_filter filters[2] = {{LZMA_FILTER_LZMA1, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
    std::vector<u8> stored(data.size() * 2 + 100), back(data.size());
    std::size_t n = 0;
    ASSERT_EQ(
        lzma_raw_buffer_encode(filters, nullptr, data.data(), data.size(), stored.data(), &n, stored.size()),
        LZMA_OK);
    stored.resize(n);
    ASSERT_TRUE(lzma_decompress(stored, back));
    EXPECT_EQ(back, data);
  }
}

/// The coder that the two rubin methods undo, for making test data.
class RubinEncoder {
 public:
  RubinEncoder(u32 divider, const std::array<u32, 8>& bits) : divider_(divider), bits_(bits) {}
  std::vector<u8> run(std::span<const u8> data) {
    for (u8 b : data)
      for (u32 i = 0; i < 8; i++) symbol(divider_ - bits_[i], bits_[i], (b >> i) & 1);
    for (int i = 0; i < 16; i++) {
      push((q_ & 0x8000) != 0);
      q_ = (q_ & 0x7FFF) << 1;
    }
    return out_;
  }

 private:
  void symbol(u32 a, u32 b, u32 bit) {
    while (q_ >= 0x8000 || p_ + q_ <= 0x8000) {
      push((q_ & 0x8000) != 0);
      q_ = (q_ & 0x7FFF) << 1;
      p_ <<= 1;
    }
    u32 i0 = static_cast<u32>(u64{a} * p_ / (a + b));
    if (i0 == 0) i0 = 1;
    if (i0 >= p_) i0 = p_ - 1;
    if (bit == 0) {
      p_ = i0;
    } else {
      p_ -= i0;
      q_ += i0;
    }
  }
  void push(bool bit) {
    if (n_ % 8 == 0) out_.push_back(0);
    if (bit) out_.back() |= static_cast<u8>(0x80 >> n_ % 8);
    n_++;
  }
  u32 divider_;
  std::array<u32, 8> bits_;
  u32 q_ = 0, p_ = 0x10000;
  std::size_t n_ = 0;
  std::vector<u8> out_;
};

TEST(Rubin, BothMethods) {
  for (const auto& data : corpus()) {
    std::vector<u8> back(data.size());
    auto stored = RubinEncoder(1043, {277, 249, 290, 267, 229, 341, 212, 241}).run(data);
    ASSERT_TRUE(decompress(Compression::rubinmips, stored, back));
    EXPECT_EQ(back, data);
    std::array<u32, 8> bits{120, 100, 3, 200, 128, 255, 1, 64};
    stored = RubinEncoder(256, bits).run(data);
    stored.insert(stored.begin(), bits.begin(), bits.end());
    ASSERT_TRUE(decompress(Compression::dynrubin, stored, back));
    EXPECT_EQ(back, data);
  }
}

/// What Linux 6.1's own coders made of a text (dynrubin: of the 160 bytes; rubinmips: of the first 64).
TEST(Rubin, AsLinuxWritesIt) {
  constexpr std::string_view kMips =
      "8cc2bd4058eb79360ec81a4f370b429be6d0574b1f631f0a1e7b7ab0a909ca77937a2e8a1d3364d9dd6e32da34923fe1"
      "34206fc0d15c4bbc3fb16ec3aa2088d7346cd8b580";
  constexpr std::string_view kDynamic =
      "2e49915338ffb4018ffb8deb7c9bac330176d72ebcc352f65ecd2e873b640f3fd2eb2d2075b2dfeb28194d6b302faf96"
      "63bec3d5e67d3dc135efcbfcc048bee37ab9b4ec7a945576b98d10cd78d6dc5ea870dd1e9f7311c2f6584521a36ee682"
      "e92a5541cd248c28384fc4d45cc3d600";
  std::vector<u8> text(160);
  for (u32 i = 0; i < text.size(); i++)
    text[i] = static_cast<u8>("load the word, add one, store it; "[i % 34] & ~((i / 40) & 1));
  auto bytes = [](std::string_view hex) {
    std::vector<u8> out;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      out.push_back(static_cast<u8>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
    return out;
  };
  std::vector<u8> back(64);
  ASSERT_TRUE(decompress(Compression::rubinmips, bytes(kMips), back));
  EXPECT_TRUE(std::equal(back.begin(), back.end(), text.begin()));
  back.resize(160);
  ASSERT_TRUE(decompress(Compression::dynrubin, bytes(kDynamic), back));
  EXPECT_EQ(back, text);
  // The numbers on flash, swapped against the names of Linux's header.
  EXPECT_EQ(static_cast<int>(Compression::dynrubin), 3);
  EXPECT_EQ(static_cast<int>(Compression::rubinmips), 5);
}

TEST(Compress, BrokenDataIsAnErrorOrGarbageNeverACrash) {
  std::mt19937 rng(3);
  for (const auto& data : corpus()) {
    for (u8 id = 0; id < 12; id++) {
      auto method = static_cast<Compression>(id);
      std::vector<u8> stored, back(data.size());
      if (!compress_with(method, data, 200000, stored)) stored.assign(64, 0x55);
      for (int round = 0; round < 20; round++) {
        auto broken = stored;
        if (broken.empty()) broken.push_back(0);
        for (int k = 0; k < 3; k++) broken[rng() % broken.size()] = static_cast<u8>(rng());
        broken.resize(rng() % (broken.size() + 1));
        (void)decompress(method, broken, back).has_value();
      }
    }
  }
  std::vector<u8> four(4);
  EXPECT_FALSE(decompress(static_cast<Compression>(9), {}, four));
  EXPECT_FALSE(decompress(Compression::none, {}, four));
}

}  // namespace
}  // namespace quire::jffs2
