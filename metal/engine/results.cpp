#include "metal/engine/results.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "metal/front/files.h"

namespace quire::metal {
namespace {

constexpr std::string_view kMagic = "quire-metal results 1\n";

u64 scramble(u64 x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdull;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ull;
  return x ^ (x >> 33);
}

/// A running 128-bit hash.
class Hash {
 public:
  void add(u64 v) {
    h_[0] = scramble(h_[0] * 31 + v + 0x9e3779b97f4a7c15ull);
    h_[1] = scramble((h_[1] ^ v) * 37 + 0xd1b54a32d192ed03ull);
  }
  void add(std::string_view s) {
    add(s.size());
    for (std::size_t i = 0; i < s.size(); i += 8) {
      u64 v = 0;
      std::memcpy(&v, s.data() + i, std::min<std::size_t>(8, s.size() - i));
      add(v);
    }
  }
  void add(const ContentHash& h) {
    add(h[0]);
    add(h[1]);
  }
  ContentHash value() const { return h_; }

 private:
  ContentHash h_{};
};

/// What a fragment became: it depends on files that its preamble includes, too.
void add_pattern(Hash& h, const Pattern& p) {
  h.add(static_cast<u64>(p.kind));
  h.add(p.root.value());
  h.add(p.init.value());
  for (u32 i = 0; i < p.pool.size(); ++i) {
    const Expr& e = p.pool[ExprId(i)];
    h.add(static_cast<u64>(e.kind) << 32 | static_cast<u64>(e.op) << 16 | e.kid_count);
    h.add(static_cast<u64>(e.value));
    h.add(e.kind == ExprKind::Function ? p.pool.function(e).name.text() : e.name.text());
    h.add(p.pool.type_of(ExprId(i)).spelling.text());
    for (ExprId k : p.pool.kids(ExprId(i))) h.add(k.value());
  }
  for (TypeId t : p.hole_types) h.add(t == kNoType ? std::string_view() : p.pool.type(t).spelling.text());
}

class Writer {
 public:
  void number(u64 v) { bytes_.append(reinterpret_cast<const char*>(&v), sizeof v); }
  void text(const std::string& s) {
    number(s.size());
    bytes_ += s;
  }
  void point(const SourcePoint& p) {
    text(p.file);
    number(u64{p.line} << 32 | p.column);
  }
  std::string bytes_{kMagic};
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  u64 number() {
    u64 v = 0;
    if (left_.size() < sizeof v) {
      good_ = false;
      left_ = {};
      return 0;
    }
    std::memcpy(&v, left_.data(), sizeof v);
    left_.remove_prefix(sizeof v);
    return v;
  }
  std::string text() {
    u64 n = number();
    if (n > left_.size()) {
      good_ = false;
      left_ = {};
      return {};
    }
    std::string s(left_.substr(0, n));
    left_.remove_prefix(n);
    return s;
  }
  SourcePoint point() {
    SourcePoint p;
    p.file = text();
    u64 at = number();
    p.line = static_cast<u32>(at >> 32);
    p.column = static_cast<u32>(at);
    return p;
  }
  /// A count of things that take at least eight bytes each.
  u64 count() {
    u64 n = number();
    if (n > left_.size() / 8) good_ = false;
    return good_ ? n : 0;
  }
  bool good() const { return good_; }
  bool done() const { return good_ && left_.empty(); }

 private:
  std::string_view left_;
  bool good_ = true;
};

void write(Writer& w, const Finding& f) {
  w.text(f.rule);
  w.text(f.message);
  w.text(f.function);
  w.point(f.at);
  w.point(f.cause);
  w.number(f.path.size());
  for (const PathNote& n : f.path) {
    w.point(n.at);
    w.text(n.function);
    w.text(n.text);
  }
  w.number(static_cast<u64>(f.level) << 2 | (f.indirect ? 2u : 0u) | (f.uncertain ? 1u : 0u));
  w.number(u64{f.transition} << 32 | f.also);
  w.number(u64{f.calls} << 32 | f.branches);
  w.number(u64{f.examples} << 32 | f.counterexamples);
  w.number(std::bit_cast<u64>(f.z));
}

Finding read_finding(Reader& r) {
  Finding f;
  f.rule = r.text();
  f.message = r.text();
  f.function = r.text();
  f.at = r.point();
  f.cause = r.point();
  for (u64 n = r.count(); n > 0 && r.good(); --n) {
    PathNote note;
    note.at = r.point();
    note.function = r.text();
    note.text = r.text();
    f.path.push_back(std::move(note));
  }
  u64 bits = r.number();
  f.level = static_cast<Level>(std::min<u64>(bits >> 2, static_cast<u64>(Level::kNote)));
  f.indirect = (bits & 2) != 0;
  f.uncertain = (bits & 1) != 0;
  auto pair = [&](u32& high, u32& low) {
    u64 v = r.number();
    high = static_cast<u32>(v >> 32);
    low = static_cast<u32>(v);
  };
  pair(f.transition, f.also);
  pair(f.calls, f.branches);
  pair(f.examples, f.counterexamples);
  f.z = std::bit_cast<double>(r.number());
  return f;
}

}  // namespace

Results::Results(std::string directory, const Program& program, const Models& models, const Limits& limits)
    : directory_(std::move(directory)) {
  if (directory_.empty()) return;
  Hash project, h;
  for (const std::string& file : program.main_files()) project.add(file);
  project_ = project.value();
  struct stat self{};
  if (stat("/proc/self/exe", &self) == 0) {
    h.add(static_cast<u64>(self.st_size));
    h.add(static_cast<u64>(self.st_mtim.tv_sec));
    h.add(static_cast<u64>(self.st_mtim.tv_nsec));
  }
  for (u32 v :
       {limits.blocks_per_item, limits.facts_per_state, limits.forks_per_block, limits.names_per_object,
        limits.exits_per_item, limits.candidates_per_function, limits.touched_per_function,
        limits.entries_by_constants, limits.entries_per_function, limits.call_depth, limits.intra ? 1u : 0u})
    h.add(u64{v});
  std::vector<std::string> noreturn(models.noreturn.begin(), models.noreturn.end());
  std::sort(noreturn.begin(), noreturn.end());
  for (const std::string& s : noreturn) h.add(s);
  h.add(project_);
  for (const LinkedFunction& f : program.functions()) {
    h.add(f.body->hash);
    h.add(u64{f.unit} << 8 | (f.exported ? 1u : 0u) | (f.address_taken ? 2u : 0u) | (f.has_caller ? 4u : 0u) |
          (f.has_field_caller ? 8u : 0u));
    for (const CallSite& c : f.calls) {
      h.add(u64{c.call.value()} << 3 | (c.indirect ? 1u : 0u) | (c.by_field ? 2u : 0u) | (c.wide ? 4u : 0u));
      for (FunctionId t : c.targets) h.add(u64{t.value()});
    }
  }
  program_ = h.value();
}

std::string Results::path(const CompiledMachine& machine) const {
  Hash h;
  h.add(machine.source->name());
  h.add(machine.ast->name);
  h.add(project_);
  return fmt::format("{}/{:016x}{:016x}.qmr", directory_, h.value()[0], h.value()[1]);
}

ContentHash Results::key(const CompiledMachine& machine,
                         const std::vector<std::shared_ptr<const CompiledMachine>>& annotators) const {
  Hash h;
  h.add(program_);
  auto add = [&](const CompiledMachine& m) {
    h.add(m.fingerprint);
    h.add(m.ast->meta.id);
    for (const auto& p : m.fragments) add_pattern(h, *p);
  };
  add(machine);
  for (const auto& m : annotators) add(*m);
  return h.value();
}

std::optional<MachineResult> Results::find(
    const CompiledMachine& machine,
    const std::vector<std::shared_ptr<const CompiledMachine>>& annotators) const {
  if (directory_.empty()) return std::nullopt;
  auto bytes = read_file(path(machine));
  if (!bytes || !bytes->starts_with(kMagic) || bytes->size() < kMagic.size() + 16) return std::nullopt;
  std::string_view body = std::string_view(*bytes).substr(kMagic.size());
  Hash sum;
  sum.add(body.substr(16));
  Reader r(body);
  ContentHash stored{r.number(), r.number()};
  Hash whole;
  whole.add(key(machine, annotators));
  whole.add(sum.value());
  if (stored != whole.value()) return std::nullopt;
  MachineResult out;
  for (u64* v : {&out.stats.summaries, &out.stats.steps, &out.stats.functions, &out.stats.functions_cut,
                 &out.stats.joins})
    *v = r.number();
  out.stats.reused = out.stats.summaries;
  for (u64 n = r.count(); n > 0 && r.good(); --n) out.findings.push_back(read_finding(r));
  if (!r.done()) return std::nullopt;
  return out;
}

void Results::keep(const CompiledMachine& machine,
                   const std::vector<std::shared_ptr<const CompiledMachine>>& annotators,
                   const MachineResult& result) const {
  if (directory_.empty()) return;
  Writer body;
  body.bytes_.clear();
  for (u64 v : {result.stats.summaries, result.stats.steps, result.stats.functions,
                result.stats.functions_cut, result.stats.joins})
    body.number(v);
  body.number(result.findings.size());
  for (const Finding& f : result.findings) write(body, f);
  Hash sum, whole;
  sum.add(body.bytes_);
  whole.add(key(machine, annotators));
  whole.add(sum.value());
  Writer w;
  w.number(whole.value()[0]);
  w.number(whole.value()[1]);
  w.bytes_ += body.bytes_;
  (void)write_file_atomically(path(machine), w.bytes_);
}

}  // namespace quire::metal
