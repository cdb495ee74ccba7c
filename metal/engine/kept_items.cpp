#include "metal/engine/kept_items.h"

#include <unordered_map>

#include "metal/engine/bytes.h"

namespace quire::metal {
namespace {

class Writing {
 public:
  Writing(const ItemNames& names, const std::function<u32(ItemId)>& number)
      : names_(names), number_(number) {}

  void item(const Summary& s) {
    key(s.key);
    // What rests on an item that was dropped meanwhile is not worth keeping.
    bool whole = true;
    for (const std::vector<ItemId>* list : {&s.demands, &s.asked})
      for (ItemId i : *list) whole = whole && number_(i) != kNoItem.value();
    items_.number((s.complains ? 1u : 0u) | (s.recursive ? 2u : 0u) | (whole ? 0u : 4u) | u32{s.cut} << 3);
    items_.number(s.exits.size());
    for (const ExitState& e : s.exits) {
      states(e.state, e.global, e.data, e.global_data);
      items_.number((e.escaped ? 1u : 0u) | (e.second ? 2u : 0u) | (e.unsure ? 4u : 0u));
      place_list(e.names);
      range(e.result);
      mark(e.cause);
      mark(e.global_cause);
      text(e.remembered);
    }
    for (const std::vector<ItemId>* list : {&s.demands, &s.asked}) {
      items_.number(whole ? list->size() : 0);
      if (whole)
        for (ItemId i : *list) items_.number(number_(i));
    }
    items_.number(s.queries.size());
    for (const Query& q : s.queries) {
      items_.number(q.annotator);
      items_.number(function(q.function));
      constants(q.constants);
      text(q.tag);
      items_.number(q.answer ? 1 : 0);
      text(q.why);
    }
    items_.number(s.sightings.size());
    for (const Sighting& o : s.sightings) {
      text(names_.key_text(o.key));
      mark(o.site);
      items_.number(o.good ? 1 : 0);
    }
    items_.number(s.annotations.size());
    for (const auto& [tag, why] : s.annotations) {
      text(tag);
      text(why);
    }
  }

  /// Those of functions that have no items come last: these need no fingerprint.
  void surveys(const KeptSurveys& list) {
    with_items_ = function_list_.size();
    surveys_.number(list.size());
    for (const auto& [f, s] : list) {
      surveys_.number(function(f));
      surveys_.number(s.key);
      surveys_.number((s.relevant ? 1u : 0u) | (s.touches_any ? 2u : 0u) | u32{s.cut} << 2);
      surveys_.number(s.candidates.size());
      for (const Candidate& c : s.candidates) {
        surveys_.integer(c.var);
        surveys_.number(place(c.place));
      }
      surveys_.number(s.births.size());
      for (const auto& [var, b] : s.births) {
        surveys_.integer(var);
        surveys_.number(place(b.object));
        surveys_.number(place(b.out));
      }
      surveys_.number(s.touched.size());
      for (const auto& [var, p] : s.touched) {
        surveys_.integer(var);
        surveys_.number(place(p));
      }
    }
  }

  std::string done(std::size_t count) {
    ByteWriter out;
    for (FunctionId f : function_list_) (void)text_number(names_.program.body(f).link.text());
    out.number(texts_.size());
    for (const std::string* t : text_list_) out.text(*t);
    out.number(function_list_.size());
    for (std::size_t i = 0; i < function_list_.size(); ++i) {
      const LinkedFunction& lf = names_.program[function_list_[i]];
      out.number(u64{lf.unit} << 2 | (i < with_items_ ? 2u : 0u) | (lf.body->internal ? 1u : 0u));
      out.number(text_number(lf.body->link.text()));
      if (i < with_items_) out.hash(names_.fingerprint(function_list_[i]));
    }
    out.number(place_list_size_);
    std::string bytes = out.bytes() + places_.bytes();
    ByteWriter rest;
    rest.number(count);
    return bytes + surveys_.bytes() + rest.bytes() + items_.bytes();
  }

 private:
  void key(const ItemKey& k) {
    items_.number(function(k.function));
    items_.integer(k.var);
    states(k.state, k.global, k.data, k.global_data);
    items_.number((k.root ? 1u : 0u) | (k.unsure ? 2u : 0u));
    place_list(k.names);
    constants(k.constants);
  }
  void states(i32 state, i32 global, const DataFields& data, const DataFields& global_data) {
    items_.integer(state);
    items_.integer(global);
    for (i8 v : data) items_.integer(v);
    for (i8 v : global_data) items_.integer(v);
  }
  void constants(const ConstantParameters& list) {
    items_.number(list.size());
    for (const auto& [i, r] : list) {
      items_.number(i);
      range(r);
    }
  }
  void range(const ValueRange& r) {
    items_.integer(r.low);
    items_.integer(r.high);
    items_.number(r.has_hole ? 1 : 0);
    if (r.has_hole) items_.integer(r.hole);
  }
  void mark(const Mark& m) {
    items_.number(m.line);
    if (m.line == 0) return;
    text(m.file.text());
    items_.number(m.column);
  }
  void text(std::string_view s) { items_.number(text_number(s)); }
  u32 text_number(std::string_view s) {
    auto [it, fresh] = texts_.try_emplace(std::string(s), static_cast<u32>(text_list_.size()));
    if (fresh) text_list_.push_back(&it->first);
    return it->second;
  }
  u32 function(FunctionId f) {
    auto [it, fresh] = functions_.try_emplace(f.value(), static_cast<u32>(function_list_.size()));
    if (fresh) function_list_.push_back(f);
    return it->second;
  }
  void place_list(const Names& list) {
    items_.number(list.size());
    for (PlaceId p : list) items_.number(place(p));
  }
  /// Bases come before what rests on them.
  u32 place(PlaceId p) {
    if (auto it = place_numbers_.find(p.value()); it != place_numbers_.end()) return it->second;
    const Place& at = names_.places[p];
    u32 base = at.base == kNoPlace ? 0 : place(at.base) + 1;
    places_.number(static_cast<u64>(at.step));
    places_.number(base);
    places_.number(text_number(at.name.text()));
    places_.integer(at.number);
    place_numbers_.emplace(p.value(), place_list_size_);
    return place_list_size_++;
  }

  const ItemNames& names_;
  const std::function<u32(ItemId)>& number_;
  ByteWriter items_, places_, surveys_;
  std::size_t with_items_ = 0;
  std::unordered_map<std::string, u32> texts_;
  std::vector<const std::string*> text_list_;
  std::unordered_map<u32, u32> functions_;
  std::vector<FunctionId> function_list_;
  std::unordered_map<u32, u32> place_numbers_;
  u32 place_list_size_ = 0;
};

class Reading {
 public:
  Reading(std::string_view bytes, const ItemNames& names)
      : in_(bytes), names_(names), symbols_(names.program.symbols()) {}

  std::optional<Kept> run() {
    for (u64 n = in_.count(); n > 0 && in_.good(); --n) texts_.push_back(symbols_.intern(in_.text()));
    for (u64 n = in_.count(); n > 0 && in_.good(); --n) {
      u64 bits = in_.number();
      functions_.push_back(names_.program.find(static_cast<u32>(bits >> 2), text(), (bits & 1) != 0));
      fingerprints_.push_back((bits & 2) != 0 ? in_.hash() : ContentHash{});
    }
    for (u64 n = in_.count(); n > 0 && in_.good(); --n) {
      auto step = static_cast<Step>(in_.index(static_cast<std::size_t>(Step::Offset) + 1));
      u32 base = in_.index(places_.size() + 1);
      Symbol name = text();
      i64 number = in_.integer();
      if (!in_.good()) break;
      places_.push_back(base == 0 ? names_.places.root(step, name, number)
                                  : names_.places.step(places_[base - 1], step, name, number));
    }
    Kept out;
    for (u64 n = in_.count(); n > 0 && in_.good(); --n) {
      u32 f = in_.index(functions_.size());
      KeptSurvey s = survey();
      if (in_.good() && functions_[f] != kNoFunction) out.surveys.emplace_back(functions_[f], std::move(s));
    }
    count_ = in_.count();
    out.items.reserve(in_.good() ? count_ : 0);
    for (u64 i = 0; i < count_ && in_.good(); ++i) item(out.items.emplace_back());
    if (!in_.done()) return std::nullopt;
    return out;
  }

 private:
  KeptSurvey survey() {
    KeptSurvey s;
    s.key = in_.number();
    u64 flags = in_.number();
    s.relevant = (flags & 1) != 0;
    s.touches_any = (flags & 2) != 0;
    s.cut = static_cast<u8>(flags >> 2);
    s.candidates.resize(in_.count());
    for (Candidate& c : s.candidates) {
      c.var = static_cast<i32>(in_.integer());
      c.place = place();
    }
    s.births.resize(in_.count());
    for (auto& [var, b] : s.births) {
      var = static_cast<i32>(in_.integer());
      b.object = place();
      b.out = place();
    }
    s.touched.resize(in_.count());
    for (auto& [var, p] : s.touched) {
      var = static_cast<i32>(in_.integer());
      p = place();
    }
    return s;
  }
  PlaceId place() {
    u32 p = in_.index(places_.size());
    return in_.good() ? places_[p] : kNoPlace;
  }
  void item(KeptItem& k) {
    Summary& s = k.found;
    u32 f = in_.index(functions_.size());
    if (!in_.good()) return;
    s.key.function = functions_[f];
    k.fingerprint = fingerprints_[f];
    if (s.key.function == kNoFunction) k.trust = Trust::kChanged;
    s.key.var = static_cast<i32>(in_.integer());
    states(s.key.state, s.key.global, s.key.data, s.key.global_data);
    u64 kind = in_.number();
    s.key.root = (kind & 1) != 0;
    s.key.unsure = (kind & 2) != 0;
    place_list(s.key.names);
    constants(s.key.constants);
    u64 flags = in_.number();
    s.complains = (flags & 1) != 0;
    s.recursive = (flags & 2) != 0;
    if ((flags & 4) != 0) k.trust = Trust::kChanged;
    s.cut = static_cast<u8>(flags >> 3);
    s.exits.resize(in_.count());
    for (ExitState& e : s.exits) {
      states(e.state, e.global, e.data, e.global_data);
      u64 bits = in_.number();
      e.escaped = (bits & 1) != 0;
      e.second = (bits & 2) != 0;
      e.unsure = (bits & 4) != 0;
      place_list(e.names);
      e.result = range();
      e.cause = mark();
      e.global_cause = mark();
      e.remembered = text().text();
    }
    for (std::vector<ItemId>* list : {&s.demands, &s.asked}) {
      list->resize(in_.count());
      for (ItemId& i : *list) i = ItemId(in_.index(count_));
    }
    s.queries.resize(in_.count());
    for (Query& q : s.queries) {
      q.annotator = static_cast<u32>(in_.number());
      u32 g = in_.index(functions_.size());
      if (!in_.good()) return;
      q.function = functions_[g];
      if (q.function == kNoFunction) k.trust = Trust::kChanged;
      constants(q.constants);
      q.tag = text().text();
      q.answer = in_.number() != 0;
      q.why = text().text();
    }
    s.sightings.resize(in_.count());
    for (Sighting& o : s.sightings) {
      o.key = names_.key_number(std::string(text().text()));
      o.site = mark();
      o.good = in_.number() != 0;
    }
    for (u64 n = in_.count(); n > 0 && in_.good(); --n) {
      std::string tag(text().text());
      s.annotations[std::move(tag)] = text().text();
    }
  }
  void states(i32& state, i32& global, DataFields& data, DataFields& global_data) {
    state = static_cast<i32>(in_.integer());
    global = static_cast<i32>(in_.integer());
    for (i8& v : data) v = static_cast<i8>(in_.integer());
    for (i8& v : global_data) v = static_cast<i8>(in_.integer());
  }
  void constants(ConstantParameters& list) {
    list.resize(in_.count());
    for (auto& [i, r] : list) {
      i = static_cast<u16>(in_.number());
      r = range();
    }
  }
  ValueRange range() {
    ValueRange r;
    r.low = in_.integer();
    r.high = in_.integer();
    r.has_hole = in_.number() != 0;
    if (r.has_hole) r.hole = in_.integer();
    return r;
  }
  Mark mark() {
    Mark m;
    m.line = static_cast<u32>(in_.number());
    if (m.line == 0) return m;
    m.file = text();
    m.column = static_cast<u32>(in_.number());
    return m;
  }
  Symbol text() {
    u32 i = in_.index(texts_.size());
    return in_.good() ? texts_[i] : Symbol();
  }
  void place_list(Names& list) {
    for (u64 n = in_.count(); n > 0 && in_.good(); --n)
      if (PlaceId p = place(); in_.good()) list.push_back(p);
  }

  ByteReader in_;
  const ItemNames& names_;
  Symbols& symbols_;
  std::vector<Symbol> texts_;
  std::vector<FunctionId> functions_;
  std::vector<ContentHash> fingerprints_;
  std::vector<PlaceId> places_;
  u64 count_ = 0;
};

}  // namespace

std::string write_items(const std::vector<const Summary*>& list, const KeptSurveys& surveys,
                        const std::function<u32(ItemId)>& number, const ItemNames& names) {
  Writing w(names, number);
  for (const Summary* s : list) w.item(*s);
  w.surveys(surveys);
  return w.done(list.size());
}

std::optional<Kept> read_items(std::string_view bytes, const ItemNames& names) {
  return Reading(bytes, names).run();
}

}  // namespace quire::metal
