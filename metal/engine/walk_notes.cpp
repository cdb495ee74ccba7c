// What is told of a path.
#include <fmt/format.h>

#include "metal/engine/walk.h"
#include "metal/language/builtins.h"

namespace quire::metal {

void Solver::Impl::Walk::report(const rule::Expr& call, rule::Builtin which, BlockId b, std::size_t index,
                                MacroId macro, const Location& at, const CompiledTransition& t,
                                const Bindings* bindings, PathState& s) {
  out.complains = true;
  if (record == nullptr && !traced) return;
  std::string message =
      format_message(call, 0, context(b, index, macro, s, bindings, for_each ? key.var : t.var));
  if (traced) I.self.trace_(fmt::format("  line {}: reports '{}'", at.line, message));
  if (record == nullptr) return;
  Finding x = finding(std::move(message), which, at, t, s);
  if (said.insert({x.message, x.at, t.id}).second) record->findings.push_back(std::move(x));
}

Finding Solver::Impl::Walk::finding(std::string message, rule::Builtin which, const Location& at,
                                    const CompiledTransition& t, const PathState& s) const {
  Finding x;
  const rule::Metadata& meta = machine().ast->meta;
  x.rule = meta.id;
  x.level = which == rule::Builtin::kNote || meta.severity == "note"      ? Level::kNote
            : which == rule::Builtin::kWarn || meta.severity == "warning" ? Level::kWarning
                                                                          : Level::kError;
  x.message = std::move(message);
  x.at = point(at);
  x.function = f.name.text();
  x.transition = t.id;
  const Mark& cause = t.var >= 0 || for_each ? s.origin().cause : s.origin().global_cause;
  x.cause = cause ? cause.point() : x.at;
  x.uncertain = f.has_errors;
  notes(s, x.path, &x.branches, &x.indirect);
  return x;
}

void Solver::Impl::Walk::notes(const PathState& s, std::vector<PathNote>& path, u32* branches,
                               bool* indirect) const {
  std::vector<const Trail*> steps_back;
  for (u32 i = s.trail; i != 0; i = trail[i].previous) steps_back.push_back(&trail[i]);
  u32 kept_branches = 0;
  std::vector<std::vector<PathNote>> parts;
  for (const Trail* t : steps_back) {
    if (t->branch) {
      if (branches != nullptr) ++*branches;
      if (++kept_branches > 10) continue;
    }
    if (t->indirect && indirect != nullptr) *indirect = true;
    std::vector<PathNote> part;
    PathNote n;
    n.at = point(t->at);
    n.function = f.name.text();
    if (t->branch)
      n.text = fmt::format("assuming '{}' is {}", to_text(pool, t->expr), t->truth ? "true" : "false");
    else
      n.text = t->edge == nullptr ? said_steps[t->said].text
               : t->edge->low == t->edge->high
                   ? fmt::format("taking case {}", t->edge->low)
                   : fmt::format("taking case {} ... {}", t->edge->low, t->edge->high);
    if (!n.text.empty()) part.push_back(std::move(n));
    if (const Said& step = said_steps[t->said]; step.inner != kNoItem) {
      std::vector<PathNote> inner = I.inner_notes(step.inner, step.exit);
      part.insert(part.end(), inner.begin(), inner.end());
    }
    parts.push_back(std::move(part));
  }
  for (auto p = parts.rbegin(); p != parts.rend(); ++p) path.insert(path.end(), p->begin(), p->end());
  if (path.size() > 40) path.erase(path.begin() + 8, path.end() - 32);
}

std::string Solver::Impl::Walk::describe(const PathState& s) const {
  std::string t;
  if (has_object()) {
    t = "object";
    for (PlaceId p : s.names) t += " " + w.reader->text(p);
    t +=
        s.state == kNoState
            ? ": no state"
            : ": " +
                  machine().vars[static_cast<std::size_t>(key.var)].states[static_cast<std::size_t>(s.state)];
    if (s.escaped) t += ", stored elsewhere";
  }
  if (s.unsure) t += ", on a way that may be none";
  if (s.global >= 0 && (machine().global_states.size() > 1 || !has_object()))
    t += (t.empty() ? "" : "; ") + std::string("state ") +
         machine().global_states[static_cast<std::size_t>(s.global)];
  for (const auto& [k, group, decided, hold, r] : s.facts) {
    if (r.any()) continue;
    t += (hold == Hold::Was ? "; once " : "; ") + to_text(pool, info.key(k).expr);
    if (r.is_constant())
      t += fmt::format(" = {}", r.low);
    else if (r.known_nonzero())
      t += " is not 0";
    else
      t += " is bounded";
  }
  return t;
}

}  // namespace quire::metal
