// What transitions do besides.

#include <algorithm>

#include "metal/engine/statistics.h"
#include "metal/engine/walk.h"
#include "metal/language/builtins.h"

namespace quire::metal {

bool Solver::Impl::Walk::act(const std::vector<rule::Stmt>& list, BlockId b, std::size_t index, MacroId macro,
                             const Location& at, const CompiledTransition& t, const Bindings* bindings,
                             PathState& s) {
  i32 of = for_each ? key.var : t.var;
  for (const rule::Stmt& st : list) {
    switch (st.kind) {
      case rule::StmtKind::kBlock:
        if (!act(st.body, b, index, macro, at, t, bindings, s)) return false;
        break;
      case rule::StmtKind::kIf: {
        bool yes = evaluate(st.value, context(b, index, macro, s, bindings, of)).truth();
        if (!act(yes ? st.body : st.orelse, b, index, macro, at, t, bindings, s)) return false;
        break;
      }
      case rule::StmtKind::kForEach: {
        // Each object is followed on its own: the one at hand has its turn when it is in that state.
        if (!has_object() || s.state == kNoState) break;
        const StateVariable& v = machine().vars[static_cast<std::size_t>(key.var)];
        if (v.name != st.target.text || v.states[static_cast<std::size_t>(s.state)] != st.state) break;
        bool outer = for_each;
        for_each = true;
        bool alive = act(st.body, b, index, macro, at, t, bindings, s);
        for_each = outer;
        if (!alive) return false;
        break;
      }
      case rule::StmtKind::kAssign: {
        i64 v = evaluate(st.value, context(b, index, macro, s, bindings, of)).integer;
        const std::string& field =
            st.target.kind == rule::ExprKind::kMember ? st.target.member : st.target.text;
        i32 i = machine().data_index(field);
        bool instance = st.target.kind == rule::ExprKind::kMember || of >= 0;
        if (i >= 0 && static_cast<std::size_t>(i) < kMaxData)
          (instance ? s.data : s.global_data)[static_cast<std::size_t>(i)] = static_cast<i8>(
              st.value.kind == rule::ExprKind::kBinary ? std::clamp(v, -kDataLimit, kDataLimit)
                                                       : std::clamp<i64>(v, -127, 127));
        break;
      }
      case rule::StmtKind::kExpr: {
        const rule::BuiltinInfo* builtin =
            st.value.kind == rule::ExprKind::kCall ? rule::find_builtin(st.value.text) : nullptr;
        if (builtin == nullptr) break;
        // With an object at hand the global state's own rules are somebody else's to report.
        bool silent = (has_object() && t.var < 0 && !for_each) || s.unsure;
        switch (builtin->id) {
          case rule::Builtin::kErr:
          case rule::Builtin::kWarn:
          case rule::Builtin::kNote:
            if (!silent) report(st.value, builtin->id, b, index, macro, at, t, bindings, s);
            break;
          case rule::Builtin::kKillPath:
            return false;
          case rule::Builtin::kAnnotate: {
            ValueContext c = context(b, index, macro, s, bindings, of);
            std::string tag = evaluate(st.value.args[1], c).str();
            std::string why = current_call != kNoExpr ? to_text(pool, current_call) : "";
            std::string deeper;
            if (current_call != kNoExpr &&
                I.ask(key.function, current_call, s.facts, tag, &deeper).value_or(false) && !deeper.empty())
              why = std::string(callee_name(pool, pool.kid(current_call, 0)).text()) + ", " + deeper;
            if (why.size() > 200) why.resize(200);
            out.annotations.try_emplace(tag, why);
            break;
          }
          case rule::Builtin::kRemember:
            s.change_origin().remembered =
                evaluate(st.value.args[0], context(b, index, macro, s, bindings, of)).str();
            break;
          case rule::Builtin::kExample:
          case rule::Builtin::kCounterexample: {
            if (silent) break;
            ValueContext c = context(b, index, macro, s, bindings, of);
            std::string text = evaluate(st.value.args[0], c).str();
            Sighting o;
            o.good = builtin->id == rule::Builtin::kExample;
            if (o.good && st.value.args.size() > 1)
              text = key_beside(std::move(text), evaluate(st.value.args[1], c).str());
            o.key = I.keys.number(text);
            o.site = s.origin().cause && of >= 0 ? s.origin().cause : mark(at);
            if (std::find(out.sightings.begin(), out.sightings.end(), o) == out.sightings.end())
              out.sightings.push_back(o);
            if (!o.good && record != nullptr)
              record->observations.push_back(
                  {std::move(text), o.site.point(), false,
                   st.value.args.size() < 2
                       ? Finding{}
                       : finding(format_message(st.value, 1, c), rule::Builtin::kErr, at, t, s)});
            break;
          }
          default:
            break;
        }
        break;
      }
    }
  }
  return true;
}

}  // namespace quire::metal
