#include "metal/engine/program.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <set>
#include <thread>

#include "metal/engine/components.h"

namespace quire::metal {
namespace {

/// The record that a member belongs to and the field's name, for a callee such as `dev->ops->open`.
std::pair<Symbol, Symbol> field_of(const Pool& pool, ExprId callee) {
  ExprId e = strip_casts(pool, callee);
  if (pool[e].kind == ExprKind::Deref) e = strip_casts(pool, pool.kid(e, 0));
  if (pool[e].kind == ExprKind::Index) e = strip_casts(pool, pool.kid(e, 0));
  if (pool[e].kind != ExprKind::Member) return {};
  return {pool.type_of(pool.kid(e, 0)).tag, pool[e].name};
}

Symbol signature(const Pool& pool, ExprId callee) {
  const Type* t = &pool.type_of(strip_macros(pool, callee));
  if (t->kind == TypeKind::Pointer || t->kind == TypeKind::Reference) t = &pool.type(t->element);
  return t->kind == TypeKind::Function ? t->spelling : Symbol();
}

/// The type names something of the program's own; `void (void *)` and `int (int)` say nothing of who is
/// meant.
bool telling(std::string_view signature) {
  static constexpr std::string_view kPlain[] = {"void",     "char",   "short",    "int",     "long",
                                                "unsigned", "signed", "bool",     "_Bool",   "float",
                                                "double",   "const",  "volatile", "noexcept"};
  auto part_of_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (std::size_t i = 0; i < signature.size();) {
    std::size_t end = i;
    while (end < signature.size() && part_of_word(signature[end])) ++end;
    if (end == i) {
      ++i;
      continue;
    }
    if (std::find(std::begin(kPlain), std::end(kPlain), signature.substr(i, end - i)) == std::end(kPlain))
      return true;
    i = end;
  }
  return false;
}

}  // namespace

Program Program::link(const std::vector<std::shared_ptr<UnitReader>>& units, u32 threads) {
  Program p;
  p.units_ = units;
  p.internal_.resize(units.size());
  p.internal_globals_.resize(units.size());
  p.own_names_.resize(units.size());
  p.stats_.units = static_cast<u32>(units.size());

  struct Slot {
    u32 unit;
    u32 index;
  };
  std::vector<Slot> slots;
  struct HashOf {
    std::size_t operator()(const ContentHash& h) const { return h[0] ^ h[1]; }
  };
  std::unordered_map<ContentHash, FunctionId, HashOf> seen;
  for (u32 u = 0; u < units.size(); ++u) {
    const auto& directory = units[u]->directory();
    for (u32 i = 0; i < directory.size(); ++i) {
      const FunctionEntry& e = directory[i];
      auto [it, fresh] = seen.try_emplace(e.hash, FunctionId(static_cast<u32>(slots.size())));
      if (fresh)
        slots.push_back({u, i});
      else
        ++p.stats_.duplicates;
      if (e.internal)
        p.internal_[u].try_emplace(e.link, it->second);
      else if (auto [at, first] = p.external_.try_emplace(e.link, it->second);
               !first && at->second != it->second)
        p.internal_[u].try_emplace(e.link,
                                   it->second);  // gnu inline, or another program's: each unit means its own
    }
    for (const Global& g : units[u]->unit().globals)
      if (g.internal && p.internal_globals_[u].try_emplace(g.name, true).second)
        p.own_names_[u] += std::hash<std::string_view>{}(g.name.text());  // in whatever order
  }

  p.functions_.resize(slots.size());
  std::atomic<u32> next{0}, broken{0};
  auto work = [&] {
    for (u32 i; (i = next.fetch_add(1)) < slots.size();) {
      auto f = units[slots[i].unit]->load(slots[i].index);
      if (f) {
        p.functions_[i].body = std::make_shared<const Function>(std::move(*f));
      } else {
        p.functions_[i].body = std::make_shared<const Function>();
        broken.fetch_add(1);
      }
      p.functions_[i].unit = slots[i].unit;
    }
  };
  std::vector<std::thread> helpers;
  for (u32 t = 1; t < threads; ++t) helpers.emplace_back(work);
  work();
  for (std::thread& t : helpers) t.join();
  p.stats_.broken_functions = broken;
  p.stats_.functions = static_cast<u32>(slots.size());

  auto find = [&](u32 unit, Symbol link) {
    if (auto it = p.internal_[unit].find(link); it != p.internal_[unit].end()) return it->second;
    if (auto it = p.external_.find(link); it != p.external_.end()) return it->second;
    return kNoFunction;
  };
  auto add_target = [](std::vector<FunctionId>& list, FunctionId f) {
    if (f != kNoFunction && std::find(list.begin(), list.end(), f) == list.end()) list.push_back(f);
  };
  auto take_address = [&](u32 unit, Symbol link) {
    FunctionId f = find(unit, link);
    if (f == kNoFunction) return f;
    LinkedFunction& lf = p.functions_[f.value()];
    if (!lf.address_taken) {
      lf.address_taken = true;
      if (lf.body->type != kNoType) add_target(p.by_type_[lf.body->pool.type(lf.body->type).spelling], f);
    }
    return f;
  };
  std::vector<FunctionId> in_tables;  // virtual methods of which there is a choice
  for (u32 u = 0; u < units.size(); ++u) {
    const Unit& unit = units[u]->unit();
    for (Symbol s : unit.exported)
      if (FunctionId f = find(u, s); f != kNoFunction) p.functions_[f.value()].exported = true;
    for (Symbol s : unit.address_taken) take_address(u, s);
    for (const FieldStore& s : unit.stores) {
      FunctionId f = take_address(u, s.function);
      if (s.record && s.field && f != kNoFunction) add_target(p.by_field_[s.record][s.field], f);
    }
    for (const ClassInfo& c : unit.classes)
      for (const ClassInfo::Method& m : c.methods)
        for (Symbol base : m.overrides) {
          for (Symbol s : {m.link, base})
            if (FunctionId f = find(u, s); f != kNoFunction) in_tables.push_back(f);
          auto& list = p.overriders_[base];
          if (std::find(list.begin(), list.end(), m.link) == list.end()) list.push_back(m.link);
        }
  }
  for (LinkedFunction& lf : p.functions_) {
    for (Symbol s : lf.body->address_taken) take_address(lf.unit, s);
    // Stores such as `ops->open = my_open` in code.
    const Pool& pool = lf.body->pool;
    for (u32 i = 0; i < pool.size(); ++i) {
      const Expr& e = pool[ExprId(i)];
      if (e.kind != ExprKind::Assign || e.kid_count != 2) continue;
      ExprId lhs = strip_casts(pool, pool.kid(ExprId(i), 0)), rhs = strip_casts(pool, pool.kid(ExprId(i), 1));
      if (pool[lhs].kind != ExprKind::Member || pool[rhs].kind != ExprKind::Function) continue;
      FunctionId f = find(lf.unit, pool.function(pool[rhs]).link);
      Symbol record = pool.type_of(pool.kid(lhs, 0)).tag;
      if (record && f != kNoFunction) add_target(p.by_field_[record][pool[lhs].name], f);
    }
  }
  for (FunctionId f : in_tables) p.functions_[f.value()].address_taken = true;  // by the table
  for (u32 i = 0; i < p.functions_.size(); ++i) p.resolve(FunctionId(i));
  p.bound_recursions();
  for (const LinkedFunction& lf : p.functions_)
    for (const CallSite& c : lf.calls)
      for (FunctionId t : c.targets)
        if (p.functions_[t.value()].body != lf.body) {
          p.functions_[t.value()].has_caller = true;
          if (c.by_field && c.targets.size() == 1) p.functions_[t.value()].has_field_caller = true;
        }
  p.find_users();
  return p;
}

void Program::find_users() {
  std::vector<u64> own(functions_.size(), 0);
  for (u32 i = 0; i < functions_.size(); ++i) {
    const Pool& pool = functions_[i].body->pool;
    for (const Expr& e : pool.exprs()) {
      if (e.kind != ExprKind::Var || e.value >= 0) continue;
      u32 scope = global_scope(FunctionId(i), e.name);
      std::vector<FunctionId>& list = users_[{e.name, scope}];
      if (!list.empty() && list.back() == FunctionId(i)) continue;
      list.emplace_back(i);
      // A sum: in whatever order.
      u64 h = (std::hash<std::string_view>{}(e.name.text()) + scope) * 0x9e3779b97f4a7c15ull;
      own[i] += h ^ h >> 29;
    }
    std::vector<FunctionId>& callees = functions_[i].callees;
    for (const CallSite& c : functions_[i].calls)
      for (FunctionId t : c.targets) {
        ++functions_[t.value()].calls_of_it;
        callees.push_back(t);
        std::vector<FunctionId>& callers = functions_[t.value()].callers;
        if (callers.empty() || callers.back() != FunctionId(i)) callers.emplace_back(i);
      }
    std::sort(callees.begin(), callees.end());
    callees.erase(std::unique(callees.begin(), callees.end()), callees.end());
  }
  globals_in_reach_.assign(components_.size(), 0);
  for (u32 c = 0; c < components_.size(); ++c) {  // callees first
    u64 sum = 0;
    std::set<u64> below;
    for (FunctionId f : components_[c]) {
      sum += own[f.value()];
      for (const CallSite& site : functions_[f.value()].calls)
        for (FunctionId t : site.targets)
          if (u32 other = functions_[t.value()].component; other != c && globals_in_reach_[other] != 0)
            below.insert(globals_in_reach_[other]);
    }
    for (u64 h : below) sum = (sum ^ h) * 0xbf58476d1ce4e5b9ull + (h >> 31);
    globals_in_reach_[c] = sum;
  }
}

void Program::resolve(FunctionId id) {
  LinkedFunction& lf = functions_[id.value()];
  const Pool& pool = lf.body->pool;
  for (u32 i = 0; i < pool.size(); ++i) {
    const Expr& e = pool[ExprId(i)];
    if ((e.kind != ExprKind::Call && e.kind != ExprKind::Construct) || e.kid_count == 0) continue;
    if (pool.core(ExprId(i)) != ExprId(i)) continue;  // the same call with macros in it: see its core
    CallSite site;
    site.call = ExprId(i);
    ++stats_.calls;
    ExprId callee = strip_macros(pool, pool.kid(ExprId(i), 0));
    auto add = [&](FunctionId f) {
      if (f != kNoFunction && std::find(site.targets.begin(), site.targets.end(), f) == site.targets.end())
        site.targets.push_back(f);
    };
    if (pool[callee].kind == ExprKind::Function) {
      const FunctionRef& ref = pool.function(pool[callee]);
      add(named(id, ref));
      if ((e.flags & kVirtual) != 0) {
        site.indirect = site.by_field = true;
        std::vector<Symbol> todo{ref.link};
        std::set<std::string_view> done;
        while (!todo.empty()) {
          Symbol s = todo.back();
          todo.pop_back();
          if (!done.insert(s.text()).second) continue;
          FunctionRef overrider;
          overrider.link = s;
          add(named(id, overrider));
          if (auto it = overriders_.find(s); it != overriders_.end())
            todo.insert(todo.end(), it->second.begin(), it->second.end());
        }
      }
    } else {
      site.indirect = true;
      ++stats_.indirect_calls;
      auto [record, field] = field_of(pool, callee);
      bool by_field = false;
      if (record) {
        if (auto r = by_field_.find(record); r != by_field_.end())
          if (auto f = r->second.find(field); f != r->second.end()) {
            for (FunctionId t : f->second) add(t);
            by_field = site.by_field = true;
          }
      }
      // By type alone only where it leaves no choice; and a field that other fields of its record are told
      // apart from has been given nothing that is known here.
      if (!by_field && (!record || !by_field_.contains(record)))
        if (Symbol s = signature(pool, callee); s && telling(s.text()))
          if (auto t = by_type_.find(s); t != by_type_.end() && t->second.size() == 1) add(t->second.front());
    }
    if (site.targets.size() > kMaxTargets) {
      site.wide = true;
      site.targets.clear();
      ++stats_.wide_calls;
    }
    if (site.targets.empty() && !site.wide) ++stats_.unresolved_calls;
    std::sort(site.targets.begin(), site.targets.end());
    lf.calls.push_back(std::move(site));
  }
}

FunctionId Program::find(u32 unit, Symbol link, bool internal) const {
  if (unit >= units_.size()) return kNoFunction;
  if (auto it = internal_[unit].find(link); it != internal_[unit].end()) return it->second;
  auto it = external_.find(link);
  return it != external_.end() && !internal ? it->second : kNoFunction;
}

FunctionId Program::named(FunctionId id, const FunctionRef& ref) const {
  const auto& inside = internal_[functions_[id.value()].unit];
  if (auto it = inside.find(ref.link); it != inside.end()) return it->second;
  auto it = external_.find(ref.link);
  return it != external_.end() ? it->second : kNoFunction;
}

std::vector<std::string> Program::main_files() const {
  std::vector<std::string> out;
  out.reserve(units_.size());
  for (const auto& u : units_) out.push_back(u->unit().main_file);
  return out;
}

const CallSite* Program::call(FunctionId id, ExprId call) const {
  const auto& calls = functions_[id.value()].calls;
  auto it = std::lower_bound(calls.begin(), calls.end(), call,
                             [](const CallSite& c, ExprId e) { return c.call < e; });
  return it != calls.end() && it->call == call ? &*it : nullptr;
}

u32 Program::global_scope(FunctionId id, Symbol name) const {
  u32 unit = functions_[id.value()].unit;
  return internal_globals_[unit].contains(name) ? unit + 1 : 0;
}

/// Pointers that may lead to several functions each, most of them wrongly, tie large parts of a program into
/// one recursion in which every object seems to reach every function. The vaguest calls that hold such a
/// recursion together are treated as those that have too many targets: first those known by type only, then
/// those with the most targets.
void Program::bound_recursions() {
  find_components();
  for (std::size_t targets : {8, 4, 2, 0})
    for (bool by_field : {false, true}) {
      bool cut = false;
      for (LinkedFunction& f : functions_) {
        if (components_[f.component].size() <= kMaxRecursion) continue;
        for (CallSite& c : f.calls) {
          if (!c.indirect || c.by_field != by_field || c.targets.size() <= targets) continue;
          if (std::none_of(c.targets.begin(), c.targets.end(),
                           [&](FunctionId t) { return functions_[t.value()].component == f.component; }))
            continue;
          c.wide = true;
          c.targets.clear();
          ++stats_.wide_calls;
          cut = true;
        }
      }
      if (cut) find_components();
    }
}

void Program::find_components() {
  components_.clear();
  u32 n = static_cast<u32>(functions_.size());
  std::vector<std::vector<u32>> callees(n);
  for (u32 i = 0; i < n; ++i)
    for (const CallSite& c : functions_[i].calls)
      for (FunctionId t : c.targets) callees[i].push_back(t.value());
  Components finder(n);
  for (u32 i = 0; i < n; ++i)
    finder.visit(
        i, [&](u32 node, u32 k) { return k < callees[node].size() ? callees[node][k] : Components::kNone; },
        [&](std::vector<u32>& members) {
          std::sort(members.begin(), members.end());
          std::vector<FunctionId>& c = components_.emplace_back();
          for (u32 m : members) {
            c.emplace_back(m);
            functions_[m].component = static_cast<u32>(components_.size() - 1);
          }
        });
}

}  // namespace quire::metal
