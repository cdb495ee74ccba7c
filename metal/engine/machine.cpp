#include "metal/engine/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

#include "metal/language/builtins.h"
#include "metal/language/parser.h"

namespace quire::metal {

i32 CompiledMachine::hole(std::string_view name) const {
  for (std::size_t i = 0; i < holes.size(); ++i)
    if (holes[i].name == name) return static_cast<i32>(i);
  return -1;
}

i32 CompiledMachine::data_index(std::string_view name) const {
  for (std::size_t i = 0; i < data.size(); ++i)
    if (data[i] == name) return static_cast<i32>(i);
  return -1;
}

namespace {

using rule::Diagnostics;
using rule::PatternKind;

constexpr std::size_t kMaxAlternatives = 256;

u64 hash_text(u64 h, std::string_view s) {
  for (char c : s) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return (h ^ 0xff) * 0x100000001b3ull;
}

HoleType hole_type(rule::HoleKind k) {
  switch (k) {
    case rule::HoleKind::kAnyExpr:
      return HoleType::AnyExpr;
    case rule::HoleKind::kAnyScalar:
      return HoleType::AnyScalar;
    case rule::HoleKind::kAnyPointer:
      return HoleType::AnyPointer;
    case rule::HoleKind::kAnyArguments:
      return HoleType::AnyArguments;
    case rule::HoleKind::kAnyFnCall:
      return HoleType::AnyCall;
    default:
      return HoleType::Typed;
  }
}

class Compiler {
 public:
  Compiler(const rule::Machine& ast, const rule::RuleFile& file, const RuleOptions& options,
           const std::string& directory, Symbols& symbols, Diagnostics& d)
      : ast_(ast),
        file_(file),
        options_(options),
        directory_(directory),
        symbols_(symbols),
        d_(d),
        m_(std::make_shared<CompiledMachine>()) {}

  std::shared_ptr<CompiledMachine> run() {
    m_->ast = &ast_;
    m_->data = ast_.data;
    for (const rule::Hole& h : ast_.holes) {
      m_->holes.push_back({h.name, hole_type(h.kind), h.type, h.state_variable});
      if (h.state_variable) m_->vars.push_back({h.name, static_cast<u32>(m_->holes.size() - 1), {}});
    }
    for (const rule::StateClause& c : ast_.clauses)
      for (const rule::StateName& s : c.states) state_index(s);
    if (m_->global_states.empty()) m_->global_states.emplace_back("start");
    lists();
    for (const rule::Setting& s : ast_.settings) {
      m_->settings[s.name] = s.value;
      for (const std::string& key : {s.name, ast_.meta.id + "." + s.name})
        if (auto it = options_.settings.find(key); it != options_.settings.end())
          m_->settings[s.name] = it->second;
    }
    for (const rule::StateClause& c : ast_.clauses) clause(c);
    parse_fragments();
    if (d_.has_errors()) return nullptr;
    analyse();
    return m_;
  }

 private:
  i32 state_index(const rule::StateName& s) {
    std::vector<std::string>* list = &m_->global_states;
    if (!s.variable.empty()) list = &m_->vars[static_cast<std::size_t>(var_index(s.variable))].states;
    auto it = std::find(list->begin(), list->end(), s.state);
    if (it == list->end()) it = list->insert(list->end(), s.state);
    return static_cast<i32>(it - list->begin());
  }

  i32 var_index(std::string_view name) const {
    for (std::size_t i = 0; i < m_->vars.size(); ++i)
      if (m_->vars[i].name == name) return static_cast<i32>(i);
    return -1;
  }

  void lists() {
    for (const rule::NameList& l : ast_.lists) {
      auto& words = m_->lists[l.name];
      auto add = [&words](const std::string& word) {
        words.try_emplace(word, static_cast<i64>(words.size()) + 1);
      };
      for (const std::string& word : l.words) add(word);
      for (const auto& [name, span] : l.files) {
        std::string path = name.starts_with("/") ? name : directory_ + "/" + name;
        std::ifstream in(path);
        if (!in) {
          d_.error(span, fmt::format("cannot read '{}'", path),
                   "the file is looked for beside the rule file");
          continue;
        }
        std::string line;
        while (std::getline(in, line)) {
          line = line.substr(0, line.find('#'));
          std::istringstream split(line);
          std::string word;
          while (split >> word) add(word);
        }
      }
      for (const auto& [own, known] : options_.like)
        if (words.contains(known)) add(own);
      for (const auto& [word, place] : words)
        list_hash_ += hash_text(0xcbf29ce484222325ull, fmt::format("{}:{}:{}", l.name, place, word));
    }
  }

  /// Disjunctive normal form.
  std::vector<Alternative> expand(const rule::Pattern& p, int depth) {
    if (depth > 64) return {};
    switch (p.kind) {
      case PatternKind::kFragment: {
        Alternative a;
        a.fragments.push_back(fragment(p.fragment));
        return {a};
      }
      case PatternKind::kSpecial: {
        Alternative a;
        a.special = p.special;
        return {a};
      }
      case PatternKind::kCallout: {
        Alternative a;
        a.guards.push_back({&p.callout, false});
        tag(p.callout);
        return {a};
      }
      case PatternKind::kName:
        return expand(rule::find_pattern(ast_, p.name)->pattern, depth + 1);
      case PatternKind::kNot: {
        // Only callouts can be negated (the checker saw to that): not (a or b) is not a and not b.
        std::vector<Alternative> inner = expand(p.parts[0], depth + 1);
        std::vector<Alternative> out(1);
        for (const Alternative& alt : inner) {
          std::vector<Alternative> next;
          for (const Alternative& base : out)
            for (const Guard& g : alt.guards) {
              Alternative joined = base;
              joined.guards.push_back({g.expr, !g.negated});
              next.push_back(std::move(joined));
            }
          out = std::move(next);
          if (out.size() > kMaxAlternatives) out.resize(kMaxAlternatives);
        }
        return out;
      }
      case PatternKind::kOr: {
        std::vector<Alternative> out;
        for (const rule::Pattern& q : p.parts)
          for (Alternative& a : expand(q, depth + 1)) out.push_back(std::move(a));
        if (out.size() > kMaxAlternatives) {
          d_.error(p.span, "this pattern has too many alternatives", "split it into several transitions");
          out.resize(kMaxAlternatives);
        }
        return out;
      }
      case PatternKind::kAnd: {
        std::vector<Alternative> out(1);
        for (const rule::Pattern& q : p.parts) {
          std::vector<Alternative> right = expand(q, depth + 1), next;
          for (const Alternative& a : out)
            for (const Alternative& b : right) {
              Alternative j = a;
              j.fragments.insert(j.fragments.end(), b.fragments.begin(), b.fragments.end());
              if (b.special) j.special = b.special;
              j.guards.insert(j.guards.end(), b.guards.begin(), b.guards.end());
              next.push_back(std::move(j));
            }
          out = std::move(next);
          if (out.size() > kMaxAlternatives) {
            d_.error(p.span, "this pattern has too many alternatives", "split it into several transitions");
            out.resize(kMaxAlternatives);
          }
        }
        return out;
      }
    }
    return {};
  }

  u32 fragment(const rule::Fragment& f) {
    for (std::size_t i = 0; i < fragments_.size(); ++i)
      if (fragments_[i] == &f) return static_cast<u32>(i);
    fragments_.push_back(&f);
    return static_cast<u32>(fragments_.size() - 1);
  }

  void move(Move& to, const rule::StateName& s, CompiledTransition& t) {
    if (s.variable.empty()) {
      to.global = s.stop() ? Move::kStop : state_index(s);
      return;
    }
    t.var = var_index(s.variable);
    to.state = s.stop() ? Move::kStop : state_index(s);
  }

  void clause(const rule::StateClause& c) {
    for (const rule::StateName& s : c.states)
      for (const rule::Transition& in : c.transitions) {
        CompiledTransition t;
        t.id = static_cast<u32>(m_->transitions.size());
        t.source_var = s.variable.empty() ? -1 : var_index(s.variable);
        t.source_state = state_index(s);
        t.var = t.source_var;
        t.alternatives = expand(in.pattern, 0);
        t.path_specific = in.target.path_specific;
        for (const rule::StateName& x : in.target.always) move(t.always, x, t);
        for (const rule::StateName& x : in.target.if_true) move(t.if_true, x, t);
        for (const rule::StateName& x : in.target.if_false) move(t.if_false, x, t);
        if (t.path_specific && t.always.global != -1) t.if_true.global = t.if_false.global = t.always.global;
        if (t.var < 0)
          for (const std::string& name : rule::bound_holes(ast_, in.pattern))
            if (t.var < 0) t.var = var_index(name);
        t.action = &in.action;
        t.span = in.span;
        tags(in.action);
        m_->transitions.push_back(std::move(t));
      }
  }

  void tag(const rule::Expr& e) {
    if (e.kind == rule::ExprKind::kCall &&
        (e.text == "err" || e.text == "warn" || e.text == "note" || e.text == "mc_counterexample"))
      m_->reports = true;
    if (e.kind == rule::ExprKind::kCall && e.args.size() == 2 && e.args[1].kind == rule::ExprKind::kString) {
      if (e.text == "mc_annotate") m_->writes.push_back(e.args[1].text);
      if (e.text == "mc_annotated" || e.text == "mc_why") m_->reads.push_back(e.args[1].text);
    }
    for (const rule::Expr& a : e.args) tag(a);
  }
  void tags(const std::vector<rule::Stmt>& list) {
    for (const rule::Stmt& s : list) {
      tag(s.value);
      tags(s.body);
      tags(s.orelse);
    }
  }

  void parse_fragments() {
    PatternRequest q;
    for (const rule::Fragment& f : file_.preambles) q.preamble += f.text + "\n";
    q.directory = directory_;
    q.include_paths = options_.include_paths;
    q.holes = m_->holes;
    for (const rule::Fragment* f : fragments_) q.fragments.push_back(f->text);
    if (q.fragments.empty()) return;
    q.language = Language::C;
    PatternResult r = parse_patterns(q, symbols_);
    if (!r.errors.empty()) {
      // What is no C may be C++ (methods, scopes): the better of the two readings is judged.
      q.language = Language::Cxx;
      PatternResult cxx = parse_patterns(q, symbols_);
      if (cxx.errors.size() < r.errors.size()) r = std::move(cxx);
    }
    for (const PatternError& e : r.errors) {
      std::string where = e.file.empty() ? "" : fmt::format("{}:{}: ", e.file, e.line);
      switch (e.where) {
        case PatternError::Where::Fragment: {
          const rule::Fragment& f = *fragments_[std::min<std::size_t>(e.index, fragments_.size() - 1)];
          u32 at = std::min(f.span.begin + e.offset, f.span.end);
          d_.error({at, at + 1}, where + e.message, hint(f, e));
          break;
        }
        case PatternError::Where::Preamble: {
          u32 offset = e.offset;
          rule::Span span = file_.preambles.empty() ? ast_.span : file_.preambles[0].span;
          for (const rule::Fragment& f : file_.preambles) {
            if (offset <= f.text.size()) {
              span = {f.span.begin + offset, f.span.begin + offset + 1};
              break;
            }
            offset -= static_cast<u32>(f.text.size() + 1);
          }
          d_.error(span, where + e.message);
          break;
        }
        case PatternError::Where::Hole: {
          const rule::Hole& h = ast_.holes[std::min<std::size_t>(e.index, ast_.holes.size() - 1)];
          d_.error(h.span, where + e.message,
                   fmt::format("the type of '{}' must be known to the preamble", h.name));
          break;
        }
      }
    }
    m_->fragments = std::move(r.patterns);
    m_->fragments.resize(fragments_.size());
    if (!d_.has_errors())
      for (std::size_t i = 0; i < fragments_.size(); ++i)
        if (!m_->fragments[i]) d_.error(fragments_[i]->span, "this pattern could not be read");
  }

  std::string hint(const rule::Fragment& f, const PatternError& e) const {
    // A misspelt hole is the usual cause of an unknown identifier.
    std::vector<std::string> names;
    for (const HoleDecl& h : m_->holes) names.push_back(h.name);
    for (const rule::Identifier& i : rule::identifiers(f.text))
      if (e.offset >= i.offset && e.offset < i.offset + i.text.size())
        if (std::string near = rule::nearest_name(i.text, names); !near.empty())
          return fmt::format("did you mean the hole '{}'?", near);
    return "";
  }

  void find_openings() {
    Openings& o = m_->openings;
    for (const CompiledTransition& t : m_->transitions)
      for (const Alternative& a : t.alternatives) {
        if (a.special || a.fragments.empty()) continue;
        const Pattern& p = *m_->fragments[a.fragments.front()];
        if (p.kind == metal::PatternKind::Declaration) o.declarations = true;
        if (p.kind == metal::PatternKind::Return) o.returns = true;
        if (p.kind != metal::PatternKind::Expression || p.root == kNoExpr) continue;
        const Expr& root = p.pool[p.root];
        if (root.kind == ExprKind::Call && root.kid_count > 0) {
          const Expr& callee = p.pool[p.pool.kid(p.root, 0)];
          if (callee.kind == ExprKind::Function)
            o.calls.insert(p.pool.function(callee).name);
          else
            o.any_call = true;
        } else if (root.kind == ExprKind::Assign || root.kind == ExprKind::Deref ||
                   root.kind == ExprKind::Member) {
          o.kinds |= u64{1} << static_cast<u32>(root.kind);
          if (root.kind == ExprKind::Deref) o.kinds |= u64{1} << static_cast<u32>(ExprKind::Index);
        } else {
          o.anything = true;
        }
      }
  }

  void analyse() {
    for (const auto& f : m_->fragments)
      for (const Expr& e : f->pool.exprs()) {
        if (e.kind == ExprKind::Call || e.kind == ExprKind::Construct) {
          const Expr& callee =
              f->pool[f->pool.kids(ExprId(static_cast<u32>(&e - f->pool.exprs().data())))[0]];
          if (callee.kind == ExprKind::Function) m_->named.insert(f->pool.function(callee).name);
        }
      }
    for (const auto& [own, known] : options_.like) {
      Symbol k = symbols_.intern(known);
      if (!m_->named.contains(k)) continue;
      m_->like.emplace(symbols_.intern(own), k);
      list_hash_ += hash_text(0xcbf29ce484222325ull, fmt::format("{} is like {}", own, known));
    }
    for (const auto& [own, known] : m_->like) m_->named.insert(own);
    for (const CompiledTransition& t : m_->transitions) {
      if (t.source_var >= 0) continue;
      for (const Alternative& a : t.alternatives) {
        bool named = false;
        for (u32 i : a.fragments)
          for (const Expr& e : m_->fragments[i]->pool.exprs())
            if (e.kind == ExprKind::Function) named = true;
        if (!named && !(a.special && a.special == rule::SpecialPattern::kEndOfPath))
          m_->has_unnamed_start = true;
      }
    }
    find_openings();
    auto unique = [](std::vector<std::string>& v) {
      std::sort(v.begin(), v.end());
      v.erase(std::unique(v.begin(), v.end()), v.end());
    };
    unique(m_->writes);
    unique(m_->reads);
    m_->fingerprint = list_hash_;
    for (const auto& [name, value] : m_->settings)
      m_->fingerprint = hash_text(m_->fingerprint, fmt::format("{}={}", name, value));
  }

  const rule::Machine& ast_;
  const rule::RuleFile& file_;
  const RuleOptions& options_;
  std::string directory_;
  Symbols& symbols_;
  Diagnostics& d_;
  std::shared_ptr<CompiledMachine> m_;
  std::vector<const rule::Fragment*> fragments_;
  u64 list_hash_ = 0;
};

}  // namespace

LoadedRules load_rules_text(const std::string& name, std::string text, const std::string& directory,
                            const RuleOptions& options, Symbols& symbols, bool colour) {
  LoadedRules out;
  u64 text_hash = hash_text(0xcbf29ce484222325ull, text);
  auto source = std::make_shared<rule::RuleSource>(name, std::move(text));
  Diagnostics d;
  auto file = std::make_shared<rule::RuleFile>(rule::parse_rules(*source, d));
  if (!d.has_errors()) rule::check_rules(*file, d);
  if (!d.has_errors() && file->machines.empty())
    d.error({0, 0}, "this file holds no machine", "write 'sm NAME { ... }'");
  if (!d.has_errors())
    for (const rule::Machine& m : file->machines)
      if (auto compiled = Compiler(m, *file, options, directory, symbols, d).run()) {
        compiled->file = file;
        compiled->source = source;
        for (const rule::Fragment& f : file->preambles) text_hash = hash_text(text_hash, f.text);
        compiled->fingerprint = hash_text(compiled->fingerprint ^ text_hash, m.name);
        out.machines.push_back(std::move(compiled));
      }
  out.broken = d.has_errors();
  out.diagnostics = d.render(*source, colour);
  if (out.broken) out.machines.clear();
  return out;
}

LoadedRules load_rules(const std::string& path, const RuleOptions& options, Symbols& symbols, bool colour) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  if (in) text << in.rdbuf();
  if (!in) {
    LoadedRules out;
    out.broken = true;
    out.diagnostics = fmt::format("{}: error: cannot read this rule file\n", path);
    return out;
  }
  std::size_t slash = path.find_last_of('/');
  std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  return load_rules_text(path, text.str(), directory, options, symbols, colour);
}

}  // namespace quire::metal
