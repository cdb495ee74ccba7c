#include "metal/engine/results.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "metal/engine/bytes.h"
#include "metal/front/files.h"

namespace quire::metal {
namespace {

constexpr std::string_view kMagic = "quire-metal results 4\n";

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

void point(ByteWriter& w, const SourcePoint& p) {
  w.text(p.file);
  w.number(p.line);
  w.number(p.column);
}

SourcePoint point(ByteReader& r) {
  SourcePoint p;
  p.file = r.text();
  p.line = static_cast<u32>(r.number());
  p.column = static_cast<u32>(r.number());
  return p;
}

void write(ByteWriter& w, const Finding& f) {
  w.text(f.rule);
  w.text(f.message);
  w.text(f.function);
  point(w, f.at);
  point(w, f.cause);
  w.number(f.path.size());
  for (const PathNote& n : f.path) {
    point(w, n.at);
    w.text(n.function);
    w.text(n.text);
  }
  w.number(static_cast<u64>(f.level) << 3 | (f.doubtful ? 4u : 0u) | (f.indirect ? 2u : 0u) |
           (f.uncertain ? 1u : 0u));
  w.number(u64{f.transition} << 32 | f.also);
  w.number(u64{f.calls} << 32 | f.branches);
  w.number(u64{f.examples} << 32 | f.counterexamples);
  w.number(std::bit_cast<u64>(f.z));
}

Finding read_finding(ByteReader& r) {
  Finding f;
  f.rule = r.text();
  f.message = r.text();
  f.function = r.text();
  f.at = point(r);
  f.cause = point(r);
  for (u64 n = r.count(); n > 0 && r.good(); --n) {
    PathNote note;
    note.at = point(r);
    note.function = r.text();
    note.text = r.text();
    f.path.push_back(std::move(note));
  }
  u64 bits = r.number();
  f.level = static_cast<Level>(std::min<u64>(bits >> 3, static_cast<u64>(Level::kNote)));
  f.doubtful = (bits & 4) != 0;
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
  Hash files, h;
  for (const std::string& file : program.main_files()) files.add(file);
  files_ = files.value();
  h.add(files_);
  struct stat self{};
  if (stat("/proc/self/exe", &self) == 0) {
    h.add(static_cast<u64>(self.st_size));
    h.add(static_cast<u64>(self.st_mtim.tv_sec));
    h.add(static_cast<u64>(self.st_mtim.tv_nsec));
  }
  for (const LimitName& l : kLimitNames) h.add(u64{limits.*l.bound});
  h.add(limits.intra ? 1u : 0u);
  std::vector<std::string> noreturn(models.noreturn.begin(), models.noreturn.end());
  std::sort(noreturn.begin(), noreturn.end());
  for (const std::string& s : noreturn) h.add(s);
  std::vector<std::string> nonnull(models.nonnull.begin(), models.nonnull.end());
  std::sort(nonnull.begin(), nonnull.end());
  h.add(nonnull.size());
  for (const std::string& s : nonnull) h.add(s);
  project_ = h.value();
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

std::string Results::path(const CompiledMachine& machine, std::string_view kind) const {
  Hash h;
  h.add(machine.source->name());
  h.add(machine.ast->name);
  h.add(files_);
  return fmt::format("{}/{:016x}{:016x}.{}", directory_, h.value()[0], h.value()[1], kind);
}

ContentHash Results::key(const ContentHash& base, const CompiledMachine& machine,
                         const Annotators& annotators) const {
  Hash h;
  h.add(base);
  auto add = [&](const CompiledMachine& m) {
    h.add(m.fingerprint);
    h.add(m.ast->meta.id);
    for (const auto& p : m.fragments) add_pattern(h, *p);
  };
  add(machine);
  for (const auto& m : annotators) add(*m);
  return h.value();
}

std::optional<std::string> Results::load(const std::string& path, const ContentHash& key) const {
  if (directory_.empty()) return std::nullopt;
  auto bytes = read_file(path);
  if (!bytes || !bytes->starts_with(kMagic) || bytes->size() < kMagic.size() + sizeof(ContentHash))
    return std::nullopt;
  ContentHash stored{};
  std::memcpy(stored.data(), bytes->data() + kMagic.size(), sizeof stored);
  bytes->erase(0, kMagic.size() + sizeof stored);
  Hash whole;
  whole.add(key);
  whole.add(*bytes);
  if (stored != whole.value()) return std::nullopt;
  return std::move(*bytes);
}

void Results::store(const std::string& path, const ContentHash& key, const std::string& bytes) const {
  if (directory_.empty()) return;
  Hash whole;
  whole.add(key);
  whole.add(bytes);
  ContentHash sum = whole.value();
  std::string out(kMagic);
  out.append(reinterpret_cast<const char*>(sum.data()), sizeof sum);
  out += bytes;
  (void)write_file_atomically(path, out);
}

std::optional<MachineResult> Results::find(const CompiledMachine& machine,
                                           const Annotators& annotators) const {
  auto bytes = load(path(machine, "qmr"), key(program_, machine, annotators));
  if (!bytes) return std::nullopt;
  ByteReader r(*bytes);
  MachineResult out;
  for (u64* v : {&out.stats.summaries, &out.stats.steps, &out.stats.functions, &out.stats.functions_cut,
                 &out.stats.joins})
    *v = r.number();
  for (u64& v : out.stats.cut_by) v = r.number();
  out.stats.reused = out.stats.summaries;
  for (u64 n = r.count(); n > 0 && r.good(); --n) out.findings.push_back(read_finding(r));
  if (!r.done()) return std::nullopt;
  return out;
}

void Results::keep(const CompiledMachine& machine, const Annotators& annotators,
                   const MachineResult& result) const {
  ByteWriter w;
  for (u64 v : {result.stats.summaries, result.stats.steps, result.stats.functions,
                result.stats.functions_cut, result.stats.joins})
    w.number(v);
  for (u64 v : result.stats.cut_by) w.number(v);
  w.number(result.findings.size());
  for (const Finding& f : result.findings) write(w, f);
  store(path(machine, "qmr"), key(program_, machine, annotators), w.bytes());
}

std::optional<std::string> Results::find_items(const CompiledMachine& machine, const Annotators& annotators,
                                               std::string_view reader) const {
  return load(path(machine, items_kind(reader)), key(project_, machine, annotators));
}

void Results::keep_items(const CompiledMachine& machine, const Annotators& annotators,
                         std::string_view reader, const std::string& bytes) const {
  store(path(machine, items_kind(reader)), key(project_, machine, annotators), bytes);
}

/// A machine that others read is solved for each of them.
std::string Results::items_kind(std::string_view reader) {
  if (reader.empty()) return "qmi";
  Hash h;
  h.add(reader);
  return fmt::format("{:016x}.qmi", h.value()[0]);
}

}  // namespace quire::metal
