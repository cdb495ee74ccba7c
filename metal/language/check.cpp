#include "metal/language/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "metal/language/builtins.h"

namespace quire::metal::rule {

std::vector<Identifier> identifiers(std::string_view t) {
  std::vector<Identifier> out;
  auto start = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto part = [&](char c) { return start(c) || (c >= '0' && c <= '9'); };
  bool member = false;
  for (std::size_t i = 0; i < t.size();) {
    char c = t[i];
    if (c == '"' || c == '\'') {
      std::size_t q = i++;
      while (i < t.size() && t[i] != t[q] && t[i] != '\n') i += t[i] == '\\' ? 2 : 1;
      ++i;
      member = false;
    } else if (t.substr(i, 2) == "//") {
      while (i < t.size() && t[i] != '\n') ++i;
    } else if (t.substr(i, 2) == "/*") {
      std::size_t e = t.find("*/", i + 2);
      i = e == std::string_view::npos ? t.size() : e + 2;
    } else if (c >= '0' && c <= '9') {
      while (i < t.size() && (part(t[i]) || t[i] == '.')) ++i;
      member = false;
    } else if (start(c)) {
      std::size_t b = i;
      while (i < t.size() && part(t[i])) ++i;
      std::size_t n = i;
      while (n < t.size() && (t[n] == ' ' || t[n] == '\t' || t[n] == '\n')) ++n;
      if (!member)
        out.push_back({std::string(t.substr(b, i - b)), static_cast<u32>(b), n < t.size() && t[n] == '('});
      member = false;
    } else {
      if (c != ' ' && c != '\t' && c != '\n') member = c == '.' || (c == '>' && i > 0 && t[i - 1] == '-');
      ++i;
    }
  }
  return out;
}

const NamedPattern* find_pattern(const Machine& machine, std::string_view name) {
  for (const NamedPattern& p : machine.patterns)
    if (p.name == name) return &p;
  return nullptr;
}

namespace {

const Hole* find_hole(const Machine& m, std::string_view name) {
  for (const Hole& h : m.holes)
    if (h.name == name) return &h;
  return nullptr;
}

void bound(const Machine& m, const Pattern& p, std::set<std::string>& out, int depth) {
  if (depth > 64) return;
  switch (p.kind) {
    case PatternKind::kFragment:
      for (const Identifier& i : identifiers(p.fragment.text))
        if (find_hole(m, i.text) != nullptr) out.insert(i.text);
      break;
    case PatternKind::kName:
      if (const NamedPattern* n = find_pattern(m, p.name)) bound(m, n->pattern, out, depth + 1);
      break;
    case PatternKind::kAnd:
      for (const Pattern& part : p.parts) bound(m, part, out, depth + 1);
      break;
    case PatternKind::kOr: {
      bool first = true;
      std::set<std::string> common;
      for (const Pattern& part : p.parts) {
        std::set<std::string> one;
        bound(m, part, one, depth + 1);
        if (first) {
          common = one;
        } else {
          std::erase_if(common, [&](const std::string& s) { return !one.contains(s); });
        }
        first = false;
      }
      out.insert(common.begin(), common.end());
      break;
    }
    default:
      break;
  }
}

class Checker {
 public:
  Checker(const Machine& m, Diagnostics& d) : m_(m), d_(d) {}

  void run() {
    duplicates();
    collect_states();
    for (const NamedPattern& p : m_.patterns) {
      if (cyclic(p.pattern, p.name, 0))
        d_.error(p.span, fmt::format("the pattern '{}' is defined by itself", p.name));
      else
        pattern(p.pattern, false);
    }
    if (d_.has_errors()) return;
    for (const StateClause& c : m_.clauses) clause(c);
    reachability();
    for (const Hole& h : m_.holes)
      if (!used_.contains(h.name))
        d_.warning(h.span, fmt::format("the hole '{}' is never used", h.name),
                   "remove it, or use it in a pattern");
    if (m_.clauses.empty())
      d_.error(m_.span, fmt::format("the machine '{}' has no states", m_.name),
               "write 'STATE: PATTERN ==> TARGET;'");
  }

 private:
  void duplicates() {
    std::map<std::string, Span> names;
    auto add = [&](const std::string& n, Span s, const char* what) {
      if (!names.emplace(n, s).second)
        d_.error(s, fmt::format("{} '{}' has this name already", what, n), "choose another name");
    };
    for (const Hole& h : m_.holes) add(h.name, h.span, "something else named");
    for (const NamedPattern& p : m_.patterns) add(p.name, p.span, "something else named");
    for (const NameList& l : m_.lists) add(l.name, l.span, "something else named");
    for (const Setting& s : m_.settings) add(s.name, s.span, "something else named");
    for (const Hole& h : m_.holes)
      if (h.state_variable && (h.kind == HoleKind::kAnyArguments || h.kind == HoleKind::kAnyFnCall))
        d_.error(h.span, "arguments or a callee cannot carry a state",
                 "state decl any_pointer, any_expr or a type");
  }

  void collect_states() {
    for (const StateClause& c : m_.clauses)
      for (const StateName& s : c.states) {
        if (s.stop()) {
          d_.error(s.span, "'stop' is not a state but the end of an instance", "it can only be a target");
          continue;
        }
        if (!s.variable.empty()) {
          const Hole* h = find_hole(m_, s.variable);
          if (h == nullptr || !h->state_variable) {
            std::vector<std::string> all;
            for (const Hole& k : m_.holes)
              if (k.state_variable) all.push_back(k.name);
            std::string near = nearest_name(s.variable, all);
            d_.error(s.span, fmt::format("'{}' is not a state variable", s.variable),
                     near.empty() ? fmt::format("declare it: state decl any_pointer {};", s.variable)
                                  : fmt::format("did you mean '{}'?", near));
          } else {
            used_.insert(s.variable);
          }
        }
        states_[s.variable].insert(s.state);
        if (s.variable.empty() && initial_.empty()) initial_ = s.state;
      }
  }

  bool cyclic(const Pattern& p, const std::string& name, int depth) {
    if (depth > 64) return true;
    if (p.kind == PatternKind::kName) {
      if (p.name == name) return true;
      const NamedPattern* n = find_pattern(m_, p.name);
      return n != nullptr && cyclic(n->pattern, name, depth + 1);
    }
    return std::any_of(p.parts.begin(), p.parts.end(),
                       [&](const Pattern& q) { return cyclic(q, name, depth + 1); });
  }

  /// True when the pattern names something to match (not only callouts).
  bool pattern(const Pattern& p, bool negated) {
    switch (p.kind) {
      case PatternKind::kFragment: {
        bool called_only = true;
        for (const Identifier& i : identifiers(p.fragment.text)) {
          if (find_hole(m_, i.text) != nullptr) {
            used_.insert(i.text);
            called_only = false;
          }
        }
        (void)called_only;
        if (negated) d_.error(p.span, "'!' needs a callout", "! ${ mc_is_null(v) }");
        return true;
      }
      case PatternKind::kSpecial:
        return true;
      case PatternKind::kCallout:
        expression(p.callout, true);
        return false;
      case PatternKind::kName: {
        const NamedPattern* n = find_pattern(m_, p.name);
        if (n == nullptr) {
          std::vector<std::string> all;
          for (const NamedPattern& q : m_.patterns) all.push_back(q.name);
          std::string near = nearest_name(p.name, all);
          d_.error(p.span, fmt::format("unknown pattern '{}'", p.name),
                   near.empty() ? fmt::format("declare it: pat {} = {{ ... }};", p.name)
                                : fmt::format("did you mean '{}'?", near));
          return true;
        }
        return pattern_matches(n->pattern, 0);
      }
      case PatternKind::kOr: {
        bool all = true;
        for (const Pattern& q : p.parts) all = pattern(q, negated) && all;
        return all;
      }
      case PatternKind::kAnd: {
        bool any = false;
        for (const Pattern& q : p.parts) any = pattern(q, negated) || any;
        return any;
      }
      case PatternKind::kNot:
        pattern(p.parts[0], true);
        return false;
    }
    return true;
  }

  bool pattern_matches(const Pattern& p, int depth) const {
    if (depth > 64) return true;
    switch (p.kind) {
      case PatternKind::kFragment:
      case PatternKind::kSpecial:
        return true;
      case PatternKind::kCallout:
      case PatternKind::kNot:
        return false;
      case PatternKind::kName: {
        const NamedPattern* n = find_pattern(m_, p.name);
        return n == nullptr || pattern_matches(n->pattern, depth + 1);
      }
      case PatternKind::kOr:
        return std::all_of(p.parts.begin(), p.parts.end(),
                           [&](const Pattern& q) { return pattern_matches(q, depth + 1); });
      case PatternKind::kAnd:
        return std::any_of(p.parts.begin(), p.parts.end(),
                           [&](const Pattern& q) { return pattern_matches(q, depth + 1); });
    }
    return true;
  }

  void target(const StateName& t, const std::set<std::string>& bound_names, const StateClause& c) {
    if (t.variable.empty() && t.stop()) {
      targets_.insert({"", "stop"});
      return;  // the machine rests until the path ends
    }
    auto group = states_.find(t.variable);
    if (!t.variable.empty()) {
      const Hole* h = find_hole(m_, t.variable);
      if (h == nullptr || !h->state_variable) {
        std::vector<std::string> all;
        for (const Hole& k : m_.holes)
          if (k.state_variable) all.push_back(k.name);
        std::string near = nearest_name(t.variable, all);
        d_.error(t.span, fmt::format("'{}' is not a state variable", t.variable),
                 near.empty() ? fmt::format("declare it: state decl any_pointer {};", t.variable)
                              : fmt::format("did you mean '{}'?", near));
        return;
      }
      used_.insert(t.variable);
      bool carried = std::any_of(c.states.begin(), c.states.end(),
                                 [&](const StateName& s) { return s.variable == t.variable; });
      if (!carried && !bound_names.contains(t.variable)) {
        d_.error(t.span, fmt::format("nothing binds '{}' here", t.variable),
                 fmt::format("use {} in the pattern, or write the transition in a state of {}", t.variable,
                             t.variable));
        return;
      }
      if (t.stop()) return;
    }
    if (group == states_.end() || !group->second.contains(t.state)) {
      std::vector<std::string> all;
      if (group != states_.end()) all.assign(group->second.begin(), group->second.end());
      std::string near = nearest_name(t.state, all);
      d_.error(t.span,
               fmt::format("unknown state '{}{}{}'", t.variable, t.variable.empty() ? "" : ".", t.state),
               near.empty() ? "a state is known by its clause 'STATE: PATTERN ==> ...;'"
                            : fmt::format("did you mean '{}'?", near));
      return;
    }
    targets_.insert({t.variable, t.state});
  }

  void clause(const StateClause& c) {
    for (const Transition& t : c.transitions) {
      if (!pattern(t.pattern, false))
        d_.error(t.pattern.span, "this pattern can match nothing: it only asks questions",
                 "join the callout with a fragment: { fn(args) } && ${ ... }");
      std::vector<std::string> names = bound_holes(m_, t.pattern);
      std::set<std::string> bound_names(names.begin(), names.end());
      for (const auto* list : {&t.target.always, &t.target.if_true, &t.target.if_false})
        for (const StateName& s : *list) target(s, bound_names, c);
      for (const Stmt& s : t.action) statement(s);
    }
  }

  void statement(const Stmt& s) {
    switch (s.kind) {
      case StmtKind::kExpr:
        if (s.value.kind != ExprKind::kCall)
          d_.warning(s.span, "this statement has no effect", "call err, warn, note or a function that acts");
        expression(s.value, false);
        break;
      case StmtKind::kAssign:
        if (s.target.kind == ExprKind::kName || s.target.kind == ExprKind::kMember) {
          data_field(s.target);
        } else {
          d_.error(s.target.span, "only data fields can be assigned",
                   "data depth; ... { l.depth = l.depth + 1; }");
        }
        expression(s.value, true);
        break;
      case StmtKind::kIf:
        expression(s.value, true);
        break;
      case StmtKind::kForEach: {
        bool found = false;
        for (const auto& [variable, states] : states_)
          found = found || (!variable.empty() && states.contains(s.state));
        if (!found) d_.error(s.span, fmt::format("no variable has a state '{}'", s.state));
        if (find_hole(m_, s.target.text) == nullptr)
          d_.error(s.target.span, fmt::format("'{}' is not a state variable", s.target.text));
        break;
      }
      case StmtKind::kBlock:
        break;
    }
    for (const Stmt& b : s.body) statement(b);
    for (const Stmt& b : s.orelse) statement(b);
  }

  void data_field(const Expr& e) {
    const std::string& field = e.kind == ExprKind::kMember ? e.member : e.text;
    if (std::find(m_.data.begin(), m_.data.end(), field) == m_.data.end()) {
      std::string near = nearest_name(field, m_.data);
      d_.error(e.span, fmt::format("unknown data field '{}'", field),
               near.empty() ? fmt::format("declare it: data {};", field)
                            : fmt::format("did you mean '{}'?", near));
    }
    if (e.kind == ExprKind::kMember) {
      const Hole* h = find_hole(m_, e.text);
      if (h == nullptr || !h->state_variable)
        d_.error(e.span, fmt::format("'{}' is not a state variable", e.text));
    }
  }

  void expression(const Expr& e, bool as_value) {
    switch (e.kind) {
      case ExprKind::kInteger:
      case ExprKind::kString:
        break;
      case ExprKind::kMember:
        data_field(e);
        break;
      case ExprKind::kName: {
        if (find_hole(m_, e.text) != nullptr) {
          used_.insert(e.text);
          break;
        }
        auto named = [&](const auto& list) {
          return std::any_of(list.begin(), list.end(), [&](const auto& x) { return x.name == e.text; });
        };
        if (named(m_.lists) || named(m_.settings) ||
            std::find(m_.data.begin(), m_.data.end(), e.text) != m_.data.end())
          break;
        std::vector<std::string> all = m_.data;
        for (const Hole& h : m_.holes) all.push_back(h.name);
        for (const NameList& l : m_.lists) all.push_back(l.name);
        for (const Setting& s : m_.settings) all.push_back(s.name);
        std::string near = nearest_name(e.text, all);
        d_.error(e.span, fmt::format("unknown name '{}'", e.text),
                 near.empty() ? "a hole, a list, a setting or a data field"
                              : fmt::format("did you mean '{}'?", near));
        break;
      }
      case ExprKind::kCall: {
        const BuiltinInfo* b = find_builtin(e.text);
        if (b == nullptr) {
          std::vector<std::string> all;
          for (const BuiltinInfo& k : builtins()) all.emplace_back(k.name);
          std::string near = nearest_name(e.text, all);
          d_.error(e.span, fmt::format("unknown function '{}'", e.text),
                   near.empty() ? "actions call the functions that docs/metal-language.md lists"
                                : fmt::format("did you mean '{}'?", near));
          break;
        }
        if (e.args.size() < b->least || e.args.size() > b->most)
          d_.error(e.span,
                   fmt::format("'{}' is given {} argument{}", e.text, e.args.size(),
                               e.args.size() == 1 ? "" : "s"),
                   fmt::format("write {}", b->usage));
        if (as_value && b->use == BuiltinUse::kAction)
          d_.error(e.span, fmt::format("'{}' acts and has no value", e.text),
                   "use it as a statement of an action");
        if (b->id == Builtin::kErr || b->id == Builtin::kWarn || b->id == Builtin::kNote ||
            b->id == Builtin::kCounterexample)
          format(e, b->id == Builtin::kCounterexample ? 1 : 0);
        break;
      }
      default:
        break;
    }
    for (const Expr& a : e.args) expression(a, true);
  }

  void format(const Expr& e, std::size_t at) {
    if (e.args.size() <= at) return;
    const Expr& f = e.args[at];
    if (f.kind != ExprKind::kString) {
      d_.error(f.span, "the message must be a string", "err(\"double free of %s\", mc_identifier(v))");
      return;
    }
    std::size_t wanted = 0;
    for (std::size_t i = 0; i + 1 < f.text.size(); ++i)
      if (f.text[i] == '%') {
        char c = f.text[++i];
        if (c == 's' || c == 'd')
          ++wanted;
        else if (c != '%')
          d_.error(f.span, fmt::format("'%{}' is not a conversion", c), "%s, %d or %%");
      }
    std::size_t given = e.args.size() - at - 1;
    if (wanted != given)
      d_.error(f.span, fmt::format("the message wants {} value{} and is given {}", wanted,
                                   wanted == 1 ? "" : "s", given));
  }

  void reachability() {
    // Conservative: a state is reachable when some transition names it, or when it is the first.
    for (const StateClause& c : m_.clauses)
      for (const StateName& s : c.states) {
        if (s.variable.empty() && s.state == initial_) continue;
        if (!targets_.contains({s.variable, s.state}) && warned_.insert({s.variable, s.state}).second)
          d_.warning(s.span, fmt::format("no transition leads to the state '{}{}{}'", s.variable,
                                         s.variable.empty() ? "" : ".", s.state));
      }
  }

  const Machine& m_;
  Diagnostics& d_;
  std::map<std::string, std::set<std::string>> states_;  // by variable; "" is global
  std::string initial_;
  std::set<std::string> used_;
  std::set<std::pair<std::string, std::string>> targets_;
  std::set<std::pair<std::string, std::string>> warned_;
};

}  // namespace

std::vector<std::string> bound_holes(const Machine& machine, const Pattern& pattern) {
  std::set<std::string> names;
  bound(machine, pattern, names, 0);
  return {names.begin(), names.end()};
}

void check_rules(const RuleFile& file, Diagnostics& diagnostics) {
  std::set<std::string> names;
  for (const Machine& m : file.machines) {
    if (!names.insert(m.name).second)
      diagnostics.error(m.span, fmt::format("a machine named '{}' stands above", m.name),
                        "choose another name");
    Checker(m, diagnostics).run();
  }
}

}  // namespace quire::metal::rule
