#include "metal/ir/codec.h"

#include <fmt/format.h>
#include <llvm/Support/xxhash.h>

#include <algorithm>
#include <limits>

#include "base/byte_order.h"
#include "metal/ir/fields.h"

namespace quire::metal {

namespace {

constexpr std::string_view kMagic = "QMFF";
constexpr std::size_t kHeader = 4 + 4 + 8;  // magic, version, checksum of the rest

u64 zigzag(i64 v) { return (static_cast<u64>(v) << 1) ^ static_cast<u64>(v >> 63); }
i64 unzigzag(u64 v) { return static_cast<i64>(v >> 1) ^ -static_cast<i64>(v & 1); }

u64 checksum(std::string_view bytes) {
  return llvm::xxh3_64bits(llvm::StringRef(bytes.data(), bytes.size()));
}

/// Numbers names in the order in which they are met; 0 is the null symbol.
class Numbering {
 public:
  u64 number(Symbol s) {
    if (!s) return 0;
    const auto [it, fresh] = numbers_.try_emplace(s, list_.size() + 1);
    if (fresh) list_.push_back(s);
    return it->second;
  }
  const std::vector<Symbol>& list() const { return list_; }

 private:
  std::unordered_map<Symbol, u64> numbers_;
  std::vector<Symbol> list_;
};

/// Appends to a string; numbers are in groups of seven bits.
class Writer {
 public:
  explicit Writer(Numbering& names) : names_(names) {}
  std::string take() { return std::move(out_); }

  void raw(u64 v) {
    while (v >= 0x80) {
      out_ += static_cast<char>(v | 0x80);
      v >>= 7;
    }
    out_ += static_cast<char>(v);
  }
  template <typename T>
  void number(const T& v) {
    raw(static_cast<u64>(v));
  }
  void signed_number(i64 v) { raw(zigzag(v)); }
  void line(u32 v) {
    raw(zigzag(static_cast<i64>(v) - static_cast<i64>(last_line_)));
    last_line_ = v;
  }
  template <typename E>
  void enumeration(E e, E) {
    raw(static_cast<u64>(e));
  }
  template <typename... B>
  void bits(const B&... flags) {
    u64 packed = 0, bit = 1;
    ((packed |= flags ? bit : 0, bit <<= 1), ...);
    raw(packed);
  }
  template <typename Id>
  void id(Id v) {
    raw(v.value());
  }
  /// An id or none: none is the largest id, so that one more is 0.
  template <typename Id>
  void below(Id v, std::size_t) {
    raw(static_cast<u32>(v.value() + 1));
  }
  template <typename Id>
  void earlier(Id v, std::size_t) {
    raw(static_cast<u32>(v.value() + 1));
  }
  void relative(ExprId v, std::size_t self) {
    raw(zigzag(static_cast<i64>(v.value()) - static_cast<i64>(self)));
  }
  void kid_list(const std::vector<ExprId>& all, u32 first, u32 count, std::size_t&, std::size_t self) {
    raw(count);
    for (u32 i = 0; i < count; ++i) raw(self - all[first + i].value());
  }
  void symbol(Symbol s) { raw(names_.number(s)); }
  void text(std::string_view s) {
    raw(s.size());
    out_ += s;
  }
  template <typename V, typename Each>
  void sequence(const V& v, Each each) {
    raw(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) each(v[i], i);
  }
  void check(bool) {}

 private:
  Numbering& names_;
  std::string out_;
  u32 last_line_ = 0;
};

/// Reads what a Writer wrote. After the first thing that does not fit everything reads as nothing, and
/// failed() says so.
class Reader {
 public:
  using Names = std::vector<Symbol>;
  Reader(std::string_view in, const Names& names) : in_(in), names_(names) {}
  bool failed() const { return failed_; }
  std::size_t position() const { return at_; }
  bool at_end() const { return at_ == in_.size(); }

  u64 raw() {
    u64 v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (failed_ || at_ >= in_.size()) break;
      const u8 byte = static_cast<u8>(in_[at_++]);
      v |= static_cast<u64>(byte & 0x7f) << shift;
      if (byte < 0x80) return v;
    }
    failed_ = true;
    return 0;
  }
  template <typename T>
  void number(T& v) {
    const u64 read = raw();
    check(read <= static_cast<u64>(std::numeric_limits<T>::max()));
    v = failed_ ? T{} : static_cast<T>(read);
  }
  void signed_number(i64& v) { v = unzigzag(raw()); }
  void line(u32& v) {
    const i64 step = unzigzag(raw());
    const i64 made = static_cast<i64>(last_line_) + (step > kBig || step < -kBig ? kBig : step);
    check(made >= 0 && made <= std::numeric_limits<u32>::max());
    last_line_ = v = failed_ ? 0 : static_cast<u32>(made);
  }
  template <typename E>
  void enumeration(E& e, E last) {
    const u64 read = raw();
    check(read <= static_cast<u64>(last));
    e = failed_ ? E{} : static_cast<E>(read);
  }
  template <typename... B>
  void bits(B&... flags) {
    u64 packed = raw();
    ((flags = (packed & 1) != 0, packed >>= 1), ...);
    check(packed == 0);
  }
  template <typename Id>
  void id(Id& v) {
    const u64 read = raw();
    check(read < UINT32_MAX);
    v = Id(failed_ ? 0 : static_cast<u32>(read));
  }
  template <typename Id>
  void below(Id& v, std::size_t limit) {
    const u64 read = raw();
    check(read <= limit);
    v = Id(failed_ ? UINT32_MAX : static_cast<u32>(read) - 1);
  }
  template <typename Id>
  void earlier(Id& v, std::size_t self) {
    below(v, self);
  }
  void relative(ExprId& v, std::size_t self) {
    const i64 step = unzigzag(raw());
    check(step > -kBig && step < kBig);
    const i64 made = failed_ ? 0 : static_cast<i64>(self) + step;
    check(made >= 0);
    v = ExprId(failed_ ? 0 : static_cast<u32>(made));
  }
  void kid_list(std::vector<ExprId>& all, u32& first, u32& count, std::size_t& total, std::size_t self) {
    const u64 read = length();
    first = static_cast<u32>(total);
    count = static_cast<u32>(read);
    for (u64 i = 0; i < read && !failed_; ++i) {
      const u64 back = raw();
      check(back >= 1 && back <= self);  // kids come first, so that no tree has itself inside
      if (failed_) break;
      all.push_back(ExprId(static_cast<u32>(self - back)));
    }
    if (failed_) count = 0;
    total = all.size();
  }
  void symbol(Symbol& s) {
    const u64 read = raw();
    check(read <= names_.size());
    s = failed_ || read == 0 ? Symbol() : names_[read - 1];
  }
  void text(std::string& s) {
    const u64 size = length();
    s.assign(in_.substr(at_, size));
    at_ += size;
  }
  template <typename V, typename Each>
  void sequence(V& v, Each each) {
    const u64 size = length();
    v.clear();
    v.reserve(std::min<u64>(size, 1 << 14));  // the count is only claimed yet
    for (u64 i = 0; i < size && !failed_; ++i) each(v.emplace_back(), i);
    if (failed_) v.clear();
  }
  void check(bool good) { failed_ |= !good; }
  /// A count of things that take at least a byte each.
  u64 length() {
    const u64 size = raw();
    check(size <= in_.size() - at_ && size < UINT32_MAX);
    return failed_ ? 0 : size;
  }
  std::string_view bytes() {
    const u64 size = length();
    const std::string_view s = in_.substr(at_, size);
    at_ += size;
    return s;
  }

 private:
  static constexpr i64 kBig = i64{1} << 40;
  std::string_view in_;
  const Names& names_;
  std::size_t at_ = 0;
  bool failed_ = false;
  u32 last_line_ = 0;
};

std::string encode_function(const Function& f, Numbering& names) {
  Writer body(names);
  function_fields(body, f);
  return body.take();
}

CodecError corrupt(const char* where) { return {fmt::format("the function file is damaged ({})", where)}; }

}  // namespace

ContentHash content_hash(const Function& f) {
  Numbering names;
  std::string bytes = encode_function(f, names);
  for (const Symbol s : names.list()) {
    bytes += s.text();
    bytes += '\0';
  }
  const auto hash =
      llvm::xxh3_128bits(llvm::ArrayRef(reinterpret_cast<const u8*>(bytes.data()), bytes.size()));
  return {hash.low64, hash.high64};
}

std::string encode(const Unit& unit) {
  Numbering all;
  std::string bodies;
  Writer directory(all);
  directory.raw(unit.functions.size());
  for (const Function& f : unit.functions) {
    // Each function has its own short list of names: indices in it are small, and a body does not depend on
    // what else is in the unit.
    Numbering own;
    const std::string stream = encode_function(f, own);
    Writer body(all);
    body.raw(own.list().size());
    for (const Symbol s : own.list()) body.symbol(s);
    std::string bytes = body.take() + stream;
    directory.symbol(f.name);
    directory.symbol(f.link);
    directory.raw(f.hash[0]);
    directory.raw(f.hash[1]);
    directory.bits(f.internal, f.in_header);
    directory.raw(bytes.size());
    bodies += bytes;
  }
  Writer rest(all);
  unit_fields(rest, unit);
  // Last, when all names are known; first in the file.
  Numbering none;
  Writer names(none);
  names.raw(all.list().size());
  for (const Symbol s : all.list()) names.text(s.text());
  std::string payload = names.take();
  for (const std::string& part : {rest.take(), directory.take(), bodies}) {
    Writer size(none);
    size.raw(part.size());
    payload += size.take();
    payload += part;
  }
  std::string out(kMagic);
  char number[8];
  store(number, kFormatVersion, std::endian::little);
  out.append(number, 4);
  store(number, checksum(payload), std::endian::little);
  out.append(number, 8);
  return out + payload;
}

std::expected<std::unique_ptr<UnitReader>, CodecError> UnitReader::open(std::string bytes, Symbols& symbols) {
  std::unique_ptr<UnitReader> file(new UnitReader(symbols));
  file->bytes_ = std::move(bytes);
  const std::string_view all = file->bytes_;
  if (all.size() < kHeader || all.substr(0, 4) != kMagic)
    return std::unexpected(CodecError{"not a function file"});
  if (quire::load<u32>(all.data() + 4, std::endian::little) != kFormatVersion)
    return std::unexpected(CodecError{"a function file of another version"});
  const std::string_view payload = all.substr(kHeader);
  if (quire::load<u64>(all.data() + 8, std::endian::little) != checksum(payload))
    return std::unexpected(corrupt("checksum"));

  static const std::vector<Symbol> kNone;
  Reader top(payload, kNone);
  const u64 count = top.length();
  file->names_.reserve(count);
  for (u64 i = 0; i < count && !top.failed(); ++i) file->names_.push_back(top.bytes());
  const std::string_view rest = top.bytes();
  const std::string_view directory = top.bytes();
  file->bodies_ = top.bytes();
  if (top.failed() || !top.at_end()) return std::unexpected(corrupt("sections"));

  // The names that the unit itself uses; those of a function are made when it is loaded.
  std::vector<Symbol> made(file->names_.size());
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = symbols.intern(file->names_[i]);
  Reader unit(rest, made);
  unit_fields(unit, file->unit_);
  if (unit.failed() || !unit.at_end()) return std::unexpected(corrupt("unit"));
  Reader entries(directory, made);
  u64 offset = 0;
  const u64 functions = entries.length();
  for (u64 i = 0; i < functions && !entries.failed(); ++i) {
    FunctionEntry e;
    u64 length = 0;
    entries.symbol(e.name);
    entries.symbol(e.link);
    e.hash[0] = entries.raw();
    e.hash[1] = entries.raw();
    entries.bits(e.internal, e.in_header);
    entries.number(length);
    entries.check(offset + length >= offset && offset + length <= file->bodies_.size());
    e.offset = static_cast<u32>(offset);
    e.length = static_cast<u32>(length);
    offset += length;
    if (!entries.failed()) file->directory_.push_back(e);
  }
  if (entries.failed() || !entries.at_end() || offset != file->bodies_.size() || offset > UINT32_MAX)
    return std::unexpected(corrupt("directory"));
  return file;
}

std::expected<Function, CodecError> UnitReader::load(std::size_t index) const {
  if (index >= directory_.size()) return std::unexpected(CodecError{"no such function"});
  const FunctionEntry& entry = directory_[index];
  const std::string_view bytes = bodies_.substr(entry.offset, entry.length);
  static const std::vector<Symbol> kNone;
  Reader head(bytes, kNone);
  std::vector<Symbol> names;
  const u64 count = head.length();
  names.reserve(count);
  for (u64 i = 0; i < count; ++i) {
    const u64 number = head.raw();
    head.check(number >= 1 && number <= names_.size());
    if (head.failed()) return std::unexpected(corrupt("names of a function"));
    names.push_back(symbols_.intern(names_[number - 1]));
  }
  Function f;
  Reader body(bytes.substr(head.position()), names);
  function_fields(body, f);
  if (body.failed() || !body.at_end()) return std::unexpected(corrupt("function"));
  f.hash = entry.hash;
  return f;
}

std::expected<Unit, CodecError> decode(std::string bytes, Symbols& symbols) {
  auto file = UnitReader::open(std::move(bytes), symbols);
  if (!file) return std::unexpected(file.error());
  Unit unit = (*file)->unit();
  for (std::size_t i = 0; i < (*file)->directory().size(); ++i) {
    auto f = (*file)->load(i);
    if (!f) return std::unexpected(f.error());
    unit.functions.push_back(std::move(*f));
  }
  return unit;
}

}  // namespace quire::metal
