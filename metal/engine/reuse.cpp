// What an earlier run found and still holds.
#include <fmt/format.h>

#include <algorithm>

#include "metal/engine/bytes.h"
#include "metal/engine/solver_impl.h"

namespace quire::metal {
namespace {

constexpr ItemId kAdopting{0xfffffffe};

/// What these bounds cut depends on how one came here.
constexpr u8 kOrderMatters = 1u << static_cast<u8>(Bound::kDepth) | 1u << static_cast<u8>(Bound::kEntries);

}  // namespace

u64 Solver::Impl::place_hash(PlaceId p) {
  if (p == kNoPlace) return 1;
  if (place_hashes.size() <= p.value()) place_hashes.resize(p.value() + 1, 0);
  if (place_hashes[p.value()] != 0) return place_hashes[p.value()];
  const Place& at = places[p];
  u64 h = mix(place_hash(at.base), static_cast<u64>(at.step));
  h = mix(h, std::hash<std::string_view>{}(at.name.text()));
  h = mix(h, static_cast<u64>(at.number)) | 1;
  return place_hashes[p.value()] = h;
}

u64 Solver::Impl::survey_hash(const Work& w, bool outer) {
  u64 h = mix(w.relevant ? 2 : 1, (w.touches_any ? 2 : 1) + (w.many_callers ? 4 : 0) +
                                      (w.callers > limits.callers_of_globals ? 8 : 0));
  for (const Candidate& c : w.candidates) h = mix(mix(h, static_cast<u64>(c.var)), place_hash(c.place));
  for (const auto& [var, b] : w.births)
    h = mix(mix(mix(h, static_cast<u64>(var)), place_hash(b.object)), place_hash(b.out));
  if (outer) {
    for (const Candidate& c : w.outer_candidates)
      h = mix(mix(h, static_cast<u64>(c.var) + 1000), place_hash(c.place));
    for (const auto& [var, b] : w.outer_births)
      h = mix(mix(mix(h, static_cast<u64>(var) + 2000), place_hash(b.object)), place_hash(b.out));
  }
  u64 sum = 0;  // a set: in whatever order
  for (const auto& [var, place] : w.touched) sum += mix(place_hash(place), static_cast<u64>(var));
  return mix(h, sum);
}

u64 Solver::Impl::told_callers(Work& w) {
  if (w.told == 0) w.told = survey_hash(w, true) | 1;
  return w.told;
}

u64 Solver::Impl::survey_key(const std::vector<FunctionId>& component) {
  Hash h;
  for (FunctionId id : component) {
    const LinkedFunction& lf = program[id];
    h.add(lf.body->hash);
    h.add(u64{lf.unit});
    h.add(program.own_names(lf.unit));
    if (asks_effects)
      for (const CallSite& c : lf.calls)
        for (FunctionId t : c.targets) {
          h.add(program[t].body->hash);
          h.add(infos.effects().of(t).hash);
        }
    if (intra) continue;
    for (const CallSite& c : lf.calls) {
      h.add(u64{c.call.value()} << 32 | c.targets.size());
      for (FunctionId t : c.targets) {
        auto inside = std::lower_bound(component.begin(), component.end(), t);
        if (inside != component.end() && *inside == t)
          h.add(static_cast<u64>(inside - component.begin()) << 1);
        else
          h.add(work[t.value()].relevant ? told_callers(work[t.value()]) : 0);
      }
    }
  }
  return h.value()[0] | 1;
}

bool Solver::Impl::surveyed_before(const std::vector<FunctionId>& component, u64 key) {
  for (FunctionId id : component) {
    auto it = kept_surveys.find(id.value());
    if (it == kept_surveys.end() || it->second.key != key) return false;
  }
  for (FunctionId id : component) {
    KeptSurvey& s = kept_surveys.find(id.value())->second;
    Work& w = work[id.value()];
    w.relevant = s.relevant;
    w.touches_any = s.touches_any;
    w.cut = s.cut;
    w.candidates = std::move(s.candidates);
    w.births = std::move(s.births);
    w.touched = {s.touched.begin(), s.touched.end()};
  }
  return true;
}

ContentHash Solver::Impl::fingerprint(FunctionId id) {
  if (fingerprints.empty()) fingerprints.resize(work.size());
  ContentHash& known_as = fingerprints[id.value()];
  if (known_as != ContentHash{}) return known_as;
  const LinkedFunction& lf = program[id];
  Hash h;
  h.add(lf.body->hash);
  h.add((program.is_root(id) ? 1u : 0u) | (lf.has_caller ? 2u : 0u));
  h.add(program.own_names(lf.unit));
  h.add(survey_hash(work[id.value()], false));
  auto other = [&](FunctionId t) {
    const LinkedFunction& to = program[t];
    h.add(to.body->hash);
    h.add(infos.effects().of(t).hash);
    h.add(u64{to.unit} << 1 | (never[t.value()] ? 1u : 0u));
    // Of one recursion: not settled yet when its items are.
    h.add(survey_hash(work[t.value()], to.component != lf.component));
    h.add(program.globals_in_reach(t));
  };
  for (const CallSite& c : lf.calls) {
    h.add(u64{c.call.value()} << 3 | (c.indirect ? 1u : 0u) | (c.by_field ? 2u : 0u) | (c.wide ? 4u : 0u));
    h.add(c.targets.size());
    for (FunctionId t : c.targets) other(t);
  }
  for (const FunctionRef& r : lf.body->pool.functions())
    if (FunctionId t = program.named(id, r); t != kNoFunction) other(t);
  return known_as = h.value();
}

ItemNames Solver::Impl::item_names() {
  return {program, places, [this](FunctionId f) { return fingerprint(f); },
          [this](const std::string& text) { return keys.number(text); },
          [this](u32 number) -> const std::string& { return keys.text(number); }};
}

void Solver::Impl::take_over(const Results* results, std::string_view reader) {
  store = results;
  if (afresh || store == nullptr || !store->keeps() || program.functions().empty()) return;
  auto bytes = store->find_items(*m, annotators, reader);
  if (!bytes) return;
  auto found = read_items(*bytes, item_names());
  if (!found) return;
  kept = std::move(found->items);
  for (auto& [function, survey] : found->surveys) kept_surveys.emplace(function.value(), std::move(survey));
  for (const KeptItem& k : kept) order_matters = order_matters || (k.found.cut & kOrderMatters) != 0;
  kept_as.assign(kept.size(), kNoItem);
  for (u32 i = 0; i < kept.size(); ++i)
    if (kept[i].found.key.function != kNoFunction) kept_index.emplace(kept[i].found.key, i);
  kept_components.emplace(static_cast<u32>(kept.size()));
}

void Solver::Impl::judge(u32 first) {
  kept_components->visit(
      first,
      [&](u32 i, u32 k) {
        KeptItem& item = kept[i];
        // Where the function has changed, what it asked for may be gone, and does not matter.
        if (k == 0 && item.trust == Trust::kUnknown && !stands_itself(item)) item.trust = Trust::kChanged;
        if (item.trust == Trust::kChanged) return Components::kNone;
        const Summary& s = item.found;
        return k < s.demands.size()                    ? s.demands[k].value()
               : k < s.demands.size() + s.asked.size() ? s.asked[k - s.demands.size()].value()
                                                       : Components::kNone;
      },
      [&](std::vector<u32>& members) {
        std::sort(members.begin(), members.end());
        bool sound = std::all_of(members.begin(), members.end(), [&](u32 i) {
          auto good = [&](ItemId d) {
            return kept[d.value()].trust == Trust::kSound ||
                   std::binary_search(members.begin(), members.end(), d.value());
          };
          const Summary& s = kept[i].found;
          return kept[i].trust != Trust::kChanged && std::all_of(s.demands.begin(), s.demands.end(), good) &&
                 std::all_of(s.asked.begin(), s.asked.end(), good);
        });
        for (u32 i : members)
          if (kept[i].trust == Trust::kUnknown) kept[i].trust = sound ? Trust::kSound : Trust::kDoubtful;
      });
}

bool Solver::Impl::stands_itself(const KeptItem& k) {
  return (k.found.cut & kOrderMatters) == 0 && fingerprint(k.found.key.function) == k.fingerprint &&
         answers_stand(k.found.queries);
}

bool Solver::Impl::answers_stand(const std::vector<Query>& queries) {
  for (const Query& q : queries) {
    if (q.function == kNoFunction || q.annotator >= annotators.size()) return false;
    std::string why;
    bool answer = annotators[q.annotator] == m
                      ? work[q.function.value()].relevant
                      : helper(q.annotator).annotated(q.function, q.constants, q.tag, &why);
    if (answer != q.answer || (answer && why != q.why)) return false;
  }
  return true;
}

ItemId Solver::Impl::adopt(u32 first) {
  std::vector<u32> todo{first}, made;
  bool bounded = false;
  while (!todo.empty()) {
    u32 i = todo.back();
    todo.pop_back();
    if (kept_as[i] != kNoItem) continue;
    const ItemKey& key = kept[i].found.key;
    if ((kept_as[i] = known(key)) != kNoItem) continue;
    kept_as[i] = kAdopting;
    made.push_back(i);
    bounded = ++work[key.function.value()].entries > limits.entries_per_function || bounded;
    for (const std::vector<ItemId>* on : {&kept[i].found.demands, &kept[i].found.asked})
      for (ItemId d : *on) todo.push_back(d.value());
  }
  if (bounded) {  // which of them are cut is for those to say who ask for them one by one
    for (u32 i : made) {
      --work[kept[i].found.key.function.value()].entries;
      kept_as[i] = kNoItem;
    }
    return kNoItem;
  }
  for (u32 i : made) {
    const ItemKey& key = kept[i].found.key;
    kept_as[i] = ItemId(static_cast<u32>(items.size()));
    memo.emplace(key, kept_as[i]);
    if (key.var < 0) work[key.function.value()].visited = true;
    items.push_back(std::move(kept[i].found));
    kept[i].found.key = items.back().key;
    kept[i].taken = true;
    ++taken_over;
  }
  for (u32 i : made)
    for (std::vector<ItemId>* on : {&items[kept_as[i].value()].demands, &items[kept_as[i].value()].asked})
      for (ItemId& d : *on) d = kept_as[d.value()];
  return kept_as[first];
}

bool Solver::Impl::as_before(const KeptItem& k, Summary& s) {
  if (k.trust == Trust::kChanged || k.found.recursive) return false;
  s.low = Summary::kSettled;
  auto stands = [&](ItemId d) {
    const Summary& then = kept[d.value()].found;
    if (then.key.function == kNoFunction) return false;
    if (kept[d.value()].taken) return true;
    const Summary& now = items[solve(then.key).value()];
    return s.low == Summary::kSettled && now.exits == then.exits && now.annotations == then.annotations;
  };
  for (const std::vector<ItemId>* on : {&k.found.asked, &k.found.demands})
    for (ItemId d : *on)
      if (!stands(d)) return false;
  for (auto [from, to] : {std::pair(&k.found.demands, &s.demands), std::pair(&k.found.asked, &s.asked)})
    for (ItemId d : *from) to->push_back(known(kept[d.value()].found.key));
  s.exits = k.found.exits;
  s.queries = k.found.queries;
  s.sightings = k.found.sightings;
  s.annotations = k.found.annotations;
  s.complains = k.found.complains;
  s.cut = k.found.cut;
  ++taken_over;
  return true;
}

void Solver::Impl::keep(const Results* results, std::string_view reader) {
  if (results == nullptr || !results->keeps() || program.functions().empty()) return;
  for (std::size_t i = 0; i < helpers.size(); ++i)
    if (helpers[i]) helpers[i]->impl_->keep(results, fmt::format("{}/{}", m->source->name(), m->ast->name));
  std::vector<u32> numbers(items.size(), kNoItem.value());
  std::vector<const Summary*> list;
  for (u32 i = 0; i < items.size(); ++i) {
    if (known(items[i].key) != ItemId(i)) continue;
    numbers[i] = static_cast<u32>(list.size());
    list.push_back(&items[i]);
  }
  auto number = [&](ItemId i) {
    // One that was solved again, in a recursion, stands under its key.
    if (numbers[i.value()] == kNoItem.value()) i = known(items[i.value()].key);
    return i == kNoItem ? kNoItem.value() : numbers[i.value()];
  };
  std::vector<std::pair<FunctionId, KeptSurvey>> surveys;
  for (u32 i = 0; i < work.size(); ++i) {
    Work& w = work[i];
    if (w.survey_key == 0) continue;
    surveys.emplace_back(FunctionId(i), KeptSurvey{w.survey_key,
                                                   w.relevant,
                                                   w.touches_any,
                                                   w.cut,
                                                   w.candidates,
                                                   w.births,
                                                   {w.touched.begin(), w.touched.end()}});
  }
  results->keep_items(*m, annotators, reader, write_items(list, surveys, number, item_names()));
}

}  // namespace quire::metal
